-- Ends holdings ([lane, epoch, milliseconds] in JSON, ?1) of ?2 that are not over: as if each had ended so many
-- milliseconds ago, since what it sent counts for that much less.
UPDATE lane SET lease_until_ms = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
    - CAST(it ->> 2 AS BIGINT)
FROM json_array_elements(CAST(?1 AS JSON)) AS asked (it)
WHERE lane = (it ->> 0) AND epoch = CAST(it ->> 1 AS BIGINT) AND owner = CAST(?2 AS BIGINT)
    AND lease_until_ms > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
