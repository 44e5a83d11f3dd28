//! What a rerun sends besides, what it would do, the release of what is held, and the windows' ends.

use super::decisions::person;
use super::fixture::{Came, DAY_MS, Desk, Engine, MERCHANT, START, blank, no, numbered, staged};
use super::reissue::{STATES, child};
use crate::clock::WallMs;
use crate::ledger::{
    HOLD_DAYS_DEFAULT, LedgerError, Only, Phase, Plan, Planned, Rehearsal, RehearsedOf, Reissue,
    Rerun, Scope, Unsent, Written,
};
use crate::order::{Asked, Merchant, NextAction, State, Status};

pub(in crate::ledger) fn a_refused_order_is_dealt_only_to_a_rerun_that_asks_for_it(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![
        numbered("A", "a", 1),
        numbered("B", "b", 1),
        numbered("C", "c", 1),
    ];
    let (batch, _) = desk.file("one.csv", rows);
    desk.bring(batch, "A", State::Rejected);
    desk.bring(batch, "B", State::Unknown);
    let asks = Scope::Rerun(batch, Rerun::IssuedAndRejected(Unsent::Reissues));
    let does_not = Scope::Rerun(batch, Rerun::Issued(Unsent::All));
    for (scope, open, pending) in [
        (Scope::Batch(batch), vec!["B"], vec!["C"]),
        (Scope::Open, vec!["B"], vec![]),
        (Scope::OpenOf(batch, Unsent::Reissues), vec!["B"], vec![]),
        (asks, vec!["A"], vec![]),
        (does_not, vec![], vec!["C"]),
    ] {
        assert_eq!(desk.numbers(scope, Phase::Open), open, "{scope:?}");
        assert_eq!(desk.numbers(scope, Phase::Pending), pending, "{scope:?}");
        let lanes = desk.ledger.lanes(scope).unwrap();
        let counted = lanes
            .first()
            .map_or((0, 0), |lane| (lane.open, lane.pending));
        assert_eq!(
            counted,
            (open.len() as u64, pending.len() as u64),
            "{scope:?}"
        );
    }
    // Its own number, once more; refused again it stands where it stood.
    let job = desk.deck(asks, Phase::Open).remove(0);
    assert_eq!(
        desk.exchange(&job, Asked::Submission, Came::Refused).state,
        State::Rejected
    );
    let job = desk.deck(asks, Phase::Open).remove(0);
    assert_eq!(
        desk.exchange(&job, Asked::Submission, Came::NotSent).state,
        State::Rejected
    );
    let job = desk.deck(asks, Phase::Open).remove(0);
    assert_eq!(
        desk.exchange(&job, Asked::Submission, Came::Success).state,
        State::Success
    );
    assert!(desk.deck(asks, Phase::Open).is_empty());
}

/// A refused order holds no other. Whoever gave the debt again in the meantime has had it deducted.
pub(in crate::ledger) fn l5_a_refused_order_is_not_submitted_again_beside_its_twin(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    for (i, state) in STATES.into_iter().enumerate() {
        let (one, two) = (format!("A{i}"), format!("B{i}"));
        let account = i.to_string();
        let (batch, _) = desk.file(&one, vec![numbered(&one, &account, 1)]);
        desk.bring(batch, &one, State::Rejected);
        let (other, accepted) = desk.file(&two, vec![numbered(&two, &account, 1)]);
        assert_eq!(accepted.held, 0);
        desk.bring(other, &two, state);
        let asks = Scope::Rerun(batch, Rerun::IssuedAndRejected(Unsent::Reissues));
        let job = desk.deck(asks, Phase::Open).remove(0);
        let written = desk.write(desk.ask(&job, Asked::Submission));
        let refused = matches!(written, Written::Refused(_, s) if s.state == State::Rejected);
        // One that was refused as well may be submitted again too: the younger one goes.
        assert_eq!(refused, state.is_alive(), "{state}: {written:?}");
        let note = desk.rows(batch).remove(0).note;
        let told = note.contains(&format!("not submitted again: looks like {two} in {two}:2"));
        assert_eq!(told, state.is_alive(), "{state}: {note}");
    }
    // Two refused ones for one debt: the first that goes out keeps the other in.
    let rows = vec![numbered("X", "x", 1), numbered("Y", "x", 1)];
    let (batch, _) = desk.file("twins", rows);
    desk.bring(batch, "X", State::Rejected);
    desk.ledger
        .release(&[no("Y")], &person("Li Wei"), desk.now)
        .unwrap();
    desk.bring(batch, "Y", State::Rejected);
    let asks = Scope::Rerun(batch, Rerun::IssuedAndRejected(Unsent::Reissues));
    let claims = desk.deck(asks, Phase::Open);
    let claims = claims.iter().map(|job| desk.ask(job, Asked::Submission));
    let claims = claims.collect();
    let written = desk.ledger.write(claims).unwrap();
    assert!(
        matches!(&written[..], [Written::Claimed(_), Written::Refused(..)]),
        "{written:?}"
    );
}

