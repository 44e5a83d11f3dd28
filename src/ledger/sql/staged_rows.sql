SELECT ordinal, line, cells, amount_fen, fault, own_no, derived_no, returned, merchant, account,
    reduction_type, reason, card_no, sgn_no, req_scene, content_digest, hold_key,
    first_sent_at_ms, outcome, change_no, comeback
FROM temp.staged WHERE ordinal BETWEEN ?1 AND ?2 ORDER BY ordinal
