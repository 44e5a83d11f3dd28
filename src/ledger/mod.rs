//! What we promised, durable: batches, rows, orders and the journal of attempts.
//!
//! [`Ledger`] is what the rest asks. Its body stands once, in `books`, for whatever is a `database`; its
//! contract suite is `laws`. It knows orders and verdicts, not files, HTTP or pace. Every method is
//! synchronous: the run hands writes to one thread ([`writer::Writer`]), which groups them into one commit.

mod address;
mod books;
mod database;
mod decision;
mod journal;
mod lease;
mod listed;
pub mod lock;
pub mod moved;
mod overview;
mod past;
mod plan;
mod postgres;
mod reconcile;
mod replay;
mod report;
mod rerun;
mod sql;
mod sqlite;
pub mod writer;

#[cfg(test)]
mod laws;

use std::fmt;
use std::sync::Arc;

use crate::clock::WallMs;
use crate::order::{
    Asked, Comeback, Content, ContentDigest, Event, Fen, Field, NextAction, Order, OrderNo, Proof,
    Resolution, State, Status, Weak,
};

pub use address::{Address, Typed};
pub use books::{Audit, BadEntry};
pub use decision::{By, Decided, Decision, DecisionKind, Frozen, Person, TwoPeople, Words};
pub use journal::{JournalHead, LaneHead};
pub use lease::{Epoch, Held, LaneLine, Lanes, Offer, Returned, Taken, Whose};
pub use listed::{Beside, Booked, Found, ListScope, ListedRow, TWINS_TOLD_MAX};
pub use overview::{
    Attempt, BatchLine, ByStatus, CLOSING_NAMED_MAX, NeverSent, OpenOrder, Overview, OverviewAsk,
    Place, Relative, Reply, Story, Sum,
};
pub use past::{ImportFault, Imported, Restored, SUBMITTED_FOR_MS, SentBefore};
pub use plan::{Admit, Approval, FilePlan, NewPlan, OrderSum, Outcome, PlanId, PlanKey, Reading};
pub use postgres::{Isolation, PostgresLedger, PostgresOptions, PostgresUrl, ServerHealth};
pub use reconcile::{Compared, Reach, Told};
pub use report::{ReportHead, Reported, ReportedOrder, SentRequest};
pub use rerun::{
    Before, Expiring, Kept, Only, Plan, Planned, Rehearsal, Rehearsed, RehearsedOf, Reissue,
    Reissued, Released, Rerun, Tally, Unsent,
};
pub use sqlite::{Ground, OpenOptions, SqliteLedger, ground};

/// Days within which another order for the same debt holds a new one, unless set otherwise.
pub const HOLD_DAYS_DEFAULT: u32 = 40;

/// Milliseconds from its first send after which an order that two people found dead may be issued
/// again under a new number: the 31 days in which the old number could still be submitted.
pub const REISSUE_OF_RESOLVED_MS: i64 = 31 * 86_400_000;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// A batch's number in its ledger, in order of acceptance.
    BatchId,
    /// An order's number in its ledger, in order of creation (input order within a batch).
    OrderId,
    /// A deduction: a chain of orders, the first and its reissues.
    DeductionId,
    /// One attempt: an intent, and perhaps its reply.
    AttemptId,
    /// One run of levy on this ledger.
    RunId,
}

/// Real money, or the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// WeChat Pay.
    Real,
    /// The embedded gateway.
    Sandbox,
}

impl Environment {
    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Real => "REAL",
            Self::Sandbox => "SANDBOX",
        }
    }
}

/// What a ledger is bound to at its creation: anything else is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The caller's merchant number.
    pub caller: String,
    /// Real or sandbox.
    pub environment: Environment,
}

/// A row on its way into the ledger, in input order.
#[derive(Clone, Debug)]
pub struct StagedRow {
    /// 1, 2, 3 … among the file's data rows.
    pub ordinal: u64,
    /// The row that a spreadsheet shows it in; the header's is 1.
    pub line: u64,
    /// The input's cells as they came.
    pub cells: Vec<String>,
    /// The amount, where it could be read (of invalid rows too).
    pub amount: Option<Fen>,
    /// What stands in `levy_out_request_no`, of invalid rows too: it must not get lost.
    pub came_back_as: Option<String>,
    /// A valid deduction, or what is wrong with the row, in words without secrets.
    pub asked: Result<StagedOrder, String>,
}

