-- What people told of sends that the journal does not know.
SELECT l.entry_no, d.since_ms FROM decision AS d JOIN decision_link AS l ON l.decision_id = d.decision_id
WHERE d.order_id = ?1 AND d.since_ms IS NOT NULL
ORDER BY l.entry_no
