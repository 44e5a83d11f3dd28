-- Since when an order that people found dead was sent, be it by its first send or by its first intent
-- (which no reply of long ago makes older); none while their word is worth no new number: a verified
-- reply has said since that the order is paid, or still worked on; or it comes from before a restore and was never
-- asked for since, so that nobody knows when it was sent, nor what took its place.
SELECT GREATEST(first_sent_at_ms, COALESCE((
    SELECT MIN(claimed_at_ms) FROM attempt
    WHERE attempt.order_id = orders.order_id AND asked = 'SUBMISSION'), first_sent_at_ms))
FROM orders
WHERE order_id = ?1 AND state NOT IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN') AND resolved_as = 'FAILED'
    AND first_sent_at_ms IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM decision JOIN decision_link USING (decision_id)
        WHERE decision.order_id = orders.order_id AND kind = 'RESTORED' AND NOT EXISTS (
            SELECT 1 FROM attempt LEFT JOIN reply ON reply.attempt_id = attempt.attempt_id
            WHERE attempt.order_id = orders.order_id AND attempt.attempt_id > decision_link.entry_no
                AND COALESCE(reply.trust, 'LOST') <> 'NOT_SENT'))
    AND NOT EXISTS (
        SELECT 1 FROM attempt JOIN reply ON reply.attempt_id = attempt.attempt_id
        WHERE attempt.order_id = orders.order_id AND reply.trust = 'VERIFIED'
            AND (reply.meaning = 'SUCCESS' OR (reply.meaning = 'PROCESSING' AND reply.entry_no > (
                SELECT MAX(entry_no) FROM decision JOIN decision_link USING (decision_id)
                WHERE decision.order_id = orders.order_id
                    AND kind IN ('RESOLVE_FAILED', 'IMPORT_FAILED')))))
