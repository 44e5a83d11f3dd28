SELECT out_request_no, generation, state, resolved_as FROM orders
WHERE deduction_id = ?1 ORDER BY generation
