//! What several workers on one ledger drive: open orders, and what was handed over.

use super::fixture::{Came, DAY_MS, Desk, Engine, MERCHANT, START, no, numbered};
use super::plans::{accept, approve, plan};
use crate::ledger::{Admit, Ask, Epoch, Handed, OrderId, Person, Phase, Scope, Write, Written};
use crate::order::{Asked, Merchant, State};

const OTHER: &str = "1900016682";

/// Numbers of a lane's deck.
fn deck(desk: &mut Desk, phase: Phase, merchant: &str) -> Vec<String> {
    deck_of(desk, Handed::All, phase, merchant)
}

fn deck_of(desk: &mut Desk, handed: Handed, phase: Phase, merchant: &str) -> Vec<String> {
    let merchant = Merchant::parse(merchant).unwrap();
    let mut numbers = Vec::new();
    let mut after = OrderId(0);
    // Page by page.
    loop {
        let jobs = desk
            .ledger
            .deck(Scope::Shared(handed), phase, &merchant, after, 2)
            .unwrap();
        let Some(last) = jobs.last() else {
            return numbers;
        };
        after = last.id;
        numbers.extend(jobs.iter().map(|job| job.order.no.as_str().to_owned()));
    }
}

fn lanes(desk: &mut Desk) -> Vec<(String, u64, u64)> {
    lanes_of(desk, Handed::All)
}

fn lanes_of(desk: &mut Desk, handed: Handed) -> Vec<(String, u64, u64)> {
    let lanes = desk.ledger.lanes(Scope::Shared(handed)).unwrap();
    let lane = |lane: crate::ledger::LaneWork| {
        (lane.merchant.as_str().to_owned(), lane.open, lane.pending)
    };
    lanes.into_iter().map(lane).collect()
}

pub(in crate::ledger) fn l7_workers_drive_what_is_open_and_what_was_handed_over(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (first, _) = desk.file(
        "one.csv",
        vec![
            numbered("A", "a", 1),
            numbered("B", "b", 2),
            numbered("C", "c", 3).merchant(OTHER),
        ],
    );
    let (second, _) = desk.file(
        "two.csv",
        vec![numbered("D", "d", 4), numbered("E", "e", 5)],
    );
    desk.bring(first, "B", State::Unknown);
    // Nothing that was never sent goes with anybody but its own file, until that is handed over.
    assert_eq!(lanes(&mut desk), [(MERCHANT.into(), 1, 0)]);
    assert_eq!(deck(&mut desk, Phase::Pending, MERCHANT), [""; 0]);
    desk.ledger.hand_over(second, START).unwrap();
    assert_eq!(lanes(&mut desk), [(MERCHANT.into(), 1, 2)]);
    assert_eq!(deck(&mut desk, Phase::Pending, MERCHANT), ["D", "E"]);
    desk.ledger.hand_over(first, START).unwrap();
    assert_eq!(
        lanes(&mut desk),
        [(MERCHANT.into(), 1, 3), (OTHER.into(), 0, 1)]
    );
    // In input order, whatever was handed over first.
    assert_eq!(deck(&mut desk, Phase::Pending, MERCHANT), ["A", "D", "E"]);
    assert_eq!(deck(&mut desk, Phase::Open, MERCHANT), ["B"]);
    assert!(
        desk.ledger
            .hand_over(crate::ledger::BatchId(99), START)
            .is_err()
    );
    assert_eq!(
        desk.ledger
            .nth_unsent(Scope::Shared(Handed::All), 1, START)
            .unwrap(),
        None
    );
}

pub(in crate::ledger) fn l5_what_a_rerun_issues_later_was_not_handed_over(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    desk.ledger.hand_over(batch, START).unwrap();
    desk.bring(batch, "A", State::Failed);
    let only = crate::ledger::Only::Failed;
    let proofs = desk.ledger.proofs(batch, only, 0, 9, START).unwrap();
    let proofs = proofs.into_iter().map(|(_, proof)| proof).collect();
    desk.ledger.reissue(batch, proofs, START).unwrap();
    assert_eq!(lanes(&mut desk), []);
    // Handed over again, it is.
    desk.ledger.hand_over(batch, START).unwrap();
    assert_eq!(lanes(&mut desk), [(MERCHANT.into(), 0, 1)]);
}

