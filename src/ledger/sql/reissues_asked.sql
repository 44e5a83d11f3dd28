-- Orders that were sent and are not paid, for which rows ask for a new number, where nothing has followed
-- them yet: each once, and their fen. Few rows ask: CROSS JOIN keeps them first.
SELECT COUNT(*), CAST(COALESCE(SUM(amount_fen), 0) AS BIGINT) FROM (
    SELECT DISTINCT o.order_id, o.amount_fen
    FROM batch_row AS r INDEXED BY batch_row_reissues
    CROSS JOIN orders AS o ON o.out_request_no = r.reissues
    CROSS JOIN deduction ON deduction.deduction_id = o.deduction_id AND deduction.superseded_by IS NULL
    WHERE r.batch_id = ?1 AND r.reissues IS NOT NULL
        AND o.state <> 'SUCCESS' AND o.state NOT IN ('PENDING', 'HELD', 'CONFLICT', 'CANCELLED')
        AND NOT EXISTS (
            SELECT 1 FROM orders AS newer
            WHERE newer.deduction_id = o.deduction_id AND newer.generation > o.generation)) AS asked
