-- It was refused, and no send of it can have been accepted, in this journal or beside it.
SELECT 1 FROM orders
WHERE order_id = ?1 AND state = 'REJECTED' AND maybe_accepted = 0 AND past = '' AND resolved_as IS NULL
