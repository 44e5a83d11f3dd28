-- What this ledger has never asked for goes only with its own file, even if it may have been sent; its
-- reissues with a rerun.
SELECT * FROM job
WHERE merchant = ?2 AND (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED') AND resolved_as IS NULL
    AND order_id > ?3
    AND NOT (past = 'RESTORED' AND attempts = 0 AND (batch_id <> ?1 OR generation < ?5))
    AND EXISTS (
        SELECT 1 FROM batch_row
        WHERE batch_row.batch_id = ?1 AND batch_row.deduction_id = job.deduction_id)
ORDER BY order_id LIMIT ?4
