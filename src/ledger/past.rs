//! Sends that this journal does not know: another tool's, and those of the time that a backup has
//! forgotten. What a person tells of them, and what the ledger made of it.
//!
//! Another's word settles nothing (law L3): an order that may have been sent is UNKNOWN, its window
//! begins at the earliest time at which that may have been (law L4), and one send of it counts as
//! possibly accepted, so that neither a refusal nor a missing connection makes it unsent again.

use super::{Batch, BatchId};
use crate::clock::WallMs;
use crate::order::{OrderNo, Resolution};

/// Milliseconds from its first send in which a number may be submitted again, the margin taken off.
/// Deductions that came into a restored ledger within this time may be among those that it forgot.
pub const SUBMITTED_FOR_MS: i64 = 29 * 86_400_000;

/// What another tool did with a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentBefore {
    /// When it was first sent.
    pub first_sent_at: WallMs,
    /// What that tool called it; nothing if it did not know.
    pub outcome: Option<Resolution>,
    /// The gateway's change number, as that tool had it.
    pub change_no: Option<String>,
}

/// Why a row of a history is not taken over, and so nothing of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportFault {
    /// The row's line.
    pub line: u64,
    /// The row's number.
    pub no: OrderNo,
    /// What is wrong, as the rest of a sentence that begins with the number's column.
    pub what: String,
    /// What may be done about it.
    pub hint: String,
}

/// What an import did. With any fault nothing of it was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The history, accepted as a batch; none if there are faults.
    pub batch: Option<Batch>,
    /// The file had been taken over before: nothing was added.
    pub known: bool,
    /// Orders that were taken over, by what the other tool called them: deducted, failed, unknown.
    pub succeeded: u64,
    /// See above.
    pub failed: u64,
    /// See above.
    pub unknown: u64,
    /// Rows that add nothing: the ledger had sent their numbers itself.
    pub repeats: u64,
    /// Rows that are no deductions.
    pub invalid: u64,
    /// Rows that the ledger does not take, in input order.
    pub faults: Vec<ImportFault>,
}

/// What came of telling a ledger that it came back from a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The same was told before: nothing was changed.
    pub known: bool,
    /// Orders that were never sent, and may have been since: UNKNOWN now.
    pub unknown: u64,
    /// Orders whose first send counts from an earlier time now, or that may have been submitted again.
    pub others: u64,
    /// Orders that are HELD, and stay so.
    pub held: u64,
    /// Batches with orders that may have been sent and are to be asked for with their own file: the
    /// batch, its file, how many.
    pub batches: Vec<(BatchId, String, u64)>,
}
