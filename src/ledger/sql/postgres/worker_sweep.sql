-- Those who died a day ago without a word.
DELETE FROM worker WHERE alive_until_ms < CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) - 86400000
