-- What this ledger has never asked for goes only with its own file, even if it may have been sent.
SELECT merchant, COUNT(*) FROM orders
WHERE (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED') AND resolved_as IS NULL
    AND NOT (past = 'RESTORED' AND attempts = 0)
    AND first_sent_at_ms >= ?1 AND first_sent_at_ms < ?2
GROUP BY merchant
