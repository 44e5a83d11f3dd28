SELECT merchant, amount_fen FROM orders
WHERE batch_id = ?1 AND state = 'PENDING' AND generation >= ?2 ORDER BY merchant
