//! The ledger's own rules in the database, against those that levy makes: whoever changes the books by hand
//! takes a trigger away first.

use std::collections::BTreeSet;

use super::open::MIGRATIONS;
use crate::ledger::books::FINDINGS_MAX;
use crate::ledger::database::Tx;
use crate::ledger::{LedgerResult, sql};

/// The rules that levy makes and that are not there, or not as levy makes them; and triggers and functions
/// that are not levy's.
pub(super) fn rules(tx: &dyn Tx, wrong: &mut Vec<String>) -> LedgerResult<()> {
    let found: BTreeSet<[String; 3]> = tx
        .all(sql::SCHEMA, &[], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?])
        })?
        .into_iter()
        .collect();
    let ours = ours();
    let missing = ours.difference(&found).map(|[_, name, _]| {
        format!("the rule {name} of the ledger's tables is missing or was changed")
    });
    let named: BTreeSet<(&str, &str)> = ours
        .iter()
        .map(|[kind, name, _]| (kind.as_str(), name.as_str()))
        .collect();
    let foreign = found
        .iter()
        .filter(|[kind, name, _]| {
            (kind == "TRIGGER" || kind == "FUNCTION")
                && !named.contains(&(kind.as_str(), name.as_str()))
        })
        .map(|[_, name, _]| format!("the ledger's tables have a rule {name} that is not levy's"));
    wrong.extend(missing.chain(foreign).take(FINDINGS_MAX));
    Ok(())
}

/// What the schema's own text says.
pub(super) fn ours() -> BTreeSet<[String; 3]> {
    let mut rules = BTreeSet::new();
    for migration in MIGRATIONS {
        for (begin, kind) in [
            ("CREATE TRIGGER ", "TRIGGER"),
            ("CONSTRAINT ", "CONSTRAINT"),
            ("INDEX ", "INDEX"),
        ] {
            for part in migration.split(begin).skip(1) {
                rules.insert([kind.into(), name_of(part), String::new()]);
            }
        }
        for part in migration.split("CREATE FUNCTION ").skip(1) {
            let body = part.split("$$").nth(1).unwrap_or_default();
            rules.insert(["FUNCTION".into(), name_of(part), body.into()]);
        }
    }
    rules
}

fn name_of(text: &str) -> String {
    let name = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    name.take(1).collect()
}