/// A host that requires no approval took it in and handed it over.
pub(in crate::ledger) fn where_approval_is_required_what_no_plan_allows_stays(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (bare, _) = desk.file(
        "bare.csv",
        vec![
            numbered("A", "a", 1),
            numbered("B", "b", 2),
            numbered("C", "c", 3),
            numbered("X", "x", 4).merchant(OTHER),
        ],
    );
    let mut planned = Vec::new();
    for (file, row, approver) in [
        ("planned.csv", numbered("D", "d", 1), None),
        ("approved.csv", numbered("E", "e", 1), Some("Wang Fang")),
    ] {
        let rows = [row];
        let made = plan(&mut desk, file, &rows, "Li Wei").unwrap();
        if let Some(by) = approver {
            approve(&mut desk, made.id, by).unwrap();
        }
        let (batch, _) = accept(&mut desk, file, &rows, Admit::Planned(made.id)).unwrap();
        planned.push(batch.id);
    }
    // Nothing is told of what nobody but its own file sends.
    assert_eq!(desk.ledger.handed_unapproved().unwrap(), []);
    for batch in planned.iter().chain([&bare]) {
        desk.ledger.hand_over(*batch, START).unwrap();
    }
    // What was sent once comes to its end, and a reissue moves what was allowed before.
    desk.bring(bare, "B", State::Unknown);
    desk.bring(bare, "C", State::Failed);
    let only = crate::ledger::Only::Failed;
    let proofs = desk.ledger.proofs(bare, only, 0, 9, START).unwrap();
    let proofs = proofs.into_iter().map(|(_, proof)| proof).collect();
    desk.ledger.reissue(bare, proofs, START).unwrap();
    desk.ledger.hand_over(bare, START).unwrap();
    assert_eq!(
        lanes(&mut desk),
        [(MERCHANT.into(), 1, 4), (OTHER.into(), 0, 1)]
    );
    assert_eq!(
        lanes_of(&mut desk, Handed::Approved),
        [(MERCHANT.into(), 1, 2)]
    );
    let sent = deck_of(&mut desk, Handed::Approved, Phase::Pending, MERCHANT);
    let all = deck(&mut desk, Phase::Pending, MERCHANT);
    let stay = |no: &&String| !sent.contains(no);
    assert_eq!(all.iter().filter(stay).collect::<Vec<_>>(), ["A", "D"]);
    assert_eq!((all.len(), sent.len(), &sent[0][..]), (4, 2, "E"));
    let none = deck_of(&mut desk, Handed::Approved, Phase::Pending, OTHER);
    assert_eq!(none, [""; 0]);
    let open = deck_of(&mut desk, Handed::Approved, Phase::Open, MERCHANT);
    assert_eq!(open, ["B"]);
    let left = desk.ledger.handed_unapproved().unwrap();
    assert_eq!(left, [(bare, 2), (planned[0], 1)]);
    for (batch, orders) in left {
        assert_eq!(desk.ledger.unapproved(batch).unwrap(), orders);
    }
}

pub(in crate::ledger) fn l7_what_was_handed_over_can_be_taken_back(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    assert!(!desk.ledger.take_back(batch).unwrap());
    desk.ledger.hand_over(batch, START).unwrap();
    assert_eq!(lanes(&mut desk), [(MERCHANT.into(), 0, 1)]);
    assert!(desk.ledger.take_back(batch).unwrap());
    assert_eq!(lanes(&mut desk), []);
}

