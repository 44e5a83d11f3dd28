//! The statements by name, one file each in `sql/`. Where PostgreSQL's must differ, its text is the file of
//! the same name in `sql/postgres/`, and the name is marked so here; what it alone is asked is `alone`.

use super::database::Statement;

macro_rules! statements {
    ($($name:ident = $file:literal $(+ $more:literal)* $(/ $engine:ident)?,)+) => {
        $(pub(in crate::ledger) const $name: &Statement = &Statement {
            name: $file,
            sqlite: of_sqlite!($file $(, $more)*; $($engine)?),
            postgres: of_postgres!($file $(, $more)*; $($engine)?),
        };)+

        /// All of them, for the tests that prepare each.
        #[cfg(test)]
        #[allow(dead_code, reason = "some are prepared only where there are servers")]
        pub(in crate::ledger) const ALL: &[&Statement] = &[$($name,)+];
    };
}

macro_rules! texts {
    ($folder:literal, $($file:literal),+) => {
        concat!($(include_str!(concat!($folder, $file, ".sql"))),+)
    };
}

macro_rules! of_sqlite {
    ($($file:literal),+; alone) => { "" };
    ($($file:literal),+; $($engine:ident)?) => { texts!("sql/", $($file),+) };
}

macro_rules! of_postgres {
    ($($file:literal),+;) => { texts!("sql/", $($file),+) };
    ($($file:literal),+; $engine:ident) => { texts!("sql/postgres/", $($file),+) };
}

/// What PostgreSQL alone is asked: whose the lanes of a shared ledger are, and who lives.
pub(in crate::ledger) mod lane {
    use super::Statement;

    statements! {
        HELD_BY = "lane_held_by" / alone,
        LET_GO = "lane_let_go" / alone,
        LINES = "lane_lines" / alone,
        RENEW = "lane_renew" / alone,
        TAKE = "lane_take" / alone,
        WHOSE = "lane_whose" / alone,
        WORKER_ALIVE = "worker_alive" / alone,
        WORKER_LANES = "worker_lanes" / alone,
        WORKER_LEAVE = "worker_leave" / alone,
        WORKER_SWEEP = "worker_sweep" / alone,
        WORKERS_LIVING = "workers_living" / alone,
    }
}

/// Scripts: several statements each, without values.
pub(in crate::ledger) mod script {
    use super::Statement;

    statements! {
        // The numbers that stand for two contents in the staged file.
        CLASH_FILL = "clash_fill" / postgres,
        // The rules that guard a history, away for a copy of one, and back.
        GUARDS_OFF = "guards_off" / postgres,
        GUARDS_ON = "guards_on" / postgres,
        // Empties the tables of a comparison.
        LISTED_CLEAR = "listed_clear" / postgres,
        // What is tried inside a transaction, and its undoing.
        SAVEPOINT = "savepoint",
        SAVEPOINT_UNDO = "savepoint_undo",
        // The staging's tables, and their emptying.
        STAGING = "staging" / postgres,
        STAGING_CLEAR = "staging_clear" / postgres,
    }
}

/// The versions of SQLite's schema, oldest first: what `user_version` counts.
pub(in crate::ledger) const MIGRATIONS: &[&str] = &[
    include_str!("sql/schema_0001.sql"),
    include_str!("sql/schema_0002.sql"),
    include_str!("sql/schema_0003.sql"),
    include_str!("sql/schema_0004.sql"),
    include_str!("sql/schema_0005.sql"),
    include_str!("sql/schema_0006.sql"),
];
/// Copies what an attached SQLite ledger has for the staged rows.
pub(in crate::ledger) const EXCERPT: &str = include_str!("sql/excerpt.sql");

