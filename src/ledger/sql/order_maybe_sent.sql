-- It may have been sent once without an entry in this journal; which counts once.
UPDATE orders
SET state = ?3, maybe_accepted = maybe_accepted + CASE past WHEN '' THEN 1 ELSE 0 END, first_sent_at_ms = ?4,
    past = CASE past WHEN '' THEN ?5 ELSE past END
WHERE order_id = ?1 AND state = ?2
