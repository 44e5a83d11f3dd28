UPDATE orders SET resolved_as = ?2 WHERE order_id = ?1
