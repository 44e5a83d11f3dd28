//! Opening a ledger: everything that can be wrong with the file is found here, before a byte of it
//! is trusted or changed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use super::place::{self, Found};
use crate::clock::{Clock, SystemClock};
use crate::ledger::{Binding, Environment, LedgerError, LedgerResult, sql};

/// `application_id` of a levy ledger: `LEVY`.
pub(super) const APPLICATION_ID: i32 = 0x4C45_5659;
/// Milliseconds that a statement waits for another process's write.
pub(super) const BUSY_TIMEOUT_MS: u64 = 10_000;
/// The oldest SQLite that does not have the bug which could damage a WAL on reset.
const SQLITE_VERSION_MIN: i32 = 3_051_003;
/// KiB of pages of the ledger that are held in memory at most.
pub(super) const CACHE_KIB: i32 = 12 * 1024;
/// The same while a batch is accepted, which goes through its indices at random.
pub(super) const ACCEPT_CACHE_KIB: i32 = 40 * 1024;
/// KiB of pages of the staging that are held in memory at most.
const TEMP_CACHE_KIB: i32 = 12 * 1024;
/// Bytes of the WAL that are kept after a checkpoint.
const WAL_KEPT_BYTES: i64 = 64 * 1024 * 1024;
/// Pages in the write-ahead log from which on they go into the ledger: 16 MiB. Most of a run's pages are
/// written by one group after the other, and go there once.
const WAL_PAGES: i64 = 4096;
/// Statements that are kept prepared.
const STATEMENTS_CACHED_MAX: usize = 64;

/// How to open a ledger.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The file; symbolic links are followed.
    pub path: PathBuf,
    /// Whose it is.
    pub binding: Binding,
    /// Make a new one if there is none.
    pub create: bool,
    /// Take a file system on which locks and syncs are not reliable.
    pub allow_network_file_system: bool,
}

/// What becomes of a ledger that an older levy made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Older {
    /// It is brought up to date: the caller holds the run's lock.
    Upgraded,
    /// It is refused: a run of the older levy may be going on.
    Refused,
}

