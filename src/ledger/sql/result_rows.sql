SELECT r.ordinal, r.line, r.cells, r.amount_fen, r.kind, first.file AS first_file,
    CASE WHEN o.batch_id <> r.batch_id THEN own.file END AS other_file,
    r.repeat_of_line, r.note, r.came_back_as, r.reissues, r.undecided IS NOT NULL AS undecided, deduction.superseded_by,
    o.order_id, o.out_request_no, o.generation, o.state, o.proof_runs, o.attempts,
    o.first_sent_at_ms, o.settled_at_ms, o.held_by, o.frozen_by_batch, o.frozen_by_ordinal,
    o.alerts, o.resolved_as, o.past, o.generation > 1 OR EXISTS (
        SELECT 1 FROM deduction AS old WHERE old.superseded_by = o.deduction_id) AS has_past,
    reply.trust, reply.http_status, reply.code, reply.message, reply.request_id,
    reply.signed_at_ms, reply.state AS reply_state, reply.fail_reason, reply.quota_change_no,
    reply.success_time, reply.fail_time
FROM batch_row AS r
LEFT JOIN batch AS first ON first.batch_id = r.repeat_of_batch
LEFT JOIN deduction ON deduction.deduction_id = r.deduction_id
LEFT JOIN orders AS o ON o.order_id = (
    SELECT order_id FROM orders AS newer WHERE newer.deduction_id = r.deduction_id
    ORDER BY generation DESC LIMIT 1)
LEFT JOIN batch AS own ON own.batch_id = o.batch_id
LEFT JOIN reply ON reply.attempt_id = o.shown_attempt
WHERE r.batch_id = ?1
ORDER BY r.ordinal