/// A valid row's deduction.
#[derive(Clone, Debug)]
pub struct StagedOrder {
    /// The row's own number; without one it is derived from content and ordinal.
    pub no: Option<OrderNo>,
    /// What is deducted from whom.
    pub content: Content,
    /// `levy_out_request_no`: the order that this row came back from.
    pub returned: Option<OrderNo>,
    /// What such a row asks for.
    pub comeback: Comeback,
    /// What another tool did with the number: of a history alone ([`Ledger::import`]).
    pub past: Option<SentBefore>,
}

/// What a batch is, but for its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchHead {
    /// SHA-256 of the file's bytes: the batch's identity.
    pub digest: [u8; 32],
    /// The file's name as people know it (no directories).
    pub file: String,
    /// The header's cells as they came, without levy's own columns.
    pub header: Vec<String>,
    /// `,`, `;` or tab.
    pub delimiter: u8,
}

/// An accepted batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub id: BatchId,
    /// What it is.
    pub head: BatchHead,
    /// Its data rows.
    pub rows: u64,
    /// When it was accepted.
    pub accepted_at: WallMs,
}

/// What the ledger says to a number and a content (law L2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The number was not known.
    New,
    /// The number stands for this very content.
    Repeat,
    /// The number stands for another content; the first field that differs.
    Conflict(Field),
}

/// Where an order stands, as the engine needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// State.
    pub state: State,
    /// How far the doubt about a RECEIPT_NOT_EXIST_CLOSED has come.
    pub weak: Weak,
    /// Submissions that may have been accepted (those without an answer among them).
    pub maybe_accepted: u32,
    /// The earliest of local and signed time at any send.
    pub first_sent_at: Option<WallMs>,
    /// Runs that asked in vain for the proof of a close.
    pub proof_runs: u32,
    /// What people found out; such an order is not submitted again, and no run drives it.
    pub resolved: Option<Resolution>,
}

impl Standing {
    /// A new number may take this one's place: a verified reply called it dead, or two people found
    /// it so and it is beyond use at this time. The schema asks the same (law L5).
    pub fn may_be_reissued(&self, at: WallMs) -> bool {
        let beyond_use = |first: WallMs| at.0.saturating_sub(first.0) >= REISSUE_OF_RESOLVED_MS;
        match (self.state.is_final(), self.resolved) {
            (true, _) => self.state.is_proven_dead(),
            (false, Some(Resolution::Failed)) => self.first_sent_at.is_some_and(beyond_use),
            (false, Some(Resolution::Success) | None) => false,
        }
    }
}

/// An order that a run may have something to do for.
#[derive(Clone, Debug)]
pub struct Job {
    /// The order's number in the ledger.
    pub id: OrderId,
    /// Number and content, as the ledger has them.
    pub order: Arc<Order>,
    /// Where it stands.
    pub standing: Standing,
}

/// Permission to send, made only by a ledger whose intent is durable on disk, and consumed by the
/// one function that sends (law L1).
#[derive(Debug)]
pub struct Claimed {
    attempt: AttemptId,
    job: Job,
    asked: Asked,
    before: State,
    earlier_sends: u32,
}

impl Claimed {
    /// For implementations of [`Ledger`] alone, after their commit.
    pub(in crate::ledger) fn new(
        attempt: AttemptId,
        job: Job,
        asked: Asked,
        before: State,
        earlier_sends: u32,
    ) -> Self {
        Self {
            attempt,
            job,
            asked,
            before,
            earlier_sends,
        }
    }

    /// The journal's number of this attempt.
    pub fn attempt(&self) -> AttemptId {
        self.attempt
    }

    /// The order, as it stands since the claim.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Submission or query.
    pub fn asked(&self) -> Asked {
        self.asked
    }

    /// Where the order stood before the claim.
    pub fn before(&self) -> State {
        self.before
    }

    /// Submissions of this number before this one that may have been accepted.
    pub fn earlier_sends(&self) -> u32 {
        self.earlier_sends
    }
}

