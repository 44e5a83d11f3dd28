//! The real ledger, and a fuse: at one of its operations the process dies or the disk fails, before
//! the operation or after it was done and committed.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use levy::clock::WallMs;
use levy::ledger::{
    Accepted, Admit, AttemptId, Batch, BatchHead, BatchId, Beside, By, CancelTarget, Cancelled,
    Compared, Decided, Decision, Expiring, FilePlan, Frozen, Imported, Job, JournalHead, LaneWork,
    Ledger, LedgerError, LedgerResult, ListScope, NewPlan, Only, OrderId, Overview, OverviewAsk,
    Person, Phase, PlanKey, Planned, Reach, RecentSend, Rehearsal, Rehearsed, Reissued, Released,
    ReportHead, Reported, Restored, ResultRow, RunId, Scope, StagedRow, Story, Sum, Totals, Write,
    Written,
};
use levy::order::{ContentDigest, Merchant, OrderNo, Proof};

/// What unwinds when a process dies: nothing of it runs on.
pub struct Death;

/// How an operation goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    DiesBefore,
    DiesAfter,
    FailsBefore,
    FailsAfter,
}

/// One process's fuse.
#[derive(Debug)]
pub struct Fuse {
    /// Operations until the blow; below zero there is none.
    left: AtomicI64,
    blow: Blow,
    /// The disk has failed: every operation does, from then on.
    failed: AtomicBool,
    pub operations: AtomicU64,
    /// It burns down at this operation, whatever came before.
    aim: Option<&'static str>,
    /// The named operation at which it struck.
    struck: Mutex<Option<&'static str>>,
}

impl Fuse {
    pub fn new(after: Option<u64>, blow: Blow) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicI64::new(after.map_or(-1, |n| n as i64)),
            blow,
            failed: AtomicBool::new(false),
            operations: AtomicU64::new(0),
            aim: None,
            struck: Mutex::default(),
        })
    }

    /// One that burns down at the first operation of this name.
    pub fn at(aim: &'static str, blow: Blow) -> Arc<Self> {
        let mut fuse = Self::new(None, blow);
        Arc::get_mut(&mut fuse).expect("nobody has it yet").aim = Some(aim);
        fuse
    }

    /// Where it struck, if that has a name.
    pub fn struck(&self) -> Option<(&'static str, Blow)> {
        let struck = *self.struck.lock().unwrap();
        struck.map(|name| (name, self.blow))
    }

    /// An operation that has a name.
    fn named<T>(
        &self,
        name: &'static str,
        operation: impl FnOnce() -> LedgerResult<T>,
    ) -> LedgerResult<T> {
        if self.aim == Some(name) && self.struck().is_none() {
            self.left.store(0, SeqCst);
        }
        if self.left.load(SeqCst) == 0 {
            *self.struck.lock().unwrap() = Some(name);
        }
        self.operate(operation)
    }

    fn operate<T>(&self, operation: impl FnOnce() -> LedgerResult<T>) -> LedgerResult<T> {
        self.operations.fetch_add(1, SeqCst);
        let failure = || Err(LedgerError::Broken("its disk failed (simulated)".into()));
        if self.failed.load(SeqCst) {
            return failure();
        }
        let now = self.left.fetch_sub(1, SeqCst) == 0;
        match (now, self.blow) {
            (false, _) => operation(),
            (true, Blow::DiesBefore) => die(),
            (true, Blow::DiesAfter) => {
                drop(operation());
                die()
            }
            (true, Blow::FailsBefore) => {
                self.failed.store(true, SeqCst);
                failure()
            }
            (true, Blow::FailsAfter) => {
                self.failed.store(true, SeqCst);
                drop(operation());
                failure()
            }
        }
    }
}

/// Ends the process here and now.
pub fn die() -> ! {
    std::panic::resume_unwind(Box::new(Death))
}

/// A ledger that may go wrong.
pub struct Mortal<L> {
    pub ledger: L,
    pub fuse: Arc<Fuse>,
}

impl<L: Ledger> Ledger for Mortal<L> {
    fn find_batch(&mut self, digest: &[u8; 32]) -> LedgerResult<Option<Batch>> {
        self.fuse.operate(|| self.ledger.find_batch(digest))
    }

    fn batch(&mut self, id: BatchId) -> LedgerResult<Option<Batch>> {
        self.fuse.operate(|| self.ledger.batch(id))
    }

