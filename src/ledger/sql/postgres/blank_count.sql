-- Contents that came without a number so often more, [digest in hexadecimal, times] each in JSON (?1); how
-- often each came by now.
INSERT INTO blank (stager, content_digest, seen)
SELECT :stager, decode(it ->> 0, 'hex'), CAST(it ->> 1 AS BIGINT)
FROM json_array_elements(CAST(?1 AS JSON)) AS asked (it)
ON CONFLICT (stager, content_digest) DO UPDATE SET seen = blank.seen + excluded.seen
RETURNING content_digest, seen
