//! The ledger's books: what is decided, read and written in them, once for every database.
//!
//! Each function works in a transaction that is handed in; where a transaction begins and ends stands here.
//! It knows statements by name (`sql`) and no engine.

mod accept;
mod before;
mod chain;
mod convert;
mod decision;
mod journal;
mod lease;
mod listed;
pub(in crate::ledger) mod moved;
mod overview;
mod past;
mod plan;
mod read;
mod reconcile;
mod rehearse;
mod reissue;
mod report;
mod result;
mod stage;
mod story;
mod subjects;
mod twin;
mod verify;
mod write;

pub(in crate::ledger) use accept::changed_no;
pub(in crate::ledger) use read::{lanes as lane_work, merchant as merchant_in};
pub use verify::{Audit, BadEntry};
pub(in crate::ledger) use verify::{FINDINGS_MAX, audit_books};

use super::database::{Database, End, Tx, values};
use super::{
    Accepted, Admit, AttemptId, Batch, BatchHead, BatchId, Beside, By, CancelTarget, Cancelled,
    Compared, Decided, Decision, Expiring, FilePlan, Frozen, Imported, Job, JournalHead, LaneWork,
    Ledger, LedgerError, LedgerResult, ListScope, NewPlan, Only, OrderId, Overview, OverviewAsk,
    Person, Phase, PlanKey, Planned, Reach, RecentSend, Rehearsal, Rehearsed, Reissued, Released,
    ReportHead, Reported, Restored, ResultRow, RunId, Scope, StagedRow, Story, Sum, Totals, Write,
    Written, sql,
};
use crate::clock::WallMs;
use crate::order::{ContentDigest, Merchant, OrderNo, Proof};

impl<D: Database> Ledger for D {
    fn find_batch(&mut self, digest: &[u8; 32]) -> LedgerResult<Option<Batch>> {
        self.look(|tx| read::batch_by_digest(tx, digest))
    }

    fn batch(&mut self, id: BatchId) -> LedgerResult<Option<Batch>> {
        self.look(|tx| read::batch_by_id(tx, id))
    }

    fn stage_clear(&mut self) -> LedgerResult<()> {
        Database::stage(self, &mut stage::clear)
    }

    fn stage(&mut self, rows: &[StagedRow]) -> LedgerResult<()> {
        Database::stage(self, &mut |tx| stage::stage(tx, rows))
    }

    fn accept_if(
        &mut self,
        head: &BatchHead,
        at: WallMs,
        hold_days: u32,
        admit: Admit,
    ) -> LedgerResult<(Batch, Accepted)> {
        let accepted = taken_in(self, |tx| {
            moved::refuse(tx)?;
            let accepted = accept::accept(tx, head, at, hold_days, admit)?;
            Ok((accepted, End::Commit))
        })?;
        // What is committed counts, whatever becomes of the staging: whoever stages next empties it first.
        let _ = self.stage_clear();
        Ok(accepted)
    }

    fn plan(&mut self, new: &NewPlan<'_>, at: WallMs, hold_days: u32) -> LedgerResult<FilePlan> {
        taken_in(self, |tx| {
            moved::refuse(tx)?;
            plan::plan(tx, new, at, hold_days)
        })
    }

    fn find_plan(&mut self, key: PlanKey<'_>) -> LedgerResult<Option<FilePlan>> {
        self.look(|tx| plan::find(tx, key))
    }

    fn plans_waiting(&mut self) -> LedgerResult<Vec<FilePlan>> {
        self.look(plan::waiting)
    }

    fn handed_unapproved(&mut self) -> LedgerResult<Vec<(BatchId, u64)>> {
        self.look(plan::handed_unapproved)
    }

    fn unapproved(&mut self, batch: BatchId) -> LedgerResult<u64> {
        self.look(|tx| plan::unapproved(tx, batch))
    }

    fn note_failed_file(&mut self, digest: &[u8; 32]) -> LedgerResult<()> {
        match self.is_read_only()? {
            true => Ok(()),
            // Where it has moved, the file is written all the same, as by whoever only looks.
            false => self.commit(|tx| match journal::frozen(tx)? {
                Some(frozen) if frozen.is_moved() => Ok(()),
                Some(_) | None => write::note_failed_file(tx, digest),
            }),
        }
    }

