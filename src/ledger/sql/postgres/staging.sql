-- Its tables are part of the schema. Who has no row here has no rows there (staging_clear.sql).
INSERT INTO stager (stager, at_ms) VALUES (:stager, CAST(extract(epoch FROM now()) * 1000 AS BIGINT))
ON CONFLICT (stager) DO NOTHING;
