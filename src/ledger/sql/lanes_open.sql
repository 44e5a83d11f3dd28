SELECT merchant, COUNT(*) FROM orders
WHERE (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED') AND resolved_as IS NULL
    AND first_sent_at_ms >= ?1 AND first_sent_at_ms < ?2
GROUP BY merchant
