//! What a ledger has for a file's rows, copied into one that is thrown away: there the file is
//! accepted as a run would do it, by the same statements, and the ledger itself is only read.

use std::fmt::Write;
use std::path::Path;

use rusqlite::Connection;

use crate::ledger::books::changed_no;
use crate::ledger::{LedgerResult, sql};

const TABLES: &str = "\
CREATE TEMP TABLE excerpt (deduction_id INTEGER PRIMARY KEY) STRICT;
CREATE TEMP TABLE excerpt_number (out_request_no TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO excerpt_number
SELECT own_no FROM staged WHERE own_no IS NOT NULL
UNION SELECT derived_no FROM staged WHERE derived_no IS NOT NULL
UNION SELECT returned FROM staged WHERE returned IS NOT NULL";

/// Copies into a scratch ledger, whose rows are staged, what the ledger at `path` has for them. Once
/// only. What guards a ledger's history stands in the way of a copy, and is taken away here.
pub(super) fn excerpt(conn: &mut Connection, path: &Path) -> LedgerResult<()> {
    conn.pragma_update(None, "foreign_keys", "OFF")?;
    drop_triggers(conn)?;
    conn.execute_batch(TABLES)?;
    changed_numbers(conn)?;
    conn.execute("ATTACH DATABASE ?1 AS known", [read_only(path)])?;
    let copied = copy(conn);
    let detached = conn.execute_batch("DETACH DATABASE known");
    copied?;
    Ok(detached?)
}

/// In one transaction: at one moment of the ledger.
fn copy(conn: &mut Connection) -> LedgerResult<()> {
    let tx = conn.transaction()?;
    tx.execute_batch(sql::EXCERPT)?;
    Ok(tx.commit()?)
}

fn drop_triggers(conn: &Connection) -> LedgerResult<()> {
    let mut statement =
        conn.prepare("SELECT name FROM main.sqlite_schema WHERE type = 'trigger'")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    let names: Vec<String> = names.collect::<rusqlite::Result<_>>()?;
    for name in names {
        conn.execute_batch(&format!("DROP TRIGGER main.\"{name}\""))?;
    }
    Ok(())
}

/// The numbers that changed rows of a result would get.
fn changed_numbers(conn: &Connection) -> LedgerResult<()> {
    let mut statement = conn.prepare(
        "SELECT content_digest FROM staged WHERE returned IS NOT NULL AND own_no IS NOT NULL",
    )?;
    let mut insert = conn.prepare("INSERT OR IGNORE INTO excerpt_number VALUES (?1)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        insert.execute([changed_no(row.get(0)?).as_str()])?;
    }
    Ok(())
}

/// The name under which SQLite opens a file and never writes to it.
fn read_only(path: &Path) -> String {
    let mut name = String::from("file:");
    for byte in std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()) {
        match byte {
            b'/' | b'.' | b'-' | b'_' => name.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => name.push(char::from(*byte)),
            byte => write!(name, "%{byte:02x}").expect("a text"),
        }
    }
    name.push_str("?mode=ro");
    name
}