    fn stage_clear(&mut self) -> LedgerResult<()> {
        self.fuse.operate(|| self.ledger.stage_clear())
    }

    fn stage(&mut self, rows: &[StagedRow]) -> LedgerResult<()> {
        self.fuse.operate(|| self.ledger.stage(rows))
    }

    fn accept_if(
        &mut self,
        head: &BatchHead,
        at: WallMs,
        hold_days: u32,
        admit: Admit,
    ) -> LedgerResult<(Batch, Accepted)> {
        self.fuse
            .operate(|| self.ledger.accept_if(head, at, hold_days, admit))
    }

    fn plan(&mut self, new: &NewPlan<'_>, at: WallMs, hold_days: u32) -> LedgerResult<FilePlan> {
        self.fuse.operate(|| self.ledger.plan(new, at, hold_days))
    }

    fn find_plan(&mut self, key: PlanKey<'_>) -> LedgerResult<Option<FilePlan>> {
        self.fuse.operate(|| self.ledger.find_plan(key))
    }

    fn plans_waiting(&mut self) -> LedgerResult<Vec<FilePlan>> {
        self.fuse.operate(|| self.ledger.plans_waiting())
    }

    fn handed_unapproved(&mut self) -> LedgerResult<Vec<(BatchId, u64)>> {
        self.fuse.operate(|| self.ledger.handed_unapproved())
    }

    fn unapproved(&mut self, batch: BatchId) -> LedgerResult<u64> {
        self.fuse.operate(|| self.ledger.unapproved(batch))
    }

    fn note_failed_file(&mut self, digest: &[u8; 32]) -> LedgerResult<()> {
        self.fuse.operate(|| self.ledger.note_failed_file(digest))
    }

    fn wrote_failed_file(&mut self, digest: &[u8; 32]) -> LedgerResult<bool> {
        self.fuse.operate(|| self.ledger.wrote_failed_file(digest))
    }

    fn import(
        &mut self,
        head: &BatchHead,
        by: &dyn By,
        at: WallMs,
        hold_days: u32,
    ) -> LedgerResult<Imported> {
        self.fuse
            .operate(|| self.ledger.import(head, by, at, hold_days))
    }

    fn restored(&mut self, since: WallMs, by: &dyn By, at: WallMs) -> LedgerResult<Restored> {
        self.fuse.operate(|| self.ledger.restored(since, by, at))
    }

    fn hand_over(&mut self, batch: BatchId, at: WallMs) -> LedgerResult<()> {
        self.fuse.operate(|| self.ledger.hand_over(batch, at))
    }

    fn take_back(&mut self, batch: BatchId) -> LedgerResult<bool> {
        self.fuse.operate(|| self.ledger.take_back(batch))
    }

    fn begin_run(&mut self, at: WallMs) -> LedgerResult<RunId> {
        self.fuse.operate(|| self.ledger.begin_run(at))
    }

    fn lanes(&mut self, scope: Scope) -> LedgerResult<Vec<LaneWork>> {
        self.fuse.operate(|| self.ledger.lanes(scope))
    }

    fn deck(
        &mut self,
        scope: Scope,
        phase: Phase,
        merchant: &Merchant,
        after: OrderId,
        limit: u32,
    ) -> LedgerResult<Vec<Job>> {
        self.fuse
            .operate(|| self.ledger.deck(scope, phase, merchant, after, limit))
    }

    fn recent_sends(&mut self, since: WallMs) -> LedgerResult<Vec<RecentSend>> {
        self.fuse.operate(|| self.ledger.recent_sends(since))
    }

    fn latest_signed_at(&mut self) -> LedgerResult<Option<WallMs>> {
        self.fuse.operate(|| self.ledger.latest_signed_at())
    }

    fn write(&mut self, writes: Vec<Write>) -> LedgerResult<Vec<Written>> {
        self.fuse.operate(|| self.ledger.write(writes))
    }

    fn rows(
        &mut self,
        batch: BatchId,
        each: &mut dyn FnMut(ResultRow) -> io::Result<()>,
    ) -> LedgerResult<()> {
        self.fuse.operate(|| self.ledger.rows(batch, each))
    }

    fn totals(&mut self, batch: BatchId) -> LedgerResult<Totals> {
        self.fuse.operate(|| self.ledger.totals(batch))
    }