    fn wrote_failed_file(&mut self, digest: &[u8; 32]) -> LedgerResult<bool> {
        self.look(|tx| read::wrote_failed_file(tx, digest))
    }

    fn import(
        &mut self,
        head: &BatchHead,
        by: &dyn By,
        at: WallMs,
        hold_days: u32,
    ) -> LedgerResult<Imported> {
        let imported = taken_in(self, |tx| {
            moved::refuse(tx)?;
            accept::import(tx, head, by, at, hold_days)
        })?;
        if !imported.known {
            let _ = self.stage_clear();
        }
        Ok(imported)
    }

    fn restored(&mut self, since: WallMs, by: &dyn By, at: WallMs) -> LedgerResult<Restored> {
        decided(self, |tx| past::restored(tx, since, by, at))
    }

    fn hand_over(&mut self, batch: BatchId, at: WallMs) -> LedgerResult<()> {
        decided(self, |tx| lease::hand_over(tx, batch, at))
    }

    fn take_back(&mut self, batch: BatchId) -> LedgerResult<bool> {
        decided(self, |tx| lease::take_back(tx, batch))
    }

    fn begin_run(&mut self, at: WallMs) -> LedgerResult<RunId> {
        let run = decided(self, |tx| tx.insert(sql::RUN_INSERT, values![at.0]))?;
        Ok(RunId(run))
    }

    fn lanes(&mut self, scope: Scope) -> LedgerResult<Vec<LaneWork>> {
        self.look(|tx| read::lanes(tx, scope))
    }

    fn deck(
        &mut self,
        scope: Scope,
        phase: Phase,
        merchant: &Merchant,
        after: OrderId,
        limit: u32,
    ) -> LedgerResult<Vec<Job>> {
        self.look(|tx| read::deck(tx, scope, phase, merchant, after, limit))
    }

    fn nth_unsent(&mut self, scope: Scope, n: u64, at: WallMs) -> LedgerResult<Option<OrderId>> {
        self.look(|tx| read::nth_unsent(tx, scope, n, at))
    }

    fn recent_sends(&mut self, since: WallMs) -> LedgerResult<Vec<RecentSend>> {
        self.look(|tx| read::recent_sends(tx, since))
    }

    fn latest_signed_at(&mut self) -> LedgerResult<Option<WallMs>> {
        self.look(read::latest_signed_at)
    }

    fn write(&mut self, writes: Vec<Write>) -> LedgerResult<Vec<Written>> {
        // Only here do the permissions to send come into the world: with the commit (law L1).
        self.commit(|tx| write::write(tx, &writes))
    }

    fn rows(
        &mut self,
        batch: BatchId,
        each: &mut dyn FnMut(ResultRow) -> std::io::Result<()>,
    ) -> LedgerResult<()> {
        self.read(&mut |tx| result::rows(tx, batch, each))
    }

    fn totals(&mut self, batch: BatchId) -> LedgerResult<Totals> {
        self.look(|tx| result::totals(tx, batch))
    }

    fn proofs(
        &mut self,
        batch: BatchId,
        only: Only,
        after: u64,
        limit: u32,
        at: WallMs,
    ) -> LedgerResult<Vec<(u64, Proof)>> {
        self.look(|tx| reissue::proofs(tx, batch, only, after, limit, at))
    }

    fn reissues_asked(&mut self, batch: BatchId) -> LedgerResult<u64> {
        Ok(self.look(|tx| reissue::asked(tx, batch))?.orders)
    }

    fn reissue(
        &mut self,
        batch: BatchId,
        proofs: Vec<Proof>,
        at: WallMs,
    ) -> LedgerResult<Vec<Reissued>> {
        decided(self, |tx| reissue::reissue(tx, batch, &proofs, at))
    }

    fn try_out(
        &mut self,
        head: &BatchHead,
        at: WallMs,
        hold_days: u32,
        each: &mut dyn FnMut(ResultRow) -> std::io::Result<()>,
    ) -> LedgerResult<Accepted> {
        let mut told = false;
        taken_in(self, |tx| {
            if told {
                return Err(told_already());
            }
            tx.script(sql::script::STAGING)?;
            let (batch, accepted) = accept::accept_in(tx, head, at, hold_days)?;
            result::rows(tx, batch.id, &mut |row| {
                told = true;
                each(row)
            })?;
            Ok((accepted, End::Undo))
        })
    }

