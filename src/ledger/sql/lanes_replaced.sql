-- As deck_replaced.sql, counted: few orders were called dead by people.
SELECT merchant, COUNT(*) FROM orders
WHERE first_sent_at_ms IS NOT NULL
    AND resolved_as = 'FAILED' AND state NOT IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN')
    AND EXISTS (
        WITH RECURSIVE place (deduction_id, generation) AS (
            SELECT orders.deduction_id, orders.generation + 1
            UNION
            SELECT deduction.superseded_by, 1 FROM place
            CROSS JOIN deduction ON deduction.deduction_id = place.deduction_id
            WHERE deduction.superseded_by IS NOT NULL)
        SELECT 1 FROM place
        CROSS JOIN orders AS child ON child.deduction_id = place.deduction_id
            AND child.generation >= place.generation
        WHERE (child.state = 'UNKNOWN' OR child.state = 'PROCESSING' OR child.state = 'CLOSED')
            AND child.first_sent_at_ms >= ?1 AND child.first_sent_at_ms < ?2
            AND (?3 IS NULL OR EXISTS (
                SELECT 1 FROM batch_row
                WHERE batch_row.batch_id = ?3 AND batch_row.deduction_id = child.deduction_id)))
GROUP BY merchant
