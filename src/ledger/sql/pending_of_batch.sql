-- A batch's orders that were never sent, in input order.
SELECT order_id FROM orders
WHERE batch_id = ?1 AND state = 'PENDING' AND generation >= ?2
ORDER BY order_id
