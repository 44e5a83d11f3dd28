//! That rows which are taken in together are what they would be one by one.

use proptest::prelude::*;

use super::*;
use crate::clock::WallMs;
use crate::ledger::books::accept::{accept_in, begin};
use crate::ledger::database::{Database, Statement, Tx};
use crate::ledger::laws::fixture::{Desk, blank, numbered, staged};
use crate::ledger::{Accepted, HOLD_DAYS_DEFAULT, Ledger, SqliteLedger, StagedOrder};

const AT: WallMs = WallMs(1_769_817_600_000);

/// All that a table has.
const fn whole(name: &'static str, text: &'static str) -> Statement {
    Statement {
        name,
        sqlite: text,
        postgres: text,
    }
}

static TABLES: [Statement; 4] = [
    whole("deduction", "SELECT * FROM deduction ORDER BY deduction_id"),
    whole("batch", "SELECT * FROM batch ORDER BY batch_id"),
    whole(
        "batch_row",
        "SELECT * FROM batch_row ORDER BY batch_id, ordinal",
    ),
    whole("orders", "SELECT * FROM orders ORDER BY order_id"),
];

/// What a table has, row by row.
fn table(tx: &dyn Tx, whole: &'static Statement) -> LedgerResult<Vec<String>> {
    tx.all(whole, &[], |row| {
        let cells = (0..).map_while(|column| row.value(column).ok());
        Ok(cells.map(|cell| format!("{cell:?} ")).collect())
    })
}

type Take = fn(&dyn Tx, &str) -> Accepted;

fn together(tx: &dyn Tx, file: &str) -> Accepted {
    accept_in(tx, &Desk::head(file), AT, HOLD_DAYS_DEFAULT)
        .unwrap()
        .1
}

fn one_by_one(tx: &dyn Tx, file: &str) -> Accepted {
    let (batch, numbered) = begin(tx, &Desk::head(file), AT).unwrap();
    tx.script(sql::script::CLASH_FILL).unwrap();
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
        Ledger::stage(&mut ledger, &staged(rows.clone())).unwrap();
        let file = format!("{n}.csv");
        told.push(ledger.commit(|tx| Ok(take(tx, &file))).unwrap());
    }
    let all = ledger.look(|tx| {
        let tables = TABLES.iter().map(|whole| table(tx, whole));
        tables.collect::<LedgerResult<Vec<_>>>()
    });
    (told, all.unwrap().concat())
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
