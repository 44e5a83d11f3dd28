-- Of each batch no more than is asked for, by its index: of a file of a million rows for one merchant the
-- rest is not looked at. With ?4 (not 0) only what an approved plan allows, and reissues.
SELECT waiting.* FROM handed JOIN LATERAL (
    SELECT * FROM job
    WHERE job.batch_id = handed.batch_id AND merchant = ?1 AND state = 'PENDING' AND order_id > ?2
        AND order_id <= until_order_id
        AND (?4 = 0 OR generation > 1 OR EXISTS (
            SELECT 1 FROM plan_run JOIN approval USING (plan_id) WHERE plan_run.batch_id = handed.batch_id))
    ORDER BY order_id LIMIT ?3) AS waiting ON TRUE
ORDER BY order_id LIMIT ?3
