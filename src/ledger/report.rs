//! What a report of a batch is made from. Types alone; a [`super::Ledger`] fills them.

use super::{JournalHead, ResultRow, RunId, Totals};
use crate::clock::WallMs;
use crate::order::{Asked, Fate, Fen, Merchant, ReductionType};

/// A piece of a batch, as [`super::Ledger::report`] tells it: first its orders, then its rows, then
/// its requests.
#[derive(Clone, Debug)]
pub enum Reported {
    /// An order that its rows show, each once.
    Order(ReportedOrder),
    /// A row, in input order.
    Row(Box<ResultRow>),
    /// A request for an order of its own, run by run, in the order in which they left.
    Request(SentRequest),
}

/// An order, as far as sums of money go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedOrder {
    /// The target merchant.
    pub merchant: Merchant,
    /// Court or penalty.
    pub reduction_type: ReductionType,
    /// How much.
    pub amount: Fen,
    /// What became of it.
    pub fate: Fate,
}

/// A request that left, submission or query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRequest {
    /// The run that sent it.
    pub run: RunId,
    /// The lane.
    pub merchant: Merchant,
    /// Submission or query.
    pub asked: Asked,
    /// When it left, by the local clock; when its intent was written, if nothing was recorded of it.
    pub sent_at: WallMs,
    /// Milliseconds from send to reply, where a whole reply came.
    pub latency_ms: Option<u64>,
}

/// What stands beside the pieces, of the same moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportHead {
    /// The batch's sums, as the summary of its run has them.
    pub totals: Totals,
    /// Where the journal stands.
    pub journal: JournalHead,
}
