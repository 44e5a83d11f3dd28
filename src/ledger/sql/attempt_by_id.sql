SELECT order_id, asked, state_before FROM attempt WHERE attempt_id = ?1
