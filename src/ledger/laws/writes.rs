//! Intents and replies.

use super::fixture::{Came, Desk, Engine, MERCHANT, START, blank, no, numbered};
use crate::clock::WallMs;
use crate::ledger::{
    CancelTarget, LedgerError, OrderId, Phase, RecentSend, Scope, Trust, Write, Written,
};
use crate::order::{Asked, Event, Fen, Merchant, Order, State, Status, Weak};

const SUBMISSION: Asked = Asked::Submission;

pub(in crate::ledger) fn l1_an_intent_is_in_the_ledger_when_the_permission_is_given(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    let job = desk.find(batch, "A").unwrap();
    let Written::Claimed(claimed) = desk.write(desk.ask(&job, SUBMISSION)) else {
        panic!("refused");
    };
    assert_eq!(
        (claimed.before(), claimed.asked()),
        (State::Pending, SUBMISSION)
    );
    assert_eq!(claimed.earlier_sends(), 0);
    assert_eq!(claimed.job().order, job.order);
    let standing = claimed.job().standing;
    assert_eq!(
        (standing.state, standing.maybe_accepted),
        (State::Unknown, 1)
    );
    assert_eq!(standing.first_sent_at, Some(START));
    // Whoever comes after a crash finds an order that counts as sent.
    drop(desk);
    let mut desk = Desk::new(engine);
    let found = desk.find(batch, "A").unwrap();
    assert_eq!(found.standing, standing);
    let resumed = desk.ledger.deck(
        Scope::Open,
        Phase::Open,
        &found.order.content.merchant,
        OrderId(0),
        9,
    );
    assert_eq!(resumed.unwrap().len(), 1);
    let Written::Claimed(again) = desk.write(desk.ask(&found, SUBMISSION)) else {
        panic!("refused");
    };
    assert_eq!((again.before(), again.earlier_sends()), (State::Unknown, 1));
}

pub(in crate::ledger) fn l1_only_a_connection_that_was_never_made_gives_the_unsent_state_back(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    for _ in 0..2 {
        let job = desk.find(batch, "A").unwrap();
        let standing = desk.exchange(&job, SUBMISSION, Came::NotSent);
        assert_eq!(standing.state, State::Pending);
        assert_eq!((standing.maybe_accepted, standing.first_sent_at), (0, None));
    }
    let job = desk.find(batch, "A").unwrap();
    desk.exchange(&job, SUBMISSION, Came::Lost);
    // Once something may have left, a connection that is not made gives nothing back.
    desk.now = START.plus_ms(5000);
    let job = desk.find(batch, "A").unwrap();
    let standing = desk.exchange(&job, SUBMISSION, Came::NotSent);
    assert_eq!(standing.state, State::Unknown);
    assert_eq!(
        (standing.maybe_accepted, standing.first_sent_at),
        (1, Some(START))
    );
    // Only the one whose bytes may have left is a request; its reply stays to be seen.
    let order = desk.rows(batch).remove(0).order.unwrap();
    assert_eq!(order.attempts, 1);
    assert_eq!(order.reply.unwrap().trust, Trust::Lost);
    // An answer that gives back another state than the claim left is a bug.
    let job = desk.find(batch, "A").unwrap();
    let (attempt, job) = desk.claim(&job, SUBMISSION);
    let answer = desk.answer((attempt, &job), SUBMISSION, State::Pending, Came::NotSent);
    let wrong = desk.ledger.write(vec![Write::Record(Box::new(answer))]);
    assert!(matches!(wrong, Err(LedgerError::Broken(_))), "{wrong:?}");
    assert_eq!(desk.statuses(batch), [Status::Unknown]);
}

pub(in crate::ledger) fn l1_a_submission_that_is_still_out_keeps_its_order_sent(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    let job = desk.find(batch, "A").unwrap();
    let (first, job) = desk.claim(&job, SUBMISSION);
    desk.claim(&job, SUBMISSION);
    let answer = desk.answer((first, &job), SUBMISSION, State::Pending, Came::NotSent);
    let standing = desk.record(answer);
    assert_eq!(
        (standing.state, standing.maybe_accepted),
        (State::Unknown, 1)
    );
    assert_eq!(standing.first_sent_at, Some(START));
}

