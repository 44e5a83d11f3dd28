-- Everything of the first schema of the search path, by kind and name, with what it says. What a server words
-- for itself is worded the same for a schema that was made just now.
SELECT 'TRIGGER' AS kind, CAST(tgname AS TEXT) AS name,
    pg_get_triggerdef(pg_trigger.oid) || CASE tgenabled WHEN 'O' THEN '' ELSE ' off' END AS body
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = CAST(current_schema() AS regnamespace) AND NOT tgisinternal
UNION ALL
SELECT 'FUNCTION', CAST(proname AS TEXT), pg_get_functiondef(oid) FROM pg_proc
WHERE pronamespace = CAST(current_schema() AS regnamespace)
UNION ALL
SELECT 'CONSTRAINT', CAST(conname AS TEXT),
    CAST(CAST(conrelid AS regclass) AS TEXT) || ': ' || pg_get_constraintdef(oid)
    || CASE WHEN convalidated THEN '' ELSE ' off' END
FROM pg_constraint WHERE connamespace = CAST(current_schema() AS regnamespace) AND contype <> 'n'
UNION ALL
SELECT 'INDEX', CAST(relname AS TEXT),
    pg_get_indexdef(indexrelid) || CASE WHEN indisvalid AND indisready THEN '' ELSE ' off' END
FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid
WHERE relnamespace = CAST(current_schema() AS regnamespace)
UNION ALL
SELECT 'RULE', CAST(rulename AS TEXT), pg_get_ruledef(pg_rewrite.oid)
FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class
WHERE relnamespace = CAST(current_schema() AS regnamespace) AND rulename <> '_RETURN'
UNION ALL
SELECT 'VIEW', CAST(relname AS TEXT), pg_get_viewdef(oid) FROM pg_class
WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'v'
UNION ALL
SELECT 'TABLE', CAST(relname AS TEXT), CAST(relpersistence AS TEXT)
    || CASE WHEN relrowsecurity THEN ' with policies' ELSE '' END || ': ' || string_agg(
        CAST(attname AS TEXT) || ' ' || format_type(atttypid, atttypmod)
        || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
        || COALESCE(' COLLATE ' || CAST(collname AS TEXT), '')
        || COALESCE(' = ' || pg_get_expr(adbin, adrelid), ''), ', ' ORDER BY attnum)
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
LEFT JOIN pg_collation ON pg_collation.oid = attcollation
WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r'
GROUP BY pg_class.oid, relname, relpersistence, relrowsecurity
