-- Their orders, which came in at ?5, numbered like their deductions (group_deductions.sql).
INSERT INTO orders (
    order_id, out_request_no, deduction_id, generation, batch_id, ordinal, merchant, account,
    reduction_type, amount_fen, reason, card_no, sgn_no, req_scene, content_digest, hold_key, state,
    created_at_ms)
SELECT (SELECT COALESCE(MAX(order_id), 0) FROM orders) + ROW_NUMBER() OVER (ORDER BY ordinal),
    claimed_no, ?4 + ordinal, 1, ?3, ordinal, merchant, account, reduction_type, amount_fen, reason,
    card_no, sgn_no, req_scene, content_digest, hold_key, 'PENDING', ?5
FROM temp.staged WHERE ordinal BETWEEN ?1 AND ?2 ORDER BY ordinal
