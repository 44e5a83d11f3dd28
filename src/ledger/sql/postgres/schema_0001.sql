-- The ledger on PostgreSQL, version 1: what the SQLite schema is as of its version 4, by the same names
-- and with the same constraints. Texts are compared byte by byte, as there. A trigger's function is named
-- like its trigger; `refuse` is that of all that have nothing to look up.

CREATE TABLE schema_version (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    version BIGINT NOT NULL
);

CREATE TABLE meta (
    only_row BIGINT PRIMARY KEY CONSTRAINT meta_only_row CHECK (only_row = 1),
    caller TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL
        CONSTRAINT meta_environment CHECK (environment IN ('REAL', 'SANDBOX')),
    created_at_ms BIGINT NOT NULL,
    latest_signed_at_ms BIGINT,
    -- Entries of the journal, in all lanes: the number of the newest.
    journal_entries BIGINT NOT NULL DEFAULT 0
        CONSTRAINT meta_journal_entries CHECK (journal_entries >= 0),
    -- The decision that stops all sending.
    frozen_by BIGINT
);

-- The newest transaction of each writer: after a connection that was lost with a COMMIT, it says whether
-- that counts.
CREATE TABLE commit_token (
    writer BIGINT PRIMARY KEY,
    token BIGINT NOT NULL,
    at_ms BIGINT NOT NULL
);

-- Numbers rise without gaps, also past what was tried and undone: who writes is alone (the lock of `meta`),
-- and a sequence would count what was undone.
CREATE FUNCTION next_run_id() RETURNS BIGINT LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT COALESCE(MAX(run_id), 0) + 1 FROM levy.run);
END $$;
CREATE FUNCTION next_batch_id() RETURNS BIGINT LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT COALESCE(MAX(batch_id), 0) + 1 FROM levy.batch);
END $$;
CREATE FUNCTION next_deduction_id() RETURNS BIGINT LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT COALESCE(MAX(deduction_id), 0) + 1 FROM levy.deduction);
END $$;
CREATE FUNCTION next_order_id() RETURNS BIGINT LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT COALESCE(MAX(order_id), 0) + 1 FROM levy.orders);
END $$;
CREATE FUNCTION next_decision_id() RETURNS BIGINT LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT COALESCE(MAX(decision_id), 0) + 1 FROM levy.decision);
END $$;
CREATE FUNCTION next_plan_id() RETURNS BIGINT LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT COALESCE(MAX(plan_id), 0) + 1 FROM levy.plan);
END $$;

CREATE TABLE run (
    run_id BIGINT PRIMARY KEY DEFAULT next_run_id(),
    started_at_ms BIGINT NOT NULL
);

CREATE TABLE batch (
    batch_id BIGINT PRIMARY KEY DEFAULT next_batch_id(),
    digest BYTEA NOT NULL CONSTRAINT batch_is_its_bytes UNIQUE
        CONSTRAINT batch_digest_length CHECK (length(digest) = 32),
    file TEXT COLLATE "C" NOT NULL,
    header TEXT COLLATE "C" NOT NULL,
    delimiter BIGINT NOT NULL CONSTRAINT batch_delimiter CHECK (delimiter IN (9, 44, 59)),
    row_count BIGINT NOT NULL CONSTRAINT batch_has_rows CHECK (row_count > 0),
    accepted_at_ms BIGINT NOT NULL
);

CREATE TABLE deduction (
    deduction_id BIGINT PRIMARY KEY DEFAULT next_deduction_id(),
    superseded_by BIGINT REFERENCES deduction (deduction_id)
        CONSTRAINT deduction_supersedes_another CHECK (superseded_by <> deduction_id)
);

CREATE INDEX deduction_superseding ON deduction (superseded_by) WHERE superseded_by IS NOT NULL;

CREATE TABLE batch_row (
    batch_id BIGINT NOT NULL REFERENCES batch (batch_id),
    ordinal BIGINT NOT NULL CONSTRAINT batch_row_ordinal CHECK (ordinal > 0),
    line BIGINT NOT NULL,
    cells TEXT COLLATE "C" NOT NULL,
    amount_fen BIGINT CONSTRAINT batch_row_amount CHECK (amount_fen BETWEEN 1 AND 10000000000000),
    kind TEXT COLLATE "C" NOT NULL
        CONSTRAINT batch_row_kind CHECK (kind = 'ORDER' OR kind = 'INVALID' OR kind = 'CONFLICT'),
    deduction_id BIGINT REFERENCES deduction (deduction_id),
    -- Where the row's deduction came first, if not in this row.
    repeat_of_batch BIGINT REFERENCES batch (batch_id),
    repeat_of_line BIGINT,
    note TEXT COLLATE "C",
    -- What the row named as its order when it came back, where it shows none.
    came_back_as TEXT COLLATE "C"
        CONSTRAINT batch_row_came_back CHECK (came_back_as IS NULL OR kind <> 'ORDER'),
    -- The order that the row asks to be issued again, once.
    reissues TEXT COLLATE "C"
        CONSTRAINT batch_row_reissues CHECK (reissues IS NULL OR kind = 'ORDER'),
    -- The content that a row asked for which was changed and had yes under levy_reissue as well: nobody has
    -- decided yet which of the two is meant.
    undecided BYTEA
        CONSTRAINT batch_row_undecided CHECK (undecided IS NULL OR kind = 'CONFLICT'),
    CONSTRAINT batch_row_key PRIMARY KEY (batch_id, ordinal),
    CONSTRAINT batch_row_has_order CHECK ((kind = 'ORDER') = (deduction_id IS NOT NULL)),
    CONSTRAINT batch_row_repeat CHECK (
        (repeat_of_batch IS NULL) = (repeat_of_line IS NULL)
        AND (repeat_of_batch IS NULL OR kind = 'ORDER'))
);

