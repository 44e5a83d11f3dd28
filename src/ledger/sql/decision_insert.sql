INSERT INTO decision (kind, order_id, decided_by, at_ms, text) VALUES (?1, ?2, ?3, ?4, ?5)
