INSERT INTO staged (
    stager, ordinal, line, cells, amount_fen, fault, own_no, derived_no, returned, merchant, account,
    reduction_type, reason, card_no, sgn_no, req_scene, content_digest, hold_key,
    first_sent_at_ms, outcome, change_no, comeback)
VALUES (:stager, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
    ?20, ?21)
