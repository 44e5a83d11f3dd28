-- What stands before an order: each earlier order of its deduction, or of one that this one took the
-- place of, at once or by others, that a verified reply has called paid (whatever was proven before, the
-- amount is deducted), or that was sent and is dead by people's word alone. One that stands refused, of
-- which no send can have been accepted (order_stands_refused.sql), stands in nobody's way.
-- CROSS JOIN keeps the order: without it every claim goes through all orders.
WITH RECURSIVE before (deduction_id) AS (
    SELECT deduction.deduction_id
    FROM orders AS own CROSS JOIN deduction ON deduction.superseded_by = own.deduction_id
    WHERE own.order_id = ?1
    UNION
    SELECT deduction.deduction_id FROM before CROSS JOIN deduction ON deduction.superseded_by = before.deduction_id),
earlier (order_id, undead, paid) AS (
    SELECT older.order_id,
        older.state <> 'FAILED' AND older.state <> 'CLOSED_PROVEN' AND older.first_sent_at_ms IS NOT NULL
            AND NOT (older.state = 'REJECTED' AND older.maybe_accepted = 0 AND older.past = ''
                AND older.resolved_as IS NULL),
        older.state = 'SUCCESS' OR EXISTS (
        SELECT 1 FROM attempt JOIN reply ON reply.attempt_id = attempt.attempt_id
        WHERE attempt.order_id = older.order_id AND reply.trust = 'VERIFIED' AND reply.meaning = 'SUCCESS')
    FROM (
        SELECT own.deduction_id, own.generation FROM orders AS own
        WHERE own.order_id = ?1 AND own.generation > 1
        UNION ALL
        SELECT before.deduction_id, 9223372036854775807 FROM before) AS chain
    CROSS JOIN orders AS older ON older.deduction_id = chain.deduction_id
        AND older.generation < chain.generation)
SELECT order_id, paid FROM earlier
WHERE paid OR undead
