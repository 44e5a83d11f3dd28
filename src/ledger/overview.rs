//! What a person asks of a ledger at any time: how it stands, and what became of one order.
//!
//! Types alone; they are filled by a [`super::Ledger`] and put into words by `report`.

use super::{
    AttemptId, Batch, BatchId, Before, Decided, Frozen, JournalHead, ReplyFacts, RunId, Standing,
};
use crate::clock::WallMs;
use crate::order::{Asked, Fate, Fen, Order, OrderNo, Resolution, State, Status};

/// Orders near their window's end that are named one by one.
pub const CLOSING_NAMED_MAX: usize = 50;
/// Attempts of an order that are told; the newest ones.
pub const STORY_ATTEMPTS_MAX: usize = 1_000;
/// Rows in which an order stands that are told.
pub const STORY_PLACES_MAX: usize = 1_000;

/// What is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverviewAsk {
    /// One batch's orders, or all.
    pub batch: Option<BatchId>,
    /// Orders that are open and were sent first at this time or before are near their window's end.
    pub closing_since: WallMs,
}

/// Orders of one kind, and their fen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Orders.
    pub orders: u64,
    /// Fen.
    pub fen: u128,
}

impl Sum {
    /// Counts an order in.
    pub fn add(&mut self, fen: Fen) {
        self.orders += 1;
        self.fen += u128::from(fen.get());
    }
}

/// Orders by status, each deduction's newest, and their money by what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByStatus {
    sums: [Sum; Status::ALL.len()],
    /// Orders that the gateway claims to have closed, without proof.
    pub unproven_closed: u64,
    /// Fen that were deducted.
    pub deducted_fen: u128,
    /// Fen that may still be.
    pub open_fen: u128,
    /// Fen of what is dead.
    pub dead_fen: u128,
}

impl ByStatus {
    /// The sum of one status.
    pub fn of(&self, status: Status) -> Sum {
        let at = Status::ALL.iter().position(|s| *s == status);
        self.sums[at.expect("one of all")]
    }

    /// Counts an order in.
    pub fn add(&mut self, state: State, resolved: Option<Resolution>, fen: Fen) {
        let status = Status::shown(state, resolved);
        let at = Status::ALL.iter().position(|s| *s == status);
        self.sums[at.expect("one of all")].add(fen);
        let open_closed = state == State::Closed && resolved.is_none();
        self.unproven_closed += u64::from(open_closed);
        let fen = u128::from(fen.get());
        match Fate::of(state, resolved) {
            Fate::Deducted => self.deducted_fen += fen,
            Fate::Open => self.open_fen += fen,
            Fate::Dead => self.dead_fen += fen,
        }
    }

    /// All of them.
    pub fn orders(&self) -> u64 {
        self.sums.iter().map(|sum| sum.orders).sum()
    }

    /// Statuses that occur.
    pub fn some(&self) -> impl Iterator<Item = (Status, Sum)> + '_ {
        let all = Status::ALL.iter().copied().zip(self.sums);
        all.filter(|(_, sum)| sum.orders > 0)
    }
}

/// A batch and the orders that came first in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchLine {
    /// The batch.
    pub batch: Batch,
    /// Its orders, each deduction's newest.
    pub by_status: ByStatus,
}

/// An open order and when it was sent first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// Its number.
    pub no: OrderNo,
    /// Where it stands.
    pub state: State,
    /// Its first send.
    pub first_sent_at: WallMs,
}

