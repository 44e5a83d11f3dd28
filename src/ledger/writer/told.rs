//! A ledger that waits, fails or panics when it is told to.

use std::sync::mpsc::{Receiver, Sender};

use super::*;
use crate::clock::WallMs;
use crate::ledger::{
    Accepted, Admit, AttemptId, Batch, BatchHead, BatchId, Beside, By, CancelTarget, Cancelled,
    Compared, Decided, Decision, Expiring, FilePlan, Frozen, Imported, JournalHead, LaneWork,
    LedgerError, ListScope, NewPlan, Only, Overview, OverviewAsk, Person, PlanKey, Planned, Reach,
    RecentSend, Rehearsal, Rehearsed, Reissued, Released, Restored, ResultRow, RunId, StagedRow,
    Story, Sum, Totals,
};
use crate::order::{ContentDigest, OrderNo, Proof};

/// What the ledger does with its next group.
pub(crate) enum Do {
    Commit,
    Fail,
    Panic,
}

pub(crate) struct Told {
    /// Hears how many writes it is asked for at once; 0 where it is asked to begin a run.
    pub(crate) groups: Sender<usize>,
    /// What it does then; it says nothing until it is told.
    pub(crate) orders: Receiver<Do>,
    /// Orders that were never sent, dealt once.
    pub(crate) jobs: Vec<Job>,
}

impl Told {
    fn obey<T>(&mut self, asked: usize, does: impl FnOnce() -> T) -> LedgerResult<T> {
        self.groups.send(asked).unwrap();
        match self.orders.recv().unwrap() {
            Do::Commit => Ok(does()),
            Do::Fail => Err(LedgerError::Broken("disk full".into())),
            Do::Panic => panic!("told to"),
        }
    }
}

#[rustfmt::skip]
impl Ledger for Told {
    fn write(&mut self, writes: Vec<Write>) -> LedgerResult<Vec<Written>> {
        self.obey(writes.len(), || writes.into_iter().map(noted).collect())
    }
    fn begin_run(&mut self, _: WallMs) -> LedgerResult<RunId> { self.obey(0, || RunId(1)) }
    fn deck(&mut self, _: Scope, phase: Phase, _: &Merchant, _: OrderId, _: u32) -> LedgerResult<Vec<Job>> {
        match phase {
            Phase::Open => Ok(Vec::new()),
            Phase::Pending => Ok(std::mem::take(&mut self.jobs)),
        }
    }
    fn recent_sends(&mut self, _: WallMs) -> LedgerResult<Vec<RecentSend>> { Ok(Vec::new()) }
    fn latest_signed_at(&mut self) -> LedgerResult<Option<WallMs>> { Ok(None) }
    fn frozen(&mut self) -> LedgerResult<Option<Frozen>> { Ok(None) }

