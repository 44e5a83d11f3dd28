SELECT o.merchant, o.account, o.reduction_type, o.amount_fen, o.reason, o.card_no, o.sgn_no,
    o.req_scene, o.content_digest, o.out_request_no, o.state, o.resolved_as,
    reply.quota_change_no, reply.success_time, o.deduction_id, o.generation, o.created_at_ms
FROM orders AS o
LEFT JOIN reply ON reply.attempt_id = o.shown_attempt
WHERE o.order_id = ?1
