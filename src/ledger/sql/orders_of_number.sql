SELECT order_id, out_request_no, amount_fen, state FROM orders WHERE out_request_no = ?1
