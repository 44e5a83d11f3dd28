-- An order of another deduction (?3 is this one) for the same debt that is unfinished, or was
-- created or settled at or after ?2. One that another tool ended counts from its first send; one that
-- was refused, and may have been accepted since, is not finished; nor is one that was held when a backup
-- was made, and may have been released and sent since (order_gap.sql).
SELECT order_id, out_request_no FROM orders
WHERE hold_key = ?1 AND deduction_id <> ?3
    AND ((state = 'PENDING' OR state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED'
        OR state = 'SUCCESS' OR state = 'EXPIRED')
        OR (maybe_accepted > 0 AND state = 'REJECTED') OR state = 'HELD')
    AND (state <> 'HELD' OR EXISTS (
        SELECT 1 FROM decision
        WHERE kind = 'RESTORED' AND decision.order_id IS NULL AND since_ms + 2505600000 > (
            SELECT by_ms FROM came_in WHERE came_in.order_id = orders.order_id)))
    AND (past <> 'IMPORTED' OR resolved_as IS NULL OR first_sent_at_ms >= ?2)
    AND (state NOT IN ('SUCCESS', 'EXPIRED') OR created_at_ms >= ?2 OR settled_at_ms >= ?2)
ORDER BY order_id LIMIT 1