    fn rehearse(
        &mut self,
        rehearsal: &Rehearsal<'_>,
        each: &mut dyn FnMut(Planned) -> std::io::Result<()>,
    ) -> LedgerResult<Rehearsed> {
        let mut told = false;
        taken_in(self, |tx| {
            if told {
                return Err(told_already());
            }
            let rehearsed = rehearse::rehearse(tx, rehearsal, &mut |planned| {
                told = true;
                each(planned)
            })?;
            Ok((rehearsed, End::Undo))
        })
    }

    fn release(&mut self, numbers: &[OrderNo], by: &Person, at: WallMs) -> LedgerResult<Released> {
        decided(self, |tx| reissue::release(tx, numbers, by, at))
    }

    fn expiring(&mut self, before: WallMs, limit: u32) -> LedgerResult<Expiring> {
        self.look(|tx| read::expiring(tx, before, limit))
    }

    fn last_attempt(&mut self) -> LedgerResult<AttemptId> {
        self.look(read::last_attempt)
    }

    fn totals_since(&mut self, after: AttemptId) -> LedgerResult<Totals> {
        self.look(|tx| result::totals_since(tx, after))
    }

    fn compared(
        &mut self,
        reach: Reach,
        after: AttemptId,
        each: &mut dyn FnMut(Compared) -> std::io::Result<()>,
    ) -> LedgerResult<()> {
        self.read(&mut |tx| reconcile::compared(tx, reach, after, each))
    }

    fn cancel(&mut self, target: &CancelTarget, at: WallMs) -> LedgerResult<Cancelled> {
        decided(self, |tx| write::cancel(tx, target, at))
    }

    fn content_of(&mut self, no: &OrderNo) -> LedgerResult<Option<ContentDigest>> {
        self.look(|tx| read::content_of(tx, no))
    }

    fn decide(&mut self, decision: &Decision, at: WallMs) -> LedgerResult<Decided> {
        decided(self, |tx| decision::decide(tx, decision, at))
    }

    fn frozen(&mut self) -> LedgerResult<Option<Frozen>> {
        self.look(journal::frozen)
    }

    fn journal_head(&mut self) -> LedgerResult<JournalHead> {
        self.look(journal::head)
    }

    fn overview(&mut self, ask: &OverviewAsk) -> LedgerResult<Overview> {
        self.look(|tx| overview::overview(tx, ask))
    }

    fn report(
        &mut self,
        batch: BatchId,
        each: &mut dyn FnMut(Reported),
    ) -> LedgerResult<ReportHead> {
        self.look(|tx| report::report(tx, batch, each))
    }

    fn beside(
        &mut self,
        scope: &ListScope,
        each: &mut dyn FnMut(Beside) -> std::io::Result<()>,
    ) -> LedgerResult<Sum> {
        let mut sum = Sum::default();
        Database::stage(self, &mut |tx| {
            sum = listed::beside(tx, scope, each)?;
            Ok(())
        })?;
        Ok(sum)
    }

    fn story(&mut self, no: &OrderNo) -> LedgerResult<Option<Story>> {
        self.look(|tx| story::story(tx, no))
    }
}

/// What was told can't be taken back.
fn told_already() -> LedgerError {
    LedgerError::Broken(
        "another process wrote to it in between: give the same command again".into(),
    )
}

/// What is written only as long as the ledger has not moved.
fn decided<T>(
    database: &mut impl Database,
    mut work: impl FnMut(&dyn Tx) -> LedgerResult<T>,
) -> LedgerResult<T> {
    database.commit(|tx| {
        moved::refuse(tx)?;
        work(tx)
    })
}

/// A file is taken in, and what comes of it stays or was only tried.
fn taken_in<T>(
    database: &mut impl Database,
    mut work: impl FnMut(&dyn Tx) -> LedgerResult<(T, End)>,
) -> LedgerResult<T> {
    let mut taken = None;
    database.accept(&mut |tx| {
        let (what, end) = work(tx)?;
        taken = Some(what);
        Ok(end)
    })?;
    Ok(taken.expect("it was worked out"))
}
