-- One's own rows, and what somebody left behind who died: of two days ago, by this database's clock.
DELETE FROM stager WHERE stager = :stager
    OR at_ms < CAST(extract(epoch FROM now()) * 1000 AS BIGINT) - 172800000;
DELETE FROM staged WHERE stager NOT IN (SELECT stager FROM stager);
DELETE FROM blank WHERE stager NOT IN (SELECT stager FROM stager);
DELETE FROM clash WHERE stager NOT IN (SELECT stager FROM stager);
DELETE FROM listed WHERE stager NOT IN (SELECT stager FROM stager);
DELETE FROM named WHERE stager NOT IN (SELECT stager FROM stager);
DELETE FROM told WHERE stager NOT IN (SELECT stager FROM stager);
INSERT INTO stager (stager, at_ms) VALUES (:stager, CAST(extract(epoch FROM now()) * 1000 AS BIGINT));
-- Nobody asks any more what became of such a transaction.
DELETE FROM commit_token WHERE at_ms < CAST(extract(epoch FROM now()) * 1000 AS BIGINT) - 2592000000;
