-- Makes holdings ([lane, epoch] in JSON, ?1) of ?2 last ?3 milliseconds from now on; those that were not over.
UPDATE lane SET lease_until_ms = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) + CAST(?3 AS BIGINT)
FROM json_array_elements(CAST(?1 AS JSON)) AS asked (it)
WHERE lane = (it ->> 0) AND epoch = CAST(it ->> 1 AS BIGINT) AND owner = CAST(?2 AS BIGINT)
    AND lease_until_ms > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
RETURNING lane, epoch
