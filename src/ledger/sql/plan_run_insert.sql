INSERT INTO plan_run (plan_id, batch_id) VALUES (?1, ?2)
