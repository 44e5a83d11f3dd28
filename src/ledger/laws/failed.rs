//! Rows of a failed file: those of a result that need somebody, without the number where the row must be
//! mended, and with `levy_reissue`.

use super::fixture::{Desk, Engine, blank, no, numbered};
use super::reissue::STATES;
use crate::ledger::{
    BatchId, HOLD_DAYS_DEFAULT, Only, Person, Phase, Reissue, Reissued, Rerun, Scope, StagedOrder,
    Unsent, Written,
};
use crate::order::{Asked, Comeback, NextAction, State, Status};

impl Desk {
    /// A file of one row whose order stands so.
    fn one(&mut self, number: &str, state: State) -> BatchId {
        let (batch, _) = self.file("one.csv", vec![numbered(number, "a", 100)]);
        self.bring(batch, number, state);
        batch
    }

    /// As a run of a failed file issues.
    fn issue_asked(&mut self, batch: BatchId) -> Vec<Reissued> {
        let page = self.ledger.proofs(batch, Only::Asked, 0, 9, self.now);
        let proofs = page.unwrap().into_iter().map(|(_, proof)| proof).collect();
        self.ledger.reissue(batch, proofs, self.now).unwrap()
    }

    fn asked(&mut self, batch: BatchId) -> u64 {
        self.ledger.reissues_asked(batch).unwrap()
    }
}

fn asks(number: &str) -> StagedOrder {
    numbered("A", "a", 100).failed(number, Comeback::Reissue)
}

pub(in crate::ledger) fn l2_a_row_of_a_failed_file_that_nobody_mended_is_its_order(
    engine: &dyn Engine,
) {
    for state in STATES {
        let mut desk = Desk::new(engine);
        let number = format!("A{}", state.as_str().replace('_', ""));
        let (one, _) = desk.file(&number, vec![numbered(&number, state.as_str(), 100)]);
        desk.bring(one, &number, state);
        // Its number was cleared, where the row must be mended.
        for own in [None, Some(no(&number))] {
            let mut row = blank(state.as_str(), 100).failed(&number, Comeback::Mended);
            row.no = own.clone();
            let (two, accepted) = desk.file(&format!("{number}{own:?}"), vec![row]);
            assert_eq!((accepted.repeats, accepted.orders), (1, 0), "{state}");
            assert_eq!(desk.rows(two)[0].status, Status::of(state));
        }
    }
}

pub(in crate::ledger) fn l5_a_mended_row_takes_the_place_of_an_order_that_stands_refused_once(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let one = desk.one("A", State::Rejected);
    let mended = |fen| blank("a", fen).failed("A", Comeback::Mended);
    let rerun = Scope::Rerun(one, Rerun::IssuedAndRejected(Unsent::Nothing));
    let refused = desk.deck(rerun, Phase::Open);
    assert_eq!(refused.len(), 1);
    // What comes back as the row of a result is none: nothing proves its order dead.
    let (result, _) = desk.file("one.result.csv", vec![blank("a", 101).back("A")]);
    assert_eq!(desk.statuses(result), [Status::Conflict]);

    let (two, accepted) = desk.file("fixed.csv", vec![mended(101)]);
    assert_eq!((accepted.orders, accepted.held), (1, 0));
    let first = blank("a", 101).derived(1);
    assert!(desk.find(two, &first).is_some());
    let old = &desk.rows(one)[0];
    assert_eq!(
        (old.status, old.next_action),
        (Status::Rejected, NextAction::None)
    );
    assert!(old.note.contains("replaced by fixed.csv:2"), "{}", old.note);
    let new = &desk.rows(two)[0];
    assert_eq!(
        (new.status, new.next_action, new.note.as_str()),
        (Status::Pending, NextAction::RunAgain, "")
    );

    // The same mend again is the same deduction, and another is none.
    let (again, accepted) = desk.file("again.csv", vec![mended(101), mended(102)]);
    assert_eq!(
        (accepted.repeats, accepted.conflicts, accepted.orders),
        (1, 1, 0)
    );
    assert_eq!(desk.statuses(again), [Status::Pending, Status::Conflict]);

    // Nothing submits the refused one any more.
    assert_eq!(desk.ledger.lanes(rerun).unwrap(), []);
    assert!(desk.deck(rerun, Phase::Open).is_empty());
    let claim = desk.ask(&refused[0], Asked::Submission);
    assert!(matches!(desk.write(claim), Written::Refused(..)));
    // What stands refused keeps nobody from submitting what took its place.
    let mended = desk.deck(Scope::Batch(two), Phase::Pending);
    desk.claim(&mended[0], Asked::Submission);
}

