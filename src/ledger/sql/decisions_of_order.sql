SELECT kind, by_first, by_second, at_ms, words, since_ms FROM decision
WHERE order_id = ?1 ORDER BY decision_id
