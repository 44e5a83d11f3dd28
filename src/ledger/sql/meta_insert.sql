INSERT INTO meta (only_row, caller, environment, created_at_ms) VALUES (1, ?1, ?2, ?3)
