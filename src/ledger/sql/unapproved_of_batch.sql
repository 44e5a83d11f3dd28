-- Orders of a batch that were never sent, are no reissues, and that no approved plan allows.
SELECT COUNT(*) FROM orders
WHERE batch_id = ?1 AND state = 'PENDING' AND generation = 1 AND NOT EXISTS (
    SELECT 1 FROM plan_run JOIN approval USING (plan_id) WHERE plan_run.batch_id = ?1)
