-- ?1, in words ?2, lives for ?3 milliseconds.
INSERT INTO worker (owner, who, alive_until_ms)
VALUES (?1, ?2, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) + ?3)
ON CONFLICT (owner) DO UPDATE SET who = excluded.who, alive_until_ms = excluded.alive_until_ms
