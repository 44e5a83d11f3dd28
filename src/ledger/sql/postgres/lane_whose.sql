-- Every lane that is somebody's, and whether it is that of ?1.
SELECT lane, owner = ?1 FROM lane WHERE lease_until_ms > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
