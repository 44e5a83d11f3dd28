//! SQLite's own checks of a ledger's file: its pages, its references, and that its rules are levy's.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rusqlite::Connection;

use super::transaction::Sqlite;
use crate::ledger::books::{Audit, FINDINGS_MAX, audit_books};
use crate::ledger::journal::JournalHead;
use crate::ledger::{LedgerResult, sql};

/// Everything, in one moment of the ledger; `expect` is a head that the journal had at an earlier time.
pub(super) fn audit(conn: &mut Connection, expect: Option<JournalHead>) -> LedgerResult<Audit> {
    let tx = conn.transaction()?;
    let mut damage = Vec::new();
    integrity(&tx, &mut damage)?;
    audit_books(&Sqlite(&tx), expect, damage, &mut |wrong| rules(&tx, wrong))
}

/// SQLite's quick check of the file's pages; in words what is wrong with them.
pub(super) fn quick(conn: &Connection) -> LedgerResult<Vec<String>> {
    let mut statement = conn.prepare(&format!("PRAGMA quick_check({FINDINGS_MAX})"))?;
    let mut rows = statement.query([])?;
    let mut wrong = Vec::new();
    while let Some(row) = rows.next()? {
        let words: String = row.get(0)?;
        if words != "ok" {
            wrong.push(words);
        }
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

/// The database's own rules, against those that levy makes: whoever changes the books takes a
/// trigger away first.
fn rules(conn: &Connection, wrong: &mut Vec<String>) -> LedgerResult<()> {
    static OURS: OnceLock<Rules> = OnceLock::new();
    let ours = match OURS.get() {
        Some(ours) => ours,
        None => {
            let made = Connection::open_in_memory()?;
            for migration in sql::MIGRATIONS {
                made.execute_batch(migration)?;
            }
            let made = rules_of(&made)?;
            OURS.get_or_init(|| made)
        }
    };
    let found = rules_of(conn)?;
    let missing = ours
        .iter()
        .filter(|(name, rule)| found.get(*name) != Some(*rule));
    for (name, _) in missing.take(FINDINGS_MAX) {
        wrong.push(format!(
            "the rule {name} of the ledger's tables is missing or was changed"
        ));
    }
    let foreign = found.keys().filter(|name| !ours.contains_key(*name));
    for name in foreign.take(FINDINGS_MAX) {
        wrong.push(format!("{name} in the ledger's file is not levy's"));
    }
    Ok(())
}

/// Tables, indices, views and triggers by name.
type Rules = BTreeMap<String, Option<String>>;

fn rules_of(conn: &Connection) -> LedgerResult<Rules> {
    let mut statement = conn.prepare(sql::SCHEMA.sqlite)?;
    let rules = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rules.collect::<rusqlite::Result<_>>()?)
}
