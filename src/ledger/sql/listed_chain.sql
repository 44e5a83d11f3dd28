-- Earlier orders of a chain that succeeded all the same: people had called them dead.
SELECT order_id FROM orders
WHERE deduction_id = ?1 AND generation < ?2 AND state = 'SUCCESS'
ORDER BY generation
