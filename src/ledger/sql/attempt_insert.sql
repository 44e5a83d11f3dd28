INSERT INTO attempt (attempt_id, order_id, run_id, asked, claimed_at_ms, state_before, link)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
