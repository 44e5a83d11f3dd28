-- Orders after ?1, at most ?3, for which a ledger that knows nothing after ?2 must think of more sends:
-- never sent; sent first, as it says, after ?2; or refused, and so perhaps submitted again by a rerun
-- inside their window. ?4 is now. What stands refused and had been replaced by a mended row by then was
-- submitted no more.
SELECT job.*, orders.created_at_ms FROM orders JOIN job ON job.order_id = orders.order_id
WHERE orders.order_id > ?1
    AND (orders.state = 'PENDING'
        OR (orders.first_sent_at_ms > ?2
            AND orders.state <> 'SUCCESS' AND orders.state <> 'FAILED'
            AND orders.state <> 'CLOSED_PROVEN')
        OR (orders.past = '' AND orders.state = 'REJECTED'
            AND orders.first_sent_at_ms + 2505600000 > ?2))
    AND ?2 + 2505600000 > (
        SELECT CASE WHEN by_ms < ?4 THEN by_ms ELSE ?4 END FROM came_in WHERE came_in.order_id = orders.order_id)
    AND NOT (orders.state = 'REJECTED' AND orders.first_sent_at_ms <= ?2 AND EXISTS (
        SELECT 1 FROM deduction AS old
        JOIN orders AS mended ON mended.deduction_id = old.superseded_by AND mended.generation = 1
        JOIN came_in ON came_in.order_id = mended.order_id
        WHERE old.deduction_id = orders.deduction_id AND by_ms <= ?2))
ORDER BY orders.order_id LIMIT ?3
