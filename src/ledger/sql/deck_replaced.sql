-- Orders that people called dead, that no verified reply has settled, and whose reissue is open: first
-- sent from ?4 on and before ?5, and (with ?6) of a batch's deductions. They are asked for before it is
-- submitted again.
SELECT * FROM job
WHERE merchant = ?1 AND order_id > ?2 AND first_sent_at_ms IS NOT NULL
    AND resolved_as = 'FAILED' AND state NOT IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN')
    AND EXISTS (
        SELECT 1 FROM orders AS child
        WHERE child.deduction_id = job.deduction_id AND child.generation > job.generation
            AND (child.state = 'UNKNOWN' OR child.state = 'PROCESSING' OR child.state = 'CLOSED')
            AND child.first_sent_at_ms >= ?4 AND child.first_sent_at_ms < ?5)
    AND (?6 IS NULL OR EXISTS (
        SELECT 1 FROM batch_row
        WHERE batch_row.batch_id = ?6 AND batch_row.deduction_id = job.deduction_id))
ORDER BY order_id LIMIT ?3
