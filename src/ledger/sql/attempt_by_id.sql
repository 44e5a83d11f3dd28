-- An attempt, and whether its order has a newer one.
SELECT order_id, asked, state_before, EXISTS (
    SELECT 1 FROM attempt AS newer
    WHERE newer.order_id = attempt.order_id AND newer.attempt_id > attempt.attempt_id)
FROM attempt WHERE attempt_id = ?1
