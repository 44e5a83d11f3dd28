SELECT o.state, COUNT(*), SUM(o.attempts), SUM(o.amount_fen / 1000000), SUM(o.amount_fen % 1000000)
FROM (
    SELECT DISTINCT deduction_id FROM batch_row
    WHERE batch_id = ?1 AND deduction_id IS NOT NULL) AS shown
JOIN orders AS o ON o.deduction_id = shown.deduction_id AND o.generation = (
    SELECT MAX(generation) FROM orders AS newer WHERE newer.deduction_id = shown.deduction_id)
GROUP BY o.state
