-- Who may be sending: the lane (?1, or any), in words who holds it, and milliseconds that are left by this
-- database's clock.
SELECT lane, who, lease_until_ms - CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS left_ms FROM lane
WHERE (CAST(?1 AS TEXT) IS NULL OR lane = CAST(?1 AS TEXT))
    AND lease_until_ms > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
ORDER BY lane
