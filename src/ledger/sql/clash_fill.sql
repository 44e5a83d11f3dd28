INSERT INTO temp.clash (out_request_no, one_digest)
SELECT claimed_no, MIN(content_digest) FROM temp.staged
WHERE claimed_no IS NOT NULL AND fault IS NULL
GROUP BY claimed_no HAVING MIN(content_digest) <> MAX(content_digest);

UPDATE temp.clash SET one_ordinal = first.ordinal
FROM (
    SELECT c.out_request_no AS no, MIN(s.ordinal) AS ordinal
    FROM temp.staged AS s CROSS JOIN temp.clash AS c ON c.out_request_no = s.claimed_no
    WHERE s.content_digest = c.one_digest GROUP BY c.out_request_no) AS first
WHERE first.no = clash.out_request_no;

UPDATE temp.clash SET other_ordinal = first.ordinal
FROM (
    SELECT c.out_request_no AS no, MIN(s.ordinal) AS ordinal
    FROM temp.staged AS s CROSS JOIN temp.clash AS c ON c.out_request_no = s.claimed_no
    WHERE s.content_digest <> c.one_digest GROUP BY c.out_request_no) AS first
WHERE first.no = clash.out_request_no;
