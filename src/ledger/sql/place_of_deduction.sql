-- Where a deduction came first.
SELECT batch.batch_id, batch.file, batch_row.line
FROM orders
JOIN batch_row ON batch_row.batch_id = orders.batch_id AND batch_row.ordinal = orders.ordinal
JOIN batch ON batch.batch_id = orders.batch_id
WHERE orders.deduction_id = ?1 AND orders.generation = 1
