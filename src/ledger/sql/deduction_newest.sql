SELECT MAX(deduction_id) FROM deduction
