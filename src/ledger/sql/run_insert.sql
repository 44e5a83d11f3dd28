INSERT INTO run (started_at_ms) VALUES (?1)
