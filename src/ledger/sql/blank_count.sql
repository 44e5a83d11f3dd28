-- Contents that came without a number so often more, [digest in hexadecimal, times] each in JSON (?1); how
-- often each came by now.
INSERT INTO temp.blank (content_digest, seen)
SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?1) WHERE TRUE
ON CONFLICT (content_digest) DO UPDATE SET seen = seen + excluded.seen
RETURNING content_digest, seen
