-- Deductions whose newest order a verified reply has called FAILED (?3) or closed (?4), each at its
-- first row of the batch.
SELECT r.ordinal, o.out_request_no
FROM batch_row AS r
JOIN deduction ON deduction.deduction_id = r.deduction_id AND deduction.superseded_by IS NULL
JOIN orders AS o ON o.deduction_id = r.deduction_id AND o.generation = (
    SELECT MAX(generation) FROM orders AS newer WHERE newer.deduction_id = r.deduction_id)
JOIN attempt ON attempt.attempt_id = o.shown_attempt AND attempt.order_id = o.order_id
JOIN reply ON reply.attempt_id = attempt.attempt_id AND reply.trust = 'VERIFIED'
WHERE r.batch_id = ?1 AND r.ordinal > ?2
    AND ((o.state = 'FAILED' AND ?3) OR (o.state = 'CLOSED_PROVEN' AND ?4))
    AND NOT EXISTS (
        SELECT 1 FROM batch_row AS earlier
        WHERE earlier.deduction_id = r.deduction_id AND earlier.batch_id = r.batch_id
            AND earlier.ordinal < r.ordinal)
ORDER BY r.ordinal LIMIT ?5
