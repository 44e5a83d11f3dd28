//! The ledger in one SQLite file: WAL, every commit synced, every write in one IMMEDIATE
//! transaction. `docs/LEDGER.md` has the schema.
//!
//! The only home of `rusqlite`. It does not take the run's lock (that is `lock`), and it knows
//! neither files of rows nor HTTP.

mod backup;
mod excerpt;
mod open;
mod place;
#[cfg(test)]
mod tests;
mod transaction;
mod verify;

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use open::Older;
pub use open::OpenOptions;
pub(in crate::ledger) use place::{FILE_MODE, missing};
pub use place::{Ground, ground};
use transaction::Sqlite;

use super::books::Audit;
use super::database::{Database, End, Look, Work};
use super::{Binding, JournalHead, LedgerError, LedgerResult};

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

    /// Takes the triggers of this connection away, or puts them back: they keep a history as it was written,
    /// and so would not let a copy of one be written.
    pub(in crate::ledger) fn guards(&self, on: bool) -> LedgerResult<()> {
        self.conn
            .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, on)?;
        Ok(())
    }

    /// Copies the ledger as it stands at one moment into an empty file, while a run may be writing.
    /// The copy is one file, synced by SQLite; whether it verifies is the caller's question.
    pub fn copy_to(&self, file: &Path) -> LedgerResult<()> {
        backup::copy(&self.conn, file)
    }
}

impl Database for SqliteLedger {
    fn write(&mut self, work: Work<'_>) -> LedgerResult<()> {
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Dropped, it is undone.
        match work(&Sqlite(&tx))? {
            End::Commit => Ok(tx.commit()?),
            End::Undo => Ok(tx.rollback()?),
        }
    }

    fn accept(&mut self, work: Work<'_>) -> LedgerResult<()> {
        open::cache(&self.conn, open::ACCEPT_CACHE_KIB)?;
        let accepted = self.write(work);
        open::cache(&self.conn, open::CACHE_KIB)?;
        accepted
    }

    fn read(&mut self, look: Look<'_>) -> LedgerResult<()> {
        let tx = self.conn.transaction()?;
        look(&Sqlite(&tx))
    }

    /// The staging is temporary, so that writing to it locks nobody out.
    fn stage(&mut self, look: Look<'_>) -> LedgerResult<()> {
        let tx = self.conn.transaction()?;
        look(&Sqlite(&tx))?;
        Ok(tx.commit()?)
    }

    fn is_read_only(&self) -> LedgerResult<bool> {
        Ok(self.conn.is_readonly("main")?)
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
