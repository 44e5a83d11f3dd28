//! Sizes: sums beyond 64 bits. (Memory is measured on the built command, by `.ci/sizes`.)

use super::Books;
use crate::ledger::{BatchId, Ledger};
use crate::order::{AMOUNT_FEN_MAX, Status};

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
