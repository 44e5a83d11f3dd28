INSERT INTO decision (kind, order_id, by_first, by_second, at_ms, words, since_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
RETURNING decision_id
