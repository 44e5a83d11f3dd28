SELECT hold_key, deduction_id FROM orders WHERE order_id = ?1