pub(in crate::ledger) fn a_held_order_is_released_by_a_person_and_by_nobody_else(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file(
        "one.csv",
        vec![numbered("A", "a", 1), numbered("B", "a", 1)],
    );
    assert_eq!(desk.statuses(batch), [Status::Pending, Status::Held]);
    let said = desk
        .ledger
        .release(&[no("B"), no("NOBODY")], &person("Li Wei"), desk.now);
    assert!(matches!(said, Err(LedgerError::Refused(_))), "{said:?}");
    assert_eq!(desk.statuses(batch)[1], Status::Held, "all of them or none");
    let said = desk
        .ledger
        .release(&[no("A"), no("B")], &person("Li Wei"), desk.now)
        .unwrap();
    let left: Vec<_> = said
        .left
        .iter()
        .map(|(no, state)| (no.as_str(), *state))
        .collect();
    assert_eq!(left, [("A", State::Pending)]);
    assert_eq!(said.released.len(), 1);
    assert_eq!(desk.statuses(batch), [Status::Pending; 2]);
    assert_eq!(desk.rows(batch)[1].note, "");
    let again = desk
        .ledger
        .release(&[no("B")], &person("Li Wei"), desk.now)
        .unwrap();
    assert_eq!((again.released.len(), again.left.len()), (0, 1));
    // What was released holds others again, and is sent like any other.
    desk.bring(batch, "B", State::Success);
    let (other, accepted) = desk.file("two.csv", vec![numbered("C", "a", 1)]);
    assert_eq!(
        (accepted.held, desk.statuses(other)),
        (1, vec![Status::Held])
    );
}

pub(in crate::ledger) fn a_rehearsal_says_what_a_rerun_would_do_and_leaves_nothing(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![
        numbered("A", "a", 1),
        numbered("B", "b", 10),
        numbered("C", "c", 100),
        numbered("D", "d", 1000),
        numbered("E", "a", 1),
    ];
    let (one, _) = desk.file("one.csv", rows);
    for (number, state) in [
        ("A", State::Failed),
        ("B", State::ClosedProven),
        ("C", State::Rejected),
        ("D", State::Unknown),
    ] {
        desk.bring(one, number, state);
    }
    let before = (desk.rows(one), desk.ledger.totals(one).unwrap());
    // E was held by A while that was alive. Released, it holds A's child.
    desk.ledger
        .release(&[no("E")], &person("Li Wei"), desk.now)
        .unwrap();
    let mut plans = Vec::new();
    let rehearsal = Rehearsal {
        of: RehearsedOf::Batch(one),
        only: Only::Dead,
        rerun: Rerun::IssuedAndRejected(Unsent::Reissues),
        at: desk.now,
        hold_days: HOLD_DAYS_DEFAULT,
    };
    let said = desk.ledger.rehearse(&rehearsal, &mut |planned: Planned| {
        plans.push((planned.row.order.unwrap().no.to_string(), planned.plan));
        Ok(())
    });
    let said = said.unwrap();
    let held = Reissue::Held {
        child: no("A").reissued(2),
        by: no("E"),
    };
    let issued = Reissue::Issued {
        child: no("B").reissued(2),
    };
    assert_eq!(
        plans,
        [
            ("A".to_owned(), Plan::Reissue(held)),
            ("B".to_owned(), Plan::Reissue(issued)),
            ("C".to_owned(), Plan::Again),
        ]
    );
    assert_eq!((said.tally.issued, said.tally.issued_fen), (1, 10));
    assert_eq!((said.tally.held, said.tally.held_fen), (1, 1));
    assert_eq!(said.unsent, [(Merchant::parse(MERCHANT).unwrap(), 1, 10)]);
    assert_eq!(
        (said.open, said.lanes[0].open, said.lanes[0].pending),
        (1, 1, 1)
    );
    // Nothing of it is there, and the rerun itself does the same.
    let after = (desk.rows(one), desk.ledger.totals(one).unwrap());
    assert_eq!(after.0[..4], before.0[..4]);
    assert_eq!(after.1.orders, before.1.orders);
    let children: Vec<_> = desk.rerun(one).iter().map(child).collect();
    assert_eq!(
        children,
        [Some(no("A").reissued(2)), Some(no("B").reissued(2))]
    );
    // A file that came back is tried out without being accepted.
    let rows = vec![
        blank("c", 5),
        blank("b", 11).back("B"),
        numbered("A", "a", 1).back("A"),
    ];
    let rows: Vec<_> = rows.into_iter().map(Ok).collect();
    desk.ledger.stage_clear().unwrap();
    desk.ledger.stage(&staged(rows)).unwrap();
    let head = Desk::head("back.csv");
    let mut plans = Vec::new();
    let rehearsal = Rehearsal {
        of: RehearsedOf::Staged(&head),
        rerun: Rerun::Issued(Unsent::All),
        ..rehearsal
    };
    let said = desk.ledger.rehearse(&rehearsal, &mut |planned: Planned| {
        plans.push((planned.row.order.map(|o| o.no.to_string()), planned.plan));
        Ok(())
    });
    assert_eq!(
        plans,
        [(None, Plan::New), (Some("B".to_owned()), Plan::New)]
    );
    assert_eq!(said.unwrap().unsent[0].1, 2);
    assert_eq!(desk.ledger.find_batch(&head.digest).unwrap(), None);
    assert_eq!(
        desk.statuses(one)[1],
        Status::Pending,
        "B's child was not withdrawn"
    );
    let (back, accepted) = desk.file("after.csv", vec![blank("z", 1)]);
    assert_eq!((accepted.orders, desk.rows(back).len()), (1, 1));
}

