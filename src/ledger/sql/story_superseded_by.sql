SELECT orders.out_request_no FROM deduction
JOIN orders ON orders.deduction_id = deduction.superseded_by AND orders.generation = 1
WHERE deduction.deduction_id = ?1