/// A wish to send, to be made durable.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which order, as the engine knows it; a claim fails if the ledger knows it otherwise.
    pub job: Job,
    /// Submission or query.
    pub asked: Asked,
    /// Now.
    pub at: WallMs,
    /// Which run asks.
    pub run: RunId,
    /// By which holding of the order's lane, where several hosts share the ledger.
    pub lease: Option<Epoch>,
    /// Which of what was handed over it belongs to, where it goes for that reason alone: what was never sent is
    /// refused where it was taken back since.
    pub handed: Option<Handed>,
}

/// How far a reply could be trusted; the journal's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The signature holds.
    Verified,
    /// The signature holds, but its time is more than 300 s off our clock: nothing but that time is
    /// believed.
    Stale,
    /// No signature headers.
    Unsigned,
    /// Signature headers that do not hold.
    IllSigned,
    /// No whole reply.
    Lost,
    /// The connection was never made, or the send was not begun.
    NotSent,
}

impl Trust {
    /// The word in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "VERIFIED",
            Self::Unsigned => "UNSIGNED",
            Self::Stale => "STALE",
            Self::IllSigned => "ILL_SIGNED",
            Self::Lost => "LOST",
            Self::NotSent => "NOT_SENT",
        }
    }
}

/// What came back, as the journal keeps it. The order's own fields come from verified replies only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyFacts {
    /// How far it could be trusted.
    pub trust: Trust,
    /// HTTP status.
    pub http_status: Option<u16>,
    /// `code` of an error.
    pub code: Option<String>,
    /// `message` of an error, or what went wrong, without secrets.
    pub message: Option<String>,
    /// `Request-ID`.
    pub request_id: Option<String>,
    /// The gateway's signed time.
    pub signed_at: Option<WallMs>,
    /// `state`
    pub state: Option<String>,
    /// `fail_reason`
    pub fail_reason: Option<String>,
    /// `quota_change_no`
    pub quota_change_no: Option<String>,
    /// `success_time`
    pub success_time: Option<String>,
    /// `fail_time`
    pub fail_time: Option<String>,
}

impl ReplyFacts {
    /// Nothing but a trust and a word about it.
    pub fn bare(trust: Trust, message: Option<String>) -> Self {
        Self {
            trust,
            http_status: None,
            code: None,
            message,
            request_id: None,
            signed_at: None,
            state: None,
            fail_reason: None,
            quota_change_no: None,
            success_time: None,
            fail_time: None,
        }
    }
}

/// The answer to an attempt, to be recorded.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Which order.
    pub order: OrderId,
    /// Submission or query.
    pub asked: Asked,
    /// When the reply came, by the local clock.
    pub at: WallMs,
    /// Milliseconds from send to reply.
    pub latency_ms: u64,
    /// What came.
    pub facts: ReplyFacts,
    /// What it meant; the journal's word.
    pub meaning: &'static str,
    /// What it does to the order.
    pub event: Event,
    /// How far the doubt about a close has come since.
    pub weak: Weak,
    /// The submission may have been accepted, in spite of what came.
    pub may_have_been_accepted: bool,
    /// Something that a person must see.
    pub alert: Option<&'static str>,
}

/// One write of a group that is committed together.
#[derive(Clone, Debug)]
pub enum Write {
    /// Intent before wire.
    Claim(Ask),
    /// A reply.
    Record(Box<Answer>),
    /// A run asked in vain for the proof of a close.
    ProofMissed(OrderId),
}

/// What became of one [`Write`], after the commit.
#[derive(Debug)]
pub enum Written {
    /// The intent is durable: send.
    Claimed(Box<Claimed>),
    /// The order stands otherwise than the engine thought, or its state forbids it; where it stands.
    Refused(OrderId, Standing),
    /// All sending is stopped: nothing was written for this order.
    Frozen(OrderId),
    /// The lane is not this holder's any more: nothing was written for this order.
    LaneLost(OrderId),
    /// Where the order stands since.
    Recorded(OrderId, Standing),
    /// Noted.
    Noted(OrderId),
}

