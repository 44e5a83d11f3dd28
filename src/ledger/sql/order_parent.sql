-- An order as its reissue needs it; whether a verified reply of its own settled it, and the first
-- row of the batch ?2 that shows it.
SELECT o.order_id, o.deduction_id, o.generation, o.state, o.amount_fen, o.hold_key,
    EXISTS (
        SELECT 1 FROM reply JOIN attempt ON attempt.attempt_id = reply.attempt_id
        WHERE reply.attempt_id = o.shown_attempt AND attempt.order_id = o.order_id
            AND reply.trust = 'VERIFIED'),
    (SELECT MIN(ordinal) FROM batch_row
        WHERE batch_row.batch_id = ?2 AND batch_row.deduction_id = o.deduction_id),
    o.resolved_as, o.first_sent_at_ms
FROM orders AS o WHERE o.out_request_no = ?1
