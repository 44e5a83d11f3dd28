SELECT orders.out_request_no FROM deduction
JOIN orders ON orders.deduction_id = deduction.deduction_id AND orders.generation = 1
WHERE deduction.superseded_by = ?1 ORDER BY deduction.deduction_id
