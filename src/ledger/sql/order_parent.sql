-- An order as its reissue needs it: whether a verified reply of its own settled it, and the first row of
-- the batch ?2 that shows it.
SELECT job.*, o.hold_key,
    EXISTS (
        SELECT 1 FROM reply JOIN attempt ON attempt.attempt_id = reply.attempt_id
        WHERE reply.attempt_id = o.shown_attempt AND attempt.order_id = o.order_id
            AND reply.trust = 'VERIFIED') AS settled_by_verified,
    (SELECT MIN(ordinal) FROM batch_row
        WHERE batch_row.batch_id = ?2 AND batch_row.deduction_id = o.deduction_id) AS shown_at
FROM job JOIN orders AS o ON o.order_id = job.order_id
WHERE job.out_request_no = ?1
