SELECT s.ordinal, s.line, s.cells, s.fault, COALESCE(s.returned, s.own_no, s.derived_no),
    s.hold_key, listed.order_id,
    CASE WHEN listed.first_ordinal <> s.ordinal THEN
        (SELECT line FROM temp.staged AS first WHERE first.ordinal = listed.first_ordinal)
    END,
    s.merchant, s.account, s.reduction_type, s.amount_fen, s.reason, s.card_no, s.sgn_no,
    s.req_scene
FROM temp.staged AS s
LEFT JOIN temp.listed ON listed.ordinal = s.ordinal
ORDER BY s.ordinal
