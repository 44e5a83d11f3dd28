//! A ledger that came back from a backup: what may have happened since.

use super::fixture::{Came, DAY_MS, Desk, Engine, MERCHANT, START, no, numbered};
use super::history::{import, sent};
use crate::clock::WallMs;
use crate::ledger::{
    BatchId, CancelTarget, Claimed, Decision, DecisionKind, Job, LedgerResult, Only, OrderId,
    Person, Phase, Reissue, Rerun, Restored, SUBMITTED_FOR_MS, Scope, Standing, TwoPeople, Unsent,
    Words, Written,
};
use crate::order::{Asked, Merchant, Proof, Resolution, State, Status};

const SUBMISSION: Asked = Asked::Submission;
/// When the backup was made.
const SINCE: WallMs = START;
/// When what was forgotten may be asked for no more.
const ENDS: WallMs = WallMs(START.0 + SUBMITTED_FOR_MS);

fn li_wei() -> Person {
    Person::parse("Li Wei").unwrap()
}

fn try_restored(desk: &mut Desk, since: WallMs) -> LedgerResult<Restored> {
    desk.ledger.restored(since, &li_wei(), desk.now)
}

/// A day after the backup, somebody tells.
fn restored(desk: &mut Desk, since: WallMs) -> Restored {
    desk.now = desk.now.max(SINCE.plus_ms(DAY_MS));
    try_restored(desk, since).unwrap()
}

fn standing(desk: &mut Desk, number: &str) -> Standing {
    let story = desk.ledger.story(&no(number)).unwrap();
    story.expect("a known number").standing
}

fn deck(desk: &mut Desk, scope: Scope, phase: Phase) -> Vec<Job> {
    let merchant = Merchant::parse(MERCHANT).unwrap();
    desk.ledger
        .deck(scope, phase, &merchant, OrderId(0), 100)
        .unwrap()
}

fn claim(desk: &mut Desk, batch: BatchId, number: &str) -> Box<Claimed> {
    let job = desk.find(batch, number).expect("a pending order");
    match desk.write(desk.ask(&job, SUBMISSION)) {
        Written::Claimed(claimed) => claimed,
        other => panic!("{other:?}"),
    }
}

fn cancel(desk: &mut Desk, number: &str) -> usize {
    let target = CancelTarget::Number(no(number));
    let cancelled = desk.ledger.cancel(&target, desk.now).unwrap();
    cancelled.withdrawn.len()
}

fn resolve_failed(desk: &mut Desk, number: &str) {
    let decision = Decision::Resolve {
        no: no(number),
        resolution: Resolution::Failed,
        by: TwoPeople::new(li_wei(), Person::parse("Wang Fang").unwrap()).unwrap(),
        evidence: Words::parse("cancelled that night").unwrap(),
    };
    desk.ledger.decide(&decision, desk.now).unwrap();
}

pub(in crate::ledger) fn l4_what_was_never_sent_counts_as_sent_from_the_backup_on(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    desk.now = SINCE.plus_ms(-DAY_MS);
    let rows = vec![numbered("A", "a", 1), numbered("B", "b", 1)];
    let (batch, _) = desk.file("night.csv", rows);
    desk.bring(batch, "B", State::Unknown);
    let told = restored(&mut desk, SINCE);
    assert_eq!((told.known, told.unknown, told.others), (false, 1, 0));
    assert_eq!(told.batches, [(batch, "night.csv".to_owned(), 1)]);
    assert_eq!(desk.statuses(batch), [Status::Unknown, Status::Unknown]);
    let now = standing(&mut desk, "A");
    assert_eq!(
        (now.state, now.first_sent_at),
        (State::Unknown, Some(SINCE))
    );
    assert_eq!(now.maybe_accepted, 1);
    let sent = standing(&mut desk, "B");
    assert_eq!(sent.first_sent_at, Some(SINCE.plus_ms(-DAY_MS)));
    let story = desk.ledger.story(&no("A")).unwrap().unwrap();
    assert_eq!(story.decisions[0].kind, DecisionKind::Restored);
    assert_eq!(story.decisions[0].since, Some(SINCE));
    assert_eq!(cancel(&mut desk, "A"), 0);
    // It goes only with its own file: it may have been cancelled since.
    let names = |jobs: Vec<Job>| -> Vec<String> {
        jobs.iter().map(|job| job.order.no.to_string()).collect()
    };
    assert_eq!(names(deck(&mut desk, Scope::Open, Phase::Open)), ["B"]);
    let own = deck(&mut desk, Scope::Batch(batch), Phase::Open);
    assert_eq!(names(own), ["A", "B"]);
    let (other, _) = desk.file("other.csv", vec![numbered("A", "a", 1)]);
    for scope in [
        Scope::Batch(other),
        Scope::OpenOf(batch, Unsent::Reissues),
        Scope::OpenOf(batch, Unsent::Nothing),
    ] {
        let jobs = names(deck(&mut desk, scope, Phase::Open));
        assert!(!jobs.contains(&"A".to_owned()), "{scope:?}: {jobs:?}");
        let lanes = desk.ledger.lanes(scope).unwrap();
        let open: u64 = lanes.iter().map(|lane| lane.open).sum();
        assert_eq!(open as usize, jobs.len(), "{scope:?}");
    }
    // Asked for, it is as any that was sent; no connection does not make it unsent again.
    let claimed = claim(&mut desk, batch, "A");
    assert_eq!(
        (claimed.before(), claimed.earlier_sends()),
        (State::Unknown, 1)
    );
    let answer = desk.answer(
        (claimed.attempt(), claimed.job()),
        SUBMISSION,
        State::Unknown,
        Came::NotSent,
    );
    let after = desk.record(answer);
    assert_eq!(
        (after.state, after.first_sent_at),
        (State::Unknown, Some(SINCE))
    );
    let job = desk.find(batch, "A").unwrap();
    desk.exchange(&job, SUBMISSION, Came::Lost);
    assert_eq!(names(deck(&mut desk, Scope::Open, Phase::Open)), ["A", "B"]);
}

