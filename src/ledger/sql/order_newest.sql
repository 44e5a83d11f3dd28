SELECT order_id, out_request_no, deduction_id, content_digest, state
FROM orders WHERE deduction_id = ?1 ORDER BY generation DESC LIMIT 1
