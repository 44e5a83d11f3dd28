SELECT COALESCE(MAX(attempt_id), 0) FROM attempt