/// Which orders a run drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The orders of one batch's rows: open ones, wherever they came first, and its own unsent ones.
    Batch(BatchId),
    /// Every open order of the ledger; nothing that was never sent.
    Open,
    /// What workers drive: every open order of the ledger, and those that were never sent of batches that
    /// were handed over, in input order.
    Shared(Handed),
    /// The open orders of the ledger that were first sent at or after the one moment and before the
    /// other; nothing that was never sent.
    FirstSent(WallMs, WallMs),
    /// The open orders of one batch's rows; nothing that was never sent. What may have been sent
    /// without this ledger's knowledge counts as unsent.
    OpenOf(BatchId, Unsent),
    /// A rerun's second half: what it has issued, and what else it was asked for.
    Rerun(BatchId, Rerun),
    /// A reconciliation: orders that were sent, final ones too, each to be queried once. Only those
    /// that a verified 200 has named, that people resolved, or that were first sent at this moment or
    /// before it and so are past their window.
    Sent(Reach, WallMs),
    /// Before it: orders that people called dead and whose reissue, of the reach, is open. Each is to be
    /// queried once, before the reissue is submitted again.
    Replaced(Reach),
}

/// What a worker sends of what was handed over and was never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    /// All of it.
    All,
    /// What an approved plan allows, and reissues: what [`Ledger::unapproved`] counts stays.
    Approved,
}

/// The two parts of a lane's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Sent before and not final: UNKNOWN, PROCESSING, CLOSED.
    Open,
    /// Never sent: PENDING.
    Pending,
}

/// What a lane has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneWork {
    /// The target merchant.
    pub merchant: crate::order::Merchant,
    /// Orders that were sent and are not final.
    pub open: u64,
    /// Orders that were never sent.
    pub pending: u64,
}

/// A send of an earlier run that may still count against a lane's pace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentSend {
    /// The lane.
    pub merchant: crate::order::Merchant,
    /// When its intent was written.
    pub claimed_at: WallMs,
    /// When its reply came, or it was given up, if that was recorded.
    pub answered_at: Option<WallMs>,
    /// It was given up: the gateway may count it later.
    pub given_up: bool,
}

/// What accepting a batch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Data rows.
    pub rows: u64,
    /// New orders, held ones among them.
    pub orders: u64,
    /// Rows whose order the ledger (or the file, above) had already.
    pub repeats: u64,
    /// Rows that are CONFLICT.
    pub conflicts: u64,
    /// Orders that are HELD.
    pub held: u64,
    /// Rows that are INVALID.
    pub invalid: u64,
}

/// One row of a batch with what became of it, for the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultRow {
    /// Data row, from 1.
    pub ordinal: u64,
    /// Its row in its file, as a spreadsheet shows it.
    pub line: u64,
    /// The input's cells as they came.
    pub cells: Vec<String>,
    /// Fen, where the row's amount could be read.
    pub amount: Option<Fen>,
    /// Status.
    pub status: Status,
    /// What is to be done next.
    pub next_action: NextAction,
    /// The row adds nothing: its order came first in this file and line (`FILE:LINE`).
    pub duplicate_of: Option<String>,
    /// The order that the row shows: its deduction's newest.
    pub order: Option<RowOrder>,
    /// What the row named as its order when it came back, if it shows none.
    pub came_back_as: Option<String>,
    /// It asked for a new number and was changed as well: a person decides which is meant.
    pub undecided: bool,
    /// Faults, conflicts, holds and alerts in words.
    pub note: String,
}

/// The order of a row, for the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowOrder {
    /// `out_request_no`.
    pub no: OrderNo,
    /// The facts of the reply that settled it, or of the latest one.
    pub reply: Option<ReplyFacts>,
    /// Requests sent under this number, queries included; not those that were never connected.
    pub attempts: u32,
    /// First send.
    pub first_sent_at: Option<WallMs>,
    /// When it was settled.
    pub settled_at: Option<WallMs>,
}

/// A batch's sums: rows add up by status, money adds up by order (law L7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Data rows.
    pub rows: u64,
    /// Rows and fen by status, in the order of [`Status::ALL`]; statuses that do not occur are left out.
    pub by_status: Vec<(Status, u64, u128)>,
    /// Rows by what is to be done next.
    pub by_action: Vec<(NextAction, u64)>,
    /// Orders that the rows show, each once.
    pub orders: u64,
    /// Fen of those that succeeded.
    pub deducted_fen: u128,
    /// Fen of those that are neither succeeded nor dead.
    pub open_fen: u128,
    /// Fen of those that are dead: FAILED, CLOSED proven, CANCELLED, REJECTED.
    pub dead_fen: u128,
    /// Rows that add nothing, since their order was there already.
    pub repeats: u64,
    /// Rows whose amount could not be read.
    pub unreadable_amounts: u64,
    /// Attempts for the orders that the rows show, in all runs.
    pub attempts: u64,
}

