-- Attempts that are about to be answered, ids in JSON (?1): each as attempt_by_id.sql has it.
SELECT attempt_id, order_id, asked, state_before, EXISTS (
    SELECT 1 FROM attempt AS newer
    WHERE newer.order_id = attempt.order_id AND newer.attempt_id > attempt.attempt_id)
FROM json_array_elements_text(CAST(?1 AS JSON)) AS answered (id)
JOIN attempt ON attempt.attempt_id = CAST(answered.id AS BIGINT)
