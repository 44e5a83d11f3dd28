//! The ledger's own rules in the database, against those that levy makes: whoever changes the books by hand
//! takes a trigger away first.

use std::collections::{BTreeMap, BTreeSet};

use super::open::MIGRATIONS;
use super::wire::Wire;
use crate::ledger::books::FINDINGS_MAX;
use crate::ledger::database::Tx;
use crate::ledger::{LedgerResult, sql};

/// The schema that is made to be compared, and undone.
const COMPARED: &str = "levy_compared";
/// Its name as a prefix, and that of the ledger's own.
const PREFIXES: [&str; 2] = ["levy_compared.", "levy."];

/// What a schema has, by kind and name, with what it says.
pub(super) type Rules = BTreeMap<(String, String), String>;

/// The rules as this server words those that levy makes: in a schema that is made in a transaction and undone
/// with it. None where this role may make no schema.
pub(super) fn made(wire: &Wire) -> Option<Rules> {
    let begun = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; CREATE SCHEMA {COMPARED}; \
         SET LOCAL search_path = {COMPARED}, pg_temp"
    );
    let make = || {
        wire.script(begun).ok()?;
        for migration in MIGRATIONS {
            wire.script((*migration).into()).ok()?;
        }
        let rows = wire.script(sql::SCHEMA.postgres.into()).ok()?;
        let rule = |row: &tokio_postgres::SimpleQueryRow| {
            let column = |at| row.get(at).unwrap_or_default().to_owned();
            ((column(0), column(1)), said(&column(2)))
        };
        Some(rows.iter().map(rule).collect())
    };
    let made = make();
    let undone = wire.script("ROLLBACK".into());
    made.filter(|_| undone.is_ok())
}

/// What a rule says, whatever its schema is called.
fn said(text: &str) -> String {
    let mut text = text.replace(&format!("'{COMPARED}'"), "'levy'");
    for prefix in PREFIXES {
        text = text.replace(prefix, "");
    }
    text
}

/// The rules that levy makes (`made`) and that are not there, or not as levy makes them; and what is not
/// levy's, but for indices. Where none could be made, they are compared by name.
pub(super) fn rules(
    tx: &dyn Tx,
    made: Option<&Rules>,
    wrong: &mut Vec<String>,
) -> LedgerResult<()> {
    let found: Rules = tx
        .all(sql::SCHEMA, &[], |row| {
            let body: String = row.get(2)?;
            Ok(((row.get(0)?, row.get(1)?), said(&body)))
        })?
        .into_iter()
        .collect();
    let by_name;
    let (ours, whole) = match made {
        Some(made) => (made, true),
        None => {
            by_name = ours()
                .into_iter()
                .map(|rule| (rule, String::new()))
                .collect();
            (&by_name, false)
        }
    };
    let differs = |(rule, body): &(&(String, String), &String)| match found.get(*rule) {
        Some(there) => whole && there != *body,
        None => true,
    };
    let missing = ours.iter().filter(differs).map(|((_, name), _)| {
        format!("the rule {name} of the ledger's tables is missing or was changed")
    });
    let foreign = found
        .keys()
        .filter(|rule| !ours.contains_key(*rule))
        .filter(|(kind, _)| match whole {
            true => kind != "INDEX",
            false => ["TRIGGER", "FUNCTION", "RULE"].contains(&kind.as_str()),
        })
        .map(|(_, name)| format!("the ledger's tables have a rule {name} that is not levy's"));
    wrong.extend(missing.chain(foreign).take(FINDINGS_MAX));
    Ok(())
}

/// Kind and name of what the schema's own text says.
pub(super) fn ours() -> BTreeSet<(String, String)> {
    let mut rules = BTreeSet::new();
    for migration in MIGRATIONS {
        for (begin, kind) in [
            ("CREATE TRIGGER ", "TRIGGER"),
            ("CREATE FUNCTION ", "FUNCTION"),
            ("CONSTRAINT ", "CONSTRAINT"),
            ("INDEX ", "INDEX"),
        ] {
            for part in migration.split(begin).skip(1) {
                rules.insert((kind.into(), name_of(part)));
            }
        }
    }
    rules
}

fn name_of(text: &str) -> String {
    let name = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    name.take(1).collect()
}