/// A worker had dealt it to itself by then.
pub(in crate::ledger) fn l7_what_was_taken_back_is_claimed_no_more(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file(
        "one.csv",
        vec![numbered("A", "a", 1), numbered("B", "b", 2)],
    );
    desk.ledger.hand_over(batch, START).unwrap();
    let jobs = ["A", "B"].map(|number| desk.find(batch, number).unwrap());
    let asks = |desk: &Desk, handed| {
        let ask = |job: &crate::ledger::Job| {
            let Write::Claim(ask) = desk.ask(job, Asked::Submission) else {
                unreachable!("an ask is a claim");
            };
            Write::Claim(Ask { handed, ..ask })
        };
        jobs.each_ref().map(ask)
    };
    // No plan allows it, and a worker that asks for one leaves it.
    let [unapproved, _] = asks(&desk, Some(Handed::Approved));
    let written = desk.write(unapproved);
    assert!(matches!(written, Written::Refused(..)), "{written:?}");
    let [first, _] = asks(&desk, Some(Handed::All));
    let written = desk.write(first);
    assert!(matches!(written, Written::Claimed(_)), "{written:?}");
    desk.ledger.take_back(batch).unwrap();
    let [_, second] = asks(&desk, Some(Handed::All));
    match desk.write(second) {
        Written::Refused(_, standing) => assert_eq!(standing, jobs[1].standing),
        other => panic!("{other:?}"),
    }
    // What was sent comes to its end, and its own command sends the rest.
    let sent = desk.find(batch, "A").unwrap();
    assert_ne!(sent.standing.state, State::Pending);
    let Write::Claim(ask) = desk.ask(&sent, Asked::Submission) else {
        unreachable!("an ask is a claim");
    };
    let handed = Some(Handed::All);
    let written = desk.write(Write::Claim(Ask { handed, ..ask }));
    assert!(matches!(written, Written::Claimed(_)), "{written:?}");
    let [_, alone] = asks(&desk, None);
    let written = desk.write(alone);
    assert!(matches!(written, Written::Claimed(_)), "{written:?}");
}

pub(in crate::ledger) fn l4_a_restore_takes_back_what_was_handed_over(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file(
        "one.csv",
        vec![numbered("A", "a", 1), numbered("B", "b", 2)],
    );
    desk.ledger.hand_over(batch, START).unwrap();
    desk.now = START.plus_ms(DAY_MS);
    let by = Person::parse("restorer").unwrap();
    desk.ledger.restored(START, &by, desk.now).unwrap();
    assert_eq!(lanes(&mut desk), []);
    // Handed over again, what may have been sent is open, and is asked for first.
    desk.ledger.hand_over(batch, desk.now).unwrap();
    assert_eq!(lanes(&mut desk), [(MERCHANT.into(), 2, 0)]);
    assert_eq!(deck(&mut desk, Phase::Open, MERCHANT), ["A", "B"]);
}

pub(in crate::ledger) fn a_batch_stays_handed_over_while_anything_of_it_waits(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (first, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    let (second, _) = desk.file("two.csv", vec![numbered("B", "b", 2)]);
    for batch in [first, second] {
        desk.ledger.hand_over(batch, START).unwrap();
    }
    let job = desk.find(second, "B").unwrap();
    let (attempt, claimed) = desk.claim(&job, Asked::Submission);
    // Handing over another sweeps neither what waits, nor what is in flight and may come back.
    let (third, _) = desk.file("three.csv", vec![numbered("C", "c", 3)]);
    desk.ledger
        .hand_over(third, START.plus_ms(39 * DAY_MS))
        .unwrap();
    let answer = desk.answer(
        (attempt, &claimed),
        Asked::Submission,
        State::Pending,
        Came::NotSent,
    );
    desk.record(answer);
    desk.ledger
        .hand_over(third, START.plus_ms(50 * DAY_MS))
        .unwrap();
    assert_eq!(deck(&mut desk, Phase::Pending, MERCHANT), ["A", "B", "C"]);
}

pub(in crate::ledger) fn l2_a_released_order_of_a_batch_that_was_handed_over_goes_with_it(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file(
        "one.csv",
        vec![numbered("A", "a", 1), numbered("B", "a", 1)],
    );
    desk.ledger.hand_over(batch, START).unwrap();
    assert_eq!(deck(&mut desk, Phase::Pending, MERCHANT), ["A"]);
    let by = Person::parse("somebody").unwrap();
    desk.ledger.release(&[no("B")], &by, START).unwrap();
    assert_eq!(deck(&mut desk, Phase::Pending, MERCHANT), ["A", "B"]);
}

pub(in crate::ledger) fn a_claim_without_a_lease_is_asked_for_none(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    let job = desk.find(batch, "A").unwrap();
    let ask = Ask {
        job,
        asked: Asked::Submission,
        at: START,
        run: desk.run,
        lease: None::<Epoch>,
        handed: None,
    };
    let written = desk.write(Write::Claim(ask));
    assert!(matches!(written, Written::Claimed(_)), "{written:?}");
}
