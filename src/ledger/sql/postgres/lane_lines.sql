-- Every lane that was ever taken: by whom, how long ago, and how long that lasts.
SELECT lane, epoch, who, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) - taken_at_ms AS age_ms,
    lease_until_ms - CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS left_ms
FROM lane
