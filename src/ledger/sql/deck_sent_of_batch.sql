SELECT * FROM job
WHERE merchant = ?2 AND order_id > ?3 AND first_sent_at_ms IS NOT NULL
    AND (state = 'SUCCESS' OR state = 'FAILED' OR state = 'CLOSED_PROVEN' OR state = 'PROCESSING'
        OR resolved_as IS NOT NULL OR first_sent_at_ms <= ?5)
    AND EXISTS (
        SELECT 1 FROM batch_row
        WHERE batch_row.batch_id = ?1 AND batch_row.deduction_id = job.deduction_id)
ORDER BY order_id LIMIT ?4
