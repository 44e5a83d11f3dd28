SELECT * FROM file_plan WHERE plan_id = ?1