pub(in crate::ledger) fn l4_what_comes_in_after_a_restore_counts_as_sent_from_the_backup_on(
    engine: &dyn Engine,
) {
    // (came in, claimed first, counts as first sent)
    let day = |days: i64| SINCE.plus_ms(days * DAY_MS);
    let last = ENDS.plus_ms(-1);
    let table = [
        (day(1), day(1), SINCE, 1),
        (day(20), day(28), SINCE, 1),
        (last, last, SINCE, 1),
        // Its window is over: the run that has claimed it asks by query, and submits nothing.
        (last, day(35), SINCE, 1),
        (ENDS, ENDS, ENDS, 0),
        (day(60), day(61), day(61), 0),
    ];
    let mut desk = Desk::new(engine);
    restored(&mut desk, SINCE);
    for (i, (came, claimed_at, first, earlier)) in table.into_iter().enumerate() {
        let number = format!("A{i}");
        desk.now = came;
        let (batch, _) = desk.file(&number, vec![numbered(&number, &number, 1)]);
        assert_eq!(desk.statuses(batch), [Status::Pending]);
        desk.now = claimed_at;
        let claimed = claim(&mut desk, batch, &number);
        let now = claimed.job().standing;
        assert_eq!(now.first_sent_at, Some(first), "{i}");
        assert_eq!(claimed.earlier_sends(), earlier, "{i}");
        assert_eq!(now.maybe_accepted, earlier + 1, "{i}");
    }
}

pub(in crate::ledger) fn l4_a_child_may_have_been_issued_since_the_backup_however_late_it_is_asked_for(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![numbered("A", "a", 1), numbered("B", "b", 1)];
    let (batch, _) = desk.file("night.csv", rows);
    desk.bring(batch, "A", State::ClosedProven);
    desk.bring(batch, "B", State::Failed);
    restored(&mut desk, SINCE);
    for (parent, days) in [("A", 2), ("B", 90)] {
        desk.now = SINCE.plus_ms(days * DAY_MS);
        let proofs = desk
            .ledger
            .proofs(batch, Only::Dead, 0, 1, desk.now)
            .unwrap();
        let proofs = proofs.into_iter().map(|(_, proof)| proof).collect();
        let reissued = desk.ledger.reissue(batch, proofs, desk.now).unwrap();
        let Reissue::Issued { child } = &reissued[0].outcome else {
            panic!("{reissued:?}");
        };
        assert_eq!(
            *child,
            no(parent).reissued(2),
            "the number that it had then"
        );
        let fresh = deck(
            &mut desk,
            Scope::Rerun(batch, Rerun::Issued(Unsent::Reissues)),
            Phase::Pending,
        );
        let job = fresh
            .into_iter()
            .find(|job| job.order.no == *child)
            .unwrap();
        let (_, job) = desk.claim(&job, SUBMISSION);
        assert_eq!(job.standing.first_sent_at, Some(SINCE), "{parent}");
    }
}

