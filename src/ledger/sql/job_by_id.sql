SELECT * FROM job WHERE order_id = ?1