CREATE INDEX batch_row_deduction ON batch_row (deduction_id) WHERE deduction_id IS NOT NULL;
CREATE INDEX batch_row_reissues ON batch_row (batch_id) WHERE reissues IS NOT NULL;
CREATE INDEX batch_row_undecided ON batch_row (came_back_as, undecided) WHERE undecided IS NOT NULL;

CREATE TABLE orders (
    order_id BIGINT PRIMARY KEY DEFAULT next_order_id(),
    out_request_no TEXT COLLATE "C" NOT NULL CONSTRAINT orders_number UNIQUE
        CONSTRAINT orders_number_length CHECK (length(out_request_no) BETWEEN 1 AND 32),
    deduction_id BIGINT NOT NULL REFERENCES deduction (deduction_id),
    generation BIGINT NOT NULL CONSTRAINT orders_generation CHECK (generation > 0),
    -- The row that asked for it first.
    batch_id BIGINT NOT NULL REFERENCES batch (batch_id),
    ordinal BIGINT NOT NULL,
    merchant TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    reduction_type TEXT COLLATE "C" NOT NULL CONSTRAINT orders_reduction_type
        CHECK (reduction_type IN ('FINANCIAL_PENALTY', 'JUDICIAL_DEDUCTION')),
    amount_fen BIGINT NOT NULL
        CONSTRAINT orders_amount CHECK (amount_fen BETWEEN 1 AND 10000000000000),
    reason TEXT COLLATE "C",
    card_no TEXT COLLATE "C",
    sgn_no TEXT COLLATE "C",
    req_scene TEXT COLLATE "C",
    content_digest BYTEA NOT NULL
        CONSTRAINT orders_digest_length CHECK (length(content_digest) = 32),
    hold_key BYTEA NOT NULL CONSTRAINT orders_hold_key_length CHECK (length(hold_key) = 16),
    state TEXT COLLATE "C" NOT NULL CONSTRAINT orders_state CHECK (
        state = 'PENDING' OR state = 'HELD' OR state = 'CONFLICT' OR state = 'CANCELLED'
        OR state = 'UNKNOWN' OR state = 'PROCESSING' OR state = 'CLOSED' OR state = 'REJECTED'
        OR state = 'EXPIRED' OR state = 'SUCCESS' OR state = 'FAILED' OR state = 'CLOSED_PROVEN'),
    weak TEXT COLLATE "C" NOT NULL DEFAULT ''
        CONSTRAINT orders_weak CHECK (weak = '' OR weak = 'SAID' OR weak = 'REFUSED'),
    attempts BIGINT NOT NULL DEFAULT 0 CONSTRAINT orders_attempts CHECK (attempts >= 0),
    maybe_accepted BIGINT NOT NULL DEFAULT 0,
    proof_runs BIGINT NOT NULL DEFAULT 0 CONSTRAINT orders_proof_runs CHECK (proof_runs >= 0),
    alerts BIGINT NOT NULL DEFAULT 0 CONSTRAINT orders_alerts CHECK (alerts >= 0),
    first_sent_at_ms BIGINT,
    -- When it became final, expired or was withdrawn.
    settled_at_ms BIGINT,
    created_at_ms BIGINT NOT NULL,
    held_by BIGINT REFERENCES orders (order_id),
    -- The row that asked for its number with another content.
    frozen_by_batch BIGINT REFERENCES batch (batch_id),
    frozen_by_ordinal BIGINT,
    -- The attempt whose reply is shown.
    shown_attempt BIGINT,
    -- What people found out elsewhere: a word beside the state, which only the gateway moves.
    resolved_as TEXT COLLATE "C"
        CONSTRAINT orders_resolved_as CHECK (resolved_as = 'SUCCESS' OR resolved_as = 'FAILED'),
    -- How it is known that it may have been sent once without an entry in this journal: another tool
    -- sent it, or this ledger came back from a backup.
    past TEXT COLLATE "C" NOT NULL DEFAULT ''
        CONSTRAINT orders_past CHECK (past = '' OR past = 'IMPORTED' OR past = 'RESTORED'),
    CONSTRAINT orders_maybe_accepted CHECK (
        maybe_accepted BETWEEN 0 AND attempts + CASE WHEN past <> '' THEN 1 ELSE 0 END),
    CONSTRAINT orders_chain UNIQUE (deduction_id, generation),
    CONSTRAINT orders_unsent_never_sent CHECK (
        (first_sent_at_ms IS NULL AND maybe_accepted = 0)
        OR (state <> 'PENDING' AND state <> 'HELD' AND state <> 'CONFLICT'
            AND state <> 'CANCELLED')),
    CONSTRAINT orders_past_counts_as_sent CHECK (past = '' OR first_sent_at_ms IS NOT NULL),
    CONSTRAINT orders_sent_has_first_send CHECK (
        first_sent_at_ms IS NOT NULL
        OR (state = 'PENDING' OR state = 'HELD' OR state = 'CONFLICT' OR state = 'CANCELLED'))
);