pub(in crate::ledger) fn l4_what_was_first_sent_after_the_backup_counts_from_it_and_an_earlier_moment_widens(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    desk.now = SINCE.plus_ms(DAY_MS);
    let rows = vec![
        numbered("A", "a", 1),
        numbered("B", "b", 1),
        numbered("C", "c", 1),
    ];
    let (batch, _) = desk.file("night.csv", rows);
    // A run that came before anybody told.
    desk.bring(batch, "A", State::Processing);
    desk.bring(batch, "B", State::Success);
    let told = restored(&mut desk, SINCE);
    assert_eq!((told.unknown, told.others), (1, 1));
    for number in ["A", "C"] {
        assert_eq!(standing(&mut desk, number).first_sent_at, Some(SINCE));
    }
    let settled = standing(&mut desk, "B");
    assert_eq!(settled.first_sent_at, Some(SINCE.plus_ms(DAY_MS)));
    let head = desk.ledger.journal_head().unwrap();
    let again = restored(&mut desk, SINCE);
    assert_eq!((again.known, again.unknown, again.others), (true, 0, 0));
    assert_eq!(again.batches, told.batches);
    assert_eq!(desk.ledger.journal_head().unwrap(), head);
    let earlier = SINCE.plus_ms(-DAY_MS);
    let told = restored(&mut desk, earlier);
    assert_eq!((told.unknown, told.others), (0, 2));
    for number in ["A", "C"] {
        let now = standing(&mut desk, number);
        assert_eq!(now.first_sent_at, Some(earlier));
    }
    let sends = ["A", "C"].map(|number| standing(&mut desk, number).maybe_accepted);
    assert_eq!(sends, [2, 1], "a send that nobody knows counts once");
    let (late, _) = desk.file("late.csv", vec![numbered("D", "d", 1)]);
    let claimed = claim(&mut desk, late, "D");
    assert_eq!(claimed.job().standing.first_sent_at, Some(earlier));
    // A later moment, of a later restore, takes nothing back.
    restored(&mut desk, SINCE.plus_ms(DAY_MS / 2));
    assert_eq!(standing(&mut desk, "A").first_sent_at, Some(earlier));
}

pub(in crate::ledger) fn l2_what_may_have_been_sent_is_not_withdrawn_replaced_or_frozen(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (old, _) = desk.file("old.csv", vec![numbered("A", "a", 1)]);
    restored(&mut desk, SINCE);
    let (new, _) = desk.file("new.csv", vec![numbered("B", "b", 1)]);
    for (batch, number, account) in [(old, "A", "a"), (new, "B", "b")] {
        assert_eq!(cancel(&mut desk, number), 0, "{number}");
        let left = desk.ledger.cancel(&CancelTarget::Batch(batch), desk.now);
        assert_eq!(left.unwrap().withdrawn, []);
        // Corrected by a person, and given back.
        let file = format!("{number}.result.csv");
        let changed = numbered(number, account, 2).back(number);
        let (back, _) = desk.file(&file, vec![changed]);
        assert_eq!(desk.statuses(back), [Status::Conflict], "{number}");
        // Its number with another content: that is refused, and it stands for its own.
        let other = format!("{number}.other.csv");
        let (other, _) = desk.file(&other, vec![numbered(number, account, 3)]);
        assert_eq!(desk.statuses(other), [Status::Conflict], "{number}");
        assert!(desk.find(batch, number).is_some(), "{number}");
    }
    let told = desk.ledger.cancel(&CancelTarget::Number(no("B")), desk.now);
    assert_eq!(told.unwrap().maybe_sent, [(no("B"), State::Pending)]);
    // What came in when nothing of that time can be meant any more is withdrawn as ever.
    desk.now = ENDS;
    desk.file("later.csv", vec![numbered("C", "c", 1)]);
    assert_eq!(cancel(&mut desk, "C"), 1);
}

pub(in crate::ledger) fn l3_what_was_refused_may_have_been_accepted_since_the_backup(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    desk.now = SINCE.plus_ms(-SUBMITTED_FOR_MS);
    let (long_ago, _) = desk.file("long-ago.csv", vec![numbered("L", "l", 1)]);
    desk.bring(long_ago, "L", State::Rejected);
    desk.now = SINCE;
    let (batch, _) = desk.file("night.csv", vec![numbered("A", "a", 1)]);
    desk.bring(batch, "A", State::Rejected);
    let told = restored(&mut desk, SINCE);
    assert_eq!(
        told.others, 1,
        "past its window nothing was submitted again"
    );
    let row = desk.rows(batch).remove(0);
    assert_eq!(row.status, Status::Rejected);
    assert!(
        row.note.contains("before the row is mended"),
        "{}",
        row.note
    );
    // A rerun asks for it under its own number, and another refusal proves nothing.
    let scope = Scope::Rerun(batch, Rerun::IssuedAndRejected(Unsent::Reissues));
    let jobs = [Phase::Pending, Phase::Open]
        .into_iter()
        .flat_map(|phase| deck(&mut desk, scope, phase))
        .collect::<Vec<_>>();
    let job = jobs
        .into_iter()
        .find(|job| job.order.no == no("A"))
        .unwrap();
    let claimed = match desk.write(desk.ask(&job, SUBMISSION)) {
        Written::Claimed(claimed) => claimed,
        other => panic!("{other:?}"),
    };
    assert_eq!(claimed.earlier_sends(), 1);
    // It holds its debt now, since it may have been deducted.
    let (next, _) = desk.file(
        "next.csv",
        vec![numbered("B", "a", 1), numbered("M", "l", 1)],
    );
    assert_eq!(desk.statuses(next), [Status::Held, Status::Pending]);
}

