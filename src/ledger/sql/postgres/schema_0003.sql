-- The ledger on PostgreSQL, version 3: who works on it says how many lanes it could drive. Some tables of
-- version 2 have that column, others do not; what is in them is of this moment alone.
DROP TABLE worker;

-- Who works on the ledger: a random number of each process, its host and number in words, how many lanes it
-- could drive, and until when it counts as living, by this database's clock.
CREATE TABLE worker (
    owner BIGINT PRIMARY KEY,
    who TEXT COLLATE "C" NOT NULL CONSTRAINT worker_says_who CHECK (length(who) > 0),
    lanes BIGINT NOT NULL CONSTRAINT worker_lanes CHECK (lanes >= 0),
    alive_until_ms BIGINT NOT NULL
);

UPDATE schema_version SET version = 3;