pub(in crate::ledger) fn l5_a_refused_order_that_may_have_been_accepted_is_not_replaced(
    engine: &dyn Engine,
) {
    let mended = || blank("a", 101).failed("A", Comeback::Mended);
    // Since the backup that the ledger came back from.
    let mut desk = Desk::new(engine);
    desk.one("A", State::Rejected);
    let by = Person::parse("Li Wei").unwrap();
    desk.ledger.restored(desk.now, &by, desk.now).unwrap();
    let (two, _) = desk.file("fixed.csv", vec![mended()]);
    assert_eq!(desk.statuses(two), [Status::Conflict]);
}

pub(in crate::ledger) fn l5_a_row_that_asks_for_a_new_number_gets_one_once(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let rows = vec![numbered("A", "a", 100), numbered("B", "b", 100)];
    let (one, _) = desk.file("one.csv", rows);
    desk.bring(one, "A", State::Failed);
    desk.bring(one, "B", State::Failed);
    let quiet = numbered("B", "b", 100).failed("B", Comeback::Mended);
    // Two rows that ask are one wish.
    let (two, accepted) = desk.file("failed.csv", vec![quiet, asks("A"), asks("A")]);
    assert_eq!((accepted.repeats, accepted.orders), (3, 0));
    assert_eq!(desk.asked(two), 1);
    assert!(
        desk.rows(two)[1]
            .note
            .contains("not yet: run this file again")
    );

    let issued = desk.issue_asked(two);
    assert_eq!(issued.len(), 1, "B's row is silent");
    assert_eq!(issued[0].parent, no("A"));
    let child = no("A").reissued(2);
    assert_eq!(
        issued[0].outcome,
        Reissue::Issued {
            child: child.clone()
        }
    );
    assert_eq!((desk.asked(two), desk.issue_asked(two)), (0, vec![]));
    assert!(!desk.rows(two)[1].note.contains("levy_reissue"));

    // It dies as well: the row's wish was for the first one.
    desk.bring(two, child.as_str(), State::ClosedProven);
    assert_eq!((desk.asked(two), desk.issue_asked(two)), (0, vec![]));
    // Nor does an old file ask for another.
    let (three, _) = desk.file("old.csv", vec![asks("A")]);
    assert_eq!((desk.asked(three), desk.issue_asked(three)), (0, vec![]));
    let note = &desk.rows(three)[0].note;
    assert!(note.contains("A was issued again before, as LV"), "{note}");
    // One that shows it does.
    let (four, _) = desk.file("new.csv", vec![asks(child.as_str())]);
    assert_eq!((desk.asked(four), desk.issue_asked(four).len()), (1, 1));
}

pub(in crate::ledger) fn l5_levy_reissue_gives_nothing_a_new_number_that_is_not_dead(
    engine: &dyn Engine,
) {
    for state in STATES {
        let mut desk = Desk::new(engine);
        let number = format!("R{}", state.as_str().replace('_', ""));
        let row = || numbered(&number, state.as_str(), 100);
        let (one, _) = desk.file(&number, vec![row()]);
        desk.bring(one, &number, state);
        let asking = row().failed(&number, Comeback::Reissue);
        let (two, accepted) = desk.file(&format!("{number} again"), vec![asking]);
        assert_eq!((accepted.repeats, accepted.orders), (1, 0), "{state}");
        let issued = desk.issue_asked(two);
        assert_eq!(issued.len(), usize::from(state.is_proven_dead()), "{state}");
        if !state.is_proven_dead() {
            let shown = &desk.rows(two)[0];
            assert_eq!(shown.status, Status::of(state));
            let want = format!("levy_reissue: {number} is not issued again: ");
            assert!(shown.note.contains(&want), "{state}: {}", shown.note);
        }
    }
}

pub(in crate::ledger) fn l5_a_wish_that_was_in_vain_is_not_kept(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    desk.one("A", State::Success);
    let held = || numbered("H", "a", 100);
    let (one, accepted) = desk.file("held.csv", vec![held()]);
    assert_eq!(accepted.held, 1);
    let asking = held().failed("H", Comeback::Reissue);
    let (two, _) = desk.file("asking.csv", vec![asking]);
    assert_eq!(desk.asked(two), 0);
    let note = &desk.rows(two)[0].note;
    assert!(
        note.contains("levy_reissue: H is not issued again: "),
        "{note}"
    );
    let by = Person::parse("Li Wei").unwrap();
    desk.ledger.release(&[no("H")], &by, desk.now).unwrap();
    desk.bring(one, "H", State::Failed);
    assert_eq!((desk.asked(two), desk.issue_asked(two)), (0, vec![]));
}

