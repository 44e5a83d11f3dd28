-- Orders first sent (or, never sent, created) in a time. The last column: it stands for a row, or
-- was told beside one.
SELECT o.order_id, o.state, o.resolved_as, o.amount_fen,
    EXISTS (SELECT 1 FROM temp.named
        WHERE named.deduction_id = o.deduction_id AND named.order_id = o.order_id)
    OR EXISTS (SELECT 1 FROM temp.told WHERE told.order_id = o.order_id)
FROM orders AS o
WHERE (?1 IS NULL OR COALESCE(o.first_sent_at_ms, o.created_at_ms) >= ?1)
    AND (?2 IS NULL OR COALESCE(o.first_sent_at_ms, o.created_at_ms) < ?2)
ORDER BY o.order_id
