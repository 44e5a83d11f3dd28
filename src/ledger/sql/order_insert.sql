INSERT INTO orders (
    out_request_no, deduction_id, generation, batch_id, ordinal, merchant, account, reduction_type,
    amount_fen, reason, card_no, sgn_no, req_scene, content_digest, hold_key, state, created_at_ms,
    held_by)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
