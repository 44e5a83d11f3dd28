-- Orders for one debt (?1) that are alive or succeeded and that no row means: of another deduction
-- (?2 is this one) and created from ?3 to ?4. With ?5, those that a person released as no
-- repetitions as well.
SELECT order_id FROM orders
WHERE hold_key = ?1 AND deduction_id <> ?2
    AND (state = 'PENDING' OR state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED'
        OR state = 'SUCCESS' OR state = 'EXPIRED')
    AND (state = 'SUCCESS' OR resolved_as IS DISTINCT FROM 'FAILED')
    AND created_at_ms BETWEEN ?3 AND ?4
    AND NOT EXISTS (SELECT 1 FROM temp.named WHERE named.deduction_id = orders.deduction_id)
    AND NOT EXISTS (SELECT 1 FROM temp.told WHERE told.order_id = orders.order_id)
    AND (?5 <> 0 OR NOT EXISTS (
        SELECT 1 FROM decision
        WHERE decision.order_id = orders.order_id AND decision.kind = 'RELEASE'))
ORDER BY order_id LIMIT ?6
