//! Rows that come back from a result: the same order, or a deduction in place of another.

use super::fixture::{Came, Desk, Engine, blank, no, numbered};
use crate::ledger::BatchId;
use crate::order::{Asked, NextAction, State, Status};

pub(in crate::ledger) fn a_row_that_comes_back_unchanged_is_its_order(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let rows = vec![blank("a", 1), numbered("B", "b", 1), blank("a", 1)];
    let (one, _) = desk.file("one.csv", rows);
    let (first, second) = (blank("a", 1).derived(1), blank("a", 1).derived(2));
    desk.bring(one, &first, State::Success);
    // Sorted otherwise, so that ordinals are not what they were.
    let rows = vec![
        blank("a", 1).back(&second),
        numbered("B", "b", 1).back("B"),
        blank("b", 1).back("B"),
        blank("a", 1).back(&first),
    ];
    let (two, accepted) = desk.file("one.result.csv", rows);
    assert_eq!((accepted.repeats, accepted.orders), (4, 0));
    let rows = desk.rows(two);
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            let number = row.order.as_ref().unwrap().no.as_str();
            (number, row.status, row.duplicate_of.as_deref().unwrap())
        })
        .collect();
    assert_eq!(
        shown,
        [
            (second.as_str(), Status::Held, "one.csv:4"),
            ("B", Status::Pending, "one.csv:3"),
            ("B", Status::Pending, "one.csv:3"),
            (first.as_str(), Status::Success, "one.csv:2"),
        ]
    );
    // Given again for ever, this file would not send it.
    let go = "it is sent only with its own file: run one.csv";
    let told: Vec<bool> = rows.iter().map(|row| row.note.contains(go)).collect();
    assert_eq!(told, [false, true, true, false]);
    assert!(!desk.rows(one).iter().any(|row| row.note.contains(go)));
}

pub(in crate::ledger) fn a_row_that_comes_back_changed_replaces_only_what_is_provably_out_of_the_world(
    engine: &dyn Engine,
) {
    // (state of the old order, the new row's status, the old row's status since)
    let table = [
        (State::Pending, Status::Pending, Status::Cancelled),
        (State::Cancelled, Status::Pending, Status::Cancelled),
        (State::Failed, Status::Pending, Status::Failed),
        (State::ClosedProven, Status::Pending, Status::Closed),
        (State::Unknown, Status::Conflict, Status::Unknown),
        (State::Processing, Status::Conflict, Status::Processing),
        (State::Closed, Status::Conflict, Status::Closed),
        (State::Rejected, Status::Conflict, Status::Rejected),
        (State::Expired, Status::Conflict, Status::Expired),
        (State::Success, Status::Conflict, Status::Success),
    ];
    for (i, (state, new, old)) in table.into_iter().enumerate() {
        // The number of the returned row: none, that of the old order, one of its own.
        for (j, own) in [None, Some(format!("A{i}")), Some(format!("N{i}"))]
            .into_iter()
            .enumerate()
        {
            let mut desk = Desk::new(engine);
            let number = match j {
                1 => format!("A{i}"),
                _ => format!("A{i}x{j}"),
            };
            let account = format!("{i}x{j}");
            let (one, _) = desk.file(
                &format!("{number}-1"),
                vec![numbered(&number, &account, 100)],
            );
            desk.bring(one, &number, state);
            let mut row = blank(&account, 101).back(&number);
            row.no = own.as_deref().map(no);
            let (two, _) = desk.file(&format!("{number}-2"), vec![row]);
            let what = format!("{state} {own:?}");
            assert_eq!(desk.statuses(two), [new], "{what}");
            assert_eq!(desk.statuses(one), [old], "{what}");
            let row = &desk.rows(two)[0];
            match &row.order {
                Some(order) => {
                    assert_ne!(order.no.as_str(), number, "{what}");
                    let given = own.filter(|own| *own != number);
                    if j == 0 {
                        assert_eq!(order.no.as_str(), blank(&account, 101).derived(1));
                    }
                    assert!(given.is_none_or(|own| own == order.no.as_str()), "{what}");
                }
                // Nobody is told to make a row of its own of it: both would be deducted.
                None if state == State::Rejected => {
                    assert!(
                        row.note.contains("mend it in the failed file"),
                        "{}",
                        row.note
                    );
                    assert!(!row.note.contains("clear the row's"), "{}", row.note);
                }
                None => assert!(row.note.contains("never sent or is proven"), "{}", row.note),
            }
        }
    }
}

