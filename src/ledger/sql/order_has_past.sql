-- Whether anything can stand before an order (order_paid_before.sql), which sets up two tables for each
-- order that it is asked for.
SELECT 1 FROM orders AS own
WHERE own.order_id = ?1 AND (own.generation > 1 OR EXISTS (
    SELECT 1 FROM deduction WHERE deduction.superseded_by = own.deduction_id))