pub(in crate::ledger) fn l5_a_held_order_that_came_back_in_other_words_is_held_again(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    desk.one("A", State::Success);
    let (_, accepted) = desk.file("held.csv", vec![numbered("H", "a", 100)]);
    assert_eq!(accepted.held, 1);
    let mend = |fen, reason| {
        let row = blank("a", fen).reason(reason);
        row.failed("H", Comeback::Mended)
    };
    let (two, accepted) = desk.file("words.csv", vec![mend(100, "2.02508E+11")]);
    assert_eq!((accepted.orders, accepted.held), (1, 1));
    assert_eq!(desk.statuses(two), [Status::Held]);
    // What held it has a new number by now.
    let (one, _) = desk.file("b.csv", vec![numbered("B", "b", 100)]);
    let (_, accepted) = desk.file("b held.csv", vec![numbered("L", "b", 100)]);
    assert_eq!(accepted.held, 1);
    desk.bring(one, "B", State::Failed);
    let asking = numbered("B", "b", 100).failed("B", Comeback::Reissue);
    let (yes, _) = desk.file("yes.csv", vec![asking]);
    assert_eq!(desk.issue_asked(yes).len(), 1);
    let words = blank("b", 100).reason("2").failed("L", Comeback::Mended);
    let (_, accepted) = desk.file("b words.csv", vec![words]);
    assert_eq!((accepted.orders, accepted.held), (1, 1));
    // Another amount is another debt.
    let (_, accepted) = desk.file("held too.csv", vec![numbered("K", "a", 100)]);
    assert_eq!(accepted.held, 1);
    let other = blank("a", 101).failed("K", Comeback::Mended);
    let (_, accepted) = desk.file("amount.csv", vec![other]);
    assert_eq!((accepted.orders, accepted.held), (1, 0));
}

pub(in crate::ledger) fn l2_a_row_is_changed_or_issued_again_and_not_both(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let one = desk.one("A", State::Failed);
    let changed = blank("a", 101).failed("A", Comeback::Reissue);
    let mut renumbered = asks("A");
    renumbered.no = Some(no("N"));
    let (two, accepted) = desk.file("failed.csv", vec![changed, renumbered]);
    assert_eq!((accepted.conflicts, accepted.orders), (2, 0));
    for row in desk.rows(two) {
        assert!(row.note.contains("clear levy_reissue"), "{}", row.note);
        assert_eq!(row.came_back_as.as_deref(), Some("A"));
    }
    assert_eq!((desk.asked(two), desk.issue_asked(two)), (0, vec![]));
    assert_eq!(desk.rows(one)[0].next_action, NextAction::Reissue);
}

pub(in crate::ledger) fn l7_what_came_back_and_is_no_order_keeps_the_number_that_it_came_back_with(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    desk.one("A", State::Success);
    let changed = || blank("a", 101).back("A");
    let unknown = || blank("b", 1).back("NOBODYS");
    let mut rows = super::fixture::staged(vec![
        Ok(changed()),
        Ok(unknown()),
        Err("amount: must be given".into()),
    ]);
    rows[2].came_back_as = Some("A".into());
    desk.ledger.stage_clear().unwrap();
    desk.ledger.stage(&rows).unwrap();
    let head = Desk::head("one.result.csv");
    let (batch, _) = desk
        .ledger
        .accept(&head, desk.now, HOLD_DAYS_DEFAULT)
        .unwrap();
    let shown: Vec<_> = desk
        .rows(batch.id)
        .into_iter()
        .map(|row| (row.status, row.order.is_none(), row.came_back_as.unwrap()))
        .collect();
    let named = |status, number: &str| (status, true, number.to_owned());
    assert_eq!(
        shown,
        [
            named(Status::Conflict, "A"),
            named(Status::Invalid, "NOBODYS"),
            named(Status::Invalid, "A"),
        ]
    );
}

