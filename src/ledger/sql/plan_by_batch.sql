SELECT * FROM file_plan WHERE plan_id = (SELECT plan_id FROM plan_run WHERE batch_id = ?1)
