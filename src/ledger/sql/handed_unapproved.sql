-- What was handed over of each batch, was never sent, is no reissue, and no approved plan allows.
SELECT handed.batch_id, COUNT(*) FROM handed
CROSS JOIN orders ON orders.batch_id = handed.batch_id AND orders.order_id <= until_order_id
WHERE state = 'PENDING' AND generation = 1 AND NOT EXISTS (
    SELECT 1 FROM plan_run JOIN approval USING (plan_id) WHERE plan_run.batch_id = handed.batch_id)
GROUP BY handed.batch_id ORDER BY handed.batch_id
