//! What a reconciliation is to a ledger: which orders it is about, and what is known of each.

use super::{AttemptId, BatchId, Job, ReplyFacts};
use crate::clock::WallMs;
use crate::order::OrderNo;

/// Which of the orders that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those that were first sent at or after the one moment and before the other.
    Between(WallMs, WallMs),
    /// Those of one batch's rows, reissues and what they replace among them.
    Of(BatchId),
}

/// An order that was sent, with both sides: what the ledger has, and what a query was told.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Number, content, and where it stands now.
    pub job: Job,
    /// `FILE` and line of the row that asked for it first.
    pub place: Option<(String, u64)>,
    /// The attempt whose reply settled it, or the latest one.
    pub shown: Option<AttemptId>,
    /// What that reply said.
    pub ours: Option<ReplyFacts>,
    /// The newest query since then, whatever became of it.
    pub asked: Option<Told>,
    /// The newest answer to a query since then that says something of the order: a verified 200, or
    /// a verified refusal that does not know the number.
    pub told: Option<Told>,
    /// A later order of the same deduction that has succeeded too, by the ledger or by such an answer.
    pub twice: Option<OrderNo>,
    /// Another order that shows the same change number.
    pub shares_with: Option<OrderNo>,
}

/// An attempt and what came back to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Which attempt.
    pub attempt: AttemptId,
    /// What the reply meant, in the journal's word; none if there was none.
    pub meaning: Option<String>,
    /// The reply.
    pub facts: Option<ReplyFacts>,
}
