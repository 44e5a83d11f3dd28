SELECT batch.file, batch_row.line
FROM batch_row JOIN batch ON batch.batch_id = batch_row.batch_id
WHERE batch_row.batch_id = ?1 AND batch_row.ordinal = ?2
