-- What holds the order that a row came back from (?1 is its deduction) still: nobody has released it,
-- merchant, account, type and amount are the same, and of what held it, or took that one's place, an
-- order is alive or succeeded.
WITH RECURSIVE holder (deduction_id) AS (
    SELECT first.deduction_id
    FROM orders AS old JOIN orders AS first ON first.order_id = old.held_by
    WHERE old.deduction_id = ?1 AND old.merchant = ?2 AND old.account = ?3 AND old.reduction_type = ?4
        AND old.amount_fen = ?5
        AND NOT EXISTS (
            SELECT 1 FROM decision WHERE decision.order_id = old.order_id AND kind = 'RELEASE')
    UNION
    SELECT deduction.superseded_by FROM holder
    CROSS JOIN deduction ON deduction.deduction_id = holder.deduction_id
    WHERE deduction.superseded_by IS NOT NULL)
SELECT orders.order_id FROM holder CROSS JOIN orders ON orders.deduction_id = holder.deduction_id
WHERE orders.state IN ('PENDING', 'UNKNOWN', 'PROCESSING', 'CLOSED', 'SUCCESS', 'EXPIRED')
ORDER BY orders.order_id DESC LIMIT 1
