-- A verified reply has called the order paid, whatever it shows.
SELECT 1 FROM attempt JOIN reply ON reply.attempt_id = attempt.attempt_id
WHERE attempt.order_id = ?1 AND reply.trust = 'VERIFIED' AND reply.meaning = 'SUCCESS'
LIMIT 1
