-- Of orders, ids in JSON (?1), those of batches that are handed over still. With ?2 (not 0) only what an approved
-- plan allows, and reissues: as deck_shared_pending.sql.
SELECT order_id FROM orders JOIN handed USING (batch_id)
WHERE order_id IN (SELECT value FROM json_each(?1)) AND order_id <= until_order_id
    AND (?2 = 0 OR generation > 1 OR EXISTS (
        SELECT 1 FROM plan_run JOIN approval USING (plan_id) WHERE plan_run.batch_id = handed.batch_id))
