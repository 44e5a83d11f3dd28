INSERT INTO plan (digest, file, path, row_count, orders, held, repeats, conflicts, invalid,
    penalty_orders, penalty_fen, judicial_orders, judicial_fen, held_fen, orders_digest, made_by,
    made_at_ms, hold_days, encoding, accept_digits, reissues, reissue_fen)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
    ?22)
RETURNING plan_id