pub(in crate::ledger) fn l4_open_orders_are_told_by_the_time_of_their_first_send(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows: Vec<_> = (0..6)
        .map(|n| numbered(&format!("N{n}"), &n.to_string(), 1))
        .collect();
    let (batch, _) = desk.file("one.csv", rows);
    let states = [
        State::Closed,
        State::Unknown,
        State::Success,
        State::Processing,
        State::Unknown,
        State::Pending,
    ];
    // The last one of the file was sent first.
    for (n, state) in states.into_iter().enumerate().rev() {
        desk.now = desk.now.plus_ms(DAY_MS);
        desk.bring(batch, &format!("N{n}"), state);
    }
    let day = |n: i64| START.plus_ms(n * DAY_MS);
    let asked = desk.ledger.last_attempt().unwrap();
    for (from, to, want) in [
        (day(0), day(100), vec!["N0", "N1", "N3", "N4"]),
        (day(3), day(6), vec!["N1", "N3"]),
        (WallMs(i64::MIN), day(3), vec!["N4"]),
        (day(7), WallMs(i64::MAX), vec![]),
    ] {
        let scope = Scope::FirstSent(from, to);
        assert_eq!(desk.numbers(scope, Phase::Open), want);
        assert!(desk.numbers(scope, Phase::Pending).is_empty());
        let lanes = desk.ledger.lanes(scope).unwrap();
        assert_eq!(lanes.iter().map(|l| l.open).sum::<u64>(), want.len() as u64);
    }
    let told = desk.ledger.expiring(day(6), 2).unwrap();
    assert_eq!(told.count, 3);
    assert_eq!(told.first, [(no("N4"), day(2)), (no("N3"), day(3))]);
    // A resumed run tells of what it asked for, and of what is still open.
    let totals = desk.ledger.totals_since(asked).unwrap();
    assert_eq!((totals.rows, totals.orders, totals.deducted_fen), (4, 4, 0));
    let job = desk.find(batch, "N1").unwrap();
    desk.exchange(&job, Asked::Submission, Came::Success);
    let totals = desk.ledger.totals_since(asked).unwrap();
    assert_eq!(
        (totals.orders, totals.deducted_fen, totals.open_fen),
        (4, 1, 3)
    );
    assert_eq!(
        totals.by_action,
        [(NextAction::None, 1), (NextAction::RunAgain, 3)]
    );
    let last = desk.ledger.last_attempt().unwrap();
    assert_eq!(desk.ledger.totals_since(last).unwrap().orders, 3);
}
