//! Every statement is one that PostgreSQL understands, and both schemas have the same rules.

use std::collections::BTreeSet;

use super::{Books, Route, Server};
use crate::ledger::postgres::{Isolation, Trouble, dialect, verify};
use crate::ledger::sql;

#[test]
fn every_statement_is_understood() {
    let books = Books::new(Route::Direct, Isolation::ReadCommitted);
    let wire = Server::get()
        .wire(Route::Direct, &books.database)
        .ok()
        .unwrap();
    let mut wrong = Vec::new();
    for statement in sql::ALL.iter().chain(sql::lane::ALL) {
        let text = dialect::of_postgres(statement.postgres, 7);
        let prepared = wire.script(format!(
            "BEGIN; SET LOCAL search_path = levy, pg_temp; PREPARE it {} AS {text}; DEALLOCATE it; ROLLBACK",
            types(&text)
        ));
        if let Err(fault) = prepared {
            wrong.push(format!("{}: {}", statement.name, Trouble::of(&fault).words));
            let _ = wire.script("ROLLBACK".into());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The parameters' types, as far as nothing but `IS NULL` is asked of them: a run tells all of them.
fn types(text: &str) -> String {
    let most = (1..100)
        .take_while(|n| text.contains(&format!("${n}")))
        .count();
    let types = (1..=most).map(|n| match text.contains(&format!("${n} IS NULL")) {
        true => "BIGINT",
        false => "unknown",
    });
    let types: Vec<&str> = types.collect();
    match types.is_empty() {
        true => String::new(),
        false => format!("({})", types.join(", ")),
    }
}

#[test]
fn the_constraints_have_the_names_that_they_have_in_sqlite() {
    let sqlite: BTreeSet<String> = sql::MIGRATIONS
        .iter()
        .flat_map(|text| text.split("CONSTRAINT ").skip(1))
        .map(|text| text.split_whitespace().next().unwrap().to_owned())
        .collect();
    // Nobody shares a file: whose lanes are whose is known to PostgreSQL alone.
    let of_lanes = [
        "lane_key",
        "lane_epoch",
        "lane_says_who",
        "worker_lanes",
        "worker_says_who",
    ];
    let postgres: BTreeSet<String> = verify::ours()
        .into_iter()
        .filter(|(kind, name)| kind == "CONSTRAINT" && !of_lanes.contains(&name.as_str()))
        .map(|(_, name)| name)
        .collect();
    assert_eq!(sqlite, postgres);
}
