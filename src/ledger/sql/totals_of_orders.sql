-- Every order of another batch that the rows show, once. Those of their own show in the first of them
-- (totals_of_rows.sql), which repeats nothing.
SELECT o.state, o.attempts, o.amount_fen, o.resolved_as
FROM (
    SELECT DISTINCT deduction_id FROM batch_row
    WHERE batch_id = ?1 AND repeat_of_batch <> ?1 AND deduction_id IS NOT NULL) AS shown
JOIN orders AS o ON o.order_id = (
    SELECT order_id FROM orders AS newer WHERE newer.deduction_id = shown.deduction_id
    ORDER BY generation DESC LIMIT 1)
