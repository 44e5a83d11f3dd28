//! Answers that come late: another host, or a run after a death, has made an attempt since.

use super::fixture::{Came, Desk, Engine, blank, no, numbered};
use crate::ledger::{BatchId, CancelTarget, Job, StagedOrder, Standing};
use crate::order::{Asked, Comeback, State, Status, Weak};

const SUBMISSION: Asked = Asked::Submission;
const QUERY: Asked = Asked::Query;

/// An attempt that is out.
struct Out {
    attempt: crate::ledger::AttemptId,
    job: Job,
    asked: Asked,
    before: State,
}

impl Desk {
    /// Claims an order as it stands; nothing comes back yet.
    fn out(&mut self, batch: BatchId, number: &str, asked: Asked) -> Out {
        let found = self.find(batch, number).expect("an order to claim");
        let before = found.standing.state;
        let (attempt, job) = self.claim(&found, asked);
        Out {
            attempt,
            job,
            asked,
            before,
        }
    }

    fn back(&mut self, out: &Out, came: Came) -> Standing {
        let answer = self.answer((out.attempt, &out.job), out.asked, out.before, came);
        self.record(answer)
    }
}

/// A batch of one order.
fn one(desk: &mut Desk) -> BatchId {
    desk.file("one.csv", vec![numbered("A", "a", 1)]).0
}

pub(in crate::ledger) fn l1_a_connection_that_was_not_made_gives_nothing_back_behind_a_newer_attempt(
    engine: &dyn Engine,
) {
    // What came back to the newer attempt before, if anything did.
    let table = [
        (SUBMISSION, None),
        (SUBMISSION, Some(Came::Lost)),
        // Its bytes left, and it was not accepted.
        (SUBMISSION, Some(Came::Throttled)),
        (SUBMISSION, Some(Came::Refused)),
        (QUERY, None),
        (QUERY, Some(Came::Lost)),
    ];
    let mut desk = Desk::new(engine);
    for (i, (asked, came)) in table.into_iter().enumerate() {
        let number = format!("A{i}");
        let (batch, _) = desk.file(&number, vec![numbered(&number, &number, 1)]);
        let older = desk.out(batch, &number, SUBMISSION);
        let newer = desk.out(batch, &number, asked);
        if let Some(came) = came {
            desk.back(&newer, came);
        }
        let standing = desk.back(&older, Came::NotSent);
        assert_eq!(standing.state, State::Unknown, "{asked} {came:?}");
        assert!(standing.first_sent_at.is_some());
        // Nobody withdraws it, and the newer answer finds an order that was sent.
        let target = CancelTarget::Number(no(&number));
        let cancelled = desk.ledger.cancel(&target, desk.now).unwrap();
        assert_eq!(cancelled.withdrawn, []);
        if came.is_none() {
            assert_eq!(desk.back(&newer, Came::Success).state, State::Success);
        }
    }
}

pub(in crate::ledger) fn l3_a_late_refusal_refuses_nothing_behind_a_newer_attempt(
    engine: &dyn Engine,
) {
    for refused in [Came::Refused, Came::RefusedUnsigned] {
        let mut desk = Desk::new(engine);
        let (batch, _) = desk.file(
            &format!("{refused:?}"),
            vec![
                numbered(&format!("S{refused:?}"), &format!("{refused:?}a"), 1),
                numbered(&format!("Q{refused:?}"), &format!("{refused:?}b"), 1),
            ],
        );
        for (kind, asked) in [("S", SUBMISSION), ("Q", QUERY)] {
            let number = format!("{kind}{refused:?}");
            let older = desk.out(batch, &number, SUBMISSION);
            let newer = desk.out(batch, &number, asked);
            let standing = desk.back(&older, refused);
            assert_eq!(standing.state, State::Unknown);
            assert_eq!(standing.maybe_accepted, u32::from(asked == SUBMISSION));
            assert_eq!(desk.back(&newer, Came::Success).state, State::Success);
        }
    }
}

