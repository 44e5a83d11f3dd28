SELECT merchant, COUNT(*) FROM handed
CROSS JOIN orders ON orders.batch_id = handed.batch_id AND orders.order_id <= until_order_id
WHERE state = 'PENDING' GROUP BY merchant
