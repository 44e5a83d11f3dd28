SELECT 1 FROM orders JOIN deduction ON deduction.deduction_id = orders.deduction_id
WHERE orders.order_id = ?1 AND deduction.superseded_by IS NOT NULL
