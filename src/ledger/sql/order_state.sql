SELECT state FROM orders WHERE order_id = ?1
