-- What this ledger has never asked for goes only with its own file, even if it may have been sent; its
-- reissues with a rerun.
SELECT merchant, COUNT(*) FROM orders
WHERE (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED') AND resolved_as IS NULL
    AND NOT (past = 'RESTORED' AND attempts = 0 AND (batch_id <> ?1 OR generation < ?2))
    AND EXISTS (
        SELECT 1 FROM batch_row
        WHERE batch_row.batch_id = ?1 AND batch_row.deduction_id = orders.deduction_id)
GROUP BY merchant
