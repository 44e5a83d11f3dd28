-- A page of intents by rising entry, each with its order and with what came back.
SELECT a.attempt_id, a.link, a.run_id, a.asked, a.claimed_at_ms, a.state_before,
    o.order_id, o.merchant, o.account, o.reduction_type, o.amount_fen, o.reason, o.card_no,
    o.sgn_no, o.req_scene, o.out_request_no, o.content_digest,
    r.entry_no, r.link, r.at_ms, r.latency_ms, r.trust, r.maybe_accepted, r.meaning, r.http_status,
    r.code, r.message, r.request_id, r.signed_at_ms, r.state, r.fail_reason, r.quota_change_no,
    r.success_time, r.fail_time, r.alert, a.attempt_id AS page_key
FROM attempt AS a
LEFT JOIN orders AS o ON o.order_id = a.order_id
LEFT JOIN reply AS r ON r.attempt_id = a.attempt_id
WHERE a.attempt_id > ?1
ORDER BY a.attempt_id LIMIT ?2
