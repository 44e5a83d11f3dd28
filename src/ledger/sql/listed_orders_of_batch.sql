-- The same, of the deductions that a batch's rows show.
SELECT o.order_id, o.state, o.resolved_as, o.amount_fen,
    EXISTS (SELECT 1 FROM temp.named
        WHERE named.deduction_id = o.deduction_id AND named.order_id = o.order_id)
    OR EXISTS (SELECT 1 FROM temp.told WHERE told.order_id = o.order_id)
FROM (
    SELECT DISTINCT deduction_id FROM batch_row
    WHERE batch_id = ?3 AND deduction_id IS NOT NULL) AS shown
JOIN orders AS o ON o.deduction_id = shown.deduction_id
WHERE (?1 IS NULL OR COALESCE(o.first_sent_at_ms, o.created_at_ms) >= ?1)
    AND (?2 IS NULL OR COALESCE(o.first_sent_at_ms, o.created_at_ms) < ?2)
