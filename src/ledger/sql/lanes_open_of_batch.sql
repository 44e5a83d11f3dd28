SELECT merchant, COUNT(*) FROM orders
WHERE (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED') AND resolved_as IS NULL
    AND EXISTS (
        SELECT 1 FROM batch_row
        WHERE batch_row.batch_id = ?1 AND batch_row.deduction_id = orders.deduction_id)
GROUP BY merchant