pub(in crate::ledger) fn a_changed_row_is_told_from_the_row_that_it_now_equals(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (one, _) = desk.file("one.csv", vec![blank("a", 1), blank("b", 1)]);
    let (a, b) = (blank("a", 1).derived(1), blank("b", 1).derived(1));
    let rows = vec![blank("b", 1).back(&a), blank("b", 1).back(&b)];
    let (two, accepted) = desk.file("two.csv", rows);
    assert_eq!(
        (accepted.conflicts, accepted.repeats, accepted.orders),
        (1, 1, 0)
    );
    assert_eq!(desk.statuses(two), [Status::Conflict, Status::Pending]);
    assert_eq!(
        desk.statuses(one),
        [Status::Pending, Status::Pending],
        "nothing was withdrawn"
    );
    // With a number of its own it is another deduction, and held: it looks like b.
    let mut row = blank("b", 1).back(&a);
    row.no = Some(no("OWN"));
    let (three, _) = desk.file("three.csv", vec![row]);
    assert_eq!(desk.statuses(three), [Status::Held]);
    assert_eq!(desk.statuses(one), [Status::Cancelled, Status::Pending]);
}

pub(in crate::ledger) fn a_change_that_is_given_twice_is_one_change(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    desk.file(
        "one.csv",
        vec![numbered("A", "a", 1), numbered("B", "b", 1)],
    );
    let changed = || vec![numbered("A", "a", 2).back("A"), blank("b", 2).back("B")];
    let (_, accepted) = desk.file("two.csv", changed());
    assert_eq!(accepted.orders, 2);
    let (three, accepted) = desk.file("three.csv", changed());
    assert_eq!((accepted.orders, accepted.repeats), (0, 2));
    assert_eq!(
        desk.rows(three)[0].duplicate_of.as_deref(),
        Some("two.csv:2")
    );
    // The same change under another number is not the same.
    let mut other = numbered("A", "a", 2).back("A");
    other.no = Some(no("OTHER"));
    let (again, _) = desk.file("again.csv", vec![other]);
    assert_eq!(desk.statuses(again), [Status::Conflict]);
    // Another change of what was changed already is nobody's guess.
    let (four, _) = desk.file("four.csv", vec![numbered("A", "a", 3).back("A")]);
    assert_eq!(desk.statuses(four), [Status::Conflict]);
    // Two different changes of one order in one file: the first counts.
    desk.file("five.csv", vec![numbered("C", "c", 1)]);
    let rows = vec![blank("c", 2).back("C"), blank("c", 3).back("C")];
    let (six, _) = desk.file("six.csv", rows);
    assert_eq!(desk.statuses(six), [Status::Pending, Status::Conflict]);
}

pub(in crate::ledger) fn a_changed_row_takes_no_number_from_a_row_without_one(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    desk.file("one.csv", vec![numbered("A", "a", 1)]);
    let rows = vec![numbered("A", "b", 2).back("A"), blank("b", 2)];
    let (two, accepted) = desk.file("two.csv", rows);
    assert_eq!((accepted.orders, accepted.repeats), (2, 0));
    assert_eq!(desk.statuses(two), [Status::Pending, Status::Held]);
    let second = desk.rows(two).remove(1).order.unwrap();
    assert_eq!(second.no.as_str(), blank("b", 2).derived(1));
}

pub(in crate::ledger) fn a_number_that_this_ledger_does_not_know_is_a_fault_of_the_row(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![blank("a", 1).back("ELSEWHERE"), numbered("B", "b", 1)];
    let (batch, accepted) = desk.file("one.csv", rows);
    assert_eq!((accepted.invalid, accepted.orders), (1, 1));
    let row = &desk.rows(batch)[0];
    assert_eq!(row.status, Status::Invalid);
    assert!(
        row.note.starts_with("levy_out_request_no: "),
        "{}",
        row.note
    );
    assert_eq!(desk.ledger.content_of(&no("ELSEWHERE")).unwrap(), None);
}