-- Law L5: at most one order of a deduction is alive. One that people found dead stays out of the
-- index whatever the gateway says of it later, so that its reply can be recorded beside its reissue.
CREATE UNIQUE INDEX orders_one_alive ON orders (deduction_id)
    WHERE state <> 'FAILED' AND state <> 'CLOSED_PROVEN' AND state <> 'CANCELLED'
        AND resolved_as IS DISTINCT FROM 'FAILED';
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
-- Whoever submits a refused order again looks for its debt under another reason.
CREATE INDEX orders_of_account ON orders (account, amount_fen);
-- What a reconciliation asks for before what took its place.
CREATE INDEX orders_called_dead ON orders (merchant, order_id) WHERE resolved_as = 'FAILED';

-- The journal: intents, replies and people's decisions are its entries, numbered from 1 without
-- gaps, chained by lane (docs/LEDGER.md). The number of an intent is its attempt_id.
CREATE TABLE attempt (
    attempt_id BIGINT PRIMARY KEY,
    order_id BIGINT NOT NULL REFERENCES orders (order_id),
    run_id BIGINT NOT NULL REFERENCES run (run_id),
    asked TEXT COLLATE "C" NOT NULL CONSTRAINT attempt_asked CHECK (asked IN ('SUBMISSION', 'QUERY')),
    claimed_at_ms BIGINT NOT NULL,
    state_before TEXT COLLATE "C" NOT NULL,
    link BYTEA NOT NULL CONSTRAINT attempt_link_length CHECK (length(link) = 32)
);

CREATE INDEX attempt_order ON attempt (order_id);
CREATE INDEX attempt_claimed_at ON attempt (claimed_at_ms);

CREATE TABLE reply (
    attempt_id BIGINT PRIMARY KEY REFERENCES attempt (attempt_id),
    at_ms BIGINT NOT NULL,
    latency_ms BIGINT NOT NULL,
    trust TEXT COLLATE "C" NOT NULL CONSTRAINT reply_trust
        CHECK (trust IN ('VERIFIED', 'STALE', 'UNSIGNED', 'ILL_SIGNED', 'LOST', 'NOT_SENT')),
    maybe_accepted BIGINT NOT NULL
        CONSTRAINT reply_maybe_accepted CHECK (maybe_accepted IN (0, 1)),
    meaning TEXT COLLATE "C" NOT NULL,
    http_status BIGINT,
    code TEXT COLLATE "C",
    message TEXT COLLATE "C",
    request_id TEXT COLLATE "C",
    signed_at_ms BIGINT,
    state TEXT COLLATE "C",
    fail_reason TEXT COLLATE "C",
    quota_change_no TEXT COLLATE "C",
    success_time TEXT COLLATE "C",
    fail_time TEXT COLLATE "C",
    alert TEXT COLLATE "C",
    entry_no BIGINT NOT NULL CONSTRAINT reply_after_its_intent CHECK (entry_no > attempt_id),
    link BYTEA NOT NULL CONSTRAINT reply_link_length CHECK (length(link) = 32)
);

-- What people decided, and who.
CREATE TABLE decision (
    decision_id BIGINT PRIMARY KEY DEFAULT next_decision_id(),
    kind TEXT COLLATE "C" NOT NULL CONSTRAINT decision_kind CHECK (kind IN (
        'RELEASE', 'RESOLVE_SUCCESS', 'RESOLVE_FAILED', 'FREEZE', 'UNFREEZE', 'IMPORT',
        'IMPORT_SUCCESS', 'IMPORT_FAILED', 'RESTORED')),
    order_id BIGINT REFERENCES orders (order_id),
    by_first TEXT COLLATE "C" NOT NULL
        CONSTRAINT decision_names_somebody CHECK (length(by_first) > 0),
    by_second TEXT COLLATE "C",
    at_ms BIGINT NOT NULL,
    words TEXT COLLATE "C" NOT NULL DEFAULT '',
    -- The earliest time at which the order, or any that this ledger does not know as sent, may have
    -- been sent without an entry in this journal.
    since_ms BIGINT,
    CONSTRAINT decision_since CHECK ((since_ms IS NOT NULL)
        = (kind IN ('IMPORT', 'IMPORT_SUCCESS', 'IMPORT_FAILED', 'RESTORED')))
);

