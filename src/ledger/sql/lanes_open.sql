SELECT merchant, COUNT(*) FROM orders
WHERE (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED') GROUP BY merchant
