-- ?1, in words ?2, lives for ?3 milliseconds, and could drive ?4 lanes.
INSERT INTO worker (owner, who, lanes, alive_until_ms)
VALUES (?1, ?2, ?4, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) + ?3)
ON CONFLICT (owner) DO UPDATE
SET who = excluded.who, lanes = excluded.lanes, alive_until_ms = excluded.alive_until_ms