-- The times since which sends may be missing from this journal.
CREATE INDEX decision_restored ON decision (since_ms) WHERE kind = 'RESTORED' AND order_id IS NULL;
CREATE INDEX decision_order ON decision (order_id) WHERE order_id IS NOT NULL;

-- These three refer to each other.
ALTER TABLE meta ADD FOREIGN KEY (frozen_by) REFERENCES decision (decision_id);
ALTER TABLE orders ADD FOREIGN KEY (shown_attempt) REFERENCES attempt (attempt_id);

-- A decision's place in the journal.
CREATE TABLE decision_link (
    decision_id BIGINT PRIMARY KEY REFERENCES decision (decision_id),
    entry_no BIGINT NOT NULL,
    link BYTEA NOT NULL CONSTRAINT decision_link_length CHECK (length(link) = 32)
);

-- The newest entry of each lane: the merchant, or '' for decisions about the ledger as a whole.
CREATE TABLE lane_head (
    lane TEXT COLLATE "C" NOT NULL CONSTRAINT lane_head_key PRIMARY KEY,
    entries BIGINT NOT NULL CONSTRAINT lane_head_entries CHECK (entries > 0),
    link BYTEA NOT NULL CONSTRAINT lane_head_link_length CHECK (length(link) = 32)
);

-- Failed files as levy wrote them, by the SHA-256 of their bytes: one with other bytes is somebody's work,
-- and is not overwritten.
CREATE TABLE failed_file (
    digest BYTEA PRIMARY KEY CONSTRAINT failed_file_digest_length CHECK (length(digest) = 32)
);

-- What a file would do, worked out by taking it in and undoing that.
CREATE TABLE plan (
    plan_id BIGINT PRIMARY KEY DEFAULT next_plan_id(),
    digest BYTEA NOT NULL CONSTRAINT plan_digest_length CHECK (length(digest) = 32),
    file TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C",
    row_count BIGINT NOT NULL CONSTRAINT plan_has_rows CHECK (row_count > 0),
    orders BIGINT NOT NULL CONSTRAINT plan_orders CHECK (orders >= 0),
    held BIGINT NOT NULL CONSTRAINT plan_held CHECK (held >= 0),
    repeats BIGINT NOT NULL CONSTRAINT plan_repeats CHECK (repeats >= 0),
    conflicts BIGINT NOT NULL CONSTRAINT plan_conflicts CHECK (conflicts >= 0),
    invalid BIGINT NOT NULL CONSTRAINT plan_invalid CHECK (invalid >= 0),
    -- New orders that would be sent, by type, and those that are held; in fen.
    penalty_orders BIGINT NOT NULL,
    penalty_fen BIGINT NOT NULL CONSTRAINT plan_penalty_fen CHECK (penalty_fen >= 0),
    judicial_orders BIGINT NOT NULL,
    judicial_fen BIGINT NOT NULL CONSTRAINT plan_judicial_fen CHECK (judicial_fen >= 0),
    held_fen BIGINT NOT NULL CONSTRAINT plan_held_fen CHECK (held_fen >= 0),
    -- SHA-256 over the new orders: row, number, content and state of each.
    orders_digest BYTEA NOT NULL
        CONSTRAINT plan_orders_digest_length CHECK (length(orders_digest) = 32),
    made_by TEXT COLLATE "C" NOT NULL CONSTRAINT plan_names_somebody CHECK (length(made_by) > 0),
    made_at_ms BIGINT NOT NULL,
    -- How the file of a plan was read and taken in, and what its rows ask for again (levy_reissue).
    hold_days BIGINT CONSTRAINT plan_hold_days CHECK (hold_days >= 0),
    encoding TEXT COLLATE "C",
    accept_digits BIGINT NOT NULL DEFAULT 0
        CONSTRAINT plan_accept_digits CHECK (accept_digits IN (0, 1)),
    reissues BIGINT NOT NULL DEFAULT 0 CONSTRAINT plan_reissues CHECK (reissues >= 0),
    reissue_fen BIGINT NOT NULL DEFAULT 0 CONSTRAINT plan_reissue_fen CHECK (reissue_fen >= 0),
    CONSTRAINT plan_adds_up CHECK (penalty_orders + judicial_orders + held = orders)
);

CREATE INDEX plan_digest ON plan (digest, plan_id);

-- The batch that a plan became, written in the commit that accepts the batch.
CREATE TABLE plan_run (
    plan_id BIGINT PRIMARY KEY REFERENCES plan (plan_id),
    batch_id BIGINT NOT NULL CONSTRAINT plan_run_once UNIQUE REFERENCES batch (batch_id)
);

