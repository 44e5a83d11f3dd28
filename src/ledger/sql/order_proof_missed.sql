UPDATE orders SET proof_runs = proof_runs + 1 WHERE order_id = ?1
