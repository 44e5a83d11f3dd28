-- Tables, indices, views and triggers; not what SQLite keeps for itself.
SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'
