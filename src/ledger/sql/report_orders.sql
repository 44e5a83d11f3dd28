-- Every order that a batch's rows show, once, with what a report adds up.
SELECT o.merchant, o.reduction_type, o.amount_fen, o.state, o.resolved_as
FROM (
    SELECT DISTINCT deduction_id FROM batch_row
    WHERE batch_id = ?1 AND deduction_id IS NOT NULL) AS shown
JOIN orders AS o ON o.order_id = (
    SELECT order_id FROM orders AS newer WHERE newer.deduction_id = shown.deduction_id
    ORDER BY generation DESC LIMIT 1)
