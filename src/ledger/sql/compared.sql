-- The orders `compared`, which another file says (compared_between.sql, compared_of_batch.sql), each with
-- what the queries after the attempt ?4 were told.
answer AS MATERIALIZED (
    -- What says something of its order: a verified 200, or a verified refusal that does not know it.
    -- The new replies alone are gone through, not the journal.
    SELECT attempt.order_id, MAX(reply.attempt_id) AS attempt_id
    FROM reply CROSS JOIN attempt ON attempt.attempt_id = reply.attempt_id
    WHERE reply.attempt_id > ?4 AND attempt.asked = 'QUERY' AND reply.trust = 'VERIFIED'
        AND ((reply.http_status IN (200, 202) AND reply.meaning <> 'NO_JSON')
            OR (reply.meaning = 'REFUSED' AND reply.code IN ('RESOURCE_NOT_EXISTS', 'NOT_FOUND')))
    GROUP BY +attempt.order_id),
shared AS (
    -- A change number belongs to the order whose settling reply had it, else to the first one.
    SELECT told.quota_change_no,
        COALESCE(MIN(CASE WHEN shown.quota_change_no = told.quota_change_no
            THEN answer.order_id END), MIN(answer.order_id)) AS owner_id
    FROM answer
    JOIN reply AS told ON told.attempt_id = answer.attempt_id
    JOIN orders ON orders.order_id = answer.order_id
    LEFT JOIN reply AS shown ON shown.attempt_id = orders.shown_attempt
    -- An empty one is none.
    WHERE told.quota_change_no <> '' AND told.meaning <> 'OTHER_NUMBER'
    GROUP BY told.quota_change_no HAVING COUNT(*) > 1)
SELECT o.*, batch.file, batch_row.line, answer.attempt_id AS told_attempt,
    (SELECT MAX(attempt_id) FROM attempt
        WHERE attempt.order_id = o.order_id AND attempt.attempt_id > ?4
            AND attempt.asked = 'QUERY') AS asked_attempt,
    (SELECT later.out_request_no FROM orders AS later
        WHERE later.deduction_id = o.deduction_id AND later.generation > o.generation
            AND (later.state = 'SUCCESS' OR EXISTS (
                SELECT 1 FROM attempt JOIN reply ON reply.attempt_id = attempt.attempt_id
                WHERE attempt.order_id = later.order_id AND attempt.attempt_id > ?4
                    AND reply.trust = 'VERIFIED' AND reply.meaning = 'SUCCESS'))
        ORDER BY later.generation LIMIT 1) AS twice,
    owner.out_request_no AS shares_with
FROM compared CROSS JOIN job AS o ON o.order_id = compared.order_id
LEFT JOIN batch ON batch.batch_id = o.batch_id
LEFT JOIN batch_row ON batch_row.batch_id = o.batch_id AND batch_row.ordinal = o.ordinal
LEFT JOIN answer ON answer.order_id = o.order_id
LEFT JOIN reply AS told ON told.attempt_id = answer.attempt_id
LEFT JOIN shared ON shared.quota_change_no = told.quota_change_no
    AND shared.owner_id <> o.order_id AND told.meaning <> 'OTHER_NUMBER'
LEFT JOIN orders AS owner ON owner.order_id = shared.owner_id
ORDER BY compared.order_id