/// What a cancellation is aimed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelTarget {
    /// Every unsent order of a batch.
    Batch(BatchId),
    /// One order.
    Number(OrderNo),
}

/// What a cancellation did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cancelled {
    /// Orders withdrawn, with their fen.
    pub withdrawn: Vec<(OrderNo, Fen)>,
    /// Orders left alone, since they were sent already (or withdrawn before), with their state.
    pub left: Vec<(OrderNo, State)>,
    /// Orders left alone, since they may have been sent before the ledger came back from a backup.
    pub maybe_sent: Vec<(OrderNo, State)>,
}

/// Why the ledger did not do what it was asked.
#[derive(Debug)]
pub enum LedgerError {
    /// It does not exist (and `--create-ledger` was not given).
    Missing(String),
    /// It is not for this caller or environment, others may read it, or it lies where it can't be
    /// safe.
    Refused(String),
    /// Another run holds it; who.
    Held(String),
    /// The file cannot be used: it is another program's, damaged from its first byte on, of a newer
    /// levy, or may not be read or written.
    Unusable(String),
    /// Disk, corruption, or a broken rule: nothing may be sent any more.
    Broken(String),
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(words) | Self::Refused(words) | Self::Unusable(words) => {
                f.write_str(words)
            }
            Self::Held(words) => f.write_str(words),
            Self::Broken(words) => write!(f, "the ledger failed: {words}"),
        }
    }
}

impl std::error::Error for LedgerError {}

/// A result of the ledger.
pub type LedgerResult<T> = Result<T, LedgerError>;

