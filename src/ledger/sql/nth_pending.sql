SELECT order_id FROM orders
WHERE batch_id = ?1 AND state = 'PENDING'
ORDER BY order_id LIMIT 1 OFFSET ?2 - 1
