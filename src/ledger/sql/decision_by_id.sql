SELECT kind, by_first, by_second, at_ms, words, since_ms FROM decision WHERE decision_id = ?1
