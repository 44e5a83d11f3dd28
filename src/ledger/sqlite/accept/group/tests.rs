//! That rows which are taken in together are what they would be one by one.

use proptest::prelude::*;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::*;
use crate::clock::WallMs;
use crate::ledger::laws::fixture::{Desk, blank, numbered, staged};
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::sqlite::accept::{accept_in, begin};
use crate::ledger::{Accepted, HOLD_DAYS_DEFAULT, Ledger, StagedOrder};

const AT: WallMs = WallMs(1_769_817_600_000);

/// What a table has, row by row.
fn table(conn: &Connection, name: &str) -> Vec<String> {
    let mut statement = conn.prepare(&format!("SELECT * FROM {name}")).unwrap();
    let columns = statement.column_count();
    let cell = |row: &rusqlite::Row<'_>, i| format!("{:?}", row.get_ref(i).unwrap());
    let row = |row: &rusqlite::Row<'_>| Ok((0..columns).map(|i| cell(row, i) + " ").collect());
    statement
        .query_map([], row)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

type Take = fn(&Transaction<'_>, &str) -> Accepted;

fn together(tx: &Transaction<'_>, file: &str) -> Accepted {
    accept_in(tx, &Desk::head(file), AT, HOLD_DAYS_DEFAULT)
        .unwrap()
        .1
}

fn one_by_one(tx: &Transaction<'_>, file: &str) -> Accepted {
    let (batch, numbered) = begin(tx, &Desk::head(file), AT).unwrap();
    tx.execute_batch(sql::CLASH_FILL).unwrap();
    let mut acceptance = Acceptance::of(tx, batch.id, AT, HOLD_DAYS_DEFAULT, numbered > 0);
    acceptance.one_by_one(1, batch.rows as i64).unwrap();
    acceptance.tally
}

/// Files into a new ledger: what was told of each, and all that the ledger has then.
fn books(files: &[Vec<Result<StagedOrder, String>>], take: Take) -> (Vec<Accepted>, Vec<String>) {
    let mut ledger = SqliteLedger::scratch().unwrap();
    let mut told = Vec::new();
    for (n, rows) in files.iter().enumerate() {
        ledger.stage_clear().unwrap();
        ledger.stage(&staged(rows.clone())).unwrap();
        let tx = ledger
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate);
        let tx = tx.unwrap();
        told.push(take(&tx, &format!("{n}.csv")));
        tx.commit().unwrap();
    }
    let tables = ["deduction", "batch", "batch_row", "orders"];
    let all = tables.iter().flat_map(|name| table(&ledger.conn, name));
    (told, all.collect())
}

/// Few numbers and debts, so that they meet; many fresh ones between them.
fn a_row() -> impl Strategy<Value = Result<StagedOrder, String>> {
    let number = prop_oneof![0_u32..12, 100_u32..100_000];
    (number.clone(), number, 0..12, 1_u64..3).prop_map(|(no, debt, kind, fen)| match kind {
        0 => Err("amount: none".to_owned()),
        1..=4 => Ok(blank(&debt.to_string(), fen)),
        // One that somebody has written down.
        5 => {
            let derived = blank(&debt.to_string(), fen).content.digest().derived_no(1);
            Ok(numbered(derived.as_str(), &no.to_string(), fen))
        }
        _ => Ok(numbered(&format!("N{no}"), &debt.to_string(), fen)),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn l7_rows_taken_in_together_are_what_they_are_one_by_one(
        files in prop::collection::vec(prop::collection::vec(a_row(), 1..40), 1..4),
    ) {
        prop_assert_eq!(books(&files, together), books(&files, one_by_one));
    }
}
