-- The orders that this batch asked for first, or a rerun of it.
SELECT o.order_id, o.out_request_no, o.amount_fen, o.state
FROM batch_row AS r
JOIN orders AS o ON o.deduction_id = r.deduction_id AND o.batch_id = r.batch_id
    AND o.ordinal = r.ordinal
WHERE r.batch_id = ?1
ORDER BY o.order_id
