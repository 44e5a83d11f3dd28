//! What tells two cases apart that look alike, and what a person is told of them.

use super::fixture::{Desk, Engine, no, numbered};
use crate::ledger::StagedOrder;
use crate::order::Status;

/// The row is A's, changed, under a number of its own.
fn moved(number: &str, fen: u64) -> StagedOrder {
    let mut row = numbered("A", "a", fen).back("A");
    row.no = Some(no(number));
    row
}

pub(in crate::ledger) fn a_change_under_a_number_of_its_own_that_is_given_twice_is_one_change(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![numbered("A", "a", 1), numbered("B", "a", 2)];
    desk.file("one.csv", rows);
    let (_, accepted) = desk.file("two.csv", vec![moved("NEW", 2)]);
    assert_eq!((accepted.orders, accepted.repeats), (1, 0));
    let (_, accepted) = desk.file("three.csv", vec![moved("NEW", 2)]);
    assert_eq!((accepted.orders, accepted.repeats), (0, 1));
    // B is the same deduction by its content, but not what A was changed into.
    let (four, accepted) = desk.file("four.csv", vec![moved("B", 2)]);
    assert_eq!((accepted.orders, accepted.repeats), (0, 0));
    assert_eq!(desk.statuses(four), [Status::Conflict]);
}

pub(in crate::ledger) fn l2_a_clash_in_a_file_is_told_with_the_line_and_the_field_that_differs(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![
        numbered("A", "a", 1),
        numbered("A", "a", 2),
        numbered("B", "b", 1),
        numbered("B", "c", 1),
    ];
    let (batch, _) = desk.file("one.csv", rows);
    let told: Vec<String> = desk.rows(batch).into_iter().map(|row| row.note).collect();
    for (note, (line, field)) in told.iter().zip([
        (3, "amount"),
        (2, "amount"),
        (5, "bal_account_no"),
        (4, "bal_account_no"),
    ]) {
        let place = format!("in row {line} of this file, whose {field} differs");
        assert!(note.contains(&place), "{note}");
    }
}
