-- A verified reply has called an earlier order of this one's deduction paid, or one of a deduction that
-- this one's took the place of, at once or by others: whatever was proven before, the amount is deducted.
-- CROSS JOIN keeps the order: without it every claim goes through all orders.
WITH RECURSIVE before (deduction_id) AS (
    SELECT deduction.deduction_id
    FROM orders AS own CROSS JOIN deduction ON deduction.superseded_by = own.deduction_id
    WHERE own.order_id = ?1
    UNION
    SELECT deduction.deduction_id FROM before CROSS JOIN deduction ON deduction.superseded_by = before.deduction_id)
SELECT earlier.order_id
FROM orders AS own CROSS JOIN orders AS earlier ON earlier.deduction_id = own.deduction_id
    AND earlier.generation < own.generation
WHERE own.order_id = ?1 AND own.generation > 1 AND (earlier.state = 'SUCCESS' OR EXISTS (
    SELECT 1 FROM attempt JOIN reply ON reply.attempt_id = attempt.attempt_id
    WHERE attempt.order_id = earlier.order_id AND reply.trust = 'VERIFIED' AND reply.meaning = 'SUCCESS'))
UNION ALL
SELECT earlier.order_id
FROM before CROSS JOIN orders AS earlier ON earlier.deduction_id = before.deduction_id
WHERE earlier.state = 'SUCCESS' OR EXISTS (
    SELECT 1 FROM attempt JOIN reply ON reply.attempt_id = attempt.attempt_id
    WHERE attempt.order_id = earlier.order_id AND reply.trust = 'VERIFIED' AND reply.meaning = 'SUCCESS')
LIMIT 1
