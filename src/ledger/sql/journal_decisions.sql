-- A page of decisions in the order in which they were made, each with its order if it has one.
SELECT l.entry_no, l.link, d.decision_id, d.kind, d.by_first, d.by_second, d.at_ms, d.words,
    d.since_ms, d.order_id IS NOT NULL, o.order_id, o.merchant, o.account, o.reduction_type, o.amount_fen,
    o.reason, o.card_no, o.sgn_no, o.req_scene, o.out_request_no, o.content_digest,
    l.decision_id AS page_key
FROM decision_link AS l
LEFT JOIN decision AS d ON d.decision_id = l.decision_id
LEFT JOIN orders AS o ON o.order_id = d.order_id
WHERE l.decision_id > ?1
ORDER BY l.decision_id LIMIT ?2
