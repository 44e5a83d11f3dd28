-- Orders that people called dead, that no verified reply has settled, and of which what took their place, as
-- a reissue or as a changed row, at once or by others, is open: first sent from ?4 on and before ?5, and
-- (with ?6) of a batch's deductions. They are asked for before that is submitted again.
SELECT * FROM job
WHERE merchant = ?1 AND order_id > ?2 AND first_sent_at_ms IS NOT NULL
    AND resolved_as = 'FAILED' AND state NOT IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN')
    AND EXISTS (
        WITH RECURSIVE place (deduction_id, generation) AS (
            SELECT job.deduction_id, job.generation + 1
            UNION
            SELECT deduction.superseded_by, 1 FROM place
            CROSS JOIN deduction ON deduction.deduction_id = place.deduction_id
            WHERE deduction.superseded_by IS NOT NULL)
        SELECT 1 FROM place
        CROSS JOIN orders AS child ON child.deduction_id = place.deduction_id
            AND child.generation >= place.generation
        WHERE (child.state = 'UNKNOWN' OR child.state = 'PROCESSING' OR child.state = 'CLOSED')
            AND child.first_sent_at_ms >= ?4 AND child.first_sent_at_ms < ?5
            AND (?6 IS NULL OR EXISTS (
                SELECT 1 FROM batch_row
                WHERE batch_row.batch_id = ?6 AND batch_row.deduction_id = child.deduction_id)))
ORDER BY order_id LIMIT ?3
