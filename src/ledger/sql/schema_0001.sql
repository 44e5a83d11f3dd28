-- The ledger, version 1. Times are milliseconds since 1970, amounts are fen. docs/LEDGER.md tells
-- what each table is for; the CHECKs and triggers repeat the laws, so that the database is their
-- last reader. Lists that are checked with every insert are chains of OR: for a longer IN, SQLite
-- builds a table each time.

CREATE TABLE meta (
    only_row INTEGER PRIMARY KEY CONSTRAINT meta_only_row CHECK (only_row = 1),
    caller TEXT NOT NULL,
    environment TEXT NOT NULL
        CONSTRAINT meta_environment CHECK (environment IN ('REAL', 'SANDBOX')),
    created_at_ms INTEGER NOT NULL,
    latest_signed_at_ms INTEGER,
    -- Entries of the journal, in all lanes: the number of the newest.
    journal_entries INTEGER NOT NULL DEFAULT 0
        CONSTRAINT meta_journal_entries CHECK (journal_entries >= 0),
    -- The decision that stops all sending.
    frozen_by INTEGER REFERENCES decision (decision_id)
) STRICT;

CREATE TABLE run (
    run_id INTEGER PRIMARY KEY,
    started_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE batch (
    batch_id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL CONSTRAINT batch_is_its_bytes UNIQUE
        CONSTRAINT batch_digest_length CHECK (length(digest) = 32),
    file TEXT NOT NULL,
    header TEXT NOT NULL,
    delimiter INTEGER NOT NULL CONSTRAINT batch_delimiter CHECK (delimiter IN (9, 44, 59)),
    row_count INTEGER NOT NULL CONSTRAINT batch_has_rows CHECK (row_count > 0),
    accepted_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE deduction (
    deduction_id INTEGER PRIMARY KEY,
    superseded_by INTEGER REFERENCES deduction (deduction_id)
        CONSTRAINT deduction_supersedes_another CHECK (superseded_by <> deduction_id)
) STRICT;

CREATE INDEX deduction_superseding ON deduction (superseded_by) WHERE superseded_by IS NOT NULL;

CREATE TABLE batch_row (
    batch_id INTEGER NOT NULL REFERENCES batch (batch_id),
    ordinal INTEGER NOT NULL CONSTRAINT batch_row_ordinal CHECK (ordinal > 0),
    line INTEGER NOT NULL,
    cells TEXT NOT NULL,
    amount_fen INTEGER CONSTRAINT batch_row_amount CHECK (amount_fen BETWEEN 1 AND 10000000000000),
    kind TEXT NOT NULL
        CONSTRAINT batch_row_kind CHECK (kind = 'ORDER' OR kind = 'INVALID' OR kind = 'CONFLICT'),
    deduction_id INTEGER REFERENCES deduction (deduction_id),
    -- Where the row's deduction came first, if not in this row.
    repeat_of_batch INTEGER REFERENCES batch (batch_id),
    repeat_of_line INTEGER,
    note TEXT,
    CONSTRAINT batch_row_key PRIMARY KEY (batch_id, ordinal),
    CONSTRAINT batch_row_has_order CHECK ((kind = 'ORDER') = (deduction_id IS NOT NULL)),
    CONSTRAINT batch_row_repeat CHECK (
        (repeat_of_batch IS NULL) = (repeat_of_line IS NULL)
        AND (repeat_of_batch IS NULL OR kind = 'ORDER'))
) STRICT, WITHOUT ROWID;

CREATE INDEX batch_row_deduction ON batch_row (deduction_id) WHERE deduction_id IS NOT NULL;

CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY,
    out_request_no TEXT NOT NULL CONSTRAINT orders_number UNIQUE
        CONSTRAINT orders_number_length CHECK (length(out_request_no) BETWEEN 1 AND 32),
    deduction_id INTEGER NOT NULL REFERENCES deduction (deduction_id),
    generation INTEGER NOT NULL CONSTRAINT orders_generation CHECK (generation > 0),
    -- The row that asked for it first.
    batch_id INTEGER NOT NULL REFERENCES batch (batch_id),
    ordinal INTEGER NOT NULL,
    merchant TEXT NOT NULL,
    account TEXT NOT NULL,
    reduction_type TEXT NOT NULL CONSTRAINT orders_reduction_type
        CHECK (reduction_type IN ('FINANCIAL_PENALTY', 'JUDICIAL_DEDUCTION')),
    amount_fen INTEGER NOT NULL
        CONSTRAINT orders_amount CHECK (amount_fen BETWEEN 1 AND 10000000000000),
    reason TEXT,
    card_no TEXT,
    sgn_no TEXT,
    req_scene TEXT,
    content_digest BLOB NOT NULL
        CONSTRAINT orders_digest_length CHECK (length(content_digest) = 32),
    hold_key BLOB NOT NULL CONSTRAINT orders_hold_key_length CHECK (length(hold_key) = 16),
    state TEXT NOT NULL CONSTRAINT orders_state CHECK (
        state = 'PENDING' OR state = 'HELD' OR state = 'CONFLICT' OR state = 'CANCELLED'
        OR state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED' OR state = 'REJECTED'
        OR state = 'EXPIRED' OR state = 'SUCCESS' OR state = 'FAILED' OR state = 'CLOSED_PROVEN'),
    weak TEXT NOT NULL DEFAULT ''
        CONSTRAINT orders_weak CHECK (weak = '' OR weak = 'SAID' OR weak = 'REFUSED'),
    attempts INTEGER NOT NULL DEFAULT 0 CONSTRAINT orders_attempts CHECK (attempts >= 0),
    maybe_accepted INTEGER NOT NULL DEFAULT 0
        CONSTRAINT orders_maybe_accepted CHECK (maybe_accepted BETWEEN 0 AND attempts + (past <> '')),
    proof_runs INTEGER NOT NULL DEFAULT 0 CONSTRAINT orders_proof_runs CHECK (proof_runs >= 0),
    alerts INTEGER NOT NULL DEFAULT 0 CONSTRAINT orders_alerts CHECK (alerts >= 0),
    first_sent_at_ms INTEGER,
    -- When it became final, expired or was withdrawn.
    settled_at_ms INTEGER,
    created_at_ms INTEGER NOT NULL,
    held_by INTEGER REFERENCES orders (order_id),
    -- The row that asked for its number with another content.
    frozen_by_batch INTEGER REFERENCES batch (batch_id),
    frozen_by_ordinal INTEGER,
    -- The attempt whose reply is shown.
    shown_attempt INTEGER REFERENCES attempt (attempt_id),
    -- What people found out elsewhere: a word beside the state, which only the gateway moves.
    resolved_as TEXT
        CONSTRAINT orders_resolved_as CHECK (resolved_as = 'SUCCESS' OR resolved_as = 'FAILED'),
    -- How it is known that it may have been sent once without an entry in this journal: another tool
    -- sent it, or this ledger came back from a backup.
    past TEXT NOT NULL DEFAULT ''
        CONSTRAINT orders_past CHECK (past = '' OR past = 'IMPORTED' OR past = 'RESTORED'),
    CONSTRAINT orders_chain UNIQUE (deduction_id, generation),
    CONSTRAINT orders_unsent_never_sent CHECK (
        (first_sent_at_ms IS NULL AND maybe_accepted = 0)
        OR (state <> 'PENDING' AND state <> 'HELD' AND state <> 'CONFLICT'
            AND state <> 'CANCELLED')),
    CONSTRAINT orders_past_counts_as_sent CHECK (past = '' OR first_sent_at_ms IS NOT NULL),
    CONSTRAINT orders_sent_has_first_send CHECK (
        first_sent_at_ms IS NOT NULL
        OR (state = 'PENDING' OR state = 'HELD' OR state = 'CONFLICT' OR state = 'CANCELLED'))
) STRICT;

-- Law L5: at most one order of a deduction is alive. One that people found dead stays out of the
-- index whatever the gateway says of it later, so that its reply can be recorded beside its reissue.
CREATE UNIQUE INDEX orders_one_alive ON orders (deduction_id)
    WHERE state <> 'FAILED' AND state <> 'CLOSED_PROVEN' AND state <> 'CANCELLED'
        AND resolved_as IS NOT 'FAILED';
CREATE INDEX orders_holding ON orders (hold_key)
    WHERE (state = 'PENDING' OR state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED'
        OR state = 'SUCCESS' OR state = 'EXPIRED')
        -- Refused, or held, and perhaps accepted since without an entry in this journal.
        OR (maybe_accepted > 0 AND state = 'REJECTED') OR state = 'HELD';
CREATE INDEX orders_pending ON orders (batch_id, merchant, order_id, generation)
    WHERE state = 'PENDING';
-- A reconciliation asks for them again.
CREATE INDEX orders_sent ON orders (merchant, order_id) WHERE first_sent_at_ms IS NOT NULL;
-- A rerun may submit them again.
CREATE INDEX orders_rejected ON orders (merchant, order_id) WHERE state = 'REJECTED';
CREATE INDEX orders_open ON orders (merchant, order_id)
    WHERE (state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED');

-- The journal: intents, replies and people's decisions are its entries, numbered from 1 without
-- gaps, chained by lane (docs/LEDGER.md). The number of an intent is its attempt_id.
CREATE TABLE attempt (
    attempt_id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL REFERENCES orders (order_id),
    run_id INTEGER NOT NULL REFERENCES run (run_id),
    asked TEXT NOT NULL CONSTRAINT attempt_asked CHECK (asked IN ('SUBMISSION', 'QUERY')),
    claimed_at_ms INTEGER NOT NULL,
    state_before TEXT NOT NULL,
    link BLOB NOT NULL CONSTRAINT attempt_link_length CHECK (length(link) = 32)
) STRICT;

CREATE INDEX attempt_order ON attempt (order_id);
CREATE INDEX attempt_claimed_at ON attempt (claimed_at_ms);

CREATE TABLE reply (
    attempt_id INTEGER PRIMARY KEY REFERENCES attempt (attempt_id),
    at_ms INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL,
    trust TEXT NOT NULL CONSTRAINT reply_trust
        CHECK (trust IN ('VERIFIED', 'STALE', 'UNSIGNED', 'ILL_SIGNED', 'LOST', 'NOT_SENT')),
    maybe_accepted INTEGER NOT NULL
        CONSTRAINT reply_maybe_accepted CHECK (maybe_accepted IN (0, 1)),
    meaning TEXT NOT NULL,
    http_status INTEGER,
    code TEXT,
    message TEXT,
    request_id TEXT,
    signed_at_ms INTEGER,
    state TEXT,
    fail_reason TEXT,
    quota_change_no TEXT,
    success_time TEXT,
    fail_time TEXT,
    alert TEXT,
    entry_no INTEGER NOT NULL CONSTRAINT reply_after_its_intent CHECK (entry_no > attempt_id),
    link BLOB NOT NULL CONSTRAINT reply_link_length CHECK (length(link) = 32)
) STRICT;

-- What people decided, and who.
CREATE TABLE decision (
    decision_id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CONSTRAINT decision_kind CHECK (kind IN (
        'RELEASE', 'RESOLVE_SUCCESS', 'RESOLVE_FAILED', 'FREEZE', 'UNFREEZE', 'IMPORT',
        'IMPORT_SUCCESS', 'IMPORT_FAILED', 'RESTORED')),
    order_id INTEGER REFERENCES orders (order_id),
    by_first TEXT NOT NULL CONSTRAINT decision_names_somebody CHECK (length(by_first) > 0),
    by_second TEXT,
    at_ms INTEGER NOT NULL,
    words TEXT NOT NULL DEFAULT '',
    -- The earliest time at which the order, or any that this ledger does not know as sent, may have
    -- been sent without an entry in this journal.
    since_ms INTEGER,
    CONSTRAINT decision_since CHECK ((since_ms IS NOT NULL)
        = (kind IN ('IMPORT', 'IMPORT_SUCCESS', 'IMPORT_FAILED', 'RESTORED')))
) STRICT;

-- The times since which sends may be missing from this journal.
CREATE INDEX decision_restored ON decision (since_ms) WHERE kind = 'RESTORED' AND order_id IS NULL;
CREATE INDEX decision_order ON decision (order_id) WHERE order_id IS NOT NULL;

-- A decision's place in the journal.
CREATE TABLE decision_link (
    decision_id INTEGER PRIMARY KEY REFERENCES decision (decision_id),
    entry_no INTEGER NOT NULL,
    link BLOB NOT NULL CONSTRAINT decision_link_length CHECK (length(link) = 32)
) STRICT;

-- The newest entry of each lane: the merchant, or '' for decisions about the ledger as a whole.
CREATE TABLE lane_head (
    lane TEXT NOT NULL CONSTRAINT lane_head_key PRIMARY KEY,
    entries INTEGER NOT NULL CONSTRAINT lane_head_entries CHECK (entries > 0),
    link BLOB NOT NULL CONSTRAINT lane_head_link_length CHECK (length(link) = 32)
) STRICT, WITHOUT ROWID;

-- An order as the engine needs it.
CREATE VIEW job AS
SELECT order_id, out_request_no, merchant, account, reduction_type, amount_fen, reason, card_no,
    sgn_no, req_scene, content_digest, state, weak, maybe_accepted, first_sent_at_ms, proof_runs,
    batch_id, deduction_id, resolved_as, generation, ordinal, shown_attempt, attempts, past
FROM orders;

-- When an order's deduction had come into the ledger at the latest: the first order's age tells, since
-- its reissues are as old. A clock that was ahead then is found out by any later batch of a right one.
CREATE VIEW came_in AS
SELECT own.order_id, MIN(first.created_at_ms, (
    SELECT MIN(accepted_at_ms) FROM batch WHERE batch.batch_id >= first.batch_id)) AS by_ms
FROM orders AS own
JOIN orders AS first ON first.deduction_id = own.deduction_id AND first.generation = 1;

CREATE TRIGGER orders_begin_unsent_or_imported
BEFORE INSERT ON orders
WHEN NOT (NEW.resolved_as IS NULL AND (((NEW.state = 'PENDING' OR NEW.state = 'HELD') AND NEW.past = '')
    OR (NEW.state = 'UNKNOWN' AND NEW.past = 'IMPORTED' AND NEW.generation = 1
        AND NEW.maybe_accepted = 1)))
BEGIN
    SELECT RAISE(ABORT, 'L3: an order begins unsent, or imported and unknown');
END;

CREATE TRIGGER orders_past_is_told_by_a_person
BEFORE UPDATE OF past ON orders
WHEN NEW.past <> OLD.past AND (OLD.past <> '' OR NOT EXISTS (
    SELECT 1 FROM decision
    WHERE decision_id = (SELECT MAX(decision_id) FROM decision) AND order_id = NEW.order_id
        AND ((NEW.past = 'RESTORED' AND kind = 'RESTORED')
            OR (NEW.past = 'IMPORTED' AND kind IN ('IMPORT', 'IMPORT_SUCCESS', 'IMPORT_FAILED')))))
BEGIN
    SELECT RAISE(ABORT, 'only a decision tells of sends that the journal does not know');
END;

CREATE TRIGGER orders_number_stands_for_one_content
BEFORE UPDATE OF order_id, out_request_no, deduction_id, generation, batch_id, ordinal, merchant,
    account, reduction_type, amount_fen, reason, card_no, sgn_no, req_scene, content_digest,
    hold_key, created_at_ms ON orders
BEGIN
    SELECT RAISE(ABORT, 'L2: an order''s number and content never change');
END;

CREATE TRIGGER orders_final_never_changes
BEFORE UPDATE OF state ON orders
WHEN OLD.state IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN') AND NEW.state <> OLD.state
BEGIN
    SELECT RAISE(ABORT, 'L3: a final state never changes');
END;

CREATE TRIGGER orders_settled_by_a_verified_reply
BEFORE UPDATE OF state ON orders
WHEN NEW.state IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN') AND NEW.state <> OLD.state
    AND NOT EXISTS (
        SELECT 1 FROM reply JOIN attempt USING (attempt_id)
        WHERE reply.attempt_id = NEW.shown_attempt AND attempt.order_id = NEW.order_id
            AND reply.trust = 'VERIFIED')
BEGIN
    SELECT RAISE(ABORT, 'L3: only a verified reply settles an order');
END;

CREATE TRIGGER orders_new_number_needs_proof
BEFORE INSERT ON orders
WHEN NEW.generation > 1 AND NOT EXISTS (
    SELECT 1 FROM orders
    WHERE deduction_id = NEW.deduction_id AND generation = NEW.generation - 1
        AND content_digest = NEW.content_digest
        -- Nothing is proven by one answer that another has contradicted.
        AND NOT EXISTS (
            SELECT 1 FROM attempt JOIN reply ON reply.attempt_id = attempt.attempt_id
            WHERE attempt.order_id = orders.order_id AND reply.trust = 'VERIFIED'
                AND reply.meaning = 'SUCCESS')
        AND (state IN ('FAILED', 'CLOSED_PROVEN')
            -- Two people found it dead, and it can't be submitted again: 31 days since its first send,
            -- and since its first intent, which no reply of long ago makes older.
            OR (state NOT IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN') AND resolved_as = 'FAILED'
                AND NEW.created_at_ms >= first_sent_at_ms + 2678400000
                AND NEW.created_at_ms >= 2678400000 + COALESCE((
                    SELECT MIN(claimed_at_ms) FROM attempt
                    WHERE attempt.order_id = orders.order_id AND asked = 'SUBMISSION'), 0))))
BEGIN
    SELECT RAISE(ABORT, 'L5: a new number needs the proof that the one before is dead');
END;

CREATE TRIGGER orders_released_by_a_person
BEFORE UPDATE OF state ON orders
WHEN OLD.state = 'HELD' AND NEW.state = 'PENDING' AND NOT EXISTS (
    SELECT 1 FROM decision WHERE decision.order_id = NEW.order_id AND kind = 'RELEASE')
BEGIN
    SELECT RAISE(ABORT, 'a held order is released by a person, whose name is written down');
END;

CREATE TRIGGER orders_stay BEFORE DELETE ON orders
BEGIN
    SELECT RAISE(ABORT, 'L2: an order is never forgotten');
END;

CREATE TRIGGER batch_row_stays BEFORE DELETE ON batch_row
BEGIN
    SELECT RAISE(ABORT, 'L7: a row is never forgotten');
END;

CREATE TRIGGER batch_row_never_changes BEFORE UPDATE ON batch_row
BEGIN
    SELECT RAISE(ABORT, 'L7: a row never changes');
END;

CREATE TRIGGER attempt_stays BEFORE DELETE ON attempt
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER attempt_never_changes BEFORE UPDATE ON attempt
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER reply_stays BEFORE DELETE ON reply
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER reply_never_changes BEFORE UPDATE ON reply
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER decision_stays BEFORE DELETE ON decision
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER decision_never_changes BEFORE UPDATE ON decision
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER decision_link_stays BEFORE DELETE ON decision_link
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER decision_link_never_changes BEFORE UPDATE ON decision_link
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER lane_head_stays BEFORE DELETE ON lane_head
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER lane_head_only_grows BEFORE UPDATE ON lane_head
WHEN NEW.lane <> OLD.lane OR NEW.entries <= OLD.entries
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER attempt_not_while_frozen
BEFORE INSERT ON attempt
WHEN (SELECT frozen_by FROM meta) IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'the ledger is frozen: nothing may be sent');
END;

-- 29 days, the time in which a number is submitted.
CREATE TRIGGER attempt_of_what_may_have_been_sent_is_no_first_one
BEFORE INSERT ON attempt
WHEN NEW.state_before = 'PENDING' AND EXISTS (
    SELECT 1 FROM decision
    WHERE kind = 'RESTORED' AND order_id IS NULL AND since_ms + 2505600000 > (
        SELECT MIN(by_ms, NEW.claimed_at_ms) FROM came_in WHERE came_in.order_id = NEW.order_id))
BEGIN
    SELECT RAISE(ABORT, 'L4: it may have been sent before the ledger came back from its backup');
END;

CREATE TRIGGER attempt_no_submission_of_what_people_resolved
BEFORE INSERT ON attempt
WHEN NEW.asked = 'SUBMISSION'
    AND (SELECT resolved_as FROM orders WHERE orders.order_id = NEW.order_id) IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'what people have resolved is not submitted again');
