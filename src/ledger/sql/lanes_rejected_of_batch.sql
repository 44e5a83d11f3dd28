SELECT merchant, COUNT(*) FROM orders
WHERE state = 'REJECTED' AND resolved_as IS NULL
    AND EXISTS (
        SELECT 1 FROM batch_row
        WHERE batch_row.batch_id = ?1 AND batch_row.deduction_id = orders.deduction_id)
    -- A mended row has taken its place.
    AND NOT EXISTS (
        SELECT 1 FROM deduction
        WHERE deduction.deduction_id = orders.deduction_id AND superseded_by IS NOT NULL)
GROUP BY merchant
