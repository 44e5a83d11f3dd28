SELECT job.* FROM handed
CROSS JOIN job ON job.batch_id = handed.batch_id AND job.order_id <= until_order_id
WHERE merchant = ?1 AND state = 'PENDING' AND order_id > ?2
ORDER BY order_id LIMIT ?3