-- Who approved a plan: an entry of the journal, a DECISION about the ledger as a whole.
CREATE TABLE approval (
    plan_id BIGINT PRIMARY KEY REFERENCES plan (plan_id),
    made_by TEXT COLLATE "C" NOT NULL,
    approved_by TEXT COLLATE "C" NOT NULL
        CONSTRAINT approval_names_somebody CHECK (length(trim(approved_by)) > 0),
    at_ms BIGINT NOT NULL,
    words TEXT COLLATE "C" NOT NULL,
    entry_no BIGINT NOT NULL,
    link BYTEA NOT NULL CONSTRAINT approval_link_length CHECK (length(link) = 32),
    CONSTRAINT approval_of_two_people CHECK (lower(trim(made_by)) <> lower(trim(approved_by)))
);

-- An order as the engine needs it.
CREATE VIEW job AS
SELECT order_id, out_request_no, merchant, account, reduction_type, amount_fen, reason, card_no,
    sgn_no, req_scene, content_digest, state, weak, maybe_accepted, first_sent_at_ms, proof_runs,
    batch_id, deduction_id, resolved_as, generation, ordinal, shown_attempt, attempts, past
FROM orders;

-- When an order's deduction had come into the ledger at the latest: the first order's age tells, since
-- its reissues are as old. A clock that was ahead then is found out by any later batch of a right one.
CREATE VIEW came_in AS
SELECT own.order_id, LEAST(first.created_at_ms, (
    SELECT MIN(accepted_at_ms) FROM batch WHERE batch.batch_id >= first.batch_id)) AS by_ms
FROM orders AS own
JOIN orders AS first ON first.deduction_id = own.deduction_id AND first.generation = 1;

-- A plan in the words that its approval puts into the journal.
CREATE VIEW plan_words AS
SELECT plan_id, 'plan ' || plan_id || ' of ' || file || ': SHA-256 ' || encode(digest, 'hex') || ', '
    || row_count || ' rows, FINANCIAL_PENALTY ' || penalty_orders || ' orders ' || penalty_fen
    || ' fen, JUDICIAL_DEDUCTION ' || judicial_orders || ' orders ' || judicial_fen || ' fen, '
    || held || ' held ' || held_fen || ' fen, ' || repeats || ' repeats, ' || conflicts
    || ' in conflict, ' || invalid || ' invalid, orders ' || encode(orders_digest, 'hex')
    || ', made at ' || made_at_ms
    || COALESCE(', hold days ' || hold_days, '') || COALESCE(', encoding ' || encoding, '')
    || CASE accept_digits WHEN 1 THEN ', doubtful digits accepted' ELSE '' END
    || CASE reissues WHEN 0 THEN ''
        ELSE ', ' || reissues || ' to be issued again ' || reissue_fen || ' fen' END AS words
FROM plan;

-- A plan with its approval and its batch.
CREATE VIEW file_plan AS
SELECT p.plan_id, p.digest, p.file, p.path, p.row_count, p.orders, p.held, p.repeats, p.conflicts,
    p.invalid, p.penalty_orders, p.penalty_fen, p.judicial_orders, p.judicial_fen, p.held_fen,
    p.orders_digest, p.made_by, p.made_at_ms, a.approved_by, a.at_ms AS approved_at_ms, r.batch_id,
    p.hold_days, p.encoding, p.accept_digits, p.reissues, p.reissue_fen
FROM plan AS p
LEFT JOIN approval AS a ON a.plan_id = p.plan_id
LEFT JOIN plan_run AS r ON r.plan_id = p.plan_id;

-- Rows of a batch that was not accepted yet, by who stages them: a random number of a connection to the
-- ledger. A server that crashes leaves these tables empty, a client that dies leaves its rows for two days
-- (staging_clear.sql).
CREATE UNLOGGED TABLE stager (
    stager BIGINT PRIMARY KEY,
    at_ms BIGINT NOT NULL
);

CREATE UNLOGGED TABLE staged (
    stager BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    line BIGINT NOT NULL,
    cells TEXT COLLATE "C" NOT NULL,
    amount_fen BIGINT,
    fault TEXT COLLATE "C",
    own_no TEXT COLLATE "C",
    derived_no TEXT COLLATE "C",
    returned TEXT COLLATE "C",
    merchant TEXT COLLATE "C",
    account TEXT COLLATE "C",
    reduction_type TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    card_no TEXT COLLATE "C",
    sgn_no TEXT COLLATE "C",
    req_scene TEXT COLLATE "C",
    content_digest BYTEA,
    hold_key BYTEA,
    -- Of a history alone.
    first_sent_at_ms BIGINT,
    outcome TEXT COLLATE "C",
    change_no TEXT COLLATE "C",
    -- Whether it comes back, and what it asks for then.
    comeback TEXT COLLATE "C",
    -- The number that the row claims. A derived one counts as well, since somebody may have written
    -- it into another row; that of a row which came back does not, since the row belongs to the
    -- order that it names.
    claimed_no TEXT COLLATE "C" GENERATED ALWAYS AS
        (COALESCE(own_no, CASE WHEN returned IS NULL THEN derived_no END)) STORED,
    PRIMARY KEY (stager, ordinal)
);

