-- An order that another tool sent.
INSERT INTO orders (
    out_request_no, deduction_id, generation, batch_id, ordinal, merchant, account, reduction_type,
    amount_fen, reason, card_no, sgn_no, req_scene, content_digest, hold_key, state, created_at_ms,
    maybe_accepted, first_sent_at_ms, past)
VALUES (
    ?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 1, ?17, 'IMPORTED')
