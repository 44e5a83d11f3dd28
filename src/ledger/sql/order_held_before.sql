-- What held the order that a row came back from (?1 is its deduction), and holds it still: nobody has
-- released it, and merchant, account, type and amount are the same.
SELECT old.held_by FROM orders AS old JOIN orders AS holder ON holder.order_id = old.held_by
WHERE old.deduction_id = ?1 AND old.merchant = ?2 AND old.account = ?3 AND old.reduction_type = ?4
    AND old.amount_fen = ?5
    AND holder.state IN ('PENDING', 'UNKNOWN', 'PROCESSING', 'CLOSED', 'SUCCESS', 'EXPIRED')
    AND NOT EXISTS (
        SELECT 1 FROM decision WHERE decision.order_id = old.order_id AND kind = 'RELEASE')
ORDER BY old.order_id DESC LIMIT 1