-- Empty unless a result came back.
CREATE INDEX staged_returned ON staged (stager, returned, content_digest) WHERE returned IS NOT NULL;

-- How often a content came without a number.
CREATE UNLOGGED TABLE blank (
    stager BIGINT NOT NULL,
    content_digest BYTEA NOT NULL,
    seen BIGINT NOT NULL,
    PRIMARY KEY (stager, content_digest)
);

-- Numbers that stand for two contents in one file: one of them, its first row, and the first row
-- of any other.
CREATE UNLOGGED TABLE clash (
    stager BIGINT NOT NULL,
    out_request_no TEXT COLLATE "C" NOT NULL,
    one_digest BYTEA NOT NULL,
    one_ordinal BIGINT,
    other_ordinal BIGINT,
    PRIMARY KEY (stager, out_request_no)
);

-- A list that is compared: which order each staged row means, which deductions are meant, and which
-- other orders are told beside a row.
CREATE UNLOGGED TABLE listed (
    stager BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    -- The first row that means the same deduction.
    first_ordinal BIGINT NOT NULL,
    PRIMARY KEY (stager, ordinal)
);

CREATE UNLOGGED TABLE named (
    stager BIGINT NOT NULL,
    deduction_id BIGINT NOT NULL,
    -- The newest order of the chain.
    order_id BIGINT NOT NULL,
    first_ordinal BIGINT NOT NULL,
    PRIMARY KEY (stager, deduction_id)
);

CREATE UNLOGGED TABLE told (
    stager BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    PRIMARY KEY (stager, order_id)
);

-- The triggers. Whoever writes to these tables by hand has another search path than levy.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = TG_ARGV[0];
END $$;

CREATE TRIGGER orders_begin_unsent_or_imported
BEFORE INSERT ON orders FOR EACH ROW
WHEN (NOT (NEW.resolved_as IS NULL AND (((NEW.state = 'PENDING' OR NEW.state = 'HELD') AND NEW.past = '')
    OR (NEW.state = 'UNKNOWN' AND NEW.past = 'IMPORTED' AND NEW.generation = 1
        AND NEW.maybe_accepted = 1))))
EXECUTE FUNCTION refuse('L3: an order begins unsent, or imported and unknown');

CREATE FUNCTION orders_past_is_told_by_a_person() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.past <> OLD.past AND (OLD.past <> '' OR NOT EXISTS (
        SELECT 1 FROM decision
        WHERE decision_id = (SELECT MAX(decision_id) FROM decision) AND order_id = NEW.order_id
            AND ((NEW.past = 'RESTORED' AND kind = 'RESTORED')
                OR (NEW.past = 'IMPORTED' AND kind IN ('IMPORT', 'IMPORT_SUCCESS', 'IMPORT_FAILED')))))
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'only a decision tells of sends that the journal does not know';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER orders_past_is_told_by_a_person
BEFORE UPDATE OF past ON orders FOR EACH ROW
EXECUTE FUNCTION orders_past_is_told_by_a_person();

CREATE TRIGGER orders_number_stands_for_one_content
BEFORE UPDATE OF order_id, out_request_no, deduction_id, generation, batch_id, ordinal, merchant,
    account, reduction_type, amount_fen, reason, card_no, sgn_no, req_scene, content_digest,
    hold_key, created_at_ms ON orders FOR EACH ROW
EXECUTE FUNCTION refuse('L2: an order''s number and content never change');

CREATE TRIGGER orders_final_never_changes
BEFORE UPDATE OF state ON orders FOR EACH ROW
WHEN (OLD.state IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN') AND NEW.state <> OLD.state)
EXECUTE FUNCTION refuse('L3: a final state never changes');

CREATE FUNCTION orders_settled_by_a_verified_reply() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM reply JOIN attempt USING (attempt_id)
        WHERE reply.attempt_id = NEW.shown_attempt AND attempt.order_id = NEW.order_id
            AND reply.trust = 'VERIFIED')
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'L3: only a verified reply settles an order';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER orders_settled_by_a_verified_reply
BEFORE UPDATE OF state ON orders FOR EACH ROW
WHEN (NEW.state IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN') AND NEW.state <> OLD.state)
EXECUTE FUNCTION orders_settled_by_a_verified_reply();

CREATE FUNCTION orders_new_number_needs_proof() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM orders
        WHERE deduction_id = NEW.deduction_id AND generation = NEW.generation - 1
            AND content_digest = NEW.content_digest
            -- Nothing is proven by one answer that another has contradicted.
            AND NOT EXISTS (
                SELECT 1 FROM attempt JOIN reply ON reply.attempt_id = attempt.attempt_id
                WHERE attempt.order_id = orders.order_id AND reply.trust = 'VERIFIED'
                    AND reply.meaning = 'SUCCESS')
            AND (state IN ('FAILED', 'CLOSED_PROVEN')
                -- Two people found it dead, and it can't be submitted again: 31 days since its first
                -- send, and since its first intent, which no reply of long ago makes older.
                OR (state NOT IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN') AND resolved_as = 'FAILED'
                    AND NEW.created_at_ms >= first_sent_at_ms + 2678400000
                    AND NEW.created_at_ms >= 2678400000 + COALESCE((
                        SELECT MIN(claimed_at_ms) FROM attempt
                        WHERE attempt.order_id = orders.order_id AND asked = 'SUBMISSION'), 0))))
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'L5: a new number needs the proof that the one before is dead';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER orders_new_number_needs_proof
BEFORE INSERT ON orders FOR EACH ROW
WHEN (NEW.generation > 1)
EXECUTE FUNCTION orders_new_number_needs_proof();

