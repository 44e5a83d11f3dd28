//! Goes through the whole ledger and says what is wrong with it.

use rusqlite::Connection;

use super::{convert, sql};
use crate::ledger::LedgerResult;

/// Findings of one kind that are named one by one.
const FINDINGS_MAX: usize = 20;

/// SQLite's own checks, the books, and each order's content against its digest.
pub(super) fn verify(conn: &mut Connection) -> LedgerResult<Vec<String>> {
    let tx = conn.transaction()?;
    let mut wrong = Vec::new();
    integrity(&tx, &mut wrong)?;
    // With a damaged file the rest would only repeat it in other words.
    if wrong.is_empty() {
        books(&tx, &mut wrong)?;
        contents(&tx, &mut wrong)?;
    }
    Ok(wrong)
}

fn integrity(conn: &Connection, wrong: &mut Vec<String>) -> LedgerResult<()> {
    let mut statement = conn.prepare(&format!("PRAGMA integrity_check({FINDINGS_MAX})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let found: String = row.get(0)?;
        if found != "ok" {
            wrong.push(format!("the file is damaged: {found}"));
        }
    }
    let mut statement = conn.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    let mut broken = 0_u64;
    while rows.next()?.is_some() {
        broken += 1;
    }
    if broken > 0 {
        wrong.push(format!("{broken} references that lead nowhere"));
    }
    Ok(())
}

fn books(conn: &Connection, wrong: &mut Vec<String>) -> LedgerResult<()> {
    let mut statement = conn.prepare(sql::VERIFY_BOOKS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (what, broken): (String, i64) = (row.get(0)?, row.get(1)?);
        if broken > 0 {
            wrong.push(format!("{broken} {what}"));
        }
    }
    Ok(())
}

fn contents(conn: &Connection, wrong: &mut Vec<String>) -> LedgerResult<()> {
    let mut statement = conn.prepare(sql::JOB_ALL)?;
    let mut rows = statement.query([])?;
    let mut findings = 0;
    while let Some(row) = rows.next()?
        && findings < FINDINGS_MAX
    {
        if let Err(e) = convert::job(row) {
            wrong.push(e.to_string());
            findings += 1;
        }
    }
    Ok(())
}
