-- A batch is handed over with the orders that it has by now, whose numbers are not above the newest of all;
-- again, with those that came since.
INSERT INTO handed (batch_id, until_order_id, at_ms)
SELECT batch_id, COALESCE((SELECT MAX(order_id) FROM orders), 0), ?2 FROM batch WHERE batch_id = ?1
ON CONFLICT (batch_id) DO UPDATE
SET until_order_id = excluded.until_order_id, at_ms = excluded.at_ms
