SELECT * FROM job
WHERE batch_id = ?1 AND merchant = ?2 AND state = 'PENDING' AND order_id > ?3
ORDER BY order_id LIMIT ?4
