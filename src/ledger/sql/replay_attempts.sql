SELECT a.order_id, a.attempt_id, a.asked, a.state_before, a.claimed_at_ms,
    r.entry_no, r.trust, r.meaning, r.maybe_accepted, r.fail_reason, r.signed_at_ms
FROM attempt AS a LEFT JOIN reply AS r ON r.attempt_id = a.attempt_id
WHERE a.order_id = ?1
ORDER BY a.attempt_id
