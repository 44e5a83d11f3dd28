UPDATE orders SET state = ?3, settled_at_ms = ?4 WHERE order_id = ?1 AND state = ?2
