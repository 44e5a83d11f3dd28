//! The ledger in one SQLite file: WAL, every commit synced, every write in one IMMEDIATE
//! transaction. `docs/LEDGER.md` has the schema.
//!
//! The only home of `rusqlite`. It does not take the run's lock (that is `lock`), and it knows
//! neither files of rows nor HTTP.

mod accept;
mod backup;
mod before;
mod chain;
mod convert;
mod decision;
mod excerpt;
mod journal;
mod listed;
mod open;
mod overview;
mod past;
mod place;
mod plan;
mod read;
mod reconcile;
mod rehearse;
mod reissue;
mod report;
mod result;
mod sql;
mod stage;
mod story;
#[cfg(test)]
mod tests;
mod twin;
mod verify;
mod write;

use std::path::Path;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use open::Older;
pub use open::OpenOptions;
pub(in crate::ledger) use place::{FILE_MODE, missing};
pub use place::{Ground, ground};
pub use verify::{Audit, BadEntry};

use super::{
    Accepted, Admit, AttemptId, Batch, BatchHead, BatchId, Beside, Binding, By, CancelTarget,
    Cancelled, Compared, Decided, Decision, Expiring, FilePlan, Frozen, Imported, Job, JournalHead,
    LaneWork, Ledger, LedgerError, LedgerResult, ListScope, NewPlan, Only, OrderId, Overview,
    OverviewAsk, Person, Phase, PlanKey, Planned, Reach, RecentSend, Rehearsal, Rehearsed,
    Reissued, Released, ReportHead, Reported, Restored, ResultRow, RunId, Scope, StagedRow, Story,
    Sum, Totals, Write, Written,
};
use crate::clock::WallMs;
use crate::order::{ContentDigest, Merchant, OrderNo, Proof};

/// A ledger in a SQLite file.
#[derive(Debug)]
pub struct SqliteLedger {
    conn: Connection,
}

impl SqliteLedger {
    /// Opens a ledger for writing, makes it where that is allowed, and brings one of an older schema up to
    /// date: the caller holds the run's lock ([`super::lock`]).
    ///
    /// `Missing` if there is none; `Refused` if it is not levy's, not this caller's, of a newer
    /// schema, readable by others or on a network file system; `Broken` if it is damaged.
    pub fn open(options: &OpenOptions) -> LedgerResult<Self> {
        open::open(options, Older::Upgraded).map(|conn| Self { conn })
    }

    /// The same without the run's lock, beside a run. A ledger of an older schema is `Refused`: a run of
    /// that older levy may be going on.
    pub fn open_beside_a_run(options: &OpenOptions) -> LedgerResult<Self> {
        open::open(options, Older::Refused).map(|conn| Self { conn })
    }

    /// Opens a ledger to read it beside a run; every write is an error.
    pub fn open_read_only(path: &Path, binding: &Binding) -> LedgerResult<Self> {
        open::open_read_only(path, binding).map(|conn| Self { conn })
    }

    /// An empty ledger that vanishes with this value, to try out a batch in.
    pub fn scratch() -> LedgerResult<Self> {
        open::scratch().map(|conn| Self { conn })
    }

    /// Teaches a scratch ledger what another one has for the rows that are staged in it, so that they
    /// are accepted as they would be there. That one, of the same version, is only read, at one moment.
    pub fn learn(&mut self, path: &Path) -> LedgerResult<()> {
        excerpt::excerpt(&mut self.conn, path)
    }

    /// Goes through the whole ledger: SQLite's own checks, then what must hold whatever happened.
    /// Says in words what does not; empty if all is well.
    pub fn verify(&mut self) -> LedgerResult<Vec<String>> {
        Ok(self.audit(None)?.wrong)
    }

    /// The same, with where the journal stands; `expect` is a head that it had at an earlier time,
    /// and must have come through since.
    pub fn audit(&mut self, expect: Option<JournalHead>) -> LedgerResult<Audit> {
        verify::audit(&mut self.conn, expect)
    }

    /// SQLite's quick check alone: every page, but neither indices nor what must hold beyond them.
    pub fn quick_check(&self) -> LedgerResult<Vec<String>> {
        verify::quick(&self.conn)
    }

    /// The version of its schema.
    pub fn schema_version(&self) -> LedgerResult<u32> {
        let version = self
            .conn
            .pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok(version)
    }

    /// Copies the ledger as it stands at one moment into an empty file, while a run may be writing.
    /// The copy is one file, synced by SQLite; whether it verifies is the caller's question.
    pub fn copy_to(&self, file: &Path) -> LedgerResult<()> {
        backup::copy(&self.conn, file)
    }
}