END;

-- Only two people, and only of what was sent and no verified reply has settled.
CREATE TRIGGER decision_resolves
BEFORE INSERT ON decision
WHEN NEW.kind IN ('RESOLVE_SUCCESS', 'RESOLVE_FAILED') AND NOT (
    trim(NEW.by_first) <> '' AND trim(COALESCE(NEW.by_second, '')) <> ''
    AND lower(trim(NEW.by_first)) <> lower(trim(NEW.by_second)) AND trim(NEW.words) <> ''
    AND EXISTS (
        SELECT 1 FROM orders WHERE orders.order_id = NEW.order_id
            AND state NOT IN ('PENDING', 'HELD', 'CONFLICT', 'CANCELLED')
            AND state NOT IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN')))
BEGIN
    SELECT RAISE(ABORT, 'two people resolve, with evidence, what was sent and is not settled');
END;

CREATE TRIGGER orders_resolved_by_a_decision
BEFORE UPDATE OF resolved_as ON orders
WHEN NOT EXISTS (
    SELECT 1 FROM decision
    WHERE decision_id = (SELECT MAX(decision_id) FROM decision) AND order_id = NEW.order_id
        AND kind IN ('RESOLVE_' || NEW.resolved_as, 'IMPORT_' || NEW.resolved_as))
BEGIN
    SELECT RAISE(ABORT, 'only a decision of two people, or an import, resolves an order');
END;

CREATE TRIGGER meta_frozen_by_a_decision
BEFORE UPDATE OF frozen_by ON meta
WHEN NOT EXISTS (
    SELECT 1 FROM decision
    WHERE decision_id = (SELECT MAX(decision_id) FROM decision)
        AND ((kind = 'FREEZE' AND decision_id IS NEW.frozen_by)
            OR (kind = 'UNFREEZE' AND NEW.frozen_by IS NULL)))
BEGIN
    SELECT RAISE(ABORT, 'only a decision freezes a ledger or lets it send again');
END;
