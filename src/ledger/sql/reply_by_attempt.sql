SELECT reply.meaning, reply.trust, reply.http_status, reply.code, reply.message, reply.request_id,
    reply.signed_at_ms, reply.state AS reply_state, reply.fail_reason, reply.quota_change_no,
    reply.success_time, reply.fail_time
FROM reply WHERE reply.attempt_id = ?1
