SELECT line, merchant, account, reduction_type, amount_fen, reason, card_no, sgn_no, req_scene
FROM temp.staged WHERE ordinal = ?1
