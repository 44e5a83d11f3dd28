-- Every order once. REISSUED or SUPERSEDED: what stands in its place, asked only of what is
-- dead. The last column: something may stand before it.
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
FROM orders
