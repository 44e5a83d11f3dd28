-- Every order that is open or was asked for after the attempt ?1, once.
SELECT o.state, o.attempts, o.amount_fen, o.resolved_as, o.proof_runs, o.order_id,
    o.generation > 1 OR EXISTS (
        SELECT 1 FROM deduction AS old WHERE old.superseded_by = o.deduction_id)
FROM (
    SELECT order_id FROM attempt WHERE attempt_id > ?1
    UNION
    SELECT order_id FROM orders
    WHERE (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED') AND resolved_as IS NULL) AS touched
JOIN orders AS o ON o.order_id = touched.order_id
