-- The newest attempts first.
SELECT a.attempt_id, a.run_id, a.asked, a.claimed_at_ms, a.state_before,
    reply.at_ms, reply.latency_ms, reply.meaning, reply.alert,
    reply.trust, reply.http_status, reply.code, reply.message, reply.request_id,
    reply.signed_at_ms, reply.state AS reply_state, reply.fail_reason, reply.quota_change_no,
    reply.success_time, reply.fail_time
FROM attempt AS a LEFT JOIN reply ON reply.attempt_id = a.attempt_id
WHERE a.order_id = ?1
ORDER BY a.attempt_id DESC LIMIT ?2
