-- Rows of a batch that was not accepted yet. Temporary: it lives in a file that SQLite unlinks when
-- it opens it, so a crash leaves nothing behind.
CREATE TEMP TABLE IF NOT EXISTS staged (
    ordinal INTEGER PRIMARY KEY,
    line INTEGER NOT NULL,
    cells TEXT NOT NULL,
    amount_fen INTEGER,
    fault TEXT,
    own_no TEXT,
    derived_no TEXT,
    returned TEXT,
    merchant TEXT,
    account TEXT,
    reduction_type TEXT,
    reason TEXT,
    card_no TEXT,
    sgn_no TEXT,
    req_scene TEXT,
    content_digest BLOB,
    hold_key BLOB,
    -- Of a history alone.
    first_sent_at_ms INTEGER,
    outcome TEXT,
    change_no TEXT,
    -- Whether it comes back, and what it asks for then.
    comeback TEXT,
    -- The number that the row claims. A derived one counts as well, since somebody may have written
    -- it into another row; that of a row which came back does not, since the row belongs to the
    -- order that it names.
    claimed_no TEXT GENERATED ALWAYS AS
        (COALESCE(own_no, CASE WHEN returned IS NULL THEN derived_no END)) VIRTUAL
) STRICT;

-- Empty unless a result came back.
CREATE INDEX IF NOT EXISTS temp.staged_returned ON staged (returned, content_digest)
WHERE returned IS NOT NULL;

-- How often a content came without a number.
CREATE TEMP TABLE IF NOT EXISTS blank (
    content_digest BLOB PRIMARY KEY,
    seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Numbers that stand for two contents in this file: one of them, its first row, and the first row
-- of any other.
CREATE TEMP TABLE IF NOT EXISTS clash (
    out_request_no TEXT PRIMARY KEY,
    one_digest BLOB NOT NULL,
    one_ordinal INTEGER,
    other_ordinal INTEGER
) STRICT, WITHOUT ROWID;

-- A list that is compared: which order each staged row means, which deductions are meant, and which
-- other orders are told beside a row.
CREATE TEMP TABLE IF NOT EXISTS listed (
    ordinal INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL,
    -- The first row that means the same deduction.
    first_ordinal INTEGER NOT NULL
) STRICT;

CREATE TEMP TABLE IF NOT EXISTS named (
    deduction_id INTEGER PRIMARY KEY,
    -- The newest order of the chain.
    order_id INTEGER NOT NULL,
    first_ordinal INTEGER NOT NULL
) STRICT;

CREATE TEMP TABLE IF NOT EXISTS told (order_id INTEGER PRIMARY KEY) STRICT;
