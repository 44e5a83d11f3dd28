SELECT orders.out_request_no, batch.file, batch_row.line
FROM orders
JOIN batch_row ON batch_row.batch_id = orders.batch_id AND batch_row.ordinal = orders.ordinal
JOIN batch ON batch.batch_id = orders.batch_id
WHERE orders.order_id = ?1
