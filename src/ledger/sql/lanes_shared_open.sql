-- As deck_shared_open.sql, counted.
SELECT merchant, COUNT(*) FROM orders
WHERE (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED') AND resolved_as IS NULL
    AND NOT (past = 'RESTORED' AND attempts = 0 AND NOT EXISTS (
        SELECT 1 FROM handed
        WHERE handed.batch_id = orders.batch_id AND orders.order_id <= until_order_id))
GROUP BY merchant
