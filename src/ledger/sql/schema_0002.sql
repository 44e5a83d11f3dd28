-- The ledger, version 2: plans, and who approved them; rows that come back with a wish; what a backup
-- forgot holds others, also if it was held itself or came in by a clock that was ahead.

-- What the row named as its order when it came back, where it shows none.
ALTER TABLE batch_row ADD COLUMN came_back_as TEXT
    CONSTRAINT batch_row_came_back CHECK (came_back_as IS NULL OR kind <> 'ORDER');
-- The order that the row asks to be issued again, once.
ALTER TABLE batch_row ADD COLUMN reissues TEXT
    CONSTRAINT batch_row_reissues CHECK (reissues IS NULL OR kind = 'ORDER');
CREATE INDEX batch_row_reissues ON batch_row (batch_id) WHERE reissues IS NOT NULL;

DROP INDEX orders_holding;
CREATE INDEX orders_holding ON orders (hold_key)
    WHERE (state = 'PENDING' OR state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED'
        OR state = 'SUCCESS' OR state = 'EXPIRED')
        -- Refused, or held, and perhaps accepted since without an entry in this journal.
        OR (maybe_accepted > 0 AND state = 'REJECTED') OR state = 'HELD';

-- When an order's deduction had come into the ledger at the latest: the first order's age tells, since
-- its reissues are as old. A clock that was ahead then is found out by any later batch of a right one.
CREATE VIEW came_in AS
SELECT own.order_id, MIN(first.created_at_ms, (
    SELECT MIN(accepted_at_ms) FROM batch WHERE batch.batch_id >= first.batch_id)) AS by_ms
FROM orders AS own
JOIN orders AS first ON first.deduction_id = own.deduction_id AND first.generation = 1;

-- 29 days, the time in which a number is submitted.
DROP TRIGGER attempt_of_what_may_have_been_sent_is_no_first_one;
CREATE TRIGGER attempt_of_what_may_have_been_sent_is_no_first_one
BEFORE INSERT ON attempt
WHEN NEW.state_before = 'PENDING' AND EXISTS (
    SELECT 1 FROM decision
    WHERE kind = 'RESTORED' AND order_id IS NULL AND since_ms + 2505600000 > (
        SELECT MIN(by_ms, NEW.claimed_at_ms) FROM came_in WHERE came_in.order_id = NEW.order_id))
BEGIN
    SELECT RAISE(ABORT, 'L4: it may have been sent before the ledger came back from its backup');
END;

-- What a file would do, worked out by taking it in and undoing that.
CREATE TABLE plan (
    plan_id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL CONSTRAINT plan_digest_length CHECK (length(digest) = 32),
    file TEXT NOT NULL,
    path TEXT,
    row_count INTEGER NOT NULL CONSTRAINT plan_has_rows CHECK (row_count > 0),
    orders INTEGER NOT NULL CONSTRAINT plan_orders CHECK (orders >= 0),
    held INTEGER NOT NULL CONSTRAINT plan_held CHECK (held >= 0),
    repeats INTEGER NOT NULL CONSTRAINT plan_repeats CHECK (repeats >= 0),
    conflicts INTEGER NOT NULL CONSTRAINT plan_conflicts CHECK (conflicts >= 0),
    invalid INTEGER NOT NULL CONSTRAINT plan_invalid CHECK (invalid >= 0),
    -- New orders that would be sent, by type, and those that are held; in fen.
    penalty_orders INTEGER NOT NULL,
    penalty_fen INTEGER NOT NULL CONSTRAINT plan_penalty_fen CHECK (penalty_fen >= 0),
    judicial_orders INTEGER NOT NULL,
    judicial_fen INTEGER NOT NULL CONSTRAINT plan_judicial_fen CHECK (judicial_fen >= 0),
    held_fen INTEGER NOT NULL CONSTRAINT plan_held_fen CHECK (held_fen >= 0),
    -- SHA-256 over the new orders: row, number, content and state of each.
    orders_digest BLOB NOT NULL
        CONSTRAINT plan_orders_digest_length CHECK (length(orders_digest) = 32),
    made_by TEXT NOT NULL CONSTRAINT plan_names_somebody CHECK (length(made_by) > 0),
    made_at_ms INTEGER NOT NULL,
    CONSTRAINT plan_adds_up CHECK (penalty_orders + judicial_orders + held = orders)
) STRICT;

