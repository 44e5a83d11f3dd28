SELECT MAX(started_at_ms) FROM run WHERE run_id = (SELECT MAX(run_id) FROM run)