/// How a ledger, or one batch of it, stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Batches by number.
    pub batches: Vec<BatchLine>,
    /// Every deduction's newest order.
    pub by_status: ByStatus,
    /// Orders that are proven dead (or found so), with nothing in their place yet.
    pub reissuable: u64,
    /// Orders that people resolved and the gateway has not settled.
    pub resolved: u64,
    /// CLOSED orders that no run could prove, left to a person.
    pub unproven: u64,
    /// PENDING orders that are not submitted until a person has seen to an earlier number of theirs.
    pub stopped_unsent: u64,
    /// UNKNOWN ones likewise.
    pub stopped_sent: u64,
    /// The first of both.
    pub stopped_first: Vec<OrderNo>,
    /// Of the orders that are UNKNOWN, the one that was sent first.
    pub oldest_unknown: Option<OpenOrder>,
    /// The first send of the order that was sent first of all that are open: its window ends next.
    pub oldest_open_at: Option<WallMs>,
    /// Open orders near their window's end.
    pub closing: u64,
    /// The first of those, by first send.
    pub closing_first: Vec<OpenOrder>,
    /// When the newest SUCCESS came.
    pub last_success_at: Option<WallMs>,
    /// When the newest run began.
    pub last_run_at: Option<WallMs>,
    /// Who stopped all sending.
    pub frozen: Option<Frozen>,
    /// The latest time that the gateway signed.
    pub latest_signed_at: Option<WallMs>,
    /// Where the journal stands.
    pub head: Option<JournalHead>,
}

/// Orders that were never sent, and which files send them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeverSent {
    /// Orders that their files' next run submits.
    pub orders: u64,
    /// The batches that such orders came first in, and their files.
    pub of: Vec<(BatchId, String)>,
}

impl Overview {
    /// Orders that were never sent; none that wait for a person.
    pub fn never_sent(&self) -> NeverSent {
        let pending = self.by_status.of(Status::Pending).orders;
        let some = |line: &&BatchLine| line.by_status.of(Status::Pending).orders > 0;
        let of = self.batches.iter().filter(some);
        NeverSent {
            orders: pending.saturating_sub(self.stopped_unsent),
            of: of
                .map(|line| (line.batch.id, line.batch.head.file.clone()))
                .collect(),
        }
    }
}

/// A row in which an order stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The batch.
    pub batch: BatchId,
    /// Its file.
    pub file: String,
    /// The row's line in it.
    pub line: u64,
}

/// An order of the same deduction, or of one before or after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relative {
    /// Its number.
    pub no: OrderNo,
    /// First order or which reissue: 1, 2, 3 …
    pub generation: u32,
    /// Where it stands.
    pub state: State,
    /// What people found out.
    pub resolved: Option<Resolution>,
}

/// One attempt, as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its entry in the journal.
    pub id: AttemptId,
    /// The run that made it.
    pub run: RunId,
    /// Submission or query.
    pub asked: Asked,
    /// When its intent was written.
    pub at: WallMs,
    /// Where the order stood before.
    pub before: State,
    /// What came; `None` if nothing was recorded.
    pub reply: Option<Reply>,
}

/// What came back to an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// When.
    pub at: WallMs,
    /// Milliseconds from send to reply.
    pub latency_ms: u64,
    /// What it meant; the journal's word.
    pub meaning: String,
    /// What came.
    pub facts: ReplyFacts,
    /// What a person must see.
    pub alert: Option<String>,
}

/// An order's whole story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// Number and content.
    pub order: Order,
    /// Where it stands.
    pub standing: Standing,
    /// First order or which reissue: 1, 2, 3 …
    pub generation: u32,
    /// When it came into the ledger.
    pub created_at: WallMs,
    /// When it became final, expired or was withdrawn.
    pub settled_at: Option<WallMs>,
    /// Requests sent under its number.
    pub attempts_sent: u32,
    /// The rows in which it stands, its first one first.
    pub places: Vec<Place>,
    /// Its attempts, by rising entry.
    pub attempts: Vec<Attempt>,
    /// What people decided about it.
    pub decisions: Vec<Decided>,
    /// All orders of its deduction, itself among them, by generation.
    pub chain: Vec<Relative>,
    /// The first orders of the deductions that its deduction took the place of.
    pub supersedes: Vec<OrderNo>,
    /// The first order of the deduction that took its place.
    pub superseded_by: Option<OrderNo>,
    /// What keeps it from being submitted, if it would be next.
    pub before: Option<Before>,
    /// If people called it dead and that is worth a new number: from when on.
    pub new_number_from: Option<WallMs>,
    /// The order that it looks like, if it is held.
    pub held_by: Option<OrderNo>,
    /// The row that asked for its number with another content.
    pub frozen_by: Option<(String, u64)>,
}
