SELECT orders.merchant, attempt.claimed_at_ms, reply.at_ms
FROM attempt
JOIN orders ON orders.order_id = attempt.order_id
LEFT JOIN reply ON reply.attempt_id = attempt.attempt_id
WHERE attempt.claimed_at_ms >= ?1
ORDER BY attempt.claimed_at_ms, attempt.attempt_id
