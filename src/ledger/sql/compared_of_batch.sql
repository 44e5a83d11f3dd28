-- The orders of a batch's deductions (?3) that were sent, in whatever order.
WITH compared AS (
    SELECT orders.order_id FROM (
        SELECT DISTINCT deduction_id FROM batch_row
        WHERE batch_id = ?3 AND deduction_id IS NOT NULL) AS shown
    CROSS JOIN orders ON orders.deduction_id = shown.deduction_id
    WHERE orders.first_sent_at_ms >= ?1 AND orders.first_sent_at_ms < ?2),