/// The durable memory. Implementations pass the contract suite in `laws`.
pub trait Ledger: Send {
    /// The accepted batch with this identity, if there is one.
    fn find_batch(&mut self, digest: &[u8; 32]) -> LedgerResult<Option<Batch>>;
    /// An accepted batch by its number.
    fn batch(&mut self, id: BatchId) -> LedgerResult<Option<Batch>>;
    /// Empties the staging: rows of a batch that was not accepted leave nothing behind.
    fn stage_clear(&mut self) -> LedgerResult<()>;
    /// Stages rows in input order; they claim nothing until [`Ledger::accept`].
    fn stage(&mut self, rows: &[StagedRow]) -> LedgerResult<()>;
    /// Accepts the staged rows as one batch, in one commit: numbers, repeats, conflicts and holds
    /// are decided here, in input order.
    fn accept(
        &mut self,
        head: &BatchHead,
        at: WallMs,
        hold_days: u32,
    ) -> LedgerResult<(Batch, Accepted)> {
        self.accept_if(head, at, hold_days, Admit::Any)
    }
    /// The same if what comes out may be: otherwise it is undone in the same transaction, and
    /// `Refused` tells why.
    fn accept_if(
        &mut self,
        head: &BatchHead,
        at: WallMs,
        hold_days: u32,
        admit: Admit,
    ) -> LedgerResult<(Batch, Accepted)>;
    /// Stores what accepting the staged rows would come to, and accepts nothing. The same bytes with
    /// the same outcome are the plan that is there already, whoever asks; `Refused` where the file is
    /// a batch.
    fn plan(&mut self, new: &NewPlan<'_>, at: WallMs, hold_days: u32) -> LedgerResult<FilePlan>;
    /// A plan, if there is one.
    fn find_plan(&mut self, key: PlanKey<'_>) -> LedgerResult<Option<FilePlan>>;
    /// The newest plan of each file that is no batch yet, by rising number.
    fn plans_waiting(&mut self) -> LedgerResult<Vec<FilePlan>>;
    /// Orders of a batch that were never sent, are no reissues, and that no approved plan allows.
    fn unapproved(&mut self, batch: BatchId) -> LedgerResult<u64>;
    /// Writes down that levy is about to write a failed file with these bytes (SHA-256). A ledger that is
    /// only looked at does not.
    fn note_failed_file(&mut self, digest: &[u8; 32]) -> LedgerResult<()>;
    /// Whether levy wrote a failed file with these bytes.
    fn wrote_failed_file(&mut self, digest: &[u8; 32]) -> LedgerResult<bool>;
    /// Takes the staged rows over as what another tool has sent, in one commit, as a batch of their
    /// own: all of them, or none if one of them can't be. A file that was taken over before adds
    /// nothing. An order of it is UNKNOWN since its first send; what the other tool called it stands
    /// beside that, as what people found out. A row that would hold an order which waits to be sent is a
    /// fault.
    fn import(
        &mut self,
        head: &BatchHead,
        by: &dyn By,
        at: WallMs,
        hold_days: u32,
    ) -> LedgerResult<Imported>;
    /// Tells the ledger that it came back from a backup that was made at `since`: in one commit, all
    /// that it calls unsent may have been sent since, and so may what it forgot and is given again.
    /// The same `since` again changes nothing; an earlier one widens.
    fn restored(&mut self, since: WallMs, by: &dyn By, at: WallMs) -> LedgerResult<Restored>;
    /// Hands a batch over to whoever works on the ledger ([`Scope::Shared`]): its orders that were never
    /// sent, as many as there are now. `restored` takes all batches back.
    fn hand_over(&mut self, batch: BatchId, at: WallMs) -> LedgerResult<()>;
    /// Batches that were handed over with orders that were never sent, are no reissues, and that no approved
    /// plan allows; how many each.
    fn handed_unapproved(&mut self) -> LedgerResult<Vec<(BatchId, u64)>>;
    /// Takes back a batch that was handed over; whether it had been. What a worker has claimed goes on.
    fn take_back(&mut self, batch: BatchId) -> LedgerResult<bool>;
    /// Notes that a run begins.
    fn begin_run(&mut self, at: WallMs) -> LedgerResult<RunId>;
    /// Lanes with something to do, by merchant.
    fn lanes(&mut self, scope: Scope) -> LedgerResult<Vec<LaneWork>>;
    /// The next orders of a lane, by rising id, after `after`.
    fn deck(
        &mut self,
        scope: Scope,
        phase: Phase,
        merchant: &crate::order::Merchant,
        after: OrderId,
        limit: u32,
    ) -> LedgerResult<Vec<Job>>;
    /// The `n`-th (from 1) order of a scope that was never sent, in input order; none if there are
    /// fewer. Those whose submission would be refused at this time, for what stands before them, are not
    /// counted.
    fn nth_unsent(&mut self, scope: Scope, n: u64, at: WallMs) -> LedgerResult<Option<OrderId>>;
    /// Sends since a moment, of all lanes, but for those that were never connected.
    fn recent_sends(&mut self, since: WallMs) -> LedgerResult<Vec<RecentSend>>;
    /// The latest time that the gateway signed.
    fn latest_signed_at(&mut self) -> LedgerResult<Option<WallMs>>;
    /// Commits a group of writes in one transaction and says what became of each, in order. An
    /// error means that none of them is to be relied on.
    fn write(&mut self, writes: Vec<Write>) -> LedgerResult<Vec<Written>>;
    /// Every row of a batch in input order.
    fn rows(
        &mut self,
        batch: BatchId,
        each: &mut dyn FnMut(ResultRow) -> std::io::Result<()>,
    ) -> LedgerResult<()>;
    /// A batch's sums.
    fn totals(&mut self, batch: BatchId) -> LedgerResult<Totals>;
    /// The proofs for a batch's deductions whose newest order is recorded as dead by a verified
    /// reply (or, [`REISSUE_OF_RESOLVED_MS`] after its first send, by two people), and was not
    /// superseded: of the rows after the ordinal `after`, at most `limit`, in
    /// input order, each deduction at its first row. Each comes with its row's ordinal.
    fn proofs(
        &mut self,
        batch: BatchId,
        only: Only,
        after: u64,
        limit: u32,
        at: WallMs,
    ) -> LedgerResult<Vec<(u64, Proof)>>;
    /// Orders that rows of a batch ask to be issued again, each once, which are not paid, were sent, and
    /// which nothing has followed yet.
    fn reissues_asked(&mut self, batch: BatchId) -> LedgerResult<u64>;
    /// Issues a new order under a new number for each proof, in one transaction; the orders belong
    /// to this batch. What became of each, in order. An order that is not recorded as dead by now,
    /// or that another has followed, stays as it is (law L5). Another order for the same debt that is
    /// alive or succeeded holds the new one, however old it is.
    fn reissue(
        &mut self,
        batch: BatchId,
        proofs: Vec<Proof>,
        at: WallMs,
    ) -> LedgerResult<Vec<Reissued>>;
    /// Accepts the staged rows and undoes it: nothing of it is kept. Every row as it would stand comes to
    /// `each`, in input order.
    fn try_out(
        &mut self,
        head: &BatchHead,
        at: WallMs,
        hold_days: u32,
        each: &mut dyn FnMut(ResultRow) -> std::io::Result<()>,
    ) -> LedgerResult<Accepted>;
    /// Tries out a rerun and undoes it: nothing of it is kept. The rows that it would send come to
    /// `each`, in input order.
    fn rehearse(
        &mut self,
        rehearsal: &Rehearsal<'_>,
        each: &mut dyn FnMut(Planned) -> std::io::Result<()>,
    ) -> LedgerResult<Rehearsed>;
    /// Releases held orders: a person says that they are no repetitions. All of the numbers in one
    /// transaction, with who and when in the journal; one that is not known refuses all of them.
    fn release(&mut self, numbers: &[OrderNo], by: &Person, at: WallMs) -> LedgerResult<Released>;
    /// The open orders of the ledger that were first sent before a moment, the oldest `limit` of
    /// them by number.
    fn expiring(&mut self, before: WallMs, limit: u32) -> LedgerResult<Expiring>;
    /// The last attempt of the journal.
    fn last_attempt(&mut self) -> LedgerResult<AttemptId>;
    /// Sums of the orders that were asked for after this attempt, or are open: as rows, each once.
    fn totals_since(&mut self, after: AttemptId) -> LedgerResult<Totals>;
    /// Every order that a reconciliation is about, in order of creation, with what queries after this
    /// attempt were told.
    fn compared(
        &mut self,
        reach: Reach,
        after: AttemptId,
        each: &mut dyn FnMut(Compared) -> std::io::Result<()>,
    ) -> LedgerResult<()>;
    /// Withdraws what was never sent.
    fn cancel(&mut self, target: &CancelTarget, at: WallMs) -> LedgerResult<Cancelled>;
    /// The digest of what a number stands for, if it is known.
    fn content_of(&mut self, no: &OrderNo) -> LedgerResult<Option<ContentDigest>>;
    /// Commits what people decided, and does it. `Refused` where it may not be.
    fn decide(&mut self, decision: &Decision, at: WallMs) -> LedgerResult<Decided>;
    /// Who stopped all sending, if somebody did.
    fn frozen(&mut self) -> LedgerResult<Option<Frozen>>;
    /// Where the journal stands.
    fn journal_head(&mut self) -> LedgerResult<JournalHead>;
    /// How the ledger stands, or one batch of it; goes through its orders once.
    fn overview(&mut self, ask: &OverviewAsk) -> LedgerResult<Overview>;
    /// A batch as a report tells it, all of one moment: every order that its rows show, every row, and
    /// what was sent for its own orders, piece by piece.
    fn report(
        &mut self,
        batch: BatchId,
        each: &mut dyn FnMut(Reported),
    ) -> LedgerResult<ReportHead>;
    /// Puts the staged rows, taken for a list of deductions, beside the orders, in one moment of the
    /// ledger: every row once, in order; then every order of the scope that was or may be deducted
    /// and that no row means, once. A row means the order with its number (that of
    /// `levy_out_request_no`, its own, or the derived one), or what stands in that order's place: the
    /// newest of its chain, or of the deduction that superseded it with the row's very content.
    /// Nothing is accepted. Answers with the orders of the scope that no row means and that are no
    /// deductions: never sent, or dead.
    fn beside(
        &mut self,
        scope: &ListScope,
        each: &mut dyn FnMut(Beside) -> std::io::Result<()>,
    ) -> LedgerResult<Sum>;
    /// What became of one order, if its number is known.
    fn story(&mut self, no: &OrderNo) -> LedgerResult<Option<Story>>;
}
