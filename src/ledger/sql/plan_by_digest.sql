-- The newest one of these bytes.
SELECT * FROM file_plan
WHERE plan_id = (SELECT MAX(plan_id) FROM plan WHERE digest = ?1)
