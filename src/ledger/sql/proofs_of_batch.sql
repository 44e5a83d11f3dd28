-- Deductions whose newest order is dead, each at its first row of the batch: a verified reply has
-- called it FAILED (?3) or closed (?4), or (?3) two people have resolved it as failed and it was first
-- sent (and first intended, which no reply of long ago makes older) before ?6, so that it can't be
-- submitted again.
SELECT r.ordinal, o.out_request_no
FROM batch_row AS r
JOIN deduction ON deduction.deduction_id = r.deduction_id AND deduction.superseded_by IS NULL
JOIN orders AS o ON o.deduction_id = r.deduction_id AND o.generation = (
    SELECT MAX(generation) FROM orders AS newer WHERE newer.deduction_id = r.deduction_id)
WHERE r.batch_id = ?1 AND r.ordinal > ?2
    AND ((o.state = 'FAILED' AND ?3 <> 0) OR (o.state = 'CLOSED_PROVEN' AND ?4 <> 0)
        OR (o.state NOT IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN') AND o.resolved_as = 'FAILED' AND ?3 <> 0
            AND o.first_sent_at_ms <= ?6 AND COALESCE((
                SELECT MIN(claimed_at_ms) FROM attempt
                WHERE attempt.order_id = o.order_id AND asked = 'SUBMISSION'), ?6) <= ?6))
    AND (o.resolved_as IS NOT NULL OR EXISTS (
        SELECT 1 FROM reply JOIN attempt ON attempt.attempt_id = reply.attempt_id
        WHERE reply.attempt_id = o.shown_attempt AND attempt.order_id = o.order_id
            AND reply.trust = 'VERIFIED'))
    -- It was called paid since, whatever it shows.
    AND NOT EXISTS (
        SELECT 1 FROM attempt JOIN reply ON reply.attempt_id = attempt.attempt_id
        WHERE attempt.order_id = o.order_id AND reply.trust = 'VERIFIED' AND reply.meaning = 'SUCCESS')
    AND NOT EXISTS (
        SELECT 1 FROM batch_row AS earlier
        WHERE earlier.deduction_id = r.deduction_id AND earlier.batch_id = r.batch_id
            AND earlier.ordinal < r.ordinal)
    -- Only where a row of the batch asks for this very order (?7).
    AND (?7 = 0 OR EXISTS (
        SELECT 1 FROM batch_row AS asking
        WHERE asking.deduction_id = r.deduction_id AND asking.batch_id = r.batch_id
            AND asking.reissues = o.out_request_no))
ORDER BY r.ordinal LIMIT ?5
