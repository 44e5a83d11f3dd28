//! From staged rows to orders: section 3 of the specification.

use super::fixture::{Came, DAY_MS, Desk, Engine, START, blank, no, numbered, staged};
use crate::ledger::{Accepted, HOLD_DAYS_DEFAULT, LedgerError, Phase, Scope};
use crate::order::{Asked, NextAction, State, Status};

const PENDING: Status = Status::Pending;
const CONFLICT: Status = Status::Conflict;

pub(in crate::ledger) fn l2_a_number_that_is_known_with_the_same_content_is_a_repeat(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    desk.file("one.csv", vec![blank("x", 1), numbered("A", "a", 100)]);
    let rows = vec![
        numbered("A", "a", 100),
        numbered("B", "b", 5),
        numbered("B", "b", 5),
    ];
    let (two, accepted) = desk.file("two.csv", rows);
    let want = Accepted {
        rows: 3,
        orders: 1,
        repeats: 2,
        ..Accepted::default()
    };
    assert_eq!(accepted, want);
    let rows = desk.rows(two);
    let places: Vec<_> = rows.iter().map(|row| row.duplicate_of.as_deref()).collect();
    assert_eq!(places, [Some("one.csv:3"), None, Some("two.csv:3")]);
    assert_eq!(
        rows[0].note,
        "not sent: already in one.csv:3; to deduct again give it a number of its own; it is sent \
         only with its own file: run one.csv"
    );
    assert_eq!(rows[0].order.as_ref().unwrap().no, no("A"));
    assert_eq!(rows[0].status, PENDING);
    // It goes with its own file alone.
    assert!(desk.find(two, "A").is_none());
    assert!(desk.find(two, "B").is_some());
}

pub(in crate::ledger) fn l2_a_number_that_is_known_with_another_content_is_a_conflict_and_freezes_the_unsent(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (one, _) = desk.file("one.csv", vec![numbered("A", "a", 100)]);
    let (two, accepted) = desk.file("two.csv", vec![numbered("A", "a", 101)]);
    assert_eq!((accepted.conflicts, accepted.orders), (1, 0));
    let row = &desk.rows(two)[0];
    assert_eq!(
        (row.status, row.next_action),
        (CONFLICT, NextAction::Review)
    );
    assert_eq!(row.order, None);
    assert_eq!(
        row.note,
        "the number A is taken by one.csv:2, whose amount differs: clear the number or give another"
    );
    let row = &desk.rows(one)[0];
    assert_eq!(
        (row.status, row.next_action),
        (CONFLICT, NextAction::Review)
    );
    assert!(
        row.note.contains("another content in two.csv:2"),
        "{}",
        row.note
    );
    assert!(desk.find(one, "A").is_none(), "frozen");
    // A held order is frozen as well.
    let held = vec![numbered("B", "b", 7), numbered("C", "b", 7)];
    let (three, accepted) = desk.file("three.csv", held);
    assert_eq!(accepted.held, 1);
    desk.file("four.csv", vec![numbered("C", "b", 8)]);
    assert_eq!(desk.statuses(three), [PENDING, CONFLICT]);
}

pub(in crate::ledger) fn l2_a_sent_order_is_not_frozen_by_a_conflict(engine: &dyn Engine) {
    let sent = [
        State::Unknown,
        State::Processing,
        State::Closed,
        State::Success,
        State::Failed,
    ];
    for (i, state) in sent.into_iter().enumerate() {
        let mut desk = Desk::new(engine);
        let number = format!("A{i}");
        let (one, _) = desk.file(&format!("{i}-one"), vec![numbered(&number, &number, 100)]);
        desk.bring(one, &number, state);
        let (two, _) = desk.file(&format!("{i}-two"), vec![numbered(&number, &number, 101)]);
        assert_eq!(desk.statuses(two), [CONFLICT]);
        assert_eq!(desk.statuses(one), [Status::of(state)]);
    }
}

pub(in crate::ledger) fn l2_a_number_with_two_contents_in_one_file_is_sent_for_neither(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, accepted) = desk.file(
        "one.csv",
        vec![
            numbered("A", "a", 1),
            numbered("A", "a", 2),
            numbered("B", "b", 1),
            numbered("A", "a", 1),
            numbered("A", "c", 3),
        ],
    );
    let want = Accepted {
        rows: 5,
        orders: 1,
        conflicts: 4,
        ..Accepted::default()
    };
    assert_eq!(accepted, want);
    let rows = desk.rows(batch);
    let statuses: Vec<_> = rows.iter().map(|row| row.status).collect();
    assert_eq!(statuses, [CONFLICT, CONFLICT, PENDING, CONFLICT, CONFLICT]);
    for row in rows.iter().filter(|row| row.status == CONFLICT) {
        let one_of_them = [2, 3, 6]
            .iter()
            .any(|line| line != &row.line && row.note.contains(&format!("in row {line} of this")));
        assert!(
            one_of_them && row.note.contains("clear the number"),
            "{}",
            row.note
        );
    }
    assert_eq!(desk.ledger.content_of(&no("A")).unwrap(), None);
}

