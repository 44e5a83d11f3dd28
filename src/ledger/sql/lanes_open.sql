SELECT merchant, COUNT(*) FROM orders
WHERE (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED') AND resolved_as IS NULL GROUP BY merchant
