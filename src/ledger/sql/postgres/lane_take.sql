-- Takes those of the lanes (JSON, ?1) that are nobody's, for ?4 milliseconds, for ?2, in words ?3; how long ago
-- each was somebody's, if it ever was. A lane whose lease is over can't be made to last meanwhile.
WITH clock AS MATERIALIZED (SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS now_ms),
    asked AS (SELECT DISTINCT it AS lane FROM json_array_elements_text(CAST(?1 AS JSON)) AS asked (it)),
    was AS (SELECT lane.* FROM lane JOIN asked USING (lane)),
    taken AS (
        INSERT INTO lane (lane, epoch, owner, who, taken_at_ms, lease_until_ms)
        SELECT asked.lane, 1, CAST(?2 AS BIGINT), CAST(?3 AS TEXT), now_ms, now_ms + CAST(?4 AS BIGINT)
        FROM asked, clock ORDER BY asked.lane
        ON CONFLICT (lane) DO UPDATE
        SET epoch = lane.epoch + 1, owner = excluded.owner, who = excluded.who,
            taken_at_ms = excluded.taken_at_ms, lease_until_ms = excluded.lease_until_ms
        WHERE lane.lease_until_ms <= excluded.taken_at_ms
        RETURNING lane, epoch, taken_at_ms)
SELECT taken.lane, taken.epoch, taken.taken_at_ms - was.lease_until_ms AS over_ms
FROM taken LEFT JOIN was ON was.lane = taken.lane
ORDER BY taken.lane
