SELECT order_id, merchant, account, reduction_type, amount_fen, reason, card_no, sgn_no, req_scene
FROM orders WHERE order_id = ?1