pub(in crate::ledger) fn a_changed_row_that_comes_back_again_is_what_it_became(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (one, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    desk.bring(one, "A", State::Failed);
    // The number that the row came with stays in its cell, whatever it became.
    let mut last = "A".to_owned();
    for (fen, name) in [(2, "two"), (3, "three")] {
        let row = || numbered("A", "a", fen);
        let (batch, accepted) = desk.file(name, vec![row().back(&last)]);
        assert_eq!(accepted.orders, 1, "{name}");
        let order = desk.rows(batch).remove(0).order.unwrap();
        last = order.no.as_str().to_owned();
        let (again, accepted) = desk.file(&format!("{name} again"), vec![row().back(&last)]);
        assert_eq!((accepted.orders, accepted.repeats), (0, 1), "{name}");
        let back = desk.rows(again).remove(0);
        assert_eq!(back.order.unwrap().no.as_str(), last);
        desk.bring(batch, &last, State::Failed);
    }
    // A number that belongs to something else is still a change.
    let (other, _) = desk.file("other", vec![numbered("B", "a", 3)]);
    desk.bring(other, "B", State::Failed);
    let (batch, _) = desk.file("end", vec![numbered("B", "a", 3).back(&last)]);
    assert_eq!(desk.statuses(batch), [Status::Conflict]);
}

pub(in crate::ledger) fn a_row_that_asks_for_an_order_unchanged_does_not_lose_it_to_a_changed_copy(
    engine: &dyn Engine,
) {
    let unchanged = |number: &str, account: &str| numbered(number, account, 1).back(number);
    let renumbered = |number: &str, account: &str| {
        let mut row = numbered(number, account, 1).back(number);
        row.no = Some(no(&format!("{number}OWN")));
        row
    };
    let other_amount = |number: &str, account: &str| blank(account, 2).back(number);
    for (i, copy) in [renumbered, other_amount].into_iter().enumerate() {
        for (j, copy_first) in [false, true].into_iter().enumerate() {
            let mut desk = Desk::new(engine);
            let number = format!("A{i}{j}");
            let account = format!("{i}x{j}");
            let name = |n: u32| format!("{number}-{n}");
            let (one, _) = desk.file(&name(1), vec![numbered(&number, &account, 1)]);
            let mut rows = vec![unchanged(&number, &account), copy(&number, &account)];
            let mut want = [Status::Pending, Status::Conflict];
            if copy_first {
                rows.reverse();
                want.reverse();
            }
            let (two, _) = desk.file(&name(2), rows);
            assert_eq!(desk.statuses(two), want, "{number}");
            assert_eq!(desk.statuses(one), [Status::Pending], "{number}");
            // By itself the copy is a change like any other.
            let (three, _) = desk.file(&name(3), vec![copy(&number, &account)]);
            assert_eq!(desk.statuses(three), [Status::Pending], "{number}");
            assert_eq!(desk.statuses(one), [Status::Cancelled], "{number}");
        }
    }
}

pub(in crate::ledger) fn a_superseded_order_is_not_issued_again(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (one, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    desk.bring(one, "A", State::Failed);
    let action = |desk: &mut Desk, batch: BatchId| desk.rows(batch)[0].next_action;
    assert_eq!(action(&mut desk, one), NextAction::Reissue);
    let (two, _) = desk.file("two.csv", vec![blank("a", 2).back("A")]);
    let row = desk.rows(one).remove(0);
    assert_eq!(
        (row.status, row.next_action),
        (Status::Failed, NextAction::None)
    );
    assert!(row.note.contains("replaced by two.csv:2"), "{}", row.note);
    assert_eq!(
        desk.ledger.totals(one).unwrap().by_action,
        [(NextAction::None, 1)]
    );
    // The new one goes its own way.
    let number = blank("a", 2).derived(1);
    let job = desk.find(two, &number).unwrap();
    assert_eq!(
        desk.exchange(&job, Asked::Submission, Came::Success).state,
        State::Success
    );
}
