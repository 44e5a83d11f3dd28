SELECT order_id FROM orders
WHERE batch_id = ?1 AND state = 'PENDING' AND generation >= ?3
ORDER BY order_id LIMIT 1 OFFSET ?2 - 1
