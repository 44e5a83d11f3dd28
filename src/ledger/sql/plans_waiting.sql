-- The newest plan of each file that is no batch yet.
SELECT * FROM file_plan AS p
WHERE plan_id = (SELECT MAX(plan_id) FROM plan AS newer WHERE newer.digest = p.digest)
    AND NOT EXISTS (SELECT 1 FROM batch WHERE batch.digest = p.digest)
ORDER BY plan_id
