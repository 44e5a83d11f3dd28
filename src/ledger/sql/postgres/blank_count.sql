INSERT INTO blank (stager, content_digest, seen) VALUES (:stager, ?1, 1)
ON CONFLICT (stager, content_digest) DO UPDATE SET seen = blank.seen + 1
RETURNING seen
