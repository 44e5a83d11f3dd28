SELECT merchant, COUNT(*) FROM orders
WHERE first_sent_at_ms IS NOT NULL
    AND resolved_as = 'FAILED' AND state NOT IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN')
    AND EXISTS (
        SELECT 1 FROM orders AS child
        WHERE child.deduction_id = orders.deduction_id AND child.generation > orders.generation
            AND (child.state = 'UNKNOWN' OR child.state = 'PROCESSING' OR child.state = 'CLOSED')
            AND child.first_sent_at_ms >= ?1 AND child.first_sent_at_ms < ?2)
    AND (?3 IS NULL OR EXISTS (
        SELECT 1 FROM batch_row
        WHERE batch_row.batch_id = ?3 AND batch_row.deduction_id = orders.deduction_id))
GROUP BY merchant
