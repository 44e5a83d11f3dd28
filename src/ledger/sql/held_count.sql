SELECT COUNT(*) FROM orders WHERE state = 'HELD'
