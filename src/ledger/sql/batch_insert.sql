INSERT INTO batch (digest, file, header, delimiter, row_count, accepted_at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
RETURNING batch_id
