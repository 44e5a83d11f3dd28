//! New numbers for what is proven dead (law L5).

use super::decisions::resolve;
use super::fixture::{DAY_MS, Desk, Engine, MERCHANT, START, blank, no, numbered};
use crate::ledger::{
    BatchId, CancelTarget, Job, Kept, LedgerError, Only, OrderId, Phase, Reach, Reissue, Reissued,
    Rerun, Scope, Unsent, Written,
};
use crate::order::{Merchant, OrderNo, Proof, State, Status};

impl Desk {
    /// Everything of a batch that is proven dead, issued again.
    pub(super) fn rerun(&mut self, batch: BatchId) -> Vec<Reissued> {
        self.rerun_only(batch, Only::Dead)
    }

    fn rerun_only(&mut self, batch: BatchId, only: Only) -> Vec<Reissued> {
        let page = self.ledger.proofs(batch, only, 0, 1000, self.now).unwrap();
        let proofs = page.into_iter().map(|(_, proof)| proof).collect();
        self.reissue(batch, proofs)
    }

    fn reissue(&mut self, batch: BatchId, proofs: Vec<Proof>) -> Vec<Reissued> {
        self.ledger.reissue(batch, proofs, self.now).unwrap()
    }

    pub(super) fn deck(&mut self, scope: Scope, phase: Phase) -> Vec<Job> {
        let merchant = Merchant::parse(MERCHANT).unwrap();
        self.ledger
            .deck(scope, phase, &merchant, OrderId(0), 1000)
            .unwrap()
    }

    pub(super) fn numbers(&mut self, scope: Scope, phase: Phase) -> Vec<String> {
        let jobs = self.deck(scope, phase);
        jobs.iter().map(|job| job.order.no.to_string()).collect()
    }
}

pub(super) fn child(reissued: &Reissued) -> Option<OrderNo> {
    match &reissued.outcome {
        Reissue::Issued { child } | Reissue::Held { child, .. } => Some(child.clone()),
        Reissue::Kept(_) => None,
    }
}

/// Every state that an order can be brought to by sending, or by not sending.
pub(super) const STATES: [State; 10] = [
    State::Pending,
    State::Unknown,
    State::Processing,
    State::Closed,
    State::Rejected,
    State::Expired,
    State::Cancelled,
    State::Success,
    State::Failed,
    State::ClosedProven,
];

pub(in crate::ledger) fn l5_only_what_is_recorded_as_dead_is_issued_again(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    for (i, state) in STATES.into_iter().enumerate() {
        let number = format!("A{i}");
        let (batch, _) = desk.file(&number, vec![numbered(&number, &i.to_string(), 7)]);
        desk.bring(batch, &number, state);
        let dead = matches!(state, State::Failed | State::ClosedProven);
        // A proof out of thin air is looked up all the same.
        let forged = vec![Proof::of_failed(no(&number))];
        if !dead {
            assert!(desk.rerun(batch).is_empty(), "{state}");
            let kept = desk.reissue(batch, forged).remove(0);
            assert_eq!(kept.outcome, Reissue::Kept(Kept::NoProof(state)), "{state}");
            assert_eq!(desk.rows(batch)[0].order.as_ref().unwrap().no, no(&number));
            continue;
        }
        let parent = no(&number);
        let issued = desk.rerun(batch);
        assert_eq!(issued.len(), 1, "{state}");
        let want = parent.reissued(2);
        assert_eq!(child(&issued[0]), Some(want.clone()), "{state}");
        let row = desk.rows(batch).remove(0);
        assert_eq!(
            (row.status, row.order.unwrap().no),
            (Status::Pending, want.clone())
        );
        // It stands for the very same content.
        let job = desk.find(batch, want.as_str()).unwrap();
        assert_eq!(job.order.content, numbered("A", &i.to_string(), 7).content);
        assert_eq!(job.standing.first_sent_at, None, "its window is its own");
    }
    let unknown = vec![Proof::of_failed(no("NOBODY"))];
    let said = desk.ledger.reissue(BatchId(1), unknown, START);
    assert!(matches!(said, Err(LedgerError::Broken(_))), "{said:?}");
}

