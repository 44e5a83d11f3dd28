-- With ?4 (not 0) only what an approved plan allows, and reissues: as unapproved_of_batch.sql.
SELECT job.* FROM handed
CROSS JOIN job ON job.batch_id = handed.batch_id AND job.order_id <= until_order_id
WHERE merchant = ?1 AND state = 'PENDING' AND order_id > ?2
    AND (?4 = 0 OR generation > 1 OR EXISTS (
        SELECT 1 FROM plan_run JOIN approval USING (plan_id) WHERE plan_run.batch_id = handed.batch_id))
ORDER BY order_id LIMIT ?3
