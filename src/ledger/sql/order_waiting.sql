-- An order for the same debt that waits to be sent.
SELECT out_request_no, deduction_id FROM orders
WHERE hold_key = ?1 AND state = 'PENDING'
ORDER BY order_id LIMIT 1
