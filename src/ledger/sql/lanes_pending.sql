SELECT merchant, COUNT(*) FROM orders WHERE batch_id = ?1 AND state = 'PENDING' GROUP BY merchant
