SELECT batch.batch_id, batch.file, batch_row.line
FROM batch_row JOIN batch ON batch.batch_id = batch_row.batch_id
WHERE batch_row.deduction_id = ?1
ORDER BY batch_row.repeat_of_line IS NOT NULL, batch_row.batch_id, batch_row.ordinal
LIMIT ?2