CREATE FUNCTION orders_released_by_a_person() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM decision WHERE decision.order_id = NEW.order_id AND kind = 'RELEASE')
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'a held order is released by a person, whose name is written down';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER orders_released_by_a_person
BEFORE UPDATE OF state ON orders FOR EACH ROW
WHEN (OLD.state = 'HELD' AND NEW.state = 'PENDING')
EXECUTE FUNCTION orders_released_by_a_person();

CREATE FUNCTION attempt_not_while_frozen() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF (SELECT frozen_by FROM meta) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'the ledger is frozen: nothing may be sent';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER attempt_not_while_frozen
BEFORE INSERT ON attempt FOR EACH ROW
EXECUTE FUNCTION attempt_not_while_frozen();

-- 29 days, the time in which a number is submitted.
CREATE FUNCTION attempt_of_what_may_have_been_sent_is_no_first_one() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM decision
        WHERE kind = 'RESTORED' AND order_id IS NULL AND since_ms + 2505600000 > (
            SELECT LEAST(by_ms, NEW.claimed_at_ms) FROM came_in
            WHERE came_in.order_id = NEW.order_id))
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'L4: it may have been sent before the ledger came back from its backup';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER attempt_of_what_may_have_been_sent_is_no_first_one
BEFORE INSERT ON attempt FOR EACH ROW
WHEN (NEW.state_before = 'PENDING')
EXECUTE FUNCTION attempt_of_what_may_have_been_sent_is_no_first_one();

CREATE FUNCTION attempt_no_submission_of_what_people_resolved() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF (SELECT resolved_as FROM orders WHERE orders.order_id = NEW.order_id) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'what people have resolved is not submitted again';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER attempt_no_submission_of_what_people_resolved
BEFORE INSERT ON attempt FOR EACH ROW
WHEN (NEW.asked = 'SUBMISSION')
EXECUTE FUNCTION attempt_no_submission_of_what_people_resolved();

-- Only two people, and only of what was sent and no verified reply has settled.
CREATE FUNCTION decision_resolves() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT (
        trim(NEW.by_first) <> '' AND trim(COALESCE(NEW.by_second, '')) <> ''
        AND lower(trim(NEW.by_first)) <> lower(trim(NEW.by_second)) AND trim(NEW.words) <> ''
        AND EXISTS (
            SELECT 1 FROM orders WHERE orders.order_id = NEW.order_id
                AND state NOT IN ('PENDING', 'HELD', 'CONFLICT', 'CANCELLED')
                AND state NOT IN ('SUCCESS', 'FAILED', 'CLOSED_PROVEN')))
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'two people resolve, with evidence, what was sent and is not settled';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER decision_resolves
BEFORE INSERT ON decision FOR EACH ROW
WHEN (NEW.kind IN ('RESOLVE_SUCCESS', 'RESOLVE_FAILED'))
EXECUTE FUNCTION decision_resolves();

CREATE FUNCTION orders_resolved_by_a_decision() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM decision
        WHERE decision_id = (SELECT MAX(decision_id) FROM decision) AND order_id = NEW.order_id
            AND kind IN ('RESOLVE_' || NEW.resolved_as, 'IMPORT_' || NEW.resolved_as))
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'only a decision of two people, or an import, resolves an order';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER orders_resolved_by_a_decision
BEFORE UPDATE OF resolved_as ON orders FOR EACH ROW
EXECUTE FUNCTION orders_resolved_by_a_decision();

CREATE FUNCTION meta_frozen_by_a_decision() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM decision
        WHERE decision_id = (SELECT MAX(decision_id) FROM decision)
            AND ((kind = 'FREEZE' AND decision_id IS NOT DISTINCT FROM NEW.frozen_by)
                OR (kind = 'UNFREEZE' AND NEW.frozen_by IS NULL)))
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'only a decision freezes a ledger or lets it send again';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER meta_frozen_by_a_decision
BEFORE UPDATE OF frozen_by ON meta FOR EACH ROW
EXECUTE FUNCTION meta_frozen_by_a_decision();

