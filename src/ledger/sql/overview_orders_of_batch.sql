-- The same of the orders that a batch's rows show, and of those before them in their chains.
SELECT batch_id, state, resolved_as, amount_fen, first_sent_at_ms, settled_at_ms, proof_runs,
    out_request_no,
    CASE WHEN state = 'FAILED' OR state = 'CLOSED_PROVEN' OR resolved_as = 'FAILED' THEN
        CASE
            WHEN EXISTS (
                SELECT 1 FROM orders AS newer WHERE newer.deduction_id = orders.deduction_id
                    AND newer.generation > orders.generation) THEN 'REISSUED'
            WHEN EXISTS (
                SELECT 1 FROM deduction WHERE deduction.deduction_id = orders.deduction_id
                    AND superseded_by IS NOT NULL) THEN 'SUPERSEDED'
        END
    END,
    order_id,
    state NOT IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN') AND (generation > 1 OR EXISTS (
        SELECT 1 FROM deduction AS old WHERE old.superseded_by = orders.deduction_id))
FROM (
    SELECT DISTINCT deduction_id FROM batch_row
    WHERE batch_row.batch_id = ?1 AND deduction_id IS NOT NULL) AS shown
JOIN orders ON orders.deduction_id = shown.deduction_id