pub(in crate::ledger) fn l5_a_child_is_issued_once_however_often_it_is_asked_for(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![
        numbered("A", "a", 1),
        numbered("B", "b", 1),
        numbered("A", "a", 1),
    ];
    let (batch, _) = desk.file("one.csv", rows);
    desk.bring(batch, "A", State::Failed);
    desk.bring(batch, "B", State::ClosedProven);
    // Two reruns have both read the same proofs before either has issued anything.
    let mut other = Desk::new(engine);
    let read = |desk: &mut Desk| -> Vec<Proof> {
        let page = desk
            .ledger
            .proofs(batch, Only::Dead, 0, 1000, desk.now)
            .unwrap();
        page.into_iter().map(|(_, proof)| proof).collect()
    };
    let (mine, theirs) = (read(&mut desk), read(&mut other));
    assert_eq!(
        mine.len(),
        2,
        "each deduction once, however many rows show it"
    );
    let issued: Vec<_> = desk.reissue(batch, mine).iter().map(child).collect();
    let want = [Some(no("A").reissued(2)), Some(no("B").reissued(2))];
    assert_eq!(issued, want);
    for (kept, want) in other.reissue(batch, theirs).iter().zip(want) {
        assert_eq!(
            kept.outcome,
            Reissue::Kept(Kept::IssuedBefore(want.unwrap()))
        );
    }
    // Given again, before and after the child was sent.
    assert!(desk.rerun(batch).is_empty());
    desk.bring(batch, no("A").reissued(2).as_str(), State::Unknown);
    assert!(desk.rerun(batch).is_empty());
    let totals = desk.ledger.totals(batch).unwrap();
    assert_eq!((totals.rows, totals.orders), (3, 2));
}

pub(in crate::ledger) fn l5_a_chain_goes_on_from_its_newest_order(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    let mut newest = no("A");
    for generation in 2..=5 {
        desk.bring(batch, newest.as_str(), State::Failed);
        let issued = desk.rerun(batch);
        let next = newest.reissued(generation);
        assert_eq!(issued.len(), 1);
        assert_eq!(
            (&issued[0].parent, child(&issued[0])),
            (&newest, Some(next.clone()))
        );
        // The dead ones before are no way to a second one.
        let old = vec![Proof::of_failed(no("A"))];
        let kept = desk.reissue(batch, old).remove(0).outcome;
        assert_eq!(kept, Reissue::Kept(Kept::IssuedBefore(next.clone())));
        newest = next;
    }
    // A person withdrew the newest: that is no proof, and nothing is issued in its place.
    let target = CancelTarget::Number(newest.clone());
    desk.ledger.cancel(&target, desk.now).unwrap();
    assert!(desk.rerun(batch).is_empty());
    assert_eq!(desk.statuses(batch), [Status::Cancelled]);
}

pub(in crate::ledger) fn l5_a_child_is_held_by_another_order_for_the_same_debt_and_not_by_its_own_chain(
    engine: &dyn Engine,
) {
    // Where N2, the same debt under another number, stands when N1 is issued again; whether that
    // holds the child.
    let table = [
        (State::Pending, true),
        (State::Unknown, true),
        (State::Processing, true),
        (State::Closed, true),
        (State::Success, true),
        (State::Expired, true),
        (State::Rejected, false),
        (State::Cancelled, false),
        (State::Failed, false),
        (State::ClosedProven, false),
    ];
    let mut desk = Desk::new(engine);
    for (i, (state, holds)) in table.into_iter().enumerate() {
        let account = i.to_string();
        let (one, two) = (format!("A{i}"), format!("B{i}"));
        let (batch, _) = desk.file(&one, vec![numbered(&one, &account, 7)]);
        desk.bring(batch, &one, State::ClosedProven);
        let (other, accepted) = desk.file(&two, vec![numbered(&two, &account, 7)]);
        assert_eq!(accepted.held, 0, "nothing is alive");
        desk.bring(other, &two, state);
        let issued = desk.rerun(batch).remove(0).outcome;
        let child = no(&one).reissued(2);
        let want = match holds {
            true => Reissue::Held {
                child,
                by: no(&two),
            },
            false => Reissue::Issued { child },
        };
        assert_eq!(issued, want, "{state}");
        let row = desk.rows(batch).remove(0);
        let status = if holds { Status::Held } else { Status::Pending };
        assert_eq!(row.status, status, "{state}");
        assert_eq!(
            row.note.contains(&format!("looks like {two} in {two}:2")),
            holds
        );
    }
}

