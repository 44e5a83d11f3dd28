SELECT r.kind, o.state, o.proof_runs, deduction.superseded_by IS NOT NULL, r.amount_fen,
    r.repeat_of_line IS NOT NULL, o.resolved_as, o.order_id, o.generation > 1 OR EXISTS (
        SELECT 1 FROM deduction AS old WHERE old.superseded_by = o.deduction_id),
    o.attempts
FROM batch_row AS r
LEFT JOIN deduction ON deduction.deduction_id = r.deduction_id
LEFT JOIN orders AS o ON o.order_id = (
    SELECT order_id FROM orders AS newer WHERE newer.deduction_id = r.deduction_id
    ORDER BY generation DESC LIMIT 1)
WHERE r.batch_id = ?1
