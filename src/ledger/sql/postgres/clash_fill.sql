-- PostgreSQL 15 knows no smallest bytes: their hexadecimal form has the same order.
INSERT INTO clash (stager, out_request_no, one_digest)
SELECT :stager, claimed_no, decode(MIN(encode(content_digest, 'hex')), 'hex') FROM staged
WHERE stager = :stager AND claimed_no IS NOT NULL AND fault IS NULL
GROUP BY claimed_no
HAVING MIN(encode(content_digest, 'hex')) <> MAX(encode(content_digest, 'hex'));

UPDATE clash SET one_ordinal = first.ordinal
FROM (
    SELECT c.out_request_no AS no, MIN(s.ordinal) AS ordinal
    FROM staged AS s JOIN clash AS c ON c.stager = s.stager AND c.out_request_no = s.claimed_no
    WHERE s.stager = :stager AND s.content_digest = c.one_digest GROUP BY c.out_request_no) AS first
WHERE clash.stager = :stager AND first.no = clash.out_request_no;

UPDATE clash SET other_ordinal = first.ordinal
FROM (
    SELECT c.out_request_no AS no, MIN(s.ordinal) AS ordinal
    FROM staged AS s JOIN clash AS c ON c.stager = s.stager AND c.out_request_no = s.claimed_no
    WHERE s.stager = :stager AND s.content_digest <> c.one_digest GROUP BY c.out_request_no) AS first
WHERE clash.stager = :stager AND first.no = clash.out_request_no;
