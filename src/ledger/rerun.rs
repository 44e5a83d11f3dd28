//! What reruns, releases and the windows' ends are to a ledger: plain values.

use super::{Batch, BatchHead, BatchId, LaneWork, ResultRow};
use crate::clock::WallMs;
use crate::order::{Fen, Merchant, OrderNo, State};

/// Which dead orders are issued again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    /// FAILED, and CLOSED that is proven.
    Dead,
    /// FAILED alone.
    Failed,
    /// CLOSED that is proven alone.
    Closed,
    /// Those of [`Only::Dead`] that their rows ask for (`levy_reissue`), each once: an order that
    /// followed is no row's wish.
    Asked,
    /// None: REJECTED ones are submitted again under their own numbers, and nothing else.
    Neither,
}

impl Only {
    /// Whether an order that stands here is issued again.
    pub fn takes(self, state: State) -> bool {
        match self {
            Self::Dead | Self::Asked => state.is_proven_dead(),
            Self::Failed => state == State::Failed,
            Self::Closed => state == State::ClosedProven,
            Self::Neither => false,
        }
    }
}

/// Which of a batch's orders that were never sent go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// All of them: the batch is a result that came back, and its changed rows are new deductions.
    All,
    /// The reissues alone. What was never sent at all goes only with its own file.
    Reissues,
    /// None.
    Nothing,
}

impl Unsent {
    /// Orders of this generation or a later one go out.
    pub(in crate::ledger) fn generation_min(self) -> i64 {
        match self {
            Self::All => 1,
            Self::Reissues => 2,
            Self::Nothing => i64::MAX,
        }
    }
}

/// What a rerun sends once its reissues are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rerun {
    /// What was never sent.
    Issued(Unsent),
    /// The same, and REJECTED orders of the batch's rows once more under their own numbers.
    IssuedAndRejected(Unsent),
}

impl Rerun {
    /// Which of the orders that were never sent go out.
    pub fn unsent(self) -> Unsent {
        match self {
            Self::Issued(unsent) | Self::IssuedAndRejected(unsent) => unsent,
        }
    }

    /// REJECTED orders are submitted again.
    pub fn sends_rejected(self) -> bool {
        match self {
            Self::Issued(_) => false,
            Self::IssuedAndRejected(_) => true,
        }
    }
}

/// What became of one proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reissued {
    /// The number that is proven dead.
    pub parent: OrderNo,
    /// What its deduction is about.
    pub amount: Fen,
    /// What was done.
    pub outcome: Reissue,
}

/// What was done with one proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reissue {
    /// A new order, PENDING.
    Issued {
        /// Its number.
        child: OrderNo,
    },
    /// A new order, HELD.
    Held {
        /// Its number.
        child: OrderNo,
        /// The order for the same debt that is alive or succeeded.
        by: OrderNo,
    },
    /// Nothing.
    Kept(Kept),
}

/// Why a deduction was not issued again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// No verified reply that says FAILED of this number is recorded; where the order stands.
    NoProof(State),
    /// Another order of the deduction followed already.
    IssuedBefore(OrderNo),
    /// Another deduction took its place.
    Superseded,
    /// The number that it would get is another order's.
    NumberTaken(OrderNo),
}

/// An earlier number of an order's debt that keeps it from being submitted (law L5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// A verified answer has called it paid.
    Paid(OrderNo),
    /// People called it dead, and that does not stand: a verified answer says since that it is still
    /// worked on, say.
    Undead(OrderNo),
    /// People called it dead; it is beyond use from this moment on.
    Waits(OrderNo, WallMs),
}

impl Before {
    /// No time that passes changes it: a person has to see to it.
    pub fn wants_a_person(&self) -> bool {
        match self {
            Self::Paid(_) | Self::Undead(_) => true,
            Self::Waits(..) => false,
        }
    }

    /// It may not be submitted at this time.
    pub fn forbids(&self, at: WallMs) -> bool {
        match self {
            Self::Paid(_) | Self::Undead(_) => true,
            Self::Waits(_, from) => at < *from,
        }
    }