    fn find_batch(&mut self, _: &[u8; 32]) -> LedgerResult<Option<Batch>> { unreachable!() }
    fn batch(&mut self, _: BatchId) -> LedgerResult<Option<Batch>> { unreachable!() }
    fn stage_clear(&mut self) -> LedgerResult<()> { unreachable!() }
    fn stage(&mut self, _: &[StagedRow]) -> LedgerResult<()> { unreachable!() }
    fn accept_if(&mut self, _: &BatchHead, _: WallMs, _: u32, _: Admit) -> LedgerResult<(Batch, Accepted)> { unreachable!() }
    fn plan(&mut self, _: &NewPlan<'_>, _: WallMs, _: u32) -> LedgerResult<FilePlan> { unreachable!() }
    fn find_plan(&mut self, _: PlanKey<'_>) -> LedgerResult<Option<FilePlan>> { unreachable!() }
    fn plans_waiting(&mut self) -> LedgerResult<Vec<FilePlan>> { unreachable!() }
    fn handed_unapproved(&mut self) -> LedgerResult<Vec<(BatchId, u64)>> { unreachable!() }
    fn unapproved(&mut self, _: BatchId) -> LedgerResult<u64> { unreachable!() }
    fn note_failed_file(&mut self, _: &[u8; 32]) -> LedgerResult<()> { unreachable!() }
    fn wrote_failed_file(&mut self, _: &[u8; 32]) -> LedgerResult<bool> { unreachable!() }
    fn import(&mut self, _: &BatchHead, _: &dyn By, _: WallMs, _: u32) -> LedgerResult<Imported> { unreachable!() }
    fn restored(&mut self, _: WallMs, _: &dyn By, _: WallMs) -> LedgerResult<Restored> { unreachable!() }
    fn hand_over(&mut self, _: BatchId, _: WallMs) -> LedgerResult<()> { unreachable!() }
    fn take_back(&mut self, _: BatchId) -> LedgerResult<bool> { unreachable!() }
    fn lanes(&mut self, _: Scope) -> LedgerResult<Vec<LaneWork>> { unreachable!() }
    fn nth_unsent(&mut self, _: Scope, _: u64, _: WallMs) -> LedgerResult<Option<OrderId>> { unreachable!() }
    fn rows(&mut self, _: BatchId, _: &mut dyn FnMut(ResultRow) -> std::io::Result<()>) -> LedgerResult<()> { unreachable!() }
    fn totals(&mut self, _: BatchId) -> LedgerResult<Totals> { unreachable!() }
    fn proofs(&mut self, _: BatchId, _: Only, _: u64, _: u32, _: WallMs) -> LedgerResult<Vec<(u64, Proof)>> { unreachable!() }
    fn reissues_asked(&mut self, _: BatchId) -> LedgerResult<u64> { unreachable!() }
    fn reissue(&mut self, _: BatchId, _: Vec<Proof>, _: WallMs) -> LedgerResult<Vec<Reissued>> { unreachable!() }
    fn try_out(&mut self, _: &BatchHead, _: WallMs, _: u32, _: &mut dyn FnMut(ResultRow) -> std::io::Result<()>) -> LedgerResult<Accepted> { unreachable!() }
    fn rehearse(&mut self, _: &Rehearsal<'_>, _: &mut dyn FnMut(Planned) -> std::io::Result<()>) -> LedgerResult<Rehearsed> { unreachable!() }
    fn release(&mut self, _: &[OrderNo], _: &Person, _: WallMs) -> LedgerResult<Released> { unreachable!() }
    fn expiring(&mut self, _: WallMs, _: u32) -> LedgerResult<Expiring> { unreachable!() }
    fn last_attempt(&mut self) -> LedgerResult<AttemptId> { unreachable!() }
    fn totals_since(&mut self, _: AttemptId) -> LedgerResult<Totals> { unreachable!() }
    fn compared(&mut self, _: Reach, _: AttemptId, _: &mut dyn FnMut(Compared) -> std::io::Result<()>) -> LedgerResult<()> { unreachable!() }
    fn cancel(&mut self, _: &CancelTarget, _: WallMs) -> LedgerResult<Cancelled> { unreachable!() }
    fn content_of(&mut self, _: &OrderNo) -> LedgerResult<Option<ContentDigest>> { unreachable!() }
    fn decide(&mut self, _: &Decision, _: WallMs) -> LedgerResult<Decided> { unreachable!() }
    fn journal_head(&mut self) -> LedgerResult<JournalHead> { unreachable!() }
    fn overview(&mut self, _: &OverviewAsk) -> LedgerResult<Overview> { unreachable!() }
    fn report(&mut self, _: BatchId, _: &mut dyn FnMut(crate::ledger::Reported)) -> LedgerResult<crate::ledger::ReportHead> { unreachable!() }
    fn beside(&mut self, _: &ListScope, _: &mut dyn FnMut(Beside) -> std::io::Result<()>) -> LedgerResult<Sum> { unreachable!() }
    fn story(&mut self, _: &OrderNo) -> LedgerResult<Option<Story>> { unreachable!() }
}

fn noted(write: Write) -> Written {
    match write {
        Write::ProofMissed(order) => Written::Noted(order),
        Write::Claim(_) | Write::Record(_) => unreachable!(),
    }
}
