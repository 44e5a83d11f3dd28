//! The statements, one file each in `../sql`, so that a second engine can have its own under the
//! same names.

macro_rules! statements {
    ($($name:ident = $file:literal,)+) => {
        $(pub(super) const $name: &str = include_str!(concat!("../sql/", $file, ".sql"));)+

        /// All of them by name, for the test that prepares each.
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$(($file, $name),)+];
    };
}

/// The schema's versions, oldest first: what `user_version` counts.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("../sql/schema_0001.sql")];
/// The staging's tables.
pub(super) const STAGING: &str = include_str!("../sql/staging.sql");
/// Empties them.
pub(super) const STAGING_CLEAR: &str = include_str!("../sql/staging_clear.sql");
/// Finds the numbers that stand for two contents in the staged file.
pub(super) const CLASH_FILL: &str = include_str!("../sql/clash_fill.sql");

statements! {
    ATTEMPT_BY_ID = "attempt_by_id",
    ATTEMPT_INSERT = "attempt_insert",
    ATTEMPT_LAST = "attempt_last",
    BATCH_BY_DIGEST = "batch_by_digest",
    BATCH_BY_ID = "batch_by_id",
    BATCH_INSERT = "batch_insert",
    BATCH_ROW_INSERT = "batch_row_insert",
    BLANK_COUNT = "blank_count",
    CLASH_OTHER = "clash_other",
    DECISION_INSERT = "decision_insert",
    DECK_OPEN = "deck_open",
    DECK_OPEN_OF_BATCH = "deck_open_of_batch",
    DECK_PENDING = "deck_pending",
    DECK_REJECTED_OF_BATCH = "deck_rejected_of_batch",
    DEDUCTION_INSERT = "deduction_insert",
    DEDUCTION_SUPERSEDE = "deduction_supersede",
    DEDUCTION_SUPERSEDED_BY = "deduction_superseded_by",
    EXPIRING_COUNT = "expiring_count",
    EXPIRING_FIRST = "expiring_first",
    JOB_ALL = "job_all",
    JOB_BY_ID = "job_by_id",
    LANES_OPEN = "lanes_open",
    LANES_OPEN_OF_BATCH = "lanes_open_of_batch",
    LANES_PENDING = "lanes_pending",
    LANES_REJECTED_OF_BATCH = "lanes_rejected_of_batch",
    META_BINDING = "meta_binding",
    META_INSERT = "meta_insert",
    META_LATEST_SIGNED_AT = "meta_latest_signed_at",
    META_SIGNED_AT = "meta_signed_at",
    ORDER_ALERTS = "order_alerts",
    NTH_PENDING = "nth_pending",
    ORDER_BY_NO = "order_by_no",
    ORDER_CLAIM = "order_claim",
    ORDER_CONTENT = "order_content",
    ORDER_FREEZE = "order_freeze",
    ORDER_HOLDING = "order_holding",
    ORDER_INSERT = "order_insert",
    ORDER_NEWEST = "order_newest",
    ORDER_PARENT = "order_parent",
    ORDER_PROOF_MISSED = "order_proof_missed",
    ORDER_RECORD = "order_record",
    ORDER_REISSUE = "order_reissue",
    ORDER_RELEASE = "order_release",
    ORDER_TWIN = "order_twin",
    ORDER_WITHDRAW = "order_withdraw",
    ORDERS_OF_BATCH = "orders_of_batch",
    ORDERS_OF_NUMBER = "orders_of_number",
    PLACE_OF_DEDUCTION = "place_of_deduction",
    PLACE_OF_ORDER = "place_of_order",
    PLACE_OF_ROW = "place_of_row",
    PROOFS_OF_BATCH = "proofs_of_batch",
    RECENT_SENDS = "recent_sends",
    REPLY_INSERT = "reply_insert",
    RESULT_ROWS = "result_rows",
    RUN_INSERT = "run_insert",
    STAGED_CONTENT = "staged_content",
    STAGED_COUNT = "staged_count",
    STAGED_INSERT = "staged_insert",
    STAGED_RETURNED = "staged_returned",
    STAGED_ROWS = "staged_rows",
    STAGED_UNCHANGED = "staged_unchanged",
    TOTALS_OF_ORDERS = "totals_of_orders",
    TOTALS_OF_ROWS = "totals_of_rows",
    TOTALS_SINCE = "totals_since",
    UNSENT_OF_BATCH = "unsent_of_batch",
    VERIFY_BOOKS = "verify_books",
}
