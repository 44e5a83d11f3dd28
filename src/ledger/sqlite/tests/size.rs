//! Sizes: sums beyond 64 bits, and a million rows in bounded memory.

use std::time::Duration;

use super::Books;
use crate::ledger::laws::fixture::{Desk, START};
use crate::ledger::{BatchId, Ledger, StagedOrder, StagedRow};
use crate::order::{AMOUNT_FEN_MAX, Account, Content, Fen, Merchant, ReductionType, Status};

#[test]
fn sums_of_the_largest_amounts_do_not_overflow() {
    let mut ledger = Books::new().sqlite();
    // More than 2^63 fen in one batch.
    let rows = 922_338_u64;
    ledger
        .conn
        .execute_batch(&format!(
            "INSERT INTO batch (digest, file, header, delimiter, row_count, accepted_at_ms)
             VALUES (zeroblob(32), 'one.csv', '[]', 44, {rows}, 0);
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
             INSERT INTO batch_row (batch_id, ordinal, line, cells, amount_fen, kind)
             SELECT 1, i, i, '[]', {AMOUNT_FEN_MAX}, 'INVALID' FROM n;"
        ))
        .unwrap();
    let want = u128::from(rows) * u128::from(AMOUNT_FEN_MAX);
    assert!(want > i64::MAX as u128);
    let totals = ledger.totals(BatchId(1)).unwrap();
    assert_eq!(totals.by_status, [(Status::Invalid, rows, want)]);
}

fn row(ordinal: u64) -> StagedRow {
    let content = Content {
        merchant: Merchant::parse(&format!("19{:08}", ordinal % 10_000)).unwrap(),
        account: Account::parse(&format!("8609cb22e1774a50a930e414cc71{ordinal:010}")).unwrap(),
        reduction_type: ReductionType::JudicialDeduction,
        amount: Fen::new(1 + ordinal).unwrap(),
        reason: None,
        card_no: None,
        sgn_no: None,
        req_scene: None,
    };
    StagedRow {
        ordinal,
        line: ordinal + 1,
        cells: vec![
            content.merchant.to_string(),
            content.account.reveal().to_owned(),
            content.reduction_type.to_string(),
            content.amount.to_string(),
        ],
        amount: Some(content.amount),
        asked: Ok(StagedOrder {
            no: None,
            content,
            returned: None,
        }),
    }
}

fn memory_kib(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Processor time of this thread: the machine may be busy with other things.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

/// `cargo test --lib a_million_rows -- --ignored --nocapture`; takes about a minute.
#[test]
#[ignore = "takes a minute; prints what it measured"]
fn a_million_rows_are_accepted_in_bounded_memory() {
    const ROWS: u64 = 1_000_000;
    let books = Books::new();
    let mut ledger = books.sqlite();
    let start = processor();
    for chunk in 0..ROWS / 1000 {
        let rows: Vec<_> = (chunk * 1000 + 1..=chunk * 1000 + 1000).map(row).collect();
        ledger.stage(&rows).unwrap();
    }
    let staged = processor() - start;
    println!("staged in {staged:?}, peak {} KiB", memory_kib("VmHWM"));
    let (batch, accepted) = ledger.accept(&Desk::head("big.csv"), START, 40).unwrap();
    println!(
        "accepted in {:?}, peak {} KiB",
        processor() - start - staged,
        memory_kib("VmHWM")
    );
    assert_eq!(accepted.orders, ROWS);
    let start = processor();
    let mut rows = 0;
    ledger
        .rows(batch.id, &mut |_| {
            rows += 1;
            Ok(())
        })
        .unwrap();
    println!(
        "{rows} rows read in {:?}, peak {} KiB",
        processor() - start,
        memory_kib("VmHWM")
    );
    let start = processor();
    let totals = ledger.totals(batch.id).unwrap();
    println!(
        "{} orders summed in {:?}, peak {} KiB",
        totals.orders,
        processor() - start,
        memory_kib("VmHWM")
    );
    let start = processor();
    assert_eq!(ledger.verify().unwrap(), Vec::<String>::new());
    println!(
        "verified in {:?}, peak {} KiB",
        processor() - start,
        memory_kib("VmHWM")
    );
    drop(ledger);
    let bytes = std::fs::metadata(books.path()).unwrap().len();
    println!("{} bytes a row", bytes / ROWS);
    assert!(memory_kib("VmHWM") < 100 * 1024);
}
