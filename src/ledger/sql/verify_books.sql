-- What must hold whatever happened: a sentence and how often it is broken.
SELECT 'batches whose rows are not all there' AS what, COUNT(*) AS broken FROM batch
WHERE row_count <> (SELECT COUNT(*) FROM batch_row WHERE batch_row.batch_id = batch.batch_id)
    OR row_count <> (SELECT MAX(ordinal) FROM batch_row WHERE batch_row.batch_id = batch.batch_id)
UNION ALL
SELECT 'rows whose deduction has no order', COUNT(*) FROM batch_row
WHERE deduction_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM orders WHERE orders.deduction_id = batch_row.deduction_id AND generation = 1)
UNION ALL
SELECT 'orders whose row does not show them', COUNT(*) FROM orders
WHERE NOT EXISTS (
    SELECT 1 FROM batch_row
    WHERE batch_row.batch_id = orders.batch_id AND batch_row.ordinal = orders.ordinal
        AND batch_row.deduction_id = orders.deduction_id)
UNION ALL
SELECT 'orders whose attempts are not those of the journal', COUNT(*) FROM orders
WHERE attempts <> (
    SELECT COUNT(*) FROM attempt LEFT JOIN reply ON reply.attempt_id = attempt.attempt_id
    WHERE attempt.order_id = orders.order_id AND COALESCE(reply.trust, 'LOST') <> 'NOT_SENT')
UNION ALL
SELECT 'orders whose submissions that may have been accepted are not those of the journal', COUNT(*)
FROM orders
WHERE maybe_accepted <> (
    SELECT COUNT(*) FROM attempt LEFT JOIN reply ON reply.attempt_id = attempt.attempt_id
    WHERE attempt.order_id = orders.order_id AND attempt.asked = 'SUBMISSION'
        AND COALESCE(reply.maybe_accepted, 1) = 1)
    + CASE past WHEN '' THEN 0 ELSE 1 END
UNION ALL
SELECT 'orders that are final without a verified reply', COUNT(*) FROM orders
WHERE state IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN') AND NOT EXISTS (
    SELECT 1 FROM reply JOIN attempt ON attempt.attempt_id = reply.attempt_id
    WHERE reply.attempt_id = orders.shown_attempt AND attempt.order_id = orders.order_id
        AND reply.trust = 'VERIFIED')
UNION ALL
SELECT 'orders that count as never sent, and have a send in the journal', COUNT(*) FROM orders
WHERE state IN ('PENDING', 'HELD', 'CONFLICT', 'CANCELLED') AND EXISTS (
    SELECT 1 FROM attempt LEFT JOIN reply ON reply.attempt_id = attempt.attempt_id
    WHERE attempt.order_id = orders.order_id AND COALESCE(reply.trust, 'LOST') <> 'NOT_SENT')
UNION ALL
SELECT 'deductions with more than one order alive', COUNT(*) FROM (
    SELECT deduction_id FROM orders
    WHERE state NOT IN ('FAILED', 'CLOSED_PROVEN', 'CANCELLED') AND resolved_as IS DISTINCT FROM 'FAILED'
    GROUP BY deduction_id HAVING COUNT(*) > 1) AS several
UNION ALL
SELECT 'orders issued again without proof that the one before is dead', COUNT(*) FROM orders AS o
WHERE generation > 1 AND NOT EXISTS (
    SELECT 1 FROM orders AS before
    WHERE before.deduction_id = o.deduction_id AND before.generation = o.generation - 1
        AND before.content_digest = o.content_digest
        AND (before.state IN ('FAILED', 'CLOSED_PROVEN')
            OR (before.resolved_as = 'FAILED'
                AND o.created_at_ms >= before.first_sent_at_ms + 2678400000)))
UNION ALL
SELECT 'superseded deductions that are alive', COUNT(*) FROM deduction
WHERE superseded_by IS NOT NULL AND EXISTS (
    -- One that stands refused is not submitted any more. Asked for, it may turn out to have been accepted.
    SELECT 1 FROM orders WHERE orders.deduction_id = deduction.deduction_id
        AND state NOT IN ('FAILED', 'CLOSED_PROVEN', 'CANCELLED') AND state <> 'REJECTED'
        AND resolved_as IS DISTINCT FROM 'FAILED'
        AND NOT (state = 'SUCCESS' AND EXISTS (
            SELECT 1 FROM attempt JOIN reply ON reply.attempt_id = attempt.attempt_id
            WHERE attempt.order_id = orders.order_id AND asked = 'QUERY'
                AND state_before = 'REJECTED' AND trust = 'VERIFIED' AND meaning = 'SUCCESS')))
