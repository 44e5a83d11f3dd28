-- Rows that ask for a new number in place of one that was sent and is not paid, where nothing has
-- followed that one yet. Few rows ask: CROSS JOIN keeps them first.
SELECT COUNT(*)
FROM batch_row AS r INDEXED BY batch_row_reissues
CROSS JOIN orders AS o ON o.out_request_no = r.reissues
CROSS JOIN deduction ON deduction.deduction_id = o.deduction_id AND deduction.superseded_by IS NULL
WHERE r.batch_id = ?1 AND r.reissues IS NOT NULL
    AND o.state <> 'SUCCESS' AND o.state NOT IN ('PENDING', 'HELD', 'CONFLICT', 'CANCELLED')
    AND NOT EXISTS (
        SELECT 1 FROM orders AS newer
        WHERE newer.deduction_id = o.deduction_id AND newer.generation > o.generation)