CREATE FUNCTION approval_of_its_plan() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
            SELECT 1 FROM plan JOIN plan_words USING (plan_id)
            WHERE plan.plan_id = NEW.plan_id AND plan.made_by = NEW.made_by
                AND plan_words.words = NEW.words)
        OR EXISTS (SELECT 1 FROM plan_run WHERE plan_id = NEW.plan_id)
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'an approval names its plan and who made it, before the plan is run';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER approval_of_its_plan
BEFORE INSERT ON approval FOR EACH ROW
EXECUTE FUNCTION approval_of_its_plan();

CREATE FUNCTION plan_run_is_of_its_file() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF (SELECT digest FROM plan WHERE plan_id = NEW.plan_id)
        IS DISTINCT FROM (SELECT digest FROM batch WHERE batch_id = NEW.batch_id)
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'a plan is run with the bytes that were planned';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER plan_run_is_of_its_file
BEFORE INSERT ON plan_run FOR EACH ROW
EXECUTE FUNCTION plan_run_is_of_its_file();

CREATE TRIGGER orders_stay BEFORE DELETE ON orders FOR EACH ROW
EXECUTE FUNCTION refuse('L2: an order is never forgotten');
CREATE TRIGGER batch_row_stays BEFORE DELETE ON batch_row FOR EACH ROW
EXECUTE FUNCTION refuse('L7: a row is never forgotten');
CREATE TRIGGER batch_row_never_changes BEFORE UPDATE ON batch_row FOR EACH ROW
EXECUTE FUNCTION refuse('L7: a row never changes');
CREATE TRIGGER attempt_stays BEFORE DELETE ON attempt FOR EACH ROW
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER attempt_never_changes BEFORE UPDATE ON attempt FOR EACH ROW
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER reply_stays BEFORE DELETE ON reply FOR EACH ROW
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER reply_never_changes BEFORE UPDATE ON reply FOR EACH ROW
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER decision_stays BEFORE DELETE ON decision FOR EACH ROW
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER decision_never_changes BEFORE UPDATE ON decision FOR EACH ROW
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER decision_link_stays BEFORE DELETE ON decision_link FOR EACH ROW
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER decision_link_never_changes BEFORE UPDATE ON decision_link FOR EACH ROW
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER lane_head_stays BEFORE DELETE ON lane_head FOR EACH ROW
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER lane_head_only_grows BEFORE UPDATE ON lane_head FOR EACH ROW
WHEN (NEW.lane <> OLD.lane OR NEW.entries <= OLD.entries)
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER plan_stays BEFORE DELETE ON plan FOR EACH ROW
EXECUTE FUNCTION refuse('a plan is never forgotten');
CREATE TRIGGER plan_never_changes BEFORE UPDATE ON plan FOR EACH ROW
EXECUTE FUNCTION refuse('a plan never changes');
CREATE TRIGGER plan_run_stays BEFORE DELETE ON plan_run FOR EACH ROW
EXECUTE FUNCTION refuse('a plan is run once');
CREATE TRIGGER plan_run_never_changes BEFORE UPDATE ON plan_run FOR EACH ROW
EXECUTE FUNCTION refuse('a plan is run once');
CREATE TRIGGER approval_stays BEFORE DELETE ON approval FOR EACH ROW
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER approval_never_changes BEFORE UPDATE ON approval FOR EACH ROW
EXECUTE FUNCTION refuse('the journal is append-only');

-- TRUNCATE asks no trigger of a row.
CREATE TRIGGER orders_truncate BEFORE TRUNCATE ON orders
EXECUTE FUNCTION refuse('L2: an order is never forgotten');
CREATE TRIGGER batch_row_truncate BEFORE TRUNCATE ON batch_row
EXECUTE FUNCTION refuse('L7: a row is never forgotten');
CREATE TRIGGER attempt_truncate BEFORE TRUNCATE ON attempt
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER reply_truncate BEFORE TRUNCATE ON reply
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER decision_truncate BEFORE TRUNCATE ON decision
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER decision_link_truncate BEFORE TRUNCATE ON decision_link
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER lane_head_truncate BEFORE TRUNCATE ON lane_head
EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER plan_truncate BEFORE TRUNCATE ON plan
EXECUTE FUNCTION refuse('a plan is never forgotten');
CREATE TRIGGER plan_run_truncate BEFORE TRUNCATE ON plan_run
EXECUTE FUNCTION refuse('a plan is run once');
CREATE TRIGGER approval_truncate BEFORE TRUNCATE ON approval
EXECUTE FUNCTION refuse('the journal is append-only');

INSERT INTO schema_version (only_row, version) VALUES (1, 1);
