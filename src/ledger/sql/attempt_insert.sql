INSERT INTO attempt (order_id, run_id, asked, claimed_at_ms, state_before)
VALUES (?1, ?2, ?3, ?4, ?5)
