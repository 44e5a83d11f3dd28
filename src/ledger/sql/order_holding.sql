-- An order of another deduction (?3 is this one) for the same debt that is unfinished, or was
-- created or settled at or after ?2. One that another tool ended counts from its first send; one that
-- was refused, and may have been accepted since, is not finished.
SELECT order_id, out_request_no FROM orders
WHERE hold_key = ?1 AND deduction_id <> ?3
    AND ((state = 'PENDING' OR state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED'
        OR state = 'SUCCESS' OR state = 'EXPIRED')
        OR (maybe_accepted > 0 AND state = 'REJECTED'))
    AND (past <> 'IMPORTED' OR resolved_as IS NULL OR first_sent_at_ms >= ?2)
    AND (state NOT IN ('SUCCESS', 'EXPIRED') OR created_at_ms >= ?2 OR settled_at_ms >= ?2)
ORDER BY order_id LIMIT 1
