-- The ledger, version 3: what a failed file must not forget; what a plan must not hide.

-- The content that a row asked for which was changed and had yes under levy_reissue as well: nobody has
-- decided yet which of the two is meant.
ALTER TABLE batch_row ADD COLUMN undecided BLOB
    CONSTRAINT batch_row_undecided CHECK (undecided IS NULL OR kind = 'CONFLICT');
CREATE INDEX batch_row_undecided ON batch_row (came_back_as, undecided) WHERE undecided IS NOT NULL;

-- Failed files as levy wrote them, by the SHA-256 of their bytes: one with other bytes is somebody's work,
-- and is not overwritten.
CREATE TABLE failed_file (
    digest BLOB PRIMARY KEY CONSTRAINT failed_file_digest_length CHECK (length(digest) = 32)
) STRICT, WITHOUT ROWID;

-- How the file of a plan was read and taken in, and what its rows ask for again (levy_reissue).
ALTER TABLE plan ADD COLUMN hold_days INTEGER CONSTRAINT plan_hold_days CHECK (hold_days >= 0);
ALTER TABLE plan ADD COLUMN encoding TEXT;
ALTER TABLE plan ADD COLUMN accept_digits INTEGER NOT NULL DEFAULT 0
    CONSTRAINT plan_accept_digits CHECK (accept_digits IN (0, 1));
ALTER TABLE plan ADD COLUMN reissues INTEGER NOT NULL DEFAULT 0
    CONSTRAINT plan_reissues CHECK (reissues >= 0);
ALTER TABLE plan ADD COLUMN reissue_fen INTEGER NOT NULL DEFAULT 0
    CONSTRAINT plan_reissue_fen CHECK (reissue_fen >= 0);

-- What it had no words for before it has none in older plans, whose approvals keep theirs.
DROP VIEW plan_words;
CREATE VIEW plan_words AS
SELECT plan_id, 'plan ' || plan_id || ' of ' || file || ': SHA-256 ' || lower(hex(digest)) || ', '
    || row_count || ' rows, FINANCIAL_PENALTY ' || penalty_orders || ' orders ' || penalty_fen
    || ' fen, JUDICIAL_DEDUCTION ' || judicial_orders || ' orders ' || judicial_fen || ' fen, '
    || held || ' held ' || held_fen || ' fen, ' || repeats || ' repeats, ' || conflicts
    || ' in conflict, ' || invalid || ' invalid, orders ' || lower(hex(orders_digest))
    || ', made at ' || made_at_ms
    || COALESCE(', hold days ' || hold_days, '') || COALESCE(', encoding ' || encoding, '')
    || CASE accept_digits WHEN 1 THEN ', doubtful digits accepted' ELSE '' END
    || CASE reissues WHEN 0 THEN ''
        ELSE ', ' || reissues || ' to be issued again ' || reissue_fen || ' fen' END AS words
FROM plan;

DROP VIEW file_plan;
CREATE VIEW file_plan AS
SELECT p.plan_id, p.digest, p.file, p.path, p.row_count, p.orders, p.held, p.repeats, p.conflicts,
    p.invalid, p.penalty_orders, p.penalty_fen, p.judicial_orders, p.judicial_fen, p.held_fen,
    p.orders_digest, p.made_by, p.made_at_ms, a.approved_by, a.at_ms AS approved_at_ms, r.batch_id,
    p.hold_days, p.encoding, p.accept_digits, p.reissues, p.reissue_fen
FROM plan AS p
LEFT JOIN approval AS a ON a.plan_id = p.plan_id
LEFT JOIN plan_run AS r ON r.plan_id = p.plan_id;
