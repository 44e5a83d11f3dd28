//! What is copied, against the schema. The steps are tried in `sqlite/tests/moved`.

use std::collections::{BTreeMap, BTreeSet};

use super::tables::{Kind, TABLES};
use crate::ledger::sql;

/// Columns and kinds by table, as the schema's text for PostgreSQL says.
fn of_postgres() -> BTreeMap<String, BTreeSet<(String, String)>> {
    let text = concat!(
        include_str!("../sql/postgres/schema_0001.sql"),
        include_str!("../sql/postgres/schema_0002.sql"),
        include_str!("../sql/postgres/schema_0003.sql")
    );
    let mut tables = BTreeMap::new();
    for part in text.split("\nCREATE TABLE ").skip(1) {
        let (name, rest) = part.split_once(" (\n").unwrap();
        let body = rest.split("\n);").next().unwrap();
        let columns = body.lines().filter_map(|line| {
            let mut words = line.strip_prefix("    ")?.split([' ', ',']);
            let (name, kind) = (words.next()?, words.next()?);
            let kind = match kind {
                "BIGINT" => "Int",
                "TEXT" => "Text",
                "BYTEA" => "Blob",
                _ => return None,
            };
            Some((name.to_owned(), kind.to_owned()))
        });
        tables.insert(name.to_owned(), columns.collect());
    }
    tables
}

#[test]
fn l7_a_move_knows_every_table_and_every_column() {
    // Whose place and promises, not whose past.
    let elsewhere = ["meta", "schema_version", "commit_token", "lane", "worker"];
    let mut there = of_postgres();
    there.retain(|name, _| !elsewhere.contains(&name.as_str()));
    let ours: BTreeMap<String, BTreeSet<(String, String)>> = TABLES
        .iter()
        .map(|table| {
            let columns = table.columns.iter();
            let columns = columns.map(|(name, kind)| {
                let kind = match kind {
                    Kind::Int => "Int",
                    Kind::Text => "Text",
                    Kind::Blob => "Blob",
                };
                ((*name).to_owned(), kind.to_owned())
            });
            (table.name.to_owned(), columns.collect())
        })
        .collect();
    assert_eq!(ours, there);
    for table in TABLES {
        let guarded = format!("ALTER TABLE {} ", table.name);
        for script in [sql::script::GUARDS_OFF, sql::script::GUARDS_ON] {
            assert!(script.postgres.contains(&guarded), "{}", table.name);
        }
    }
}
