//! Answers that are to something else than they say.

use super::fixture::{Came, Desk, Engine, numbered, staged};
use crate::ledger::{Answer, LedgerError, Write};
use crate::order::{Asked, Event, State};

/// Such an answer is a bug of ours: nothing of its group counts, and nothing may be sent any more.
pub(in crate::ledger) fn l3_an_answer_that_cannot_be_one_to_its_attempt_is_refused(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![numbered("N1", "a", 1), numbered("N2", "b", 2)];
    let (batch, _) = desk.file("a.csv", rows);
    let one = desk.find(batch, "N1").unwrap();
    let two = desk.find(batch, "N2").unwrap();
    let (attempt, job) = desk.claim(&one, Asked::Submission);
    let (_, other) = desk.claim(&two, Asked::Submission);
    let right = |desk: &Desk| {
        desk.answer(
            (attempt, &job),
            Asked::Submission,
            State::Pending,
            Came::Success,
        )
    };
    for (name, wrong) in [
        (
            "another order",
            Answer {
                order: other.id,
                ..right(&desk)
            },
        ),
        (
            "another interface",
            Answer {
                asked: Asked::Query,
                ..right(&desk)
            },
        ),
        (
            "nothing was sent, and yet a reply came",
            Answer {
                event: Event::NotSent {
                    before: State::Pending,
                },
                ..right(&desk)
            },
        ),
    ] {
        let written = desk.ledger.write(vec![Write::Record(Box::new(wrong))]);
        assert!(matches!(written, Err(LedgerError::Broken(_))), "{name}");
    }
    let answer = right(&desk);
    assert_eq!(desk.record(answer).state, State::Success);
    assert_eq!(
        desk.find(batch, "N2").unwrap().standing.state,
        State::Unknown
    );
}

/// The number of a changed row is derived, as published: a change of it would deduct twice.
pub(in crate::ledger) fn l2_a_changed_row_with_a_number_gets_the_one_that_its_new_content_derives(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("a.csv", vec![numbered("N1", "a", 1)]);
    desk.bring(batch, "N1", State::Failed);
    let changed = numbered("N1", "a", 2).back("N1");
    let want = changed.derived(1 << 31);
    let (batch, accepted) = desk.file("b.csv", vec![changed]);
    assert_eq!(accepted.orders, 1);
    let rows = desk.rows(batch);
    assert_eq!(rows[0].order.as_ref().unwrap().no.as_str(), want);
}

/// A gateway, or whoever stands before it, may put U+0000 into its JSON; not every database can hold one.
pub(in crate::ledger) fn l9_a_reply_with_a_nul_in_it_is_recorded(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    let job = desk.find(batch, "A").unwrap();
    let (attempt, job) = desk.claim(&job, Asked::Submission);
    let flying = (attempt, &job);
    let mut answer = desk.answer(flying, Asked::Submission, State::Pending, Came::Throttled);
    answer.facts.code = Some("LIMIT\0".into());
    answer.facts.message = Some("\0too fast\0".into());
    answer.facts.request_id = Some("\0".into());
    desk.record(answer);
    let reply = desk.rows(batch).remove(0).order.unwrap().reply.unwrap();
    assert_eq!(reply.code.as_deref(), Some("LIMIT\u{fffd}"));
    assert_eq!(reply.message.as_deref(), Some("\u{fffd}too fast\u{fffd}"));
    // Nor does one in a row that is none keep its file out.
    let mut rows = staged(vec![Err("its amount is \"\0\"".into())]);
    rows[0].came_back_as = Some("A\0".into());
    rows[0].cells = vec!["\0".into()];
    desk.ledger.stage_clear().unwrap();
    desk.ledger.stage(&rows).unwrap();
    let (batch, _) = desk
        .ledger
        .accept(&Desk::head("two.csv"), desk.now, 40)
        .unwrap();
    let row = desk.rows(batch.id).remove(0);
    assert_eq!(row.cells, ["\0"]);
    assert_eq!(row.came_back_as.as_deref(), Some("A\u{fffd}"));
}
