//! Writes that are committed together.

use super::fixture::{Came, Desk, Engine, blank, no, numbered};
use crate::clock::WallMs;
use crate::ledger::{AttemptId, Job, LedgerError, OrderId, StagedOrder, Write, Written};
use crate::order::{Asked, State, Status};

const SUBMISSION: Asked = Asked::Submission;

pub(in crate::ledger) fn a_group_is_written_whole_or_not_at_all(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file(
        "one.csv",
        vec![numbered("A", "a", 1), numbered("B", "b", 1)],
    );
    let (a, b) = (
        desk.find(batch, "A").unwrap(),
        desk.find(batch, "B").unwrap(),
    );
    let group = vec![
        desk.ask(&a, SUBMISSION),
        desk.ask(&b, SUBMISSION),
        Write::ProofMissed(OrderId(99)),
    ];
    let wrong = desk.ledger.write(group);
    assert!(matches!(wrong, Err(LedgerError::Broken(_))), "{wrong:?}");
    assert_eq!(desk.statuses(batch), [Status::Pending, Status::Pending]);
    assert_eq!(desk.ledger.recent_sends(WallMs(0)).unwrap(), []);
    // The ledger is still good for the next group.
    let group = vec![desk.ask(&a, SUBMISSION), desk.ask(&b, SUBMISSION)];
    let written = desk.ledger.write(group).unwrap();
    for (written, job) in written.iter().zip([&a, &b]) {
        assert!(matches!(written, Written::Claimed(c) if c.job().id == job.id));
    }
}

/// What a group is about is read before its first write: what one writes about an order, a later one must see.
pub(in crate::ledger) fn l3_a_group_comes_out_as_its_writes_one_by_one(engine: &dyn Engine) {
    type Story = fn(&Desk, &Job, [AttemptId; 2]) -> Vec<Write>;
    fn record(desk: &Desk, job: &Job, attempt: AttemptId, came: Came) -> Write {
        let answer = desk.answer((attempt, job), SUBMISSION, State::Unknown, came);
        Write::Record(Box::new(answer))
    }
    let stories: &[(&str, Story)] = &[
        ("answered, asked again", |desk, job, [_, newer]| {
            vec![
                record(desk, job, newer, Came::Lost),
                desk.ask(job, SUBMISSION),
            ]
        }),
        ("settled, asked again", |desk, job, [_, newer]| {
            vec![
                record(desk, job, newer, Came::Success),
                desk.ask(job, SUBMISSION),
            ]
        }),
        ("asked again, answered late", |desk, job, [_, newer]| {
            vec![
                desk.ask(job, SUBMISSION),
                record(desk, job, newer, Came::CloseClaimed),
            ]
        }),
        ("both answers", |desk, job, [older, newer]| {
            vec![
                record(desk, job, newer, Came::CloseClaimed),
                record(desk, job, older, Came::Success),
            ]
        }),
        ("both refused", |desk, job, [older, newer]| {
            vec![
                record(desk, job, older, Came::Refused),
                record(desk, job, newer, Came::Refused),
            ]
        }),
        ("not proven, answered", |desk, job, [_, newer]| {
            vec![
                Write::ProofMissed(job.id),
                record(desk, job, newer, Came::Processing),
            ]
        }),
    ];
    let mut desk = Desk::new(engine);
    for (i, (name, story)) in stories.iter().enumerate() {
        let mut ends = Vec::new();
        for whole in [true, false] {
            let number = format!("N{i}{whole}");
            let row = blank(&format!("{i}{whole}"), 1);
            let (batch, _) = desk.file(
                &number,
                vec![StagedOrder {
                    no: Some(no(&number)),
                    ..row
                }],
            );
            let job = desk.find(batch, &number).unwrap();
            let (older, job) = desk.claim(&job, SUBMISSION);
            let (newer, job) = desk.claim(&job, SUBMISSION);
            let writes = story(&desk, &job, [older, newer]);
            let written = match whole {
                true => desk.ledger.write(writes).unwrap(),
                false => writes.into_iter().map(|write| desk.write(write)).collect(),
            };
            let went: Vec<_> = written
                .iter()
                .map(|written| match written {
                    Written::Claimed(claimed) => format!("claimed: {:?}", claimed.job().standing),
                    Written::Refused(_, standing) => format!("refused: {standing:?}"),
                    Written::Recorded(_, standing) => format!("recorded: {standing:?}"),
                    other => format!("{:?}", std::mem::discriminant(other)),
                })
                .collect();
            let order = desk.rows(batch).remove(0).order.unwrap();
            ends.push((went, order.attempts, order.reply.is_some()));
        }
        assert_eq!(ends[0], ends[1], "{name}");
    }
    assert_eq!(engine.verify(), [""; 0]);
}
