-- Another tool has used the order's number.
SELECT 1 FROM orders WHERE order_id = ?1 AND past = 'IMPORTED'
