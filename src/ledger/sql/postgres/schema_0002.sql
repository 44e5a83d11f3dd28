-- The ledger on PostgreSQL, version 2: what SQLite's versions 5 and 6 added, and the lanes that several
-- hosts share, which only this engine has.

-- Of all orders: one of some states only would hold nearly all of them.
DROP INDEX orders_holding;
CREATE INDEX orders_holding ON orders (hold_key);

-- The end of an account tells it from nearly all others, in fewer bytes.
DROP INDEX orders_of_account;
CREATE INDEX orders_of_account ON orders (right(account, 8), amount_fen);

-- Batches that were handed over to whoever works on the ledger. Their orders that were never sent, up to
-- one, are anybody's to send, with what is open.
CREATE TABLE handed (
    batch_id BIGINT PRIMARY KEY REFERENCES batch (batch_id),
    until_order_id BIGINT NOT NULL CONSTRAINT handed_until CHECK (until_order_id >= 0),
    at_ms BIGINT NOT NULL
);

-- Who works on the ledger: a random number of each process, its host and number in words, and until when
-- it counts as living, by this database's clock.
CREATE TABLE worker (
    owner BIGINT PRIMARY KEY,
    who TEXT COLLATE "C" NOT NULL CONSTRAINT worker_says_who CHECK (length(who) > 0),
    alive_until_ms BIGINT NOT NULL
);

-- Whose a lane is, or was last, and until when, by this database's clock. Taken only by who holds the
-- writers' lock; made to last longer, and let go, by its holder without it. Each taking is a new epoch.
CREATE TABLE lane (
    lane TEXT COLLATE "C" NOT NULL CONSTRAINT lane_key PRIMARY KEY,
    epoch BIGINT NOT NULL CONSTRAINT lane_epoch CHECK (epoch > 0),
    owner BIGINT NOT NULL,
    who TEXT COLLATE "C" NOT NULL CONSTRAINT lane_says_who CHECK (length(who) > 0),
    taken_at_ms BIGINT NOT NULL,
    lease_until_ms BIGINT NOT NULL
);

CREATE INDEX lane_live ON lane (lease_until_ms);

CREATE TRIGGER lane_epoch_only_grows BEFORE UPDATE ON lane FOR EACH ROW
WHEN (NEW.lane <> OLD.lane OR NEW.epoch < OLD.epoch
    OR (NEW.epoch = OLD.epoch AND (NEW.owner <> OLD.owner OR NEW.taken_at_ms <> OLD.taken_at_ms)))
EXECUTE FUNCTION refuse('L6: each holding of a lane has an epoch of its own, later than all before');
CREATE TRIGGER lane_stays BEFORE DELETE ON lane FOR EACH ROW
EXECUTE FUNCTION refuse('L6: a lane''s epochs are never forgotten');
CREATE TRIGGER lane_truncate BEFORE TRUNCATE ON lane
EXECUTE FUNCTION refuse('L6: a lane''s epochs are never forgotten');

UPDATE schema_version SET version = 2;
