-- The rules that there are, by kind and name; of a function its body, of the others whether they are off.
SELECT 'TRIGGER' AS kind, CAST(tgname AS TEXT) AS name,
    CASE tgenabled WHEN 'O' THEN '' ELSE 'off' END AS body
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = CAST('levy' AS regnamespace) AND NOT tgisinternal
UNION ALL
SELECT 'FUNCTION', CAST(proname AS TEXT), prosrc FROM pg_proc
WHERE pronamespace = CAST('levy' AS regnamespace)
UNION ALL
SELECT 'CONSTRAINT', CAST(conname AS TEXT), CASE WHEN convalidated THEN '' ELSE 'off' END
FROM pg_constraint WHERE connamespace = CAST('levy' AS regnamespace)
UNION ALL
SELECT 'INDEX', CAST(relname AS TEXT), CASE WHEN indisvalid THEN '' ELSE 'off' END
FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid
WHERE relnamespace = CAST('levy' AS regnamespace)
