-- A final order shows the reply that settled it, whatever comes later. What was never sent (?10) is
-- no attempt, and hides no reply.
UPDATE orders
SET settled_at_ms = CASE WHEN state = ?3 THEN settled_at_ms ELSE ?4 END,
    shown_attempt =
        CASE WHEN state = 'SUCCESS' OR state = 'FAILED' OR state = 'CLOSED_PROVEN'
                OR (?10 <> 0 AND shown_attempt IS NOT NULL)
        THEN shown_attempt ELSE ?5 END,
    attempts = attempts - ?10,
    state = ?3, weak = ?6, maybe_accepted = ?7, first_sent_at_ms = ?8, alerts = alerts + ?9
WHERE order_id = ?1 AND state = ?2
