-- What was sent for a batch's own orders, run by run, as it left: a reply tells when that was, else
-- the intent's time counts. What was never connected was not sent.
SELECT a.run_id, o.merchant, a.asked,
    COALESCE(reply.at_ms - reply.latency_ms, a.claimed_at_ms) AS sent_at_ms,
    reply.latency_ms, reply.trust
FROM batch_row AS r
JOIN orders AS o ON o.deduction_id = r.deduction_id AND o.batch_id = r.batch_id
    AND o.ordinal = r.ordinal
JOIN attempt AS a ON a.order_id = o.order_id
LEFT JOIN reply ON reply.attempt_id = a.attempt_id
WHERE r.batch_id = ?1 AND reply.trust IS DISTINCT FROM 'NOT_SENT'
ORDER BY a.run_id, sent_at_ms