pub(in crate::ledger) fn l5_what_was_cancelled_since_the_backup_is_resolved_and_goes_out_no_more(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (old, _) = desk.file("old.csv", vec![numbered("A", "a", 1)]);
    restored(&mut desk, SINCE);
    let (new, _) = desk.file("new.csv", vec![numbered("B", "b", 1)]);
    for (batch, number) in [(old, "A"), (new, "B")] {
        let job = desk.find(batch, number).unwrap();
        resolve_failed(&mut desk, number);
        assert_eq!(desk.statuses(batch), [Status::Failed]);
        assert!(desk.find(batch, number).is_none());
        let written = desk.write(desk.ask(&job, SUBMISSION));
        assert!(matches!(written, Written::Refused(..)), "{written:?}");
        // No proof, and so no new number before the old one is beyond use.
        for (days, proofs) in [(30, 0), (31, 1)] {
            let at = SINCE.plus_ms(days * DAY_MS);
            let found = desk.ledger.proofs(batch, Only::Dead, 0, 9, at).unwrap();
            assert_eq!(found.len(), proofs, "{number} on day {days}");
        }
    }
}

pub(in crate::ledger) fn a_held_order_stays_held_and_counts_from_the_backup_once_it_is_released(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![numbered("A", "a", 1), numbered("B", "a", 1)];
    let (batch, _) = desk.file("night.csv", rows);
    desk.bring(batch, "A", State::Success);
    let told = restored(&mut desk, SINCE);
    assert_eq!((told.unknown, told.held), (0, 1));
    assert_eq!(desk.statuses(batch), [Status::Success, Status::Held]);
    assert_eq!(cancel(&mut desk, "B"), 0, "it may have been released since");
    desk.now = SINCE.plus_ms(60 * DAY_MS);
    desk.ledger
        .release(&[no("B")], &li_wei(), desk.now)
        .unwrap();
    let claimed = claim(&mut desk, batch, "B");
    assert_eq!(claimed.job().standing.first_sent_at, Some(SINCE));
}

pub(in crate::ledger) fn what_is_settled_stays_as_it_is_and_nonsense_is_refused(
    engine: &dyn Engine,
) {
    let states = [
        State::Cancelled,
        State::Unknown,
        State::Processing,
        State::Closed,
        State::Expired,
        State::Success,
        State::Failed,
        State::ClosedProven,
    ];
    let mut desk = Desk::new(engine);
    let mut before = Vec::new();
    for state in states {
        let number = state.as_str().replace('_', "");
        let (batch, _) = desk.file(&number, vec![numbered(&number, &number, 1)]);
        desk.bring(batch, &number, state);
        before.push((number.clone(), standing(&mut desk, &number)));
    }
    let told = restored(&mut desk, SINCE);
    assert_eq!((told.unknown, told.others), (0, 0));
    for (number, was) in before {
        assert_eq!(standing(&mut desk, &number), was, "{number}");
    }
    let late = desk.now.plus_ms(1);
    let e = try_restored(&mut desk, late).unwrap_err().to_string();
    assert!(e.contains("in the future"), "{e}");
}

/// Nobody knows when it was sent in the lost time, nor what took its place there.
pub(in crate::ledger) fn l5_what_was_never_asked_for_since_a_restore_gets_no_new_number(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    desk.now = SINCE.plus_ms(-DAY_MS);
    let (batch, _) = desk.file("night.csv", vec![numbered("A", "a", 1)]);
    restored(&mut desk, SINCE);
    resolve_failed(&mut desk, "A");
    let late = SINCE.plus_ms(400 * DAY_MS);
    let page = desk.ledger.proofs(batch, Only::Dead, 0, 9, late).unwrap();
    let proofs: Vec<_> = page.into_iter().map(|(_, proof)| proof).collect();
    for reissued in desk.ledger.reissue(batch, proofs, late).unwrap() {
        assert!(matches!(reissued.outcome, Reissue::Kept(_)), "{reissued:?}");
    }
}

