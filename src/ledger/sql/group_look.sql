-- Staged rows ?1 to ?2: the number and the debt of each, whether it comes back as an order, and whether it
-- is sound, comes back as nothing, and has neither the number nor the debt of an order that is there. Whatever
-- could hold it counts, also what does not in the end.
SELECT s.ordinal, s.claimed_no, s.hold_key, s.returned IS NOT NULL,
    s.fault IS NULL AND s.returned IS NULL AND COALESCE(s.comeback, 'FIRST') = 'FIRST'
    AND s.claimed_no IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM temp.clash AS c WHERE c.out_request_no = s.claimed_no)
    AND NOT EXISTS (SELECT 1 FROM main.orders AS o WHERE o.out_request_no = s.claimed_no)
    AND NOT EXISTS (
        SELECT 1 FROM main.orders AS o WHERE o.hold_key = s.hold_key
            AND ((o.state = 'PENDING' OR o.state = 'UNKNOWN' OR o.state = 'PROCESSING'
                OR o.state = 'CLOSED' OR o.state = 'SUCCESS' OR o.state = 'EXPIRED')
                OR (o.maybe_accepted > 0 AND o.state = 'REJECTED') OR o.state = 'HELD'))
FROM temp.staged AS s WHERE s.ordinal BETWEEN ?1 AND ?2 ORDER BY s.ordinal
