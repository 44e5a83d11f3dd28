-- The same content under the number ?3, if the parent ?1 still stands at ?2. The unique indices keep
-- a second one out.
INSERT INTO orders (
    out_request_no, deduction_id, generation, batch_id, ordinal, merchant, account, reduction_type,
    amount_fen, reason, card_no, sgn_no, req_scene, content_digest, hold_key, state, created_at_ms,
    held_by)
SELECT ?3, deduction_id, generation + 1, ?4, ?5, merchant, account, reduction_type,
    amount_fen, reason, card_no, sgn_no, req_scene, content_digest, hold_key, ?6, ?7, ?8
FROM orders WHERE order_id = ?1 AND state = ?2
