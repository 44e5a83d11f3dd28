SELECT merchant, COUNT(*) FROM orders
WHERE first_sent_at_ms >= ?1 AND first_sent_at_ms < ?2
    AND (state = 'SUCCESS' OR state = 'FAILED' OR state = 'CLOSED_PROVEN' OR state = 'PROCESSING'
        OR resolved_as IS NOT NULL OR first_sent_at_ms <= ?3)
GROUP BY merchant
