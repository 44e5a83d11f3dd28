SELECT * FROM job
WHERE merchant = ?1 AND (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED')
    AND resolved_as IS NULL AND order_id > ?2
    AND first_sent_at_ms >= ?4 AND first_sent_at_ms < ?5
ORDER BY order_id LIMIT ?3
