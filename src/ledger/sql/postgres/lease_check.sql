-- Of holdings of lanes, [lane, epoch] each in JSON (?1), those that last by this database's clock.
SELECT lane, epoch
FROM json_array_elements(CAST(?1 AS JSON)) AS asked (it)
JOIN lane ON lane = (it ->> 0) AND epoch = CAST(it ->> 1 AS BIGINT)
WHERE lease_until_ms > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
