//! Everything ends: the maxima of a run, in one place.

use std::time::Duration;

/// Times that one number is submitted in a run.
pub const SUBMISSIONS_A_RUN_MAX: u32 = 6;
/// Times that one number is queried in a run, polls of PROCESSING apart.
pub const QUERIES_A_RUN_MAX: u32 = 6;
/// Times that one number is told "too fast" in a run.
pub const THROTTLES_A_RUN_MAX: u32 = 60;
/// One number is not asked twice within this time (the gateway counts that as too fast).
pub const SAME_NUMBER_APART: Duration = Duration::from_secs(1);
/// The longest pause between two tries of one number.
pub const BACKOFF_SECONDS_MAX: u64 = 32;
/// A PROCESSING order is queried after these pauses; the last one goes on.
pub const POLL_SECONDS: [u64; 5] = [2, 4, 8, 15, 30];

/// Days from the first send in which a submission is idempotent (the interface's document).
pub const WINDOW_DAYS: i64 = 31;
/// Hours before the window's end in which nothing is submitted any more.
pub const WINDOW_MARGIN_HOURS: i64 = 48;
/// Milliseconds from the first send in which a number may be submitted again (law L4).
pub const WINDOW_MS: i64 = (WINDOW_DAYS * 24 - WINDOW_MARGIN_HOURS) * 3_600_000;
/// Days before the window's end from which on its order is shown to people, and asked for first.
pub const WINDOW_WARNED_DAYS: i64 = 5;
/// Milliseconds from the first send in which nobody need be told of the window.
pub const WINDOW_QUIET_MS: i64 = WINDOW_MS - WINDOW_WARNED_DAYS * 24 * 3_600_000;

/// 401 in a row that stop the run.
pub const UNAUTHORIZED_IN_A_ROW_MAX: u32 = 3;
/// Refusals with one code, and no acceptance, that stop the run.
pub const REFUSALS_MAX: u32 = 10;
/// Stale replies in a row that stop the run.
pub const STALE_IN_A_ROW_MAX: u32 = 3;
/// Transport failures or 5xx in a row that are an outage.
pub const FAILURES_IN_A_ROW_MAX: u32 = 20;
/// In an outage one request goes out this often.
pub const PROBE_EVERY: Duration = Duration::from_secs(30);
/// Connections in a row that were never made, before the other host is tried.
pub const UNCONNECTED_IN_A_ROW_MAX: u32 = 3;
/// How long the standby host is used.
pub const STANDBY_FOR: Duration = Duration::from_secs(60);
/// Open orders that may fail as the canary, one after the other, before the run stops.
pub const CANARIES_MAX: u32 = 3;
/// Lanes among whose first orders the canary is chosen.
pub const CANARY_LANES_MAX: usize = 16;
/// A lane without an accepted reply for this long stops.
pub const LANE_WITHOUT_REPLY_MAX: Duration = Duration::from_secs(120);

/// A claim that has not been sent after this time is given back.
pub const CLAIM_WAIT_MAX: Duration = Duration::from_secs(5);
/// Orders that are held in memory because something is under way for them.
pub const OPEN_JOBS_MAX: usize = 20_000;
/// Orders that are read ahead of their turn, over all lanes.
pub const DECK_TOTAL: usize = 8_192;
/// Orders that are read at once for one lane.
pub const DECK_PAGE_MAX: usize = 256;
/// Alerts that a report keeps; more are counted.
pub const ALERTS_KEPT_MAX: usize = 1_000;
/// A clock that is further off than this is worth a warning.
pub const CLOCK_SKEW_WARN_MS: i64 = 60_000;

/// What is kept free of a lease behind the longest request, at most; a tenth of a short lease.
pub const LEASE_MARGIN_MAX: Duration = Duration::from_secs(2);
/// Lanes that one process holds at once.
pub const LANES_HELD_MAX: usize = 1_000;
/// Lanes that are taken in one transaction.
pub const LANES_TAKEN_AT_ONCE_MAX: usize = 100;
/// The database is not asked for lanes more often than this.
pub const LOOKS_APART: Duration = Duration::from_secs(1);
/// Nor so often that answering takes it more than a part in so many of the time.
pub const LOOKS_PART: u32 = 10;
/// After a failure the database is asked again after this time; it doubles.
pub const TROUBLE_PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause, and between two beginnings of a run that goes on for ever.
pub const TROUBLE_PAUSE_MAX: Duration = Duration::from_secs(60);
/// A run that goes on for ever drives again after this time what it could not bring to an end.
pub const LEFTOVERS_AGAIN: Duration = Duration::from_secs(300);
/// Once it was told to stop, a run waits so long for a ledger that says nothing; what was not recorded by
/// then is asked again by the next.
pub const LEDGER_AWAITED_MAX: Duration = Duration::from_secs(30);
/// Those who wait for other processes' lanes are told this often.
pub const WAITING_TOLD_EVERY: Duration = Duration::from_secs(60);

const _: () = assert!(WINDOW_MS == 29 * 24 * 3_600_000);
// The ledger counts with the same, where it came back from a backup.
const _: () = assert!(WINDOW_MS == crate::ledger::SUBMITTED_FOR_MS);
const _: () = assert!(OPEN_JOBS_MAX > DECK_PAGE_MAX);