    fn compared(
        &mut self,
        reach: Reach,
        after: AttemptId,
        each: &mut dyn FnMut(Compared) -> io::Result<()>,
    ) -> LedgerResult<()> {
        self.fuse
            .operate(|| self.ledger.compared(reach, after, each))
    }

    fn cancel(&mut self, target: &CancelTarget, at: WallMs) -> LedgerResult<Cancelled> {
        self.fuse.operate(|| self.ledger.cancel(target, at))
    }

    fn content_of(&mut self, no: &OrderNo) -> LedgerResult<Option<ContentDigest>> {
        self.fuse.operate(|| self.ledger.content_of(no))
    }

    fn nth_unsent(&mut self, scope: Scope, n: u64, at: WallMs) -> LedgerResult<Option<OrderId>> {
        self.fuse.operate(|| self.ledger.nth_unsent(scope, n, at))
    }

    fn proofs(
        &mut self,
        batch: BatchId,
        only: Only,
        after: u64,
        limit: u32,
        at: WallMs,
    ) -> LedgerResult<Vec<(u64, Proof)>> {
        self.fuse
            .operate(|| self.ledger.proofs(batch, only, after, limit, at))
    }

    fn reissues_asked(&mut self, batch: BatchId) -> LedgerResult<u64> {
        self.fuse.operate(|| self.ledger.reissues_asked(batch))
    }

    fn reissue(
        &mut self,
        batch: BatchId,
        proofs: Vec<Proof>,
        at: WallMs,
    ) -> LedgerResult<Vec<Reissued>> {
        self.fuse
            .named("reissue", || self.ledger.reissue(batch, proofs, at))
    }

    fn try_out(
        &mut self,
        head: &BatchHead,
        at: WallMs,
        hold_days: u32,
        each: &mut dyn FnMut(ResultRow) -> io::Result<()>,
    ) -> LedgerResult<Accepted> {
        self.fuse
            .operate(|| self.ledger.try_out(head, at, hold_days, each))
    }

    fn rehearse(
        &mut self,
        rehearsal: &Rehearsal<'_>,
        each: &mut dyn FnMut(Planned) -> io::Result<()>,
    ) -> LedgerResult<Rehearsed> {
        self.fuse.operate(|| self.ledger.rehearse(rehearsal, each))
    }

    fn release(&mut self, numbers: &[OrderNo], by: &Person, at: WallMs) -> LedgerResult<Released> {
        self.fuse
            .named("release", || self.ledger.release(numbers, by, at))
    }

    fn expiring(&mut self, before: WallMs, limit: u32) -> LedgerResult<Expiring> {
        self.fuse.operate(|| self.ledger.expiring(before, limit))
    }

    fn last_attempt(&mut self) -> LedgerResult<AttemptId> {
        self.fuse.operate(|| self.ledger.last_attempt())
    }

    fn totals_since(&mut self, after: AttemptId) -> LedgerResult<Totals> {
        self.fuse.operate(|| self.ledger.totals_since(after))
    }

    fn decide(&mut self, decision: &Decision, at: WallMs) -> LedgerResult<Decided> {
        self.fuse
            .named("decide", || self.ledger.decide(decision, at))
    }

    fn frozen(&mut self) -> LedgerResult<Option<Frozen>> {
        self.fuse.operate(|| self.ledger.frozen())
    }

    fn journal_head(&mut self) -> LedgerResult<JournalHead> {
        self.fuse.operate(|| self.ledger.journal_head())
    }

    fn overview(&mut self, ask: &OverviewAsk) -> LedgerResult<Overview> {
        self.fuse.operate(|| self.ledger.overview(ask))
    }

    fn beside(
        &mut self,
        scope: &ListScope,
        each: &mut dyn FnMut(Beside) -> io::Result<()>,
    ) -> LedgerResult<Sum> {
        self.fuse.operate(|| self.ledger.beside(scope, each))
    }

    fn report(
        &mut self,
        batch: BatchId,
        each: &mut dyn FnMut(Reported),
    ) -> LedgerResult<ReportHead> {
        self.fuse.operate(|| self.ledger.report(batch, each))
    }

    fn story(&mut self, no: &OrderNo) -> LedgerResult<Option<Story>> {
        self.fuse.operate(|| self.ledger.story(no))
    }
}
