-- Who works on the ledger.
SELECT who FROM worker WHERE alive_until_ms > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
ORDER BY who
