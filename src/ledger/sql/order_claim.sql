UPDATE orders
SET state = ?3, attempts = attempts + 1, maybe_accepted = ?4, first_sent_at_ms = ?5
WHERE order_id = ?1 AND state = ?2