impl Ledger for SqliteLedger {
    fn find_batch(&mut self, digest: &[u8; 32]) -> LedgerResult<Option<Batch>> {
        read::batch_by_digest(&self.conn, digest)
    }

    fn batch(&mut self, id: BatchId) -> LedgerResult<Option<Batch>> {
        read::batch_by_id(&self.conn, id)
    }

    fn stage_clear(&mut self) -> LedgerResult<()> {
        stage::clear(&self.conn)
    }

    fn stage(&mut self, rows: &[StagedRow]) -> LedgerResult<()> {
        stage::stage(&mut self.conn, rows)
    }

    fn accept_if(
        &mut self,
        head: &BatchHead,
        at: WallMs,
        hold_days: u32,
        admit: Admit,
    ) -> LedgerResult<(Batch, Accepted)> {
        open::cache(&self.conn, open::ACCEPT_CACHE_KIB)?;
        let accepted = accept::accept(&mut self.conn, head, at, hold_days, admit);
        open::cache(&self.conn, open::CACHE_KIB)?;
        accepted
    }

    fn plan(&mut self, new: &NewPlan<'_>, at: WallMs, hold_days: u32) -> LedgerResult<FilePlan> {
        open::cache(&self.conn, open::ACCEPT_CACHE_KIB)?;
        let planned = plan::plan(&mut self.conn, new, at, hold_days);
        open::cache(&self.conn, open::CACHE_KIB)?;
        planned
    }

    fn find_plan(&mut self, key: PlanKey<'_>) -> LedgerResult<Option<FilePlan>> {
        plan::find(&self.conn, key)
    }

    fn plans_waiting(&mut self) -> LedgerResult<Vec<FilePlan>> {
        plan::waiting(&self.conn)
    }

    fn unapproved(&mut self, batch: BatchId) -> LedgerResult<u64> {
        plan::unapproved(&self.conn, batch)
    }

    fn note_failed_file(&mut self, digest: &[u8; 32]) -> LedgerResult<()> {
        write::note_failed_file(&self.conn, digest)
    }

    fn wrote_failed_file(&mut self, digest: &[u8; 32]) -> LedgerResult<bool> {
        read::wrote_failed_file(&self.conn, digest)
    }

    fn import(
        &mut self,
        head: &BatchHead,
        by: &dyn By,
        at: WallMs,
        hold_days: u32,
    ) -> LedgerResult<Imported> {
        open::cache(&self.conn, open::ACCEPT_CACHE_KIB)?;
        let imported = accept::import(&mut self.conn, head, by, at, hold_days);
        open::cache(&self.conn, open::CACHE_KIB)?;
        imported
    }

    fn restored(&mut self, since: WallMs, by: &dyn By, at: WallMs) -> LedgerResult<Restored> {
        past::restored(&mut self.conn, since, by, at)
    }

    fn begin_run(&mut self, at: WallMs) -> LedgerResult<RunId> {
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let run = tx.prepare_cached(sql::RUN_INSERT)?.insert([at.0])?;
        tx.commit()?;
        Ok(RunId(run))
    }

    fn lanes(&mut self, scope: Scope) -> LedgerResult<Vec<LaneWork>> {
        read::lanes(&self.conn, scope)
    }

    fn deck(
        &mut self,
        scope: Scope,
        phase: Phase,
        merchant: &Merchant,
        after: OrderId,
        limit: u32,
    ) -> LedgerResult<Vec<Job>> {
        read::deck(&self.conn, scope, phase, merchant, after, limit)
    }

    fn nth_unsent(&mut self, scope: Scope, n: u64, at: WallMs) -> LedgerResult<Option<OrderId>> {
        read::nth_unsent(&self.conn, scope, n, at)
    }

    fn recent_sends(&mut self, since: WallMs) -> LedgerResult<Vec<RecentSend>> {
        read::recent_sends(&self.conn, since)
    }

    fn latest_signed_at(&mut self) -> LedgerResult<Option<WallMs>> {
        read::latest_signed_at(&self.conn)
    }

    fn write(&mut self, writes: Vec<Write>) -> LedgerResult<Vec<Written>> {
        write::write(&mut self.conn, writes)
    }

    fn rows(
        &mut self,
        batch: BatchId,
        each: &mut dyn FnMut(ResultRow) -> std::io::Result<()>,
    ) -> LedgerResult<()> {
        result::rows(&self.conn, batch, each)
    }

    fn totals(&mut self, batch: BatchId) -> LedgerResult<Totals> {
        result::totals(&self.conn, batch)
    }

    fn proofs(
        &mut self,
        batch: BatchId,
        only: Only,
        after: u64,
        limit: u32,
        at: WallMs,
    ) -> LedgerResult<Vec<(u64, Proof)>> {
        reissue::proofs(&self.conn, batch, only, after, limit, at)
    }

