SELECT merchant, COUNT(*) FROM orders
WHERE state IN ('UNKNOWN', 'PROCESSING', 'CLOSED') GROUP BY merchant