CREATE INDEX plan_digest ON plan (digest, plan_id);

-- The batch that a plan became, written in the commit that accepts the batch.
CREATE TABLE plan_run (
    plan_id INTEGER PRIMARY KEY REFERENCES plan (plan_id),
    batch_id INTEGER NOT NULL CONSTRAINT plan_run_once UNIQUE REFERENCES batch (batch_id)
) STRICT;

-- Who approved a plan: an entry of the journal, a DECISION about the ledger as a whole.
CREATE TABLE approval (
    plan_id INTEGER PRIMARY KEY REFERENCES plan (plan_id),
    made_by TEXT NOT NULL,
    approved_by TEXT NOT NULL
        CONSTRAINT approval_names_somebody CHECK (length(trim(approved_by)) > 0),
    at_ms INTEGER NOT NULL,
    words TEXT NOT NULL,
    entry_no INTEGER NOT NULL,
    link BLOB NOT NULL CONSTRAINT approval_link_length CHECK (length(link) = 32),
    CONSTRAINT approval_of_two_people CHECK (lower(trim(made_by)) <> lower(trim(approved_by)))
) STRICT;

-- A plan in the words that its approval puts into the journal.
CREATE VIEW plan_words AS
SELECT plan_id, 'plan ' || plan_id || ' of ' || file || ': SHA-256 ' || lower(hex(digest)) || ', '
    || row_count || ' rows, FINANCIAL_PENALTY ' || penalty_orders || ' orders ' || penalty_fen
    || ' fen, JUDICIAL_DEDUCTION ' || judicial_orders || ' orders ' || judicial_fen || ' fen, '
    || held || ' held ' || held_fen || ' fen, ' || repeats || ' repeats, ' || conflicts
    || ' in conflict, ' || invalid || ' invalid, orders ' || lower(hex(orders_digest))
    || ', made at ' || made_at_ms AS words
FROM plan;

-- A plan with its approval and its batch.
CREATE VIEW file_plan AS
SELECT p.plan_id, p.digest, p.file, p.path, p.row_count, p.orders, p.held, p.repeats, p.conflicts,
    p.invalid, p.penalty_orders, p.penalty_fen, p.judicial_orders, p.judicial_fen, p.held_fen,
    p.orders_digest, p.made_by, p.made_at_ms, a.approved_by, a.at_ms AS approved_at_ms, r.batch_id
FROM plan AS p
LEFT JOIN approval AS a ON a.plan_id = p.plan_id
LEFT JOIN plan_run AS r ON r.plan_id = p.plan_id;

CREATE TRIGGER approval_of_its_plan
BEFORE INSERT ON approval
WHEN NOT EXISTS (
        SELECT 1 FROM plan JOIN plan_words USING (plan_id)
        WHERE plan.plan_id = NEW.plan_id AND plan.made_by = NEW.made_by
            AND plan_words.words = NEW.words)
    OR EXISTS (SELECT 1 FROM plan_run WHERE plan_id = NEW.plan_id)
BEGIN
    SELECT RAISE(ABORT, 'an approval names its plan and who made it, before the plan is run');
END;

CREATE TRIGGER plan_run_is_of_its_file
BEFORE INSERT ON plan_run
WHEN (SELECT digest FROM plan WHERE plan_id = NEW.plan_id)
    IS NOT (SELECT digest FROM batch WHERE batch_id = NEW.batch_id)
BEGIN
    SELECT RAISE(ABORT, 'a plan is run with the bytes that were planned');
END;

CREATE TRIGGER plan_stays BEFORE DELETE ON plan
BEGIN
    SELECT RAISE(ABORT, 'a plan is never forgotten');
END;

CREATE TRIGGER plan_never_changes BEFORE UPDATE ON plan
BEGIN
    SELECT RAISE(ABORT, 'a plan never changes');
END;

CREATE TRIGGER plan_run_stays BEFORE DELETE ON plan_run
BEGIN
    SELECT RAISE(ABORT, 'a plan is run once');
END;

CREATE TRIGGER plan_run_never_changes BEFORE UPDATE ON plan_run
BEGIN
    SELECT RAISE(ABORT, 'a plan is run once');
END;

CREATE TRIGGER approval_stays BEFORE DELETE ON approval
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER approval_never_changes BEFORE UPDATE ON approval
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;
