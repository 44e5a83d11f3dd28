-- A verified reply has called the order paid, whatever it shows; or, after people had called it dead and
-- while that stands, that it is still being worked on.
SELECT 1 FROM orders JOIN attempt ON attempt.order_id = orders.order_id
JOIN reply ON reply.attempt_id = attempt.attempt_id
WHERE orders.order_id = ?1 AND reply.trust = 'VERIFIED' AND (reply.meaning = 'SUCCESS'
    OR (reply.meaning = 'PROCESSING' AND orders.state NOT IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN')
        AND reply.at_ms > (
            SELECT MAX(at_ms) FROM decision
            WHERE decision.order_id = orders.order_id AND kind = 'RESOLVE_FAILED')))
LIMIT 1
