-- The new orders of a batch in input order; a rerun's are not among them.
SELECT r.ordinal, o.out_request_no, o.content_digest, o.state, o.reduction_type, o.amount_fen
FROM batch_row AS r CROSS JOIN orders AS o ON o.deduction_id = r.deduction_id AND o.generation = 1
WHERE r.batch_id = ?1 AND r.repeat_of_batch IS NULL AND o.batch_id = ?1
ORDER BY r.ordinal
