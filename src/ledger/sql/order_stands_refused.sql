-- It was refused, and no send of it can have been accepted, in this journal or beside it. The refusal that
-- it shows was the gateway's: anybody can say 400 without a signature.
SELECT 1 FROM orders
WHERE order_id = ?1 AND state = 'REJECTED' AND maybe_accepted = 0 AND past = '' AND resolved_as IS NULL
    AND 'VERIFIED' = (
        SELECT trust FROM attempt JOIN reply ON reply.attempt_id = attempt.attempt_id
        WHERE attempt.order_id = orders.order_id AND asked = 'SUBMISSION' AND trust <> 'NOT_SENT'
        ORDER BY attempt.attempt_id DESC LIMIT 1)