pub(in crate::ledger) fn l2_of_a_clash_in_a_file_only_what_the_ledger_had_is_kept(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (one, _) = desk.file(
        "one.csv",
        vec![numbered("A", "a", 1), numbered("B", "b", 1)],
    );
    desk.bring(one, "A", State::Success);
    let rows = vec![
        numbered("A", "a", 2),
        numbered("A", "a", 1),
        numbered("B", "b", 1),
        numbered("B", "b", 3),
    ];
    let (two, accepted) = desk.file("two.csv", rows);
    assert_eq!((accepted.repeats, accepted.conflicts), (2, 2));
    let want = [CONFLICT, Status::Success, CONFLICT, CONFLICT];
    assert_eq!(desk.statuses(two), want, "B was never sent: frozen");
    assert_eq!(desk.rows(two)[1].duplicate_of.as_deref(), Some("one.csv:2"));
}

pub(in crate::ledger) fn l2_a_derived_number_that_another_row_took_is_a_clash(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let derived = blank("a", 1).derived(1);
    let rows = vec![blank("a", 1), numbered(&derived, "a", 2)];
    let (batch, _) = desk.file("one.csv", rows);
    assert_eq!(desk.statuses(batch), [CONFLICT, CONFLICT]);
}

pub(in crate::ledger) fn derived_numbers_are_the_same_in_every_file(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let rows = || {
        vec![
            blank("a", 1),
            blank("b", 2),
            blank("a", 1),
            numbered("N", "a", 1),
        ]
    };
    let (one, accepted) = desk.file("one.csv", rows());
    assert_eq!((accepted.orders, accepted.repeats), (4, 0));
    let numbers = |desk: &mut Desk, batch| -> Vec<_> {
        let rows = desk.rows(batch);
        rows.iter()
            .map(|row| row.order.as_ref().unwrap().no.as_str().to_owned())
            .collect()
    };
    let found = numbers(&mut desk, one);
    let a = blank("a", 1);
    let want = [
        a.derived(1),
        blank("b", 2).derived(1),
        a.derived(2),
        "N".into(),
    ];
    assert_eq!(found, want);
    // The same rows in another order, and one more, in another file.
    let mut again = rows();
    again.reverse();
    again.push(blank("a", 1));
    let (two, accepted) = desk.file("two.csv", again);
    assert_eq!(
        (accepted.orders, accepted.repeats, accepted.held),
        (1, 4, 1)
    );
    assert_eq!(numbers(&mut desk, two)[4], a.derived(3));
}

pub(in crate::ledger) fn the_second_of_two_identical_rows_without_number_is_held(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![blank("a", 1), blank("b", 1), blank("a", 1)];
    let (batch, accepted) = desk.file("one.csv", rows);
    assert_eq!((accepted.orders, accepted.held), (3, 1));
    let rows = desk.rows(batch);
    assert_eq!(rows[2].status, Status::Held);
    assert_eq!(rows[2].next_action, NextAction::Review);
    let first = blank("a", 1).derived(1);
    let words = format!("looks like {first} in one.csv:2");
    assert!(rows[2].note.starts_with(&words), "{}", rows[2].note);
    assert_eq!(rows[0].note, "");
}

pub(in crate::ledger) fn an_order_is_held_by_what_is_alive_or_succeeded_within_the_days(
    engine: &dyn Engine,
) {
    let days = i64::from(HOLD_DAYS_DEFAULT);
    // (state of the other, days since, held)
    let table = [
        (State::Pending, 0, true),
        (State::Pending, days + 1, true),
        (State::Unknown, days + 1, true),
        (State::Processing, days + 1, true),
        (State::Closed, days + 1, true),
        (State::Success, days, true),
        (State::Success, days + 1, false),
        (State::Expired, days, true),
        (State::Expired, days + 1, false),
        (State::Rejected, 0, false),
        (State::Failed, 0, false),
        (State::ClosedProven, 0, false),
        (State::Cancelled, 0, false),
    ];
    for (i, (state, days, held)) in table.into_iter().enumerate() {
        let mut desk = Desk::new(engine);
        let (one, two) = (format!("A{i}"), format!("B{i}"));
        let (batch, _) = desk.file(&one, vec![numbered(&one, &one, 100).reason("2025-08-08")]);
        // Settled a day after it was created: the later of both counts.
        desk.now = START.plus_ms(DAY_MS);
        desk.bring(batch, &one, state);
        desk.now = desk.now.plus_ms(days * DAY_MS);
        let again = numbered(&two, &one, 100).reason("2025/8/8");
        let (_, accepted) = desk.file(&two, vec![again]);
        assert_eq!(accepted.held == 1, held, "{state} {days}");
    }
    // Another debt is not held.
    let mut desk = Desk::new(engine);
    let rows = vec![
        numbered("X", "x", 1),
        numbered("Y", "x", 2),
        numbered("Z", "z", 1),
    ];
    assert_eq!(desk.file("other", rows).1.held, 0);
}

