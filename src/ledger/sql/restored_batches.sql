-- Batches with orders that may have been sent, and were never asked for since.
SELECT batch.batch_id, batch.file, COUNT(*)
FROM orders JOIN batch ON batch.batch_id = orders.batch_id
WHERE orders.past = 'RESTORED' AND orders.attempts = 0 AND orders.state = 'UNKNOWN'
    AND orders.resolved_as IS NULL
GROUP BY batch.batch_id ORDER BY batch.batch_id
