-- Orders that are about to be written about, ids in JSON (?1): each with whether anything can stand before it
-- (order_has_past.sql), and how far its lane's journal has come.
SELECT job.*,
    (job.generation > 1 OR EXISTS (
        SELECT 1 FROM deduction WHERE deduction.superseded_by = job.deduction_id)) AS has_past,
    lane_head.entries AS head_entries, lane_head.link AS head_link
FROM json_each(?1) AS asked CROSS JOIN job ON job.order_id = asked.value
LEFT JOIN lane_head ON lane_head.lane = job.merchant