pub(in crate::ledger) fn invalid_rows_claim_nothing(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let fault = "amount: must be above zero, found \"0\"".to_owned();
    let (batch, accepted) = desk.mixed("one.csv", vec![Err(fault.clone()), Ok(blank("a", 1))]);
    assert_eq!(
        (accepted.invalid, accepted.orders, accepted.rows),
        (1, 1, 2)
    );
    let row = &desk.rows(batch)[0];
    assert_eq!(
        (row.status, row.next_action),
        (Status::Invalid, NextAction::FixRow)
    );
    assert_eq!((row.note.as_str(), &row.order), (fault.as_str(), &None));
}

pub(in crate::ledger) fn a_batch_is_accepted_once(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (id, _) = desk.file("one.csv", vec![blank("a", 1)]);
    let found = desk
        .ledger
        .find_batch(&Desk::head("one.csv").digest)
        .unwrap()
        .unwrap();
    assert_eq!((found.id, found.rows, found.accepted_at), (id, 1, START));
    assert_eq!(found.head, Desk::head("one.csv"));
    assert_eq!(desk.ledger.batch(id).unwrap().unwrap(), found);
    assert_eq!(desk.ledger.find_batch(&[7; 32]).unwrap(), None);
    desk.ledger.stage(&staged(vec![Ok(blank("b", 1))])).unwrap();
    let again = desk.ledger.accept(&Desk::head("one.csv"), START, 40);
    assert!(matches!(again, Err(LedgerError::Refused(_))), "{again:?}");
    assert_eq!(desk.statuses(id), [PENDING]);
}

pub(in crate::ledger) fn l9_a_batch_that_was_not_accepted_leaves_nothing_behind(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    desk.ledger
        .stage(&staged(vec![Ok(numbered("A", "a", 1)), Ok(blank("a", 1))]))
        .unwrap();
    assert_eq!(desk.ledger.content_of(&no("A")).unwrap(), None);
    drop(desk);
    let mut desk = Desk::new(engine);
    assert_eq!(desk.ledger.lanes(Scope::Open).unwrap(), []);
    let nothing = desk.ledger.accept(&Desk::head("one.csv"), START, 40);
    assert!(
        matches!(nothing, Err(LedgerError::Refused(_))),
        "{nothing:?}"
    );
    // The same connection, cleared: neither rows nor ordinals of blank numbers stay.
    desk.ledger
        .stage(&staged(vec![Ok(numbered("A", "a", 1)), Ok(blank("a", 1))]))
        .unwrap();
    let (batch, accepted) = desk.file("one.csv", vec![blank("a", 1)]);
    assert_eq!((accepted.rows, accepted.orders, accepted.held), (1, 1, 0));
    assert!(desk.find(batch, &blank("a", 1).derived(1)).is_some());
    // After an acceptance too.
    let (_, accepted) = desk.file("two.csv", vec![blank("a", 1)]);
    assert_eq!(accepted.repeats, 1);
}

pub(in crate::ledger) fn rows_that_were_not_all_staged_are_not_accepted(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let mut rows = staged(vec![
        Ok(blank("a", 1)),
        Ok(blank("b", 1)),
        Ok(blank("c", 1)),
    ]);
    rows.remove(1);
    desk.ledger.stage(&rows).unwrap();
    let accepted = desk.ledger.accept(&Desk::head("one.csv"), START, 40);
    assert!(
        matches!(accepted, Err(LedgerError::Broken(_))),
        "{accepted:?}"
    );
    // Nothing of it came in, and what comes next is not hindered.
    let (batch, _) = desk.file("one.csv", vec![blank("a", 1)]);
    let job = desk.find(batch, &blank("a", 1).derived(1)).unwrap();
    assert_eq!(
        desk.exchange(&job, Asked::Submission, Came::Lost).state,
        State::Unknown
    );
    let merchant = &job.order.content.merchant;
    let pending = desk.ledger.deck(
        Scope::Open,
        Phase::Pending,
        merchant,
        crate::ledger::OrderId(0),
        9,
    );
    assert_eq!(
        pending.unwrap().len(),
        0,
        "a plain resume sends nothing new"
    );
}

/// Rows are staged in pieces, and an engine may send many of them at once.
pub(in crate::ledger) fn derived_numbers_count_on_from_piece_to_piece(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let accounts = ["a", "b", "a", "a", "c"];
    let orders: Vec<_> = (0..1_205).map(|n| blank(accounts[n % 5], 1)).collect();
    let mut seen = std::collections::HashMap::new();
    let numbers: Vec<String> = orders
        .iter()
        .map(|order| {
            let ordinal = seen.entry(order.content.digest()).or_insert(0);
            *ordinal += 1;
            order.derived(*ordinal)
        })
        .collect();
    let rows = staged(orders.into_iter().map(Ok).collect());
    desk.ledger.stage_clear().unwrap();
    for piece in rows.chunks(602) {
        desk.ledger.stage(piece).unwrap();
    }
    let head = Desk::head("one.csv");
    let (batch, _) = desk.ledger.accept(&head, START, 40).unwrap();
    let found = desk.rows(batch.id).into_iter();
    let found: Vec<String> = found
        .map(|row| row.order.unwrap().no.as_str().to_owned())
        .collect();
    assert_eq!(found, numbers);
}
