SELECT * FROM job
WHERE merchant = ?2 AND (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED') AND resolved_as IS NULL AND order_id > ?3
    AND EXISTS (
        SELECT 1 FROM batch_row
        WHERE batch_row.batch_id = ?1 AND batch_row.deduction_id = job.deduction_id)
ORDER BY order_id LIMIT ?4
