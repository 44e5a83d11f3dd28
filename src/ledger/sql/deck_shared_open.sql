-- What this ledger has never asked for goes only with its own file, even if it may have been sent: once
-- that was handed over.
SELECT * FROM job
WHERE merchant = ?1 AND (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED')
    AND resolved_as IS NULL
    AND NOT (past = 'RESTORED' AND attempts = 0 AND NOT EXISTS (
        SELECT 1 FROM handed WHERE handed.batch_id = job.batch_id AND job.order_id <= until_order_id))
    AND order_id > ?2
ORDER BY order_id LIMIT ?3