UNION ALL
SELECT 'orders that were held and are released by nobody', COUNT(*) FROM orders
WHERE held_by IS NOT NULL
    AND (state = 'PENDING' OR state NOT IN ('PENDING', 'HELD', 'CONFLICT', 'CANCELLED'))
    AND NOT EXISTS (
    SELECT 1 FROM decision WHERE decision.order_id = orders.order_id AND kind = 'RELEASE')
UNION ALL
SELECT 'decisions that stand outside the journal''s chain', COUNT(*) FROM decision
WHERE NOT EXISTS (
    SELECT 1 FROM decision_link WHERE decision_link.decision_id = decision.decision_id)
UNION ALL
SELECT 'orders that are resolved otherwise than people decided', COUNT(*) FROM orders
WHERE resolved_as IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM decision
    WHERE decision_id = (
        SELECT MAX(decision_id) FROM decision
        WHERE decision.order_id = orders.order_id AND kind IN (
            'RESOLVE_SUCCESS', 'RESOLVE_FAILED', 'IMPORT_SUCCESS', 'IMPORT_FAILED'))
        AND kind IN ('RESOLVE_' || resolved_as, 'IMPORT_' || resolved_as))
UNION ALL
SELECT 'decisions of people that their orders do not show', COUNT(*) FROM decision
WHERE kind IN ('RESOLVE_SUCCESS', 'RESOLVE_FAILED', 'IMPORT_SUCCESS', 'IMPORT_FAILED')
    AND NOT EXISTS (
    SELECT 1 FROM orders
    WHERE orders.order_id = decision.order_id AND orders.resolved_as IS NOT NULL)
UNION ALL
SELECT 'orders whose earlier sends are not those that people told of', COUNT(*) FROM orders
WHERE past <> COALESCE((
    SELECT CASE kind WHEN 'RESTORED' THEN 'RESTORED' ELSE 'IMPORTED' END FROM decision
    WHERE decision.order_id = orders.order_id
        AND kind IN ('IMPORT', 'IMPORT_SUCCESS', 'IMPORT_FAILED', 'RESTORED')
    ORDER BY decision_id LIMIT 1), '')
UNION ALL
SELECT 'orders that were sent as never sent, though the ledger had come back from a backup', COUNT(*)
FROM attempt
WHERE state_before = 'PENDING' AND EXISTS (
    -- In this order: there are few restores.
    SELECT 1 FROM decision CROSS JOIN decision_link USING (decision_id)
    WHERE kind = 'RESTORED' AND decision.order_id IS NULL AND entry_no < attempt_id
        AND since_ms + 2505600000 > (
            SELECT CASE WHEN first.created_at_ms < attempt.claimed_at_ms THEN first.created_at_ms
                ELSE attempt.claimed_at_ms END
            FROM orders AS own
            JOIN orders AS first ON first.deduction_id = own.deduction_id AND first.generation = 1
            WHERE own.order_id = attempt.order_id))
UNION ALL
SELECT 'freezes that the ledger does not follow', COUNT(*) FROM meta
WHERE frozen_by IS DISTINCT FROM (
    SELECT CASE kind WHEN 'FREEZE' THEN decision_id END FROM decision
    WHERE kind IN ('FREEZE', 'UNFREEZE') ORDER BY decision_id DESC LIMIT 1)
UNION ALL
SELECT 'approvals that are not of their plan and its maker', COUNT(*) FROM approval AS a
WHERE NOT EXISTS (
    SELECT 1 FROM plan JOIN plan_words USING (plan_id)
    WHERE plan.plan_id = a.plan_id AND plan.made_by = a.made_by AND plan_words.words = a.words)
    OR lower(trim(made_by)) = lower(trim(approved_by))
UNION ALL
SELECT 'batches that are not what their plan says', COUNT(*)
FROM plan_run AS r JOIN plan AS p USING (plan_id) JOIN batch AS b ON b.batch_id = r.batch_id
WHERE p.digest <> b.digest OR p.row_count <> b.row_count
    OR (p.orders, p.penalty_fen + p.judicial_fen + p.held_fen) <> (
        SELECT COUNT(*), COALESCE(SUM(o.amount_fen), 0)
        FROM batch_row AS own CROSS JOIN orders AS o
            ON o.deduction_id = own.deduction_id AND o.generation = 1
        WHERE own.batch_id = r.batch_id AND own.repeat_of_batch IS NULL
            AND o.batch_id = r.batch_id)
