-- What of it ?1 holds.
SELECT lane, epoch FROM lane WHERE owner = ?1 AND lease_until_ms > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
