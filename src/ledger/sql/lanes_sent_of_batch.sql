SELECT merchant, COUNT(*) FROM orders
WHERE first_sent_at_ms IS NOT NULL
    AND (state = 'SUCCESS' OR state = 'FAILED' OR state = 'CLOSED_PROVEN' OR state = 'PROCESSING'
        OR resolved_as IS NOT NULL OR first_sent_at_ms <= ?2)
    AND EXISTS (
        SELECT 1 FROM batch_row
        WHERE batch_row.batch_id = ?1 AND batch_row.deduction_id = orders.deduction_id)
GROUP BY merchant
