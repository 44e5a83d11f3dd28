SELECT order_id, out_request_no, state, first_sent_at_ms FROM orders ORDER BY order_id
