SELECT orders.merchant, attempt.claimed_at_ms, reply.at_ms, COALESCE(reply.trust = 'LOST', FALSE)
FROM attempt
JOIN orders ON orders.order_id = attempt.order_id
LEFT JOIN reply ON reply.attempt_id = attempt.attempt_id
WHERE attempt.claimed_at_ms >= ?1 AND (reply.trust IS NULL OR reply.trust <> 'NOT_SENT')
ORDER BY attempt.claimed_at_ms, attempt.attempt_id