pub(in crate::ledger) fn l1_the_first_send_is_the_earliest_of_local_and_signed_time(
    engine: &dyn Engine,
) {
    // (trust, asked, signed time, first send since)
    let early = START.plus_ms(-3000);
    let table = [
        (Trust::Verified, SUBMISSION, early, early),
        (Trust::Verified, SUBMISSION, START.plus_ms(3000), START),
        (Trust::Verified, Asked::Query, early, START),
        (Trust::Unsigned, SUBMISSION, early, START),
        (Trust::IllSigned, SUBMISSION, early, START),
        // Ten days ahead at the first send: the reply is stale, and tells when it was really made.
        (Trust::Stale, SUBMISSION, early, early),
        (Trust::Stale, SUBMISSION, START.plus_ms(3000), START),
    ];
    for (i, (trust, asked, signed, first)) in table.into_iter().enumerate() {
        let mut desk = Desk::new(engine);
        let number = format!("A{i}");
        let (batch, _) = desk.file(&number, vec![numbered(&number, &number, 1)]);
        let mut job = desk.find(batch, &number).unwrap();
        if asked == Asked::Query {
            desk.exchange(&job, SUBMISSION, Came::Lost);
            job = desk.find(batch, &number).unwrap();
        }
        let (attempt, job) = desk.claim(&job, asked);
        let mut answer = desk.answer((attempt, &job), asked, State::Pending, Came::Lost);
        answer.facts.trust = trust;
        answer.facts.signed_at = Some(signed);
        assert_eq!(
            desk.record(answer).first_sent_at,
            Some(first),
            "{trust:?} {asked}"
        );
    }
    // Another send does not move it.
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("B", vec![numbered("B", "b", 1)]);
    let job = desk.find(batch, "B").unwrap();
    desk.exchange(&job, SUBMISSION, Came::Lost);
    let job = desk.find(batch, "B").unwrap();
    desk.now = START.plus_ms(60_000);
    assert_eq!(
        desk.exchange(&job, SUBMISSION, Came::Lost).first_sent_at,
        Some(START)
    );
    // A clock that stepped back does.
    let job = desk.find(batch, "B").unwrap();
    desk.now = early;
    assert_eq!(
        desk.exchange(&job, SUBMISSION, Came::Lost).first_sent_at,
        Some(early)
    );
}

pub(in crate::ledger) fn l2_a_claim_that_knows_the_order_otherwise_is_refused(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file(
        "one.csv",
        vec![numbered("A", "a", 1), numbered("B", "b", 1)],
    );
    let job = desk.find(batch, "A").unwrap();
    let content = |fen| {
        let mut content = job.order.content.clone();
        content.amount = Fen::new(fen).unwrap();
        content
    };
    for (number, content) in [("A", content(2)), ("B", content(1))] {
        let mut other = job.clone();
        other.order = std::sync::Arc::new(Order {
            no: no(number),
            content,
        });
        let written = desk.write(desk.ask(&other, SUBMISSION));
        assert!(matches!(written, Written::Refused(id, s) if id == job.id && s == job.standing));
    }
    let mut stale = job.clone();
    stale.standing.state = State::Unknown;
    let written = desk.write(desk.ask(&stale, SUBMISSION));
    assert!(matches!(written, Written::Refused(_, s) if s.state == State::Pending));
    // Two claims of one order in one group: the second is refused.
    let group = vec![desk.ask(&job, SUBMISSION), desk.ask(&job, SUBMISSION)];
    let written = desk.ledger.write(group).unwrap();
    assert!(matches!(written[0], Written::Claimed(_)));
    assert!(matches!(written[1], Written::Refused(_, s) if s.state == State::Unknown));
    assert_eq!(desk.rows(batch)[0].order.as_ref().unwrap().attempts, 1);
}

pub(in crate::ledger) fn a_claim_in_a_state_that_forbids_it_is_refused(engine: &dyn Engine) {
    let states = [
        State::Pending,
        State::Cancelled,
        State::Unknown,
        State::Processing,
        State::Closed,
        State::Rejected,
        State::Expired,
        State::Success,
        State::Failed,
        State::ClosedProven,
    ];
    for (i, state) in states.into_iter().enumerate() {
        for (j, asked) in [SUBMISSION, Asked::Query].into_iter().enumerate() {
            let mut desk = Desk::new(engine);
            let number = format!("A{i}x{j}");
            let (batch, _) = desk.file(&number, vec![numbered(&number, &number, 1)]);
            let mut job = desk.find(batch, &number).unwrap();
            desk.bring(batch, &number, state);
            job.standing.state = state;
            let written = desk.write(desk.ask(&job, asked));
            let claimed = matches!(written, Written::Claimed(_));
            let allowed = state.next(Event::Claimed(asked)).is_some();
            assert_eq!(claimed, allowed, "{state} {asked}");
        }
    }
}

