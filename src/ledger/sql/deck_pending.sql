SELECT * FROM job
WHERE batch_id = ?1 AND merchant = ?2 AND state = 'PENDING' AND order_id > ?3 AND generation >= ?5
ORDER BY order_id LIMIT ?4