pub(in crate::ledger) fn l3_a_refused_order_that_is_sent_again_is_not_called_refused_by_the_late(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let batch = one(&mut desk);
    desk.bring(batch, "A", State::Rejected);
    let scope = crate::ledger::Scope::Rerun(
        batch,
        crate::ledger::Rerun::IssuedAndRejected(crate::ledger::Unsent::Reissues),
    );
    let merchant = desk.ledger.lanes(scope).unwrap().remove(0).merchant;
    let phase = crate::ledger::Phase::Open;
    let job = desk
        .ledger
        .deck(scope, phase, &merchant, crate::ledger::OrderId(0), 9)
        .unwrap()
        .remove(0);
    let (attempt, claimed) = desk.claim(&job, SUBMISSION);
    desk.out(batch, "A", SUBMISSION);
    let older = Out {
        attempt,
        job: claimed,
        asked: SUBMISSION,
        before: State::Rejected,
    };
    let standing = desk.back(&older, Came::NotSent);
    assert_eq!(
        (standing.state, standing.maybe_accepted),
        (State::Unknown, 1)
    );
}

pub(in crate::ledger) fn l5_no_mended_row_takes_the_place_of_what_another_host_has_submitted(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![blank("a", 1).reason("8")]);
    let number = blank("a", 1).reason("8").derived(1);
    let older = desk.out(batch, &number, SUBMISSION);
    let newer = desk.out(batch, &number, SUBMISSION);
    desk.back(&older, Came::Refused);
    let mended: StagedOrder = blank("a", 1).reason("9").failed(&number, Comeback::Mended);
    let (second, accepted) = desk.file("mended.csv", vec![mended]);
    assert_eq!((accepted.orders, accepted.conflicts), (0, 1));
    assert_eq!(desk.statuses(second), [Status::Conflict]);
    assert_eq!(desk.back(&newer, Came::Success).state, State::Success);
    assert_eq!(desk.statuses(batch), [Status::Success]);
}

pub(in crate::ledger) fn l3_a_late_verified_answer_settles(engine: &dyn Engine) {
    let table = [
        (Came::Success, State::Success),
        (Came::Failed, State::Failed),
        (Came::ClosedProven, State::ClosedProven),
        (Came::Processing, State::Processing),
    ];
    let mut desk = Desk::new(engine);
    for (i, (came, state)) in table.into_iter().enumerate() {
        let number = format!("A{i}");
        let (batch, _) = desk.file(&number, vec![numbered(&number, &number, 1)]);
        let older = desk.out(batch, &number, SUBMISSION);
        let newer = desk.out(batch, &number, SUBMISSION);
        assert_eq!(desk.back(&older, came).state, state);
        assert_eq!(desk.back(&newer, Came::Lost).state, state);
    }
}

pub(in crate::ledger) fn l3_what_refused_the_older_of_two_attempts_is_no_step_to_a_proof(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let batch = one(&mut desk);
    desk.bring(batch, "A", State::Unknown);
    // A query called it closed: one more submission is due, and two hosts make it.
    let query = desk.out(batch, "A", QUERY);
    let mut said = desk.answer((query.attempt, &query.job), QUERY, query.before, Came::Lost);
    said.weak = Weak::Said;
    assert_eq!(desk.record(said).weak, Weak::Said);
    let older = desk.out(batch, "A", SUBMISSION);
    let newer = desk.out(batch, "A", SUBMISSION);
    let mut refused = |out: &Out| {
        let mut answer = desk.answer(
            (out.attempt, &out.job),
            SUBMISSION,
            out.before,
            Came::Throttled,
        );
        answer.weak = Weak::Refused;
        desk.record(answer).weak
    };
    assert_eq!(refused(&older), Weak::Said);
    assert_eq!(refused(&newer), Weak::Refused);
}

pub(in crate::ledger) fn l1_answers_to_several_attempts_of_one_order_come_in_any_order(
    engine: &dyn Engine,
) {
    use Came::*;
    let mut desk = Desk::new(engine);
    let mut made = 0;
    for first in [Lost, NotSent, Throttled, Refused, CloseClaimed] {
        for second in [Lost, NotSent, Throttled, CloseClaimed] {
            for older_first in [true, false] {
                made += 1;
                let number = format!("A{made}");
                let (batch, _) = desk.file(&number, vec![numbered(&number, &number, 1)]);
                let older = desk.out(batch, &number, SUBMISSION);
                let newer = desk.out(batch, &number, SUBMISSION);
                let both = [(&older, first), (&newer, second)];
                let order = if older_first { [0, 1] } else { [1, 0] };
                for at in order {
                    let standing = desk.back(both[at].0, both[at].1);
                    assert!(
                        !standing.state.is_unsent() && standing.state != State::Rejected,
                        "{first:?} {second:?} {older_first}: {}",
                        standing.state
                    );
                }
            }
        }
    }
}
