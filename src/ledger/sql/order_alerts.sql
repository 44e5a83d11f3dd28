SELECT reply.alert
FROM attempt JOIN reply ON reply.attempt_id = attempt.attempt_id
WHERE attempt.order_id = ?1 AND reply.alert IS NOT NULL
GROUP BY reply.alert ORDER BY MIN(attempt.attempt_id)
