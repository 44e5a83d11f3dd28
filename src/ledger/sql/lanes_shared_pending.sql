-- As deck_shared_pending.sql, counted.
SELECT merchant, COUNT(*) FROM handed
CROSS JOIN orders ON orders.batch_id = handed.batch_id AND orders.order_id <= until_order_id
WHERE state = 'PENDING'
    AND (?1 = 0 OR generation > 1 OR EXISTS (
        SELECT 1 FROM plan_run JOIN approval USING (plan_id) WHERE plan_run.batch_id = handed.batch_id))
GROUP BY merchant
