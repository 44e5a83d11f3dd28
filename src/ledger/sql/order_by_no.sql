SELECT order_id, out_request_no, deduction_id, content_digest, state
FROM orders WHERE out_request_no = ?1
