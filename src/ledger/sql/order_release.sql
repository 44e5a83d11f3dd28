UPDATE orders SET state = ?3 WHERE order_id = ?1 AND state = ?2