    /// What a person should know of the order `no` that stands here, and what to do.
    pub fn words(&self, no: &OrderNo, state: State) -> String {
        let out = match state.is_unsent() {
            true => format!("withdraw it (`levy cancel {no}`)"),
            false => format!("find out what became of it, then `levy resolve {no}`"),
        };
        match self {
            Self::Paid(earlier) => format!(
                "not submitted: {earlier} has paid this debt, as a verified answer says; {out}"
            ),
            Self::Undead(earlier) => format!(
                "not submitted: {earlier} was called dead by people, and may not be; ask for it \
                 (`levy reconcile`), and unless it is FAILED then, {out}"
            ),
            Self::Waits(earlier, from) => format!(
                "not submitted before {}: {earlier} was called dead by people, and is beyond use from \
                 then on",
                from.rfc3339()
            ),
        }
    }
}

/// Sums of what was done with proofs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Orders issued, PENDING.
    pub issued: u64,
    /// Their fen.
    pub issued_fen: u128,
    /// Orders issued, HELD.
    pub held: u64,
    /// Their fen.
    pub held_fen: u128,
    /// Deductions that were not issued again, and why; the first [`Tally::KEPT_MAX`].
    pub kept: Vec<(OrderNo, Kept)>,
    /// All that were not issued again.
    pub kept_count: u64,
}

impl Tally {
    /// Deductions that are named one by one.
    pub const KEPT_MAX: usize = 20;

    /// Counts one more.
    pub fn add(&mut self, reissued: &Reissued) {
        let fen = u128::from(reissued.amount.get());
        match &reissued.outcome {
            Reissue::Issued { .. } => {
                self.issued += 1;
                self.issued_fen += fen;
            }
            Reissue::Held { .. } => {
                self.held += 1;
                self.held_fen += fen;
            }
            Reissue::Kept(why) => {
                self.kept_count += 1;
                if self.kept.len() < Self::KEPT_MAX {
                    self.kept.push((reissued.parent.clone(), why.clone()));
                }
            }
        }
    }
}

/// A rerun to be tried out.
#[derive(Clone, Copy, Debug)]
pub struct Rehearsal<'a> {
    /// Of what.
    pub of: RehearsedOf<'a>,
    /// Which dead orders are issued again.
    pub only: Only,
    /// What is sent.
    pub rerun: Rerun,
    /// Now.
    pub at: WallMs,
    /// Days within which another order for the same debt holds a row's new one.
    pub hold_days: u32,
}

/// What is tried out.
#[derive(Clone, Copy, Debug)]
pub enum RehearsedOf<'a> {
    /// A batch that the ledger knows.
    Batch(BatchId),
    /// The rows that are staged, accepted as this batch.
    Staged(&'a BatchHead),
}

/// What a rerun would do, in sums.
#[derive(Clone, Debug)]
pub struct Rehearsed {
    /// The batch; of staged rows one that is gone again.
    pub batch: Batch,
    /// What would be issued again.
    pub tally: Tally,
    /// What the rerun's second half would send.
    pub lanes: Vec<LaneWork>,
    /// What would go out as never sent, by merchant: orders and fen.
    pub unsent: Vec<(Merchant, u64, u128)>,
    /// Open orders of the batch's rows: asked again under their own numbers.
    pub open: u64,
}

/// A row that a rerun would send, as it stands before it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The row; its order's number is the one that it would come back with.
    pub row: ResultRow,
    /// What would be done.
    pub plan: Plan,
}

/// What a rerun would do for a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// A new order under a new number.
    Reissue(Reissue),
    /// A deduction of its own, never sent before.
    New,
    /// Its own number once more.
    Again,
}

/// What a release did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Orders that were held, with their fen.
    pub released: Vec<(OrderNo, Fen)>,
    /// Orders that were not, with their state.
    pub left: Vec<(OrderNo, State)>,
}

/// Open orders whose window comes to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expiring {
    /// All of them.
    pub count: u64,
    /// The oldest, with the time of their first send.
    pub first: Vec<(OrderNo, WallMs)>,
}
