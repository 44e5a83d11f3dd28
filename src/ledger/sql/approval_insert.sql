INSERT INTO approval (plan_id, made_by, approved_by, at_ms, words, entry_no, link)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
