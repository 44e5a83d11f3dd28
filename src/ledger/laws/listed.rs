//! A list beside the ledger: what its rows mean, and what no row means.

use std::collections::BTreeSet;

use super::decisions::{person, resolve};
use super::fixture::{Came, DAY_MS, Desk, Engine, START, blank, no, numbered, staged};
use super::reissue::STATES;
use crate::clock::WallMs;
use crate::ledger::{Beside, Booked, Found, ListScope, ListedRow, StagedOrder, Sum};
use crate::order::{Asked, Resolution, State};

/// What a comparison told.
struct Told {
    rows: Vec<ListedRow>,
    extra: Vec<Booked>,
    not_deducted: Sum,
}

const WHOLE: ListScope = ListScope {
    since: None,
    before: None,
    batch: None,
    twin_days: 100,
};

impl Desk {
    fn list(&mut self, scope: &ListScope, list: Vec<Result<StagedOrder, String>>) -> Told {
        let head = self.ledger.journal_head().unwrap();
        self.ledger.stage_clear().unwrap();
        self.ledger.stage(&staged(list)).unwrap();
        let (mut rows, mut extra) = (Vec::new(), Vec::new());
        let not_deducted = self
            .ledger
            .beside(scope, &mut |beside| {
                match beside {
                    Beside::Row(row) => {
                        assert!(extra.is_empty(), "rows come first");
                        rows.push(*row);
                    }
                    Beside::Extra(booked) => extra.push(*booked),
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(self.ledger.journal_head().unwrap(), head);
        Told {
            rows,
            extra,
            not_deducted,
        }
    }

    /// The same of valid rows, one word a row; then what is extra.
    fn beside(&mut self, scope: &ListScope, list: Vec<StagedOrder>) -> Vec<String> {
        let told = self.list(scope, list.into_iter().map(Ok).collect());
        let rows = told.rows.iter().map(word);
        let extra = told.extra.iter().map(|booked| {
            assert!(booked.place.is_some());
            format!("extra {}", booked.order.no)
        });
        rows.chain(extra).collect()
    }

    fn succeed(&mut self, file: &str, row: StagedOrder) {
        let number = row.no.as_ref().unwrap().to_string();
        let (batch, _) = self.file(file, vec![row]);
        self.bring(batch, &number, State::Success);
    }
}

fn word(row: &ListedRow) -> String {
    match &row.found {
        Found::Faulty(words) => format!("faulty {words}"),
        Found::Nothing { same_debt, .. } => match same_debt {
            None => "nothing".into(),
            Some(booked) => format!("same debt {}", booked.order.no),
        },
        Found::Order {
            booked,
            first_line,
            twins,
            ..
        } => {
            let mut word = booked.order.no.to_string();
            if let Some(line) = first_line {
                word.push_str(&format!(" again, first in {line}"));
            }
            for twin in twins {
                word.push_str(&format!(" and {}", twin.order.no));
            }
            word
        }
    }
}

pub(in crate::ledger) fn l7_every_row_of_a_list_and_every_order_of_the_scope_is_told_once(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let name = |i: usize| format!("A{i}");
    let mut orders = 0;
    for listed in [true, false] {
        let file = format!("{listed}.csv");
        let of = |i: usize| match listed {
            true => name(i),
            false => format!("B{i}"),
        };
        let rows = (0..STATES.len()).map(|i| numbered(&of(i), &of(i), 10));
        let (batch, _) = desk.file(&file, rows.collect());
        for (i, state) in STATES.into_iter().enumerate() {
            desk.bring(batch, &of(i), state);
        }
        // FAILED and CLOSED_PROVEN are issued again, and stay unsent.
        assert_eq!(desk.rerun(batch).len(), 2);
        orders += STATES.len() as u64 + 2;
    }
    let mut list: Vec<Result<StagedOrder, String>> = Vec::new();
    for i in 0..STATES.len() {
        list.push(Ok(numbered(&name(i), &name(i), 10)));
        list.push(Err(format!("fault {i}")));
        list.push(Ok(numbered(&name(i), &name(i), 11)));
        list.push(Ok(numbered(&format!("C{i}"), &name(i), 12)));
    }
    let rows = list.len();
    let told = desk.list(&WHOLE, list);
    let lines: Vec<u64> = told.rows.iter().map(|row| row.line).collect();
    assert_eq!(lines, (2..2 + rows as u64).collect::<Vec<_>>());
    let mut named = BTreeSet::new();
    for row in &told.rows {
        if let Found::Order {
            booked, first_line, ..
        } = &row.found
        {
            assert_eq!(
                named.insert(booked.order.no.to_string()),
                first_line.is_none()
            );
        }
    }
    assert_eq!(named.len(), STATES.len());
    let extra: BTreeSet<&str> = told.extra.iter().map(|b| b.order.no.as_str()).collect();
    assert_eq!(extra.len(), told.extra.len());
    // Of those that no row names: UNKNOWN, PROCESSING, CLOSED, EXPIRED and SUCCESS may be deducted.
    assert_eq!(extra, ["B1", "B2", "B3", "B5", "B7"].into());
    let told_once = named.len() as u64 + extra.len() as u64 + told.not_deducted.orders;
    assert_eq!(told_once, orders);
    // PENDING, REJECTED, CANCELLED, two dead, two reissues; and the dead ones of A.
    assert_eq!(told.not_deducted, Sum { orders: 9, fen: 90 });
}

pub(in crate::ledger) fn a_row_of_a_list_means_the_order_with_its_number_or_what_stands_for_it(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![
        numbered("A", "a", 1),
        blank("b", 2),
        blank("b", 2),
        numbered("DEAD", "d", 3),
        numbered("OLD", "o", 4),
    ];
    let (batch, _) = desk.file("one.csv", rows);
    let (first, second) = (blank("b", 2).derived(1), blank("b", 2).derived(2));
    desk.bring(batch, "A", State::Success);
    desk.bring(batch, &first, State::Success);
    desk.bring(batch, "DEAD", State::Failed);
    desk.rerun(batch);
    let reissue = no("DEAD").reissued(2).to_string();
    let changed = numbered("OLD", "o", 5).back("OLD");
    desk.file("two.csv", vec![changed.clone()]);
    let replaced = changed.derived(1 << 31);
    let mine = |row: StagedOrder, want: &str| (vec![row], vec![want.to_owned()]);
    let again = |number: &str| format!("{number} again, first in 2");
    let both = vec![blank("b", 2), blank("b", 2), blank("b", 2)];
    for (list, want) in [
        mine(numbered("A", "a", 1), "A"),
        // Whatever else differs: that is for others to say.
        mine(numbered("A", "x", 9), "A"),
        // levy_out_request_no goes before the row's own.
        mine(numbered("OTHER", "a", 1).back("A"), "A"),
        mine(numbered("A", "a", 1).back("GONE"), "same debt A"),
        (both, vec![first.clone(), second, "nothing".into()]),
        mine(numbered("DEAD", "d", 3), &reissue),
        mine(numbered("DEAD", "d", 3).back(&reissue), &reissue),
        mine(numbered("OLD", "o", 4), "OLD"),
        mine(numbered("OLD", "o", 5), &replaced),
        mine(numbered("OLD", "o", 6), "OLD"),
        mine(blank("a", 1), "same debt A"),
        mine(numbered("B1", "b", 2), &format!("same debt {first}")),
        mine(blank("a", 2), "nothing"),
        // An order that a row names by its number is no other row's.
        (
            vec![numbered("A", "a", 1), blank("a", 1)],
            vec!["A".into(), "nothing".into()],
        ),
        (
            vec![numbered("A", "a", 1), numbered("Z", "a", 1).back("A")],
            vec!["A".into(), again("A")],
        ),
    ] {
        let mut told = desk.beside(&WHOLE, list.clone());
        told.retain(|word| !word.starts_with("extra "));
        assert_eq!(told, want, "{list:?}");
    }
}

pub(in crate::ledger) fn l5_a_second_order_for_the_debt_of_a_row_is_told_beside_it(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    desk.succeed("one.csv", numbered("A", "a", 1));
    desk.succeed("dead.csv", numbered("X", "x", 1));
    desk.now = START.plus_ms(41 * DAY_MS);
    // No hold any more.
    desk.succeed("two.csv", numbered("B", "a", 1));
    let both = ["A and B"];
    let row = || vec![numbered("A", "a", 1), numbered("X", "x", 1)];
    assert_eq!(desk.beside(&WHOLE, row()), ["A and B", "X"]);
    // Told beside its row wherever it lies, and then no extra one.
    let early = ListScope {
        before: Some(START.plus_ms(DAY_MS)),
        ..WHOLE
    };
    assert_eq!(desk.beside(&early, row())[..1], both);
    // Two rows of the list for two orders are as many.
    let two = vec![numbered("A", "a", 1), numbered("B", "a", 1)];
    assert_eq!(desk.beside(&early, two), ["A", "B", "extra X"]);
    // Long after, the same debt is another one, and no row names it.
    let near = ListScope {
        twin_days: 40,
        ..WHOLE
    };
    assert_eq!(desk.beside(&near, row()), ["A", "X", "extra B"]);
    // A person said that it is no repetition.
    let (batch, _) = desk.file("three.csv", vec![numbered("C", "a", 1)]);
    let li = person("Li Wei");
    desk.ledger.release(&[no("C")], &li, desk.now).unwrap();
    assert_eq!(
        desk.beside(&WHOLE, row()),
        ["A and B", "X"],
        "C was not sent"
    );
    desk.bring(batch, "C", State::Success);
    assert_eq!(desk.beside(&WHOLE, row()), ["A and B", "X", "extra C"]);
    // What is dead is no second deduction, nor has one.
    let (batch, _) = desk.file("four.csv", vec![numbered("D", "d", 1)]);
    desk.bring(batch, "D", State::Rejected);
    desk.succeed("five.csv", numbered("E", "d", 1));
    let d = |number: &str| vec![numbered(number, "d", 1)];
    let later = ListScope {
        since: Some(desk.now),
        before: Some(desk.now.plus_ms(1)),
        ..WHOLE
    };
    let told = desk.beside(&later, d("D"));
    assert_eq!(told, ["D", "extra B", "extra C", "extra E"]);
    assert_eq!(desk.beside(&later, d("E"))[..1], ["E"]);
}

pub(in crate::ledger) fn l5_an_order_that_succeeded_beside_its_reissue_is_told_as_a_second_one(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    desk.bring(batch, "A", State::Unknown);
    let job = desk.find(batch, "A").unwrap();
    let (attempt, asked) = desk.claim(&job, Asked::Query);
    resolve(&mut desk, "A", Resolution::Failed).unwrap();
    desk.now = START.plus_ms(32 * DAY_MS);
    desk.rerun(batch);
    let child = no("A").reissued(2).to_string();
    assert_eq!(
        desk.beside(&WHOLE, vec![numbered("A", "a", 1)]),
        [child.as_str()]
    );
    desk.bring(batch, &child, State::Success);
    let late = desk.answer(
        (attempt, &asked),
        Asked::Query,
        State::Unknown,
        Came::Success,
    );
    desk.record(late);
    let told = desk.beside(&WHOLE, vec![numbered("A", "a", 1)]);
    assert_eq!(told, [format!("{child} and A")]);
    assert_eq!(
        desk.beside(&WHOLE, vec![]),
        ["extra A".to_owned(), format!("extra {child}")]
    );
}

pub(in crate::ledger) fn a_list_is_asked_only_for_the_orders_of_its_period_or_batch(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    desk.succeed("one.csv", numbered("A", "a", 1));
    // Created on one day, sent on the next.
    let (two, _) = desk.file(
        "two.csv",
        vec![numbered("B", "b", 1), numbered("A", "a", 1)],
    );
    desk.now = START.plus_ms(DAY_MS);
    desk.bring(two, "B", State::Success);
    desk.now = START.plus_ms(2 * DAY_MS);
    desk.succeed("three.csv", numbered("C", "c", 1));
    let day = |days: i64| -> Option<WallMs> { Some(START.plus_ms(days * DAY_MS)) };
    let within = |since, before, batch| ListScope {
        since,
        before,
        batch,
        ..WHOLE
    };
    for (scope, want) in [
        (
            within(None, None, None),
            &["extra A", "extra B", "extra C"][..],
        ),
        (within(day(1), None, None), &["extra B", "extra C"]),
        (within(None, day(1), None), &["extra A"]),
        (within(day(1), day(2), None), &["extra B"]),
        (within(day(3), None, None), &[]),
        // A batch's rows show repeats too.
        (within(None, None, Some(two)), &["extra B", "extra A"]),
        (within(day(1), None, Some(two)), &["extra B"]),
    ] {
        let mut told = desk.beside(&scope, Vec::new());
        let mut want = want.to_vec();
        told.sort();
        want.sort_unstable();
        assert_eq!(told, want, "{scope:?}");
    }
    // A row may mean an order of any time.
    let told = desk.beside(&within(day(1), day(2), None), vec![numbered("C", "c", 1)]);
    assert_eq!(told, ["C", "extra B"]);
}

pub(in crate::ledger) fn a_comparison_that_cannot_be_written_out_ends_and_leaves_nothing_behind(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    desk.succeed("one.csv", numbered("A", "a", 1));
    desk.ledger.stage_clear().unwrap();
    desk.ledger
        .stage(&staged(vec![Ok(numbered("N", "n", 1))]))
        .unwrap();
    let full = || Err(std::io::Error::other("disk full"));
    let stopped = desk.ledger.beside(&WHOLE, &mut |_| full());
    assert!(stopped.unwrap_err().to_string().contains("disk full"));
    // What was staged to be compared was accepted by nobody.
    assert_eq!(desk.beside(&WHOLE, Vec::new()), ["extra A"]);
    assert!(desk.ledger.story(&no("N")).unwrap().is_none());
    desk.succeed("two.csv", numbered("N", "n", 1));
}
