INSERT INTO run (started_at_ms) VALUES (?1)
RETURNING run_id
