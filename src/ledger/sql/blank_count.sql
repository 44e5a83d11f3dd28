INSERT INTO temp.blank (content_digest, seen) VALUES (?1, 1)
ON CONFLICT (content_digest) DO UPDATE SET seen = seen + 1
RETURNING seen
