INSERT INTO decision_link (decision_id, entry_no, link) VALUES (?1, ?2, ?3)
