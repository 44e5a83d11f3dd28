-- Handed over before ?1, and nothing of it waits: what was claimed then has been answered or given up since.
DELETE FROM handed WHERE at_ms < ?1 AND NOT EXISTS (
    SELECT 1 FROM orders
    WHERE orders.batch_id = handed.batch_id AND state = 'PENDING' AND order_id <= until_order_id)