/// Nobody has to trust the clock of the night on which an order came in.
pub(in crate::ledger) fn l4_a_clock_that_was_ahead_when_an_order_came_in_takes_it_out_of_no_gap(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let ahead = ENDS.plus_ms(11 * DAY_MS);
    desk.now = ahead;
    let (_, accepted) = desk.file("backed up.csv", vec![numbered("A", "a", 1)]);
    assert_eq!(accepted.orders, 1);
    desk.now = SINCE.plus_ms(DAY_MS);
    assert_eq!(try_restored(&mut desk, SINCE).unwrap().unknown, 1);
    assert_eq!(standing(&mut desk, "A").first_sent_at, Some(SINCE));
    // Ahead once more, and right again when the order is claimed, withdrawn, or followed by another.
    desk.now = ahead;
    let (lost, _) = desk.file("lost.csv", vec![numbered("B", "b", 1)]);
    let (again, _) = desk.file("again.csv", vec![numbered("C", "c", 1)]);
    desk.now = SINCE.plus_ms(2 * DAY_MS);
    assert_eq!(cancel(&mut desk, "B"), 0);
    let claimed = claim(&mut desk, lost, "B");
    assert_eq!(claimed.job().standing.first_sent_at, Some(SINCE));
    desk.file("next.csv", vec![numbered("D", "d", 1)]);
    desk.now = ahead;
    let claimed = claim(&mut desk, again, "C");
    assert_eq!(claimed.job().standing.first_sent_at, Some(SINCE));
}

/// What this ledger may have done itself in the lost time is not known better for what another tool did.
pub(in crate::ledger) fn l4_a_history_does_not_shorten_the_gap_that_an_order_lies_in(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    restored(&mut desk, SINCE);
    let numbers = ["A", "B", "C"];
    let rows = numbers.map(|number| numbered(number, number, 1));
    let (batch, _) = desk.file("lost.csv", rows.to_vec());
    let said = [
        (SINCE.plus_ms(DAY_MS / 2), Some(Resolution::Failed), SINCE),
        (SINCE.plus_ms(DAY_MS / 2), None, SINCE),
        (SINCE.plus_ms(-DAY_MS), None, SINCE.plus_ms(-DAY_MS)),
    ];
    let history = numbers
        .iter()
        .zip(said)
        .map(|(number, (first, outcome, _))| sent(numbered(number, number, 1), first, outcome));
    import(&mut desk, "history.csv", history.collect());
    for (number, (_, outcome, first)) in numbers.iter().zip(said) {
        let now = standing(&mut desk, number);
        assert_eq!(
            (now.first_sent_at, now.resolved),
            (Some(first), outcome),
            "{number}"
        );
        assert_eq!(
            (now.state, now.maybe_accepted),
            (State::Unknown, 1),
            "{number}"
        );
    }
    let late = SINCE.plus_ms(400 * DAY_MS);
    let story = desk.ledger.story(&no("A")).unwrap().unwrap();
    assert_eq!(
        story.new_number_from, None,
        "who knows when it was sent here"
    );
    let proofs = vec![Proof::of_failed(no("A"))];
    for reissued in desk.ledger.reissue(batch, proofs, late).unwrap() {
        assert!(matches!(reissued.outcome, Reissue::Kept(_)), "{reissued:?}");
    }
}

/// It may have been released and sent since, whatever became of what held it.
pub(in crate::ledger) fn l5_what_was_held_at_the_backup_holds_others(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    for told in [false, true] {
        desk.now = SINCE;
        let name = |number: &str| format!("{number}{}", u8::from(told));
        let debt = |number: &str| numbered(&name(number), &name("a"), 1);
        let (night, accepted) = desk.file(&name("night"), vec![debt("A"), debt("B")]);
        assert_eq!(accepted.held, 1);
        desk.bring(night, &name("A"), State::Failed);
        if told {
            restored(&mut desk, SINCE);
        }
        desk.now = SINCE.plus_ms(60 * DAY_MS);
        let (next, accepted) = desk.file(&name("next"), vec![debt("C")]);
        assert_eq!(accepted.held, u64::from(told));
        if !told {
            desk.bring(next, &name("C"), State::Failed);
        }
        let proofs = vec![Proof::of_failed(no(&name("A")))];
        let issued = desk.ledger.reissue(night, proofs, desk.now).unwrap();
        let held = matches!(&issued[0].outcome, Reissue::Held { by, .. } if *by == no(&name("B")));
        assert_eq!(held, told, "{issued:?}");
    }
}
