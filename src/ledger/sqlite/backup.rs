//! A copy of the ledger at one moment, by SQLite's own means, while a run may be writing.

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::open;
use crate::ledger::{LedgerError, LedgerResult};

/// Tries to begin, where another process holds the ledger for a moment.
const BEGINS_MAX: u32 = 100;
/// Pause between them.
const BEGIN_PAUSE: Duration = Duration::from_millis(100);

/// Copies all pages in one step, so that they are of one moment; the writer goes on in its log
/// meanwhile. The copy keeps no log of its own: it is one file.
pub(super) fn copy(from: &Connection, file: &Path) -> LedgerResult<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut to = Connection::open_with_flags(file, flags)?;
    to.busy_timeout(Duration::from_millis(open::BUSY_TIMEOUT_MS))?;
    to.pragma_update(None, "synchronous", "FULL")?;
    pages(from, &mut to)?;
    let mode: String =
        to.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0))?;
    if mode != "delete" {
        return Err(LedgerError::Broken(format!(
            "the copy would not be one file: SQLite kept its journal mode {mode}"
        )));
    }
    to.close().map_err(|(_, e)| e.into())
}

fn pages(from: &Connection, to: &mut Connection) -> LedgerResult<()> {
    let backup = Backup::new(from, to)?;
    for _ in 0..BEGINS_MAX {
        match backup.step(-1)? {
            StepResult::Done => return Ok(()),
            StepResult::More | StepResult::Busy | StepResult::Locked | _ => {
                std::thread::sleep(BEGIN_PAUSE);
            }
        }
    }
    Err(LedgerError::Broken(
        "another process kept the ledger locked: try again".into(),
    ))
}