/// Opens for writing, makes it where that is allowed.
pub(super) fn open(options: &OpenOptions, older: Older) -> LedgerResult<Connection> {
    let real = match place::find(&options.path)? {
        Found::File(real) => real,
        Found::Nothing(path) if options.create => place::make(&path)?,
        Found::Nothing(path) => return Err(place::missing(&path)),
    };
    let bytes = place::check_file(&real)?;
    place::check_file_system(&real, options.allow_network_file_system)?;
    if bytes == 0 && !options.create {
        return Err(place::missing(&real));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let (mut conn, inspected) = connect(&real, flags)?;
    match inspected {
        Inspected::Fresh if !options.create => return Err(place::missing(&real)),
        Inspected::Fresh => {
            settle(&conn)?;
            migrate(&mut conn, sql::MIGRATIONS, Some(&options.binding))?;
        }
        Inspected::Version(version) => {
            if is_older(version) && older == Older::Refused {
                return Err(too_old(&real));
            }
            settle(&conn)?;
            migrate(&mut conn, sql::MIGRATIONS, None)?;
        }
    }
    check_binding(&conn, &real, &options.binding)?;
    // The log is there by now. SQLite syncs its name too, but takes no notice when that fails; then
    // a loss of power would take the log away, and every intent in it.
    place::sync_directory(&real)?;
    Ok(conn)
}

/// Opens for reading alone; neither makes nor migrates.
pub(super) fn open_read_only(path: &Path, binding: &Binding) -> LedgerResult<Connection> {
    let real = match place::find(path)? {
        Found::File(real) => real,
        Found::Nothing(path) => return Err(place::missing(&path)),
    };
    if place::check_file(&real)? == 0 {
        return Err(place::missing(&real));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let (conn, inspected) = connect(&real, flags)?;
    match inspected {
        Inspected::Fresh => return Err(place::missing(&real)),
        Inspected::Version(version) if is_older(version) => return Err(too_old(&real)),
        Inspected::Version(_) => {}
    }
    check_binding(&conn, &real, binding)?;
    Ok(conn)
}

fn is_older(version: i32) -> bool {
    (version as usize) < sql::MIGRATIONS.len()
}

/// Not to be told to run something: the file may be a backup that nobody has told of its restore.
fn too_old(real: &Path) -> LedgerError {
    let path = real.display();
    LedgerError::Refused(format!(
        "the ledger {path} was made by an older levy: `levy ledger upgrade --ledger {path}` brings it up to \
         date, and sends nothing; then give the same command again"
    ))
}

/// A ledger that nobody sees and that is gone with its connection. It has a file that SQLite
/// unlinks at once rather than memory, so that a batch of any size can be checked in it.
pub(super) fn scratch() -> LedgerResult<Connection> {
    let mut conn = Connection::open("")?;
    prepare(&conn)?;
    conn.pragma_update(None, "synchronous", "OFF")?;
    let binding = Binding {
        caller: String::new(),
        environment: Environment::Sandbox,
    };
    migrate(&mut conn, sql::MIGRATIONS, Some(&binding))?;
    Ok(conn)
}

fn connect(real: &Path, flags: OpenFlags) -> LedgerResult<(Connection, Inspected)> {
    let number = rusqlite::version_number();
    if number < SQLITE_VERSION_MIN {
        return Err(LedgerError::Refused(format!(
            "SQLite {} can damage a ledger; 3.51.3 is needed at least",
            rusqlite::version()
        )));
    }
    let conn = Connection::open_with_flags(real, flags).map_err(|e| {
        LedgerError::Unusable(format!(
            "the ledger {} cannot be opened: {}",
            real.display(),
            super::words(&e)
        ))
    })?;
    conn.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
    let inspected = inspect(&conn, real)?;
    prepare(&conn)?;
    Ok((conn, inspected))
}

/// How many KiB of pages are held; what is held beyond is let go.
pub(super) fn cache(conn: &Connection, kib: i32) -> LedgerResult<()> {
    conn.pragma_update(None, "cache_size", -kib)?;
    conn.execute_batch("PRAGMA shrink_memory")?;
    Ok(())
}

/// Settings that change nothing in the file.
fn prepare(conn: &Connection) -> LedgerResult<()> {
    // Otherwise a statement is compiled anew whenever a range's bound is bound anew.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
    conn.pragma_update(None, "foreign_keys", "ON")?;
    conn.pragma_update(None, "trusted_schema", "OFF")?;
    conn.pragma_update(None, "cell_size_check", "ON")?;
    conn.pragma_update(None, "temp_store", "FILE")?;
    cache(conn, CACHE_KIB)?;
    conn.pragma_update(Some("temp"), "cache_size", -TEMP_CACHE_KIB)?;
    // A group of staged rows is undone from memory; the ledger itself has its log on disk.
    conn.pragma_update_and_check(Some("temp"), "journal_mode", "MEMORY", |_| Ok(()))?;
    Ok(())
}

/// Settings that write to the file; only after it is known to be levy's.
fn settle(conn: &Connection) -> LedgerResult<()> {
    let mode = write_ahead(conn)?;
    if mode != "wal" {
        return Err(LedgerError::Broken(format!(
            "SQLite would not use a write-ahead log, but {mode}"
        )));
    }
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", WAL_PAGES, |_| Ok(()))?;
    conn.pragma_update_and_check(None, "journal_size_limit", WAL_KEPT_BYTES, |_| Ok(()))?;
    Ok(())
}

/// Turns the write-ahead log on; the mode that it is in then. SQLite answers before it commits the
/// change: only the statement's end tells whether it did. A ledger that took the answer for the
/// deed would work with a rollback journal, whose end a loss of power may undo.
fn write_ahead(conn: &Connection) -> rusqlite::Result<String> {
    let mut statement = conn.prepare("PRAGMA journal_mode = WAL")?;
    let mut rows = statement.query([])?;
    let mut mode = String::new();
    while let Some(row) = rows.next()? {
        mode = row.get(0)?;
    }
    Ok(mode)
}

/// What a file is by its header.
enum Inspected {
    /// Nothing was ever written to it.
    Fresh,
    /// A levy ledger of this schema version.
    Version(i32),
}

fn inspect(conn: &Connection, real: &Path) -> LedgerResult<Inspected> {
    let path = real.display();
    let read = || -> rusqlite::Result<(i32, i32, i64)> {
        Ok((
            conn.pragma_query_value(None, "application_id", |row| row.get(0))?,
            conn.pragma_query_value(None, "user_version", |row| row.get(0))?,
            conn.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?,
        ))
    };
    let (application, version, things) = match read() {
        Ok(read) => read,
        Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(LedgerError::Unusable(format!(
                "{path} is no ledger: it is no SQLite file, or it is damaged from its first byte on"
            )));
        }
        Err(e) => return Err(e.into()),
    };
    if application == 0 && version == 0 && things == 0 {
        return Ok(Inspected::Fresh);
    }
    if application != APPLICATION_ID {
        return Err(LedgerError::Unusable(format!(
            "{path} is no ledger of levy's, but another program's SQLite file"
        )));
    }
    if version < 1 {
        return Err(LedgerError::Broken(format!(
            "{path} says that its schema is version {version}"
        )));
    }
    if version as usize > sql::MIGRATIONS.len() {
        return Err(LedgerError::Unusable(format!(
            "the ledger {path} was made by a newer levy (schema {version}; this one knows {}): use \
             that one",
            sql::MIGRATIONS.len()
        )));
    }
    Ok(Inspected::Version(version))
}

/// Applies the migrations that the ledger has not had, each in a transaction of its own, in which it is
/// asked for its version: another process may have been first. A new ledger is bound in its first.
pub(super) fn migrate(
    conn: &mut Connection,
    migrations: &[&str],
    bind: Option<&Binding>,
) -> LedgerResult<()> {
    loop {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i32 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let index = usize::try_from(version)
            .map_err(|_| LedgerError::Broken(format!("its schema is version {version}")))?;
        let Some(migration) = migrations.get(index) else {
            return Ok(());
        };
        tx.execute_batch(migration)?;
        if index == 0 {
            let bind =
                bind.ok_or_else(|| LedgerError::Broken("a ledger without an owner".into()))?;
            tx.execute(
                sql::META_INSERT.sqlite,
                params![
                    bind.caller,
                    bind.environment.as_str(),
                    SystemClock::default().wall().0
                ],
            )?;
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", (index + 1) as i32)?;
        tx.commit()?;
    }
}

fn check_binding(conn: &Connection, real: &Path, wanted: &Binding) -> LedgerResult<()> {
    let found: Option<(String, String)> = conn
        .query_row(sql::META_BINDING.sqlite, [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (caller, environment) = found.ok_or_else(|| {
        LedgerError::Broken(format!("{} does not say whose it is", real.display()))
    })?;
    if caller == wanted.caller && environment == wanted.environment.as_str() {
        return Ok(());
    }
    Err(LedgerError::Refused(format!(
        "the ledger {} belongs to merchant {caller} ({environment}), and this is merchant {} ({}): \
         name the right ledger or the right configuration",
        real.display(),
        wanted.caller,
        wanted.environment.as_str()
    )))
}
