SELECT batch_id, digest, file, header, delimiter, row_count, accepted_at_ms
FROM batch ORDER BY batch_id