pub(in crate::ledger) fn l3_only_a_verified_reply_settles(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    let job = desk.find(batch, "A").unwrap();
    let (attempt, job) = desk.claim(&job, SUBMISSION);
    for came in [
        Came::Success,
        Came::Failed,
        Came::ClosedProven,
        Came::Processing,
    ] {
        for trust in [
            Trust::Unsigned,
            Trust::Stale,
            Trust::IllSigned,
            Trust::Lost,
            Trust::NotSent,
        ] {
            let mut answer = desk.answer((attempt, &job), SUBMISSION, State::Pending, came);
            answer.facts.trust = trust;
            let wrong = desk.ledger.write(vec![Write::Record(Box::new(answer))]);
            assert!(
                matches!(wrong, Err(LedgerError::Broken(_))),
                "{came:?} {trust:?}"
            );
        }
    }
    assert_eq!(desk.statuses(batch), [Status::Unknown]);
    // An answer to another order's attempt is none to this one.
    let mut answer = desk.answer((attempt, &job), SUBMISSION, State::Pending, Came::Success);
    answer.order = OrderId(99);
    assert!(
        desk.ledger
            .write(vec![Write::Record(Box::new(answer))])
            .is_err()
    );
    let answer = desk.answer((attempt, &job), SUBMISSION, State::Pending, Came::Success);
    assert_eq!(desk.record(answer.clone()).state, State::Success);
    // One attempt has one reply.
    assert!(
        desk.ledger
            .write(vec![Write::Record(Box::new(answer))])
            .is_err()
    );
}

pub(in crate::ledger) fn l3_a_final_order_never_changes_and_keeps_the_reply_that_settled_it(
    engine: &dyn Engine,
) {
    for (i, state) in [State::Success, State::Failed, State::ClosedProven]
        .into_iter()
        .enumerate()
    {
        let mut desk = Desk::new(engine);
        let number = format!("A{i}");
        let (batch, _) = desk.file(&number, vec![numbered(&number, &number, 1)]);
        let mut job = desk.find(batch, &number).unwrap();
        desk.bring(batch, &number, state);
        let settled = desk.rows(batch).remove(0).order.unwrap();
        assert_eq!(settled.settled_at, Some(START));
        job.standing.state = state;
        desk.now = START.plus_ms(1000);
        let all = [
            Came::Success,
            Came::Failed,
            Came::ClosedProven,
            Came::Lost,
            Came::NotSent,
        ];
        for came in all {
            let (attempt, job) = desk.claim(&job, Asked::Query);
            let mut answer = desk.answer((attempt, &job), Asked::Query, state, came);
            answer.weak = Weak::Said;
            let standing = desk.record(answer);
            assert_eq!(standing.state, state, "{came:?}");
            assert_eq!(standing.weak, Weak::No);
        }
        let row = desk.rows(batch).remove(0).order.unwrap();
        // The connection that was never made is no request.
        assert_eq!(row.attempts, settled.attempts + all.len() as u32 - 1);
        assert_eq!(
            (row.reply, row.settled_at),
            (settled.reply, settled.settled_at)
        );
    }
}

pub(in crate::ledger) fn submissions_that_may_have_been_accepted_are_counted(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    // (asked, what came, maybe accepted since)
    let table = [
        (SUBMISSION, Came::Throttled, 0),
        (SUBMISSION, Came::Lost, 1),
        (SUBMISSION, Came::Throttled, 1),
        (Asked::Query, Came::Throttled, 1),
        (SUBMISSION, Came::NotSent, 1),
        (SUBMISSION, Came::Processing, 2),
    ];
    for (asked, came, want) in table {
        let job = desk.find(batch, "A").unwrap();
        let standing = desk.exchange(&job, asked, came);
        assert_eq!(standing.maybe_accepted, want, "{asked} {came:?}");
        assert_eq!(desk.find(batch, "A").unwrap().standing, standing);
    }
    // The doubt about a close is kept as it came.
    let job = desk.find(batch, "A").unwrap();
    let (attempt, job) = desk.claim(&job, Asked::Query);
    let mut answer = desk.answer((attempt, &job), Asked::Query, State::Processing, Came::Lost);
    answer.weak = Weak::Said;
    desk.record(answer);
    assert_eq!(desk.find(batch, "A").unwrap().standing.weak, Weak::Said);
}

