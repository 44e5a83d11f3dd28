SELECT ordinal, COALESCE(returned, own_no, derived_no), content_digest
FROM temp.staged WHERE fault IS NULL ORDER BY ordinal
