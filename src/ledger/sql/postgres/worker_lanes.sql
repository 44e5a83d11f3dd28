-- Of each that lives, how many lanes it could drive.
SELECT lanes FROM worker WHERE alive_until_ms > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