    fn reissues_asked(&mut self, batch: BatchId) -> LedgerResult<u64> {
        Ok(reissue::asked(&self.conn, batch)?.orders)
    }

    fn reissue(
        &mut self,
        batch: BatchId,
        proofs: Vec<Proof>,
        at: WallMs,
    ) -> LedgerResult<Vec<Reissued>> {
        reissue::reissue(&mut self.conn, batch, proofs, at)
    }

    fn rehearse(
        &mut self,
        rehearsal: &Rehearsal<'_>,
        each: &mut dyn FnMut(Planned) -> std::io::Result<()>,
    ) -> LedgerResult<Rehearsed> {
        rehearse::rehearse(&mut self.conn, rehearsal, each)
    }

    fn release(&mut self, numbers: &[OrderNo], by: &Person, at: WallMs) -> LedgerResult<Released> {
        reissue::release(&mut self.conn, numbers, by, at)
    }

    fn expiring(&mut self, before: WallMs, limit: u32) -> LedgerResult<Expiring> {
        read::expiring(&self.conn, before, limit)
    }

    fn last_attempt(&mut self) -> LedgerResult<AttemptId> {
        read::last_attempt(&self.conn)
    }

    fn totals_since(&mut self, after: AttemptId) -> LedgerResult<Totals> {
        result::totals_since(&self.conn, after)
    }

    fn compared(
        &mut self,
        reach: Reach,
        after: AttemptId,
        each: &mut dyn FnMut(Compared) -> std::io::Result<()>,
    ) -> LedgerResult<()> {
        reconcile::compared(&self.conn, reach, after, each)
    }

    fn cancel(&mut self, target: &CancelTarget, at: WallMs) -> LedgerResult<Cancelled> {
        write::cancel(&mut self.conn, target, at)
    }

    fn content_of(&mut self, no: &OrderNo) -> LedgerResult<Option<ContentDigest>> {
        read::content_of(&self.conn, no)
    }

    fn decide(&mut self, decision: &Decision, at: WallMs) -> LedgerResult<Decided> {
        decision::decide(&mut self.conn, decision, at)
    }

    fn frozen(&mut self) -> LedgerResult<Option<Frozen>> {
        journal::frozen(&self.conn)
    }

    fn journal_head(&mut self) -> LedgerResult<JournalHead> {
        journal::head(&self.conn)
    }

    fn overview(&mut self, ask: &OverviewAsk) -> LedgerResult<Overview> {
        overview::overview(&self.conn, ask)
    }

    fn report(
        &mut self,
        batch: BatchId,
        each: &mut dyn FnMut(Reported),
    ) -> LedgerResult<ReportHead> {
        report::report(&self.conn, batch, each)
    }

    fn beside(
        &mut self,
        scope: &ListScope,
        each: &mut dyn FnMut(Beside) -> std::io::Result<()>,
    ) -> LedgerResult<Sum> {
        listed::beside(&self.conn, scope, each)
    }

    fn story(&mut self, no: &OrderNo) -> LedgerResult<Option<Story>> {
        story::story(&self.conn, no)
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(e: rusqlite::Error) -> Self {
        LedgerError::Broken(words(&e))
    }
}

/// What helps after most failures, once their cause is mended.
const AGAIN: &str = "give the same command again: it continues";

/// A SQLite error in words, with what may be done about it. SQLite's own messages name tables and
/// constraints, never values.
fn words(e: &rusqlite::Error) -> String {
    let rusqlite::Error::SqliteFailure(failure, message) = e else {
        return e.to_string();
    };
    let detail = message.clone().unwrap_or_else(|| failure.to_string());
    match failure.code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed => format!(
            "another process has been using it for more than {} ms; find and end that one, then \
             {AGAIN}",
            open::BUSY_TIMEOUT_MS
        ),
        ErrorCode::DiskFull => format!("no space is left on its disk; free some, then {AGAIN}"),
        ErrorCode::SystemIoFailure => {
            format!("its disk failed ({detail}); see to the disk, then {AGAIN}")
        }
        ErrorCode::CannotOpen => format!(
            "a file of it cannot be opened or made; see whether its disk is full or broken, and \
             whose its directory is, then {AGAIN}"
        ),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => format!(
            "its file is damaged, or its disk cannot read it ({detail}); see to the disk first and \
             give the same command again. If that is of no use, restore it from a backup, and never \
             begin a new one instead: levy would have forgotten what it sent"
        ),
        ErrorCode::ReadOnly => format!(
            "it cannot be written to ({detail}); see whose it is and how its disk is mounted, then \
             {AGAIN}"
        ),
        ErrorCode::ConstraintViolation => format!("a rule was about to be broken ({detail})"),
        _ => detail,
    }
}
