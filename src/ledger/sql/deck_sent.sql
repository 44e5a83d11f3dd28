-- What a reconciliation may ask about: named by a verified 200, resolved by people, or past its window
-- (?6). Inside the window a query for a number that never arrived might close it.
SELECT * FROM job
WHERE merchant = ?1 AND order_id > ?2 AND first_sent_at_ms >= ?4 AND first_sent_at_ms < ?5
    AND (state = 'SUCCESS' OR state = 'FAILED' OR state = 'CLOSED_PROVEN' OR state = 'PROCESSING'
        OR resolved_as IS NOT NULL OR first_sent_at_ms <= ?6)
ORDER BY order_id LIMIT ?3
