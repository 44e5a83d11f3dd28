SELECT out_request_no, first_sent_at_ms FROM orders
WHERE (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED') AND resolved_as IS NULL
    AND first_sent_at_ms < ?1
ORDER BY first_sent_at_ms, order_id LIMIT ?2