statements! {
    APPROVAL_INSERT = "approval_insert",
    ATTEMPTS_ANSWERED = "attempts_answered" / postgres,
    ATTEMPT_BY_ID = "attempt_by_id",
    ATTEMPT_INSERT = "attempt_insert",
    ATTEMPT_LAST = "attempt_last",
    BATCHES = "batches",
    BATCH_BY_DIGEST = "batch_by_digest",
    BATCH_BY_ID = "batch_by_id",
    BATCH_INSERT = "batch_insert",
    BATCH_IS_IMPORT = "batch_is_import",
    BATCH_ROW_INSERT = "batch_row_insert",
    BLANK_COUNT = "blank_count" / postgres,
    CLASH_OTHER = "clash_other",
    // What a reconciliation compares: the orders of a period, and those of a batch.
    COMPARED_BETWEEN = "compared_between" + "compared",
    COMPARED_OF_BATCH = "compared_of_batch" + "compared",
    DECISIONS_OF_ORDER = "decisions_of_order",
    DECISION_BY_ID = "decision_by_id",
    DECISION_INSERT = "decision_insert",
    DECISION_LINK_INSERT = "decision_link_insert",
    DECK_OPEN = "deck_open",
    DECK_OPEN_OF_BATCH = "deck_open_of_batch",
    DECK_PENDING = "deck_pending",
    DECK_REJECTED_OF_BATCH = "deck_rejected_of_batch",
    DECK_REPLACED = "deck_replaced",
    DECK_SENT = "deck_sent",
    DECK_SENT_OF_BATCH = "deck_sent_of_batch",
    DECK_SHARED_OPEN = "deck_shared_open",
    DECK_SHARED_PENDING = "deck_shared_pending" / postgres,
    DEDUCTION_INSERT = "deduction_insert",
    DEDUCTION_NEWEST = "deduction_newest",
    DEDUCTION_SUPERSEDE = "deduction_supersede",
    DEDUCTION_SUPERSEDED_BY = "deduction_superseded_by",
    EXPIRING_COUNT = "expiring_count",
    EXPIRING_FIRST = "expiring_first",
    FAILED_FILE_INSERT = "failed_file_insert",
    FAILED_FILE_KNOWN = "failed_file_known",
    GAP_KNOWN = "gap_known",
    GROUP_DEDUCTIONS = "group_deductions" / postgres,
    GROUP_LOOK = "group_look",
    GROUP_ORDERS = "group_orders" / postgres,
    GROUP_ROWS = "group_rows",
    HANDED_CLEAR = "handed_clear",
    HANDED_SAVE = "handed_save",
    HANDED_SWEEP = "handed_sweep",
    HANDED_STILL = "handed_still" / postgres,
    HANDED_TAKE_BACK = "handed_take_back",
    HANDED_UNAPPROVED = "handed_unapproved",
    HELD_COUNT = "held_count",
    JOB_ALL = "job_all",
    JOB_BY_ID = "job_by_id",
    JOB_BY_NO = "job_by_no",
    JOURNAL_APPROVALS = "journal_approvals",
    JOURNAL_ATTEMPTS = "journal_attempts",
    JOURNAL_DECISIONS = "journal_decisions",
    LANES_OPEN = "lanes_open",
    LANES_OPEN_OF_BATCH = "lanes_open_of_batch",
    LANES_PENDING = "lanes_pending",
    LANES_REJECTED_OF_BATCH = "lanes_rejected_of_batch",
    LANES_REPLACED = "lanes_replaced",
    LANES_SENT = "lanes_sent",
    LANES_SENT_OF_BATCH = "lanes_sent_of_batch",
    LANES_SHARED_OPEN = "lanes_shared_open",
    LANES_SHARED_PENDING = "lanes_shared_pending",
    LANE_HEAD = "lane_head",
    LANE_HEADS = "lane_heads",
    LANE_HEAD_SAVE = "lane_head_save",
    LEASE_CHECK = "lease_check" / postgres,
    LEASE_LIVE = "lease_live" / postgres,
    LISTED_CHAIN = "listed_chain",
    LISTED_INSERT = "listed_insert" / postgres,
    LISTED_NUMBERS = "listed_numbers",
    LISTED_ORDER = "listed_order",
    LISTED_ORDERS = "listed_orders",
    LISTED_ORDERS_OF_BATCH = "listed_orders_of_batch",
    LISTED_ROWS = "listed_rows",
    LISTED_TWINS = "listed_twins",
    META_BINDING = "meta_binding",
    META_CREATED_AT = "meta_created_at",
    META_FROZEN_BY = "meta_frozen_by",
    META_INSERT = "meta_insert",
    META_MOVE = "meta_move",
    META_WHOLE = "meta_whole",
    META_JOURNAL = "meta_journal",
    META_JOURNAL_ENTRIES = "meta_journal_entries",
    META_LATEST_SIGNED_AT = "meta_latest_signed_at",
    META_SIGNED_AT = "meta_signed_at",
    NAMED_INSERT = "named_insert" / postgres,
    ORDERS_OF_BATCH = "orders_of_batch",
    ORDERS_OF_NUMBER = "orders_of_number",
    ORDERS_WRITTEN = "orders_written" / postgres,
    ORDER_ALERTS = "order_alerts",
    ORDER_BY_NO = "order_by_no",
    ORDER_CLAIM = "order_claim",
    ORDER_CONTENT = "order_content",
    ORDER_DEAD_SINCE = "order_dead_since" / postgres,
    ORDER_DEBT = "order_debt",
    ORDER_FREEZE = "order_freeze",
    ORDER_GAP = "order_gap",
    ORDER_HAS_PAST = "order_has_past",
    ORDER_HELD_BEFORE = "order_held_before",
    ORDER_HOLDING = "order_holding",
    ORDER_IMPORT = "order_import",
    ORDER_INSERT = "order_insert",
    ORDER_IS_SUPERSEDED = "order_is_superseded",
    ORDER_MAYBE_SENT = "order_maybe_sent",
    ORDER_NEWEST = "order_newest",
    ORDER_PARENT = "order_parent",
    ORDER_PROOF_MISSED = "order_proof_missed",
    ORDER_RECORD = "order_record",
    ORDER_REISSUE = "order_reissue",
    ORDER_RELEASE = "order_release",
    ORDER_REISSUED = "order_reissued",
    ORDER_RESOLVE = "order_resolve",
    ORDER_CALLED_PAID = "order_called_paid",
    ORDER_IS_IMPORTED = "order_is_imported",
    ORDER_PAID_BEFORE = "order_paid_before",
    ORDER_STANDS_REFUSED = "order_stands_refused",
    ORDER_STATE = "order_state",
    ORDER_WAITING = "order_waiting",
    ORDER_WITHDRAW = "order_withdraw",
    ORDER_YOUNGER = "order_younger",
    OVERVIEW_ORDERS = "overview_orders",
    OVERVIEW_ORDERS_OF_BATCH = "overview_orders_of_batch",
    PENDING_OF_BATCH = "pending_of_batch",
    PLACE_OF_DEDUCTION = "place_of_deduction",
    PLACE_OF_ORDER = "place_of_order",
    PLACE_OF_ROW = "place_of_row",
    PLANS_WAITING = "plans_waiting",
    PLAN_BY_BATCH = "plan_by_batch",
    PLAN_BY_DIGEST = "plan_by_digest",
    PLAN_BY_ID = "plan_by_id",
    PLAN_BY_ORDER = "plan_by_order",
    PLAN_INSERT = "plan_insert",
    PLAN_ORDERS = "plan_orders",
    PLAN_RUN_INSERT = "plan_run_insert",
    PLAN_WORDS = "plan_words",
    PROOFS_OF_BATCH = "proofs_of_batch",
    RECENT_SENDS = "recent_sends",
    REISSUES_ASKED = "reissues_asked",
    REPLAY_ATTEMPTS = "replay_attempts",
    REPLAY_DECISIONS = "replay_decisions",
    REPLAY_ORDERS = "replay_orders",
    REPLY_BY_ATTEMPT = "reply_by_attempt",
    REPLY_INSERT = "reply_insert",
    REPORT_ORDERS = "report_orders",
    REPORT_REQUESTS = "report_requests",
    RESTORED_BATCHES = "restored_batches",
    RESTORED_ORDERS = "restored_orders",
    RESULT_ROWS = "result_rows",
    RUN_INSERT = "run_insert",
    RUN_LATEST = "run_latest",
    SCHEMA = "schema" / postgres,
    STAGED_CONTENT = "staged_content",
    STAGED_COUNT = "staged_count",
    STAGED_INSERT = "staged_insert" / postgres,
    STAGED_RETURNED = "staged_returned",
    STAGED_ROWS = "staged_rows",
    STAGED_UNCHANGED = "staged_unchanged",
    STORY_ATTEMPTS = "story_attempts",
    STORY_CHAIN = "story_chain",
    STORY_ORDER = "story_order",
    STORY_PLACES = "story_places",
    STORY_SUPERSEDED_BY = "story_superseded_by",
    STORY_SUPERSEDES = "story_supersedes",
    TOLD_INSERT = "told_insert" / postgres,
    TOTALS_OF_ORDERS = "totals_of_orders",
    TOTALS_OF_ROWS = "totals_of_rows",
    TOTALS_SINCE = "totals_since",
    ROW_UNDECIDED = "row_undecided",
    UNAPPROVED_OF_BATCH = "unapproved_of_batch",
    UNSENT_OF_BATCH = "unsent_of_batch",
    VERIFY_BOOKS = "verify_books",
}
