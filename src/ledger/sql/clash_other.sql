-- The first row of this file that gives the number to another content.
SELECT CASE WHEN one_digest = ?2 THEN other_ordinal ELSE one_ordinal END
FROM temp.clash WHERE out_request_no = ?1
