-- Sums are split at a million fen, since ten million rows of the largest amount overflow 64 bits.
SELECT r.kind, o.state, o.proof_runs, deduction.superseded_by IS NOT NULL AS superseded,
    COUNT(*), COUNT(r.amount_fen), COUNT(r.repeat_of_line),
    COALESCE(SUM(r.amount_fen / 1000000), 0), COALESCE(SUM(r.amount_fen % 1000000), 0)
FROM batch_row AS r
LEFT JOIN deduction ON deduction.deduction_id = r.deduction_id
LEFT JOIN orders AS o ON o.deduction_id = r.deduction_id AND o.generation = (
    SELECT MAX(generation) FROM orders AS newer WHERE newer.deduction_id = r.deduction_id)
WHERE r.batch_id = ?1
GROUP BY r.kind, o.state, o.proof_runs, superseded
