SELECT * FROM job
WHERE merchant = ?2 AND state = 'REJECTED' AND resolved_as IS NULL AND order_id > ?3
    AND EXISTS (
        SELECT 1 FROM batch_row
        WHERE batch_row.batch_id = ?1 AND batch_row.deduction_id = job.deduction_id)
    -- A mended row has taken its place.
    AND NOT EXISTS (
        SELECT 1 FROM deduction
        WHERE deduction.deduction_id = job.deduction_id AND superseded_by IS NOT NULL)
ORDER BY order_id LIMIT ?4
