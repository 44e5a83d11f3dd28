-- Of holdings of lanes, [lane, epoch] each in JSON (?1), those that last. Nobody shares a file: all of them.
SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS INTEGER) FROM json_each(?1)
