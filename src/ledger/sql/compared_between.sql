-- The orders that were first sent from ?1 on and before ?2, in order of creation.
WITH compared AS (
    SELECT order_id FROM orders
    WHERE first_sent_at_ms >= ?1 AND first_sent_at_ms < ?2 AND ?3 IS NULL),