pub(in crate::ledger) fn l5_what_is_undecided_stays_so_until_somebody_decides(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    desk.one("A", State::Failed);
    let changed = || blank("a", 101);
    let (two, _) = desk.file("two.csv", vec![changed().failed("A", Comeback::Reissue)]);
    assert!(desk.rows(two)[0].undecided);
    // Its result has no column for the wish, and says the same all the same.
    let (three, accepted) = desk.file("two.result.csv", vec![changed().back("A")]);
    assert_eq!((accepted.conflicts, accepted.orders), (1, 0));
    assert!(desk.rows(three)[0].note.contains("clear levy_reissue"));
    // And so does that one's failed file, which keeps the yes.
    assert!(desk.rows(three)[0].undecided);
    // Other words are another change; the wish taken back in a failed file is a decision.
    let (_, accepted) = desk.file("four.csv", vec![changed().failed("A", Comeback::Mended)]);
    assert_eq!((accepted.conflicts, accepted.orders), (0, 1));
    // Decided, it is what it became, also where an older file comes once more.
    let (_, accepted) = desk.file("five.csv", vec![changed().back("A")]);
    assert_eq!((accepted.conflicts, accepted.repeats), (0, 1));
    let (six, accepted) = desk.file("six.csv", vec![changed().failed("A", Comeback::Reissue)]);
    assert_eq!((accepted.conflicts, accepted.orders), (1, 0));
    assert!(desk.note(six).contains("in four.csv:2 has taken its place"));
}

/// One row, mended by two people in two ways, is one debt: no words lead to a second deduction of it.
pub(in crate::ledger) fn l5_whoever_comes_second_with_a_mend_is_not_told_to_deduct_it_beside(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    desk.one("A", State::Rejected);
    let mended = |fen| blank("a", fen).failed("A", Comeback::Mended);
    desk.file("two.csv", vec![mended(101)]);
    let (three, _) = desk.file("three.csv", vec![mended(102)]);
    // Levy's columns cut off, its number kept.
    let (four, _) = desk.file("four.csv", vec![numbered("A", "a", 102)]);
    for batch in [three, four] {
        assert_eq!(desk.statuses(batch), [Status::Conflict]);
        let note = desk.note(batch);
        assert!(note.contains("in two.csv:2 has taken its place"), "{note}");
        assert!(
            !note.contains("of its own") && !note.contains("mend it"),
            "{note}"
        );
    }
}

pub(in crate::ledger) fn l7_a_row_that_was_never_an_order_is_held_beside_its_twin(
    engine: &dyn Engine,
) {
    // However its twin stands: the ledger can't tell a mended row from the same one given again.
    for state in [
        State::Pending,
        State::Success,
        State::Failed,
        State::Rejected,
    ] {
        for comeback in [Comeback::Mended, Comeback::Result] {
            let mut desk = Desk::new(engine);
            let account = format!("{state}{}", comeback.as_str()).replace('_', "");
            let twin = || blank(&account, 100);
            let file = |name: &str| format!("{account} {name}");
            let invalid = || Err("amount: must be given".to_owned());
            let (one, _) = desk.mixed(&file("one"), vec![Ok(twin()), invalid()]);
            desk.bring(one, &twin().derived(1), state);
            let mended = || StagedOrder { comeback, ..twin() };
            let (two, accepted) = desk.file(&file("fixed"), vec![mended()]);
            assert_eq!(
                (accepted.orders, accepted.held, accepted.repeats),
                (1, 1, 0)
            );
            let row = &desk.rows(two)[0];
            assert_eq!(row.order.as_ref().unwrap().no, no(&twin().derived(2)));
            assert!(
                row.note.contains("release it by its number"),
                "{}",
                row.note
            );
            // Given again in other bytes it is that one, and still needs somebody.
            let (again, accepted) = desk.file(&file("again"), vec![mended()]);
            assert_eq!((accepted.orders, accepted.repeats), (0, 1));
            assert_eq!(desk.statuses(again), [Status::Held]);
            // Two of them in one file are two; and the plain file is the same deductions as ever.
            let (_, accepted) = desk.file(&file("both"), vec![twin(), twin()]);
            assert_eq!((accepted.orders, accepted.repeats), (0, 2));
            let (_, accepted) = desk.file(&file("twins"), vec![mended(), mended()]);
            assert_eq!((accepted.orders, accepted.repeats), (0, 2));
        }
    }
    // Where nothing is like it, it is a deduction as any.
    let mut desk = Desk::new(engine);
    let mended = |account: &str| StagedOrder {
        comeback: Comeback::Mended,
        ..blank(account, 7)
    };
    let rows = vec![mended("x"), mended("x"), mended("y")];
    let (two, accepted) = desk.file("fixed.csv", rows);
    assert_eq!((accepted.orders, accepted.held), (3, 1));
    let numbers: Vec<_> = desk
        .rows(two)
        .into_iter()
        .map(|row| row.order.unwrap().no)
        .collect();
    let want = [("x", 1), ("x", 2), ("y", 1)].map(|(a, n)| no(&blank(a, 7).derived(n)));
    assert_eq!(numbers, want);
}
