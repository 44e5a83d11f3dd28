-- An order of another deduction (?3 is this one) for the same debt that is unfinished, or was
-- created or settled at or after ?2.
SELECT order_id, out_request_no FROM orders
WHERE hold_key = ?1 AND deduction_id <> ?3
    AND (state = 'PENDING' OR state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED'
        OR state = 'SUCCESS' OR state = 'EXPIRED')
    AND (state NOT IN ('SUCCESS', 'EXPIRED') OR created_at_ms >= ?2 OR settled_at_ms >= ?2)
ORDER BY order_id LIMIT 1
