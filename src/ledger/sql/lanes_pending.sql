SELECT merchant, COUNT(*) FROM orders
WHERE batch_id = ?1 AND state = 'PENDING' AND generation >= ?2 GROUP BY merchant