pub(in crate::ledger) fn l5_a_superseded_deduction_is_not_issued_again(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (one, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    desk.bring(one, "A", State::Failed);
    desk.file("two.csv", vec![blank("a", 2).back("A")]);
    assert!(desk.rerun(one).is_empty());
    let kept = desk.reissue(one, vec![Proof::of_failed(no("A"))]).remove(0);
    assert_eq!(kept.outcome, Reissue::Kept(Kept::Superseded));
    // The other way round: a reissue that was not sent yet is withdrawn by the change.
    let (three, _) = desk.file("three.csv", vec![numbered("C", "c", 1)]);
    desk.bring(three, "C", State::Failed);
    desk.rerun(three);
    let (four, _) = desk.file("four.csv", vec![blank("c", 2).back("C")]);
    assert_eq!(desk.statuses(three), [Status::Cancelled]);
    assert_eq!(desk.statuses(four), [Status::Pending]);
    assert!(desk.rerun(three).is_empty());
}

pub(in crate::ledger) fn l5_a_number_that_is_taken_is_reported_and_nothing_is_issued(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let taken = no("A").reissued(2);
    let (other, _) = desk.file("other.csv", vec![numbered(taken.as_str(), "b", 9)]);
    let (one, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    desk.bring(one, "A", State::Failed);
    let kept = desk.rerun(one).remove(0).outcome;
    assert_eq!(kept, Reissue::Kept(Kept::NumberTaken(taken.clone())));
    assert_eq!(desk.statuses(one), [Status::Failed]);
    let note = desk.rows(one).remove(0).note;
    assert!(
        note.contains(&format!("{taken}, is taken by other.csv:2")),
        "{note}"
    );
    assert_eq!(desk.statuses(other), [Status::Pending], "it is left alone");
}

pub(in crate::ledger) fn a_child_belongs_to_the_batch_that_was_asked_for(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (one, _) = desk.file(
        "one.csv",
        vec![numbered("A", "a", 1), numbered("B", "b", 1)],
    );
    desk.bring(one, "A", State::Failed);
    let back = vec![numbered("C", "c", 1), numbered("A", "a", 1).back("A")];
    let (two, _) = desk.file("two.csv", back);
    assert_eq!(desk.rerun(two).len(), 1);
    let child = no("A").reissued(2).to_string();
    let all = |batch| Scope::Batch(batch);
    let reissues = |batch| Scope::Rerun(batch, Rerun::Issued(Unsent::Reissues));
    assert_eq!(desk.numbers(all(one), Phase::Pending), ["B"]);
    assert_eq!(desk.numbers(all(two), Phase::Pending), ["C", &child]);
    assert_eq!(
        desk.numbers(reissues(two), Phase::Pending),
        [child.as_str()]
    );
    let came_back = Scope::Rerun(two, Rerun::Issued(Unsent::All));
    assert_eq!(desk.numbers(came_back, Phase::Pending), ["C", &child]);
    assert!(desk.numbers(reissues(one), Phase::Pending).is_empty());
    assert!(
        desk.numbers(Scope::OpenOf(two, Unsent::Reissues), Phase::Pending)
            .is_empty()
    );
    let lanes = |desk: &mut Desk, scope| -> u64 {
        let lanes = desk.ledger.lanes(scope).unwrap();
        lanes.iter().map(|lane| lane.pending).sum()
    };
    assert_eq!(lanes(&mut desk, all(two)), 2);
    assert_eq!(lanes(&mut desk, reissues(two)), 1);
    let first = desk.ledger.nth_unsent(reissues(two), 1, desk.now).unwrap();
    assert_eq!(
        first,
        desk.ledger.nth_unsent(all(two), 2, desk.now).unwrap()
    );
    assert_eq!(
        desk.ledger.nth_unsent(reissues(two), 2, desk.now).unwrap(),
        None
    );
    // Each file's result says who sends it.
    let go = "it is sent only with its own file: run two.csv";
    assert!(
        desk.rows(one)[0].note.contains(go),
        "{}",
        desk.rows(one)[0].note
    );
    assert!(!desk.rows(two)[1].note.contains("its own file"));
    // It is withdrawn with its batch, too.
    let withdrawn = desk
        .ledger
        .cancel(&CancelTarget::Batch(one), desk.now)
        .unwrap();
    assert_eq!(withdrawn.withdrawn.len(), 1, "B alone");
    let withdrawn = desk
        .ledger
        .cancel(&CancelTarget::Batch(two), desk.now)
        .unwrap();
    let gone: Vec<_> = withdrawn
        .withdrawn
        .iter()
        .map(|(no, _)| no.as_str())
        .collect();
    assert_eq!(gone, ["C", &child]);
    assert_eq!(desk.statuses(one), [Status::Cancelled; 2]);
}

pub(in crate::ledger) fn only_the_dead_that_were_asked_for_are_issued_again(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    for (i, (only, want)) in [
        (Only::Neither, vec![]),
        (Only::Failed, vec!["F"]),
        (Only::Closed, vec!["C"]),
        (Only::Dead, vec!["F", "C"]),
    ]
    .into_iter()
    .enumerate()
    {
        let name = |letter: &str| format!("{letter}{i}");
        let rows = vec![
            numbered(&name("F"), &name("f"), 1),
            numbered(&name("C"), &name("c"), 1),
        ];
        let (batch, _) = desk.file(&i.to_string(), rows);
        desk.bring(batch, &name("F"), State::Failed);
        desk.bring(batch, &name("C"), State::ClosedProven);
        let issued = desk.rerun_only(batch, only);
        let parents: Vec<String> = issued.iter().map(|r| r.parent.to_string()).collect();
        let want: Vec<String> = want.into_iter().map(name).collect();
        assert_eq!(parents, want);
        let rows: Vec<u64> = desk
            .ledger
            .proofs(batch, Only::Dead, 1, 10, desk.now)
            .unwrap()
            .iter()
            .map(|(ordinal, _)| *ordinal)
            .collect();
        assert_eq!(
            rows.is_empty(),
            want.contains(&name("C")),
            "after the first row"
        );
    }
}

/// People's word is no proof: it counts only once the old number is beyond use, and only once.
pub(in crate::ledger) fn l5_what_two_people_resolved_as_failed_is_issued_again_31_days_on_and_once(
    engine: &dyn Engine,
) {
    use crate::order::Resolution;
    let mut desk = Desk::new(engine);
    let states = [
        State::Unknown,
        State::Closed,
        State::Expired,
        State::Rejected,
    ];
    let names: Vec<String> = (0..states.len()).map(|i| format!("A{i}")).collect();
    let mut rows: Vec<_> = names.iter().map(|name| numbered(name, name, 1)).collect();
    rows.push(numbered("PAID", "paid", 1));
    rows.push(numbered("OPEN", "open", 1));
    let (batch, _) = desk.file("one.csv", rows);
    for (name, state) in names.iter().zip(states) {
        desk.bring(batch, name, state);
        resolve(&mut desk, name, Resolution::Failed).unwrap();
    }
    desk.bring(batch, "PAID", State::Unknown);
    resolve(&mut desk, "PAID", Resolution::Success).unwrap();
    desk.bring(batch, "OPEN", State::Unknown);
    desk.now = START.plus_ms(31 * DAY_MS - 1);
    assert_eq!(desk.rerun(batch), [], "not a moment before");
    // Whoever comes with a proof that was read too early, or for another order, gets nothing.
    let proofs = ["A0", "PAID", "OPEN"].map(|text| Proof::of_failed(no(text)));
    for reissued in desk.reissue(batch, proofs.to_vec()) {
        assert_eq!(
            reissued.outcome,
            Reissue::Kept(Kept::NoProof(State::Unknown))
        );
    }
    desk.now = START.plus_ms(31 * DAY_MS);
    assert_eq!(desk.rerun_only(batch, Only::Closed), []);
    let reissued = desk.rerun(batch);
    let children: Vec<_> = reissued.iter().filter_map(child).collect();
    let want: Vec<_> = names.iter().map(|name| no(name).reissued(2)).collect();
    assert_eq!(children, want);
    assert_eq!(desk.rerun(batch), [], "once");
    let asks = Scope::Rerun(batch, Rerun::IssuedAndRejected(Unsent::Reissues));
    assert!(desk.deck(asks, Phase::Open).is_empty(), "A3 was resolved");
    let pending: Vec<_> = want.iter().map(ToString::to_string).collect();
    assert_eq!(desk.numbers(asks, Phase::Pending), pending);
}

/// A signed reply of weeks ago that somebody puts in place of ours makes an order older for its
/// window. It must not make it old enough for a new number on people's word.
pub(in crate::ledger) fn l5_a_reply_of_weeks_ago_does_not_shorten_the_31_days(engine: &dyn Engine) {
    use super::fixture::Came;
    use crate::ledger::Trust;
    use crate::order::{Asked, Resolution};
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    let job = desk.find(batch, "A").unwrap();
    let (attempt, job) = desk.claim(&job, Asked::Submission);
    let mut answer = desk.answer(
        (attempt, &job),
        Asked::Submission,
        State::Pending,
        Came::Lost,
    );
    let weeks_ago = START.plus_ms(-30 * DAY_MS);
    answer.facts.trust = Trust::Stale;
    answer.facts.signed_at = Some(weeks_ago);
    assert_eq!(desk.record(answer).first_sent_at, Some(weeks_ago));
    resolve(&mut desk, "A", Resolution::Failed).unwrap();
    desk.now = START.plus_ms(31 * DAY_MS - 1);
    assert_eq!(desk.rerun(batch), [], "30 days of it are somebody's word");
    for reissued in desk.reissue(batch, vec![Proof::of_failed(no("A"))]) {
        let kept = Reissue::Kept(Kept::NoProof(State::Unknown));
        assert_eq!(reissued.outcome, kept);
    }
    desk.now = START.plus_ms(31 * DAY_MS);
    assert_eq!(desk.rerun(batch).len(), 1);
}

/// An answer that contradicts the proof takes it away, and what was issued on it stays at home.
pub(in crate::ledger) fn l5_what_was_called_paid_after_all_is_deducted_under_no_other_number(
    engine: &dyn Engine,
) {
    use crate::order::{Asked, Resolution};
    let mut desk = Desk::new(engine);
    let rows = ["A", "B", "C"].map(|name| numbered(name, name, 1));
    let (batch, _) = desk.file("one.csv", rows.to_vec());
    // People called A dead, the gateway B and C; A and B are issued again.
    desk.bring(batch, "A", State::Unknown);
    resolve(&mut desk, "A", Resolution::Failed).unwrap();
    desk.bring(batch, "B", State::Failed);
    desk.now = START.plus_ms(31 * DAY_MS);
    let issued = desk.rerun(batch);
    let children: Vec<_> = issued.iter().filter_map(child).collect();
    assert_eq!(children, [no("A").reissued(2), no("B").reissued(2)]);
    desk.bring(batch, "C", State::ClosedProven);
    let reconciled = Scope::Sent(Reach::Of(batch), desk.now);
    for job in desk.deck(reconciled, Phase::Open) {
        desk.exchange(&job, Asked::Query, super::fixture::Came::Success);
    }
    assert!(desk.rerun(batch).is_empty(), "C is called paid as well");
    let forged = desk.reissue(batch, vec![Proof::of_failed(no("C"))]);
    assert_eq!(
        forged[0].outcome,
        Reissue::Kept(Kept::NoProof(State::ClosedProven))
    );
    for child in children {
        let job = desk.find(batch, child.as_str()).unwrap();
        let ask = desk.ask(&job, Asked::Submission);
        let written = desk.write(ask);
        assert!(matches!(written, Written::Refused(..)), "{written:?}");
    }
}

/// People had called it dead, and the gateway says later that it still works on it.
pub(in crate::ledger) fn l5_what_is_still_worked_on_after_people_called_it_dead_is_not_issued_again(
    engine: &dyn Engine,
) {
    use crate::order::{Asked, Resolution};
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    desk.bring(batch, "A", State::Unknown);
    resolve(&mut desk, "A", Resolution::Failed).unwrap();
    desk.now = START.plus_ms(31 * DAY_MS);
    let reconciled = Scope::Sent(Reach::Of(batch), desk.now);
    for job in desk.deck(reconciled, Phase::Open) {
        desk.exchange(&job, Asked::Query, super::fixture::Came::Processing);
    }
    for reissued in desk.rerun(batch) {
        assert!(matches!(reissued.outcome, Reissue::Kept(_)), "{reissued:?}");
    }
    // They look again, and come back to it.
    desk.now = desk.now.plus_ms(1);
    resolve(&mut desk, "A", Resolution::Success).unwrap();
    resolve(&mut desk, "A", Resolution::Failed).unwrap();
    let issued = desk.rerun(batch);
    assert_eq!(issued.iter().filter_map(child).count(), 1);
}