pub(in crate::ledger) fn l6_recent_sends_are_told_with_their_replies(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let rows = vec![numbered("A", "a", 1), numbered("B", "b", 1).merchant("19")];
    let (batch, _) = desk.file("one.csv", rows);
    let job = desk.find(batch, "A").unwrap();
    desk.exchange(&job, SUBMISSION, Came::Lost);
    desk.now = START.plus_ms(10);
    let job = desk.find(batch, "B").unwrap();
    desk.claim(&job, SUBMISSION);
    let send = |merchant: &str, at: WallMs, answered_at: Option<WallMs>| RecentSend {
        merchant: Merchant::parse(merchant).unwrap(),
        claimed_at: at,
        given_up: answered_at.is_some(),
        answered_at,
    };
    let (first, second) = (
        send(MERCHANT, START, Some(START)),
        send("19", desk.now, None),
    );
    let both = [first, second.clone()];
    assert_eq!(desk.ledger.recent_sends(START).unwrap(), both);
    assert_eq!(
        desk.ledger.recent_sends(START.plus_ms(1)).unwrap(),
        [second]
    );
}

pub(in crate::ledger) fn the_latest_signed_time_never_goes_back(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    assert_eq!(desk.ledger.latest_signed_at().unwrap(), None);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    for (trust, ms, want) in [
        (Trust::Unsigned, 9000, None),
        (Trust::IllSigned, 9000, None),
        (Trust::Stale, 400, Some(400)),
        (Trust::Verified, 500, Some(500)),
        (Trust::Verified, 200, Some(500)),
        (Trust::Verified, 700, Some(700)),
    ] {
        let job = desk.find(batch, "A").unwrap();
        let (attempt, job) = desk.claim(&job, SUBMISSION);
        let mut answer = desk.answer((attempt, &job), SUBMISSION, State::Pending, Came::Lost);
        answer.facts.trust = trust;
        answer.facts.signed_at = Some(START.plus_ms(ms));
        desk.record(answer);
        let latest = desk.ledger.latest_signed_at().unwrap();
        assert_eq!(latest, want.map(|ms| START.plus_ms(ms)), "{trust:?} {ms}");
    }
}

pub(in crate::ledger) fn cancelling_withdraws_what_was_never_sent_and_leaves_the_rest(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![
        numbered("A", "a", 1),
        numbered("B", "b", 2),
        blank("b", 2),
        numbered("C", "c", 3),
    ];
    let (batch, accepted) = desk.file("one.csv", rows);
    assert_eq!(accepted.held, 1);
    desk.file(
        "two.csv",
        vec![
            numbered("A", "a", 1),
            numbered("C", "c", 4),
            numbered("D", "d", 4),
        ],
    );
    desk.bring(batch, "B", State::Unknown);
    let cancelled = desk
        .ledger
        .cancel(&CancelTarget::Batch(batch), START)
        .unwrap();
    let held = blank("b", 2).derived(1);
    let fen = |fen| Fen::new(fen).unwrap();
    let want = [(no("A"), fen(1)), (no(&held), fen(2)), (no("C"), fen(3))];
    assert_eq!(cancelled.withdrawn, want);
    assert_eq!(cancelled.left, [(no("B"), State::Unknown)]);
    let (gone, sent) = (Status::Cancelled, Status::Unknown);
    assert_eq!(desk.statuses(batch), [gone, sent, gone, gone]);
    let one = |desk: &mut Desk, number| {
        let target = CancelTarget::Number(no(number));
        desk.ledger.cancel(&target, START)
    };
    assert_eq!(one(&mut desk, "D").unwrap().withdrawn, [(no("D"), fen(4))]);
    assert_eq!(
        one(&mut desk, "D").unwrap().left,
        [(no("D"), State::Cancelled)]
    );
    assert!(matches!(one(&mut desk, "X"), Err(LedgerError::Refused(_))));
    let nowhere = desk
        .ledger
        .cancel(&CancelTarget::Batch(crate::ledger::BatchId(99)), START);
    assert!(matches!(nowhere, Err(LedgerError::Refused(_))));
}
