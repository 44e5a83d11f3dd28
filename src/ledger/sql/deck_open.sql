-- What this ledger has never asked for goes only with its own file, even if it may have been sent.
SELECT * FROM job
WHERE merchant = ?1 AND (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED')
    AND resolved_as IS NULL
    AND NOT (past = 'RESTORED' AND attempts = 0) AND order_id > ?2
    AND first_sent_at_ms >= ?4 AND first_sent_at_ms < ?5
ORDER BY order_id LIMIT ?3
