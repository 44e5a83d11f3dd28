-- The orders that came first in this batch, reissues among them.
SELECT o.order_id, o.out_request_no, o.amount_fen, o.state
FROM batch_row AS r JOIN orders AS o ON o.deduction_id = r.deduction_id AND o.batch_id = r.batch_id
WHERE r.batch_id = ?1 AND r.repeat_of_line IS NULL
ORDER BY o.order_id
