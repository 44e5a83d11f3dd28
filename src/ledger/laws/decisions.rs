//! What people decide, the journal's head, and what a ledger tells of itself.

use super::fixture::{Came, DAY_MS, Desk, Engine, START, blank, no, numbered};
use crate::clock::WallMs;
use crate::ledger::{
    BatchId, Decided, Decision, DecisionKind, Job, LedgerError, LedgerResult, OrderId, OverviewAsk,
    Person, Phase, Scope, TwoPeople, Unsent, Words, Write, Written,
};
use crate::order::{Asked, NextAction, Resolution, State, Status};

const SUBMISSION: Asked = Asked::Submission;

pub(super) fn person(name: &str) -> Person {
    Person::parse(name).unwrap()
}

fn freeze(desk: &mut Desk, reason: &str) -> LedgerResult<Decided> {
    let decision = Decision::Freeze {
        by: person("Li Wei"),
        reason: Words::parse(reason).unwrap(),
    };
    desk.ledger.decide(&decision, desk.now)
}

fn unfreeze(desk: &mut Desk) -> LedgerResult<Decided> {
    let by = person("Wang Fang");
    desk.ledger.decide(&Decision::Unfreeze { by }, desk.now)
}

pub(super) fn resolve(
    desk: &mut Desk,
    number: &str,
    resolution: Resolution,
) -> LedgerResult<Decided> {
    let decision = Decision::Resolve {
        no: no(number),
        resolution,
        by: TwoPeople::new(person("Li Wei"), person("Wang Fang")).unwrap(),
        evidence: Words::parse("statement, line 17").unwrap(),
    };
    desk.ledger.decide(&decision, desk.now)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: LedgerResult<T>, want: &str) {
    match result {
        Err(LedgerError::Refused(words)) => assert!(words.contains(want), "{words}"),
        other => panic!("{other:?}"),
    }
}

fn everything(desk: &mut Desk, batch: Option<BatchId>, since: i64) -> crate::ledger::Overview {
    let ask = OverviewAsk {
        batch,
        closing_since: START.plus_ms(since),
    };
    desk.ledger.overview(&ask).unwrap()
}

pub(in crate::ledger) fn the_journals_head_moves_with_every_entry_and_with_nothing_else(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let empty = desk.ledger.journal_head().unwrap();
    assert_eq!(empty.entries, 0);
    let rows = vec![
        numbered("A", "a", 1),
        numbered("B", "b", 1).merchant("1900016682"),
    ];
    let (batch, _) = desk.file("one.csv", rows);
    assert_eq!(desk.ledger.journal_head().unwrap(), empty);
    let mut heads = vec![empty];
    for number in ["A", "B"] {
        let job = desk.find(batch, number).unwrap();
        let (attempt, job) = desk.claim(&job, SUBMISSION);
        heads.push(desk.ledger.journal_head().unwrap());
        let answer = desk.answer((attempt, &job), SUBMISSION, State::Pending, Came::Lost);
        desk.record(answer);
        heads.push(desk.ledger.journal_head().unwrap());
    }
    freeze(&mut desk, "why").unwrap();
    heads.push(desk.ledger.journal_head().unwrap());
    unfreeze(&mut desk).unwrap();
    resolve(&mut desk, "A", Resolution::Success).unwrap();
    heads.push(desk.ledger.journal_head().unwrap());
    let entries: Vec<u64> = heads.iter().map(|head| head.entries).collect();
    assert_eq!(entries, [0, 1, 2, 3, 4, 5, 7]);
    for (i, head) in heads.iter().enumerate() {
        assert!(heads[..i].iter().all(|other| other.hash != head.hash));
    }
    // A claim that is refused, a row, a run: nothing of the journal.
    let job = desk.find(batch, "B").unwrap();
    let stale = Job {
        standing: crate::ledger::Standing {
            state: State::Pending,
            ..job.standing
        },
        ..job
    };
    let written = desk.write(desk.ask(&stale, SUBMISSION));
    assert!(matches!(written, Written::Refused(..)), "{written:?}");
    desk.ledger.begin_run(START).unwrap();
    desk.file("two.csv", vec![blank("c", 1)]);
    assert_eq!(desk.ledger.journal_head().unwrap(), heads[6]);
    drop(desk);
    assert_eq!(Desk::new(engine).ledger.journal_head().unwrap(), heads[6]);
}

pub(in crate::ledger) fn a_frozen_ledger_writes_no_intent_until_it_is_unfrozen(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![numbered("A", "a", 1), numbered("B", "b", 1)];
    let (batch, _) = desk.file("one.csv", rows);
    let job = desk.find(batch, "A").unwrap();
    let (attempt, flying) = desk.claim(&job, SUBMISSION);
    assert_eq!(desk.ledger.frozen().unwrap(), None);
    refused(unfreeze(&mut desk), "not frozen");
    // Somebody else's connection, while the run goes on.
    let mut other = Desk::new(engine);
    freeze(&mut other, "the court called it back").unwrap();
    refused(freeze(&mut other, "again"), "frozen by Li Wei");
    let frozen = desk.ledger.frozen().unwrap().unwrap();
    assert_eq!((frozen.by.as_str(), frozen.at), ("Li Wei", START));
    assert_eq!(frozen.reason, "the court called it back");
    // In one group: what was on the wire is recorded, and nothing is claimed, queries neither.
    let fresh = desk.find(batch, "B").unwrap();
    let answer = desk.answer(
        (attempt, &flying),
        SUBMISSION,
        State::Pending,
        Came::Processing,
    );
    let group = vec![
        desk.ask(&fresh, SUBMISSION),
        Write::Record(Box::new(answer)),
        desk.ask(&flying, Asked::Query),
    ];
    let written = desk.ledger.write(group).unwrap();
    assert!(
        matches!(
            written[..],
            [Written::Frozen(a), Written::Recorded(b, _), Written::Frozen(c)]
                if a == fresh.id && b == flying.id && c == flying.id
        ),
        "{written:?}"
    );
    assert_eq!(
        desk.statuses(batch),
        [Status::Processing, Status::Pending],
        "and nothing else has moved"
    );
    unfreeze(&mut other).unwrap();
    assert_eq!(desk.ledger.frozen().unwrap(), None);
    desk.claim(&fresh, SUBMISSION);
}

pub(in crate::ledger) fn two_people_resolve_only_what_was_sent_and_is_not_settled(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    refused(
        resolve(&mut desk, "NOBODY", Resolution::Success),
        "does not know the number NOBODY",
    );
    let states = [
        (State::Pending, Some("never sent")),
        (State::Cancelled, Some("never sent")),
        (State::Unknown, None),
        (State::Processing, None),
        (State::Closed, None),
        (State::Rejected, None),
        (State::Expired, None),
        (State::Success, Some("verified reply")),
        (State::Failed, Some("verified reply")),
        (State::ClosedProven, Some("verified reply")),
    ];
    for (i, (state, want)) in states.into_iter().enumerate() {
        let number = format!("A{i}");
        let (batch, _) = desk.file(&number, vec![numbered(&number, &number, 1)]);
        desk.bring(batch, &number, state);
        let head = desk.ledger.journal_head().unwrap();
        match want {
            Some(want) => {
                refused(resolve(&mut desk, &number, Resolution::Failed), want);
                assert_eq!(desk.ledger.journal_head().unwrap(), head);
            }
            None => {
                let decided = resolve(&mut desk, &number, Resolution::Failed).unwrap();
                assert_eq!(decided.kind, DecisionKind::ResolveFailed);
                // The gateway's word is not forged.
                let story = desk.ledger.story(&no(&number)).unwrap().unwrap();
                assert_eq!(story.standing.state, state);
                assert_eq!(story.standing.resolved, Some(Resolution::Failed));
                assert_eq!(story.decisions, [decided]);
                let again = resolve(&mut desk, &number, Resolution::Failed);
                refused(again, "resolved as FAILED already");
                // Who finds out more may say so.
                resolve(&mut desk, &number, Resolution::Success).unwrap();
                assert_eq!(desk.statuses(batch), [Status::Success], "{state}");
            }
        }
    }
}

pub(in crate::ledger) fn what_people_resolved_shows_in_rows_and_sums(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let rows = vec![
        numbered("A", "a", 10),
        numbered("B", "b", 200),
        numbered("C", "c", 3000),
    ];
    let (batch, _) = desk.file("one.csv", rows);
    desk.bring(batch, "A", State::Expired);
    desk.bring(batch, "B", State::Unknown);
    desk.bring(batch, "C", State::Expired);
    resolve(&mut desk, "A", Resolution::Success).unwrap();
    resolve(&mut desk, "B", Resolution::Failed).unwrap();
    let rows = desk.rows(batch);
    let shown: Vec<_> = rows.iter().map(|r| (r.status, r.next_action)).collect();
    assert_eq!(
        shown,
        [
            (Status::Success, NextAction::None),
            (Status::Failed, NextAction::Reissue),
            (Status::Expired, NextAction::Review),
        ]
    );
    let by = "by Li Wei and Wang Fang on 2026-01-01T08:00:00.000+08:00: statement, line 17";
    assert_eq!(rows[0].note, format!("resolved as SUCCESS {by}"));
    assert_eq!(
        rows[1].note,
        format!(
            "resolved as FAILED {by}; a new number is given from 2026-02-01T08:00:00.000+08:00 on"
        )
    );
    let totals = desk.ledger.totals(batch).unwrap();
    assert_eq!(
        totals.by_status,
        [
            (Status::Success, 1, 10),
            (Status::Failed, 1, 200),
            (Status::Expired, 1, 3000)
        ]
    );
    assert_eq!(
        (totals.deducted_fen, totals.dead_fen, totals.open_fen),
        (10, 200, 3000)
    );
    let overview = everything(&mut desk, None, 0);
    for (status, rows, fen) in totals.by_status {
        let sum = overview.by_status.of(status);
        assert_eq!((sum.orders, sum.fen), (rows, fen));
    }
    assert_eq!((overview.resolved, overview.reissuable), (2, 1));
}

pub(in crate::ledger) fn a_resolved_order_is_driven_by_no_run_and_submitted_by_none(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    desk.bring(batch, "A", State::Unknown);
    let job = desk.find(batch, "A").unwrap();
    resolve(&mut desk, "A", Resolution::Failed).unwrap();
    let (early, late) = (WallMs(i64::MIN), WallMs(i64::MAX));
    assert_eq!(desk.ledger.expiring(late, 9).unwrap().count, 0);
    for scope in [
        Scope::Batch(batch),
        Scope::Open,
        Scope::OpenOf(batch, Unsent::Reissues),
        Scope::FirstSent(early, late),
    ] {
        let lanes = desk.ledger.lanes(scope).unwrap();
        assert!(lanes.iter().all(|lane| lane.open == 0), "{lanes:?}");
        let merchant = &job.order.content.merchant;
        let deck = desk
            .ledger
            .deck(scope, Phase::Open, merchant, OrderId(0), 9);
        assert!(deck.unwrap().is_empty());
    }
    // A run that had read it before is refused; to ask about it does no harm.
    let written = desk.write(desk.ask(&job, SUBMISSION));
    assert!(matches!(written, Written::Refused(..)), "{written:?}");
    desk.claim(&job, Asked::Query);
}

pub(in crate::ledger) fn l3_a_verified_answer_wins_over_what_people_found_out(engine: &dyn Engine) {
    use Resolution::{Failed, Success};
    // (resolved as, what comes, status then, an alert)
    let table = [
        (Success, Came::Success, Status::Success, false),
        (Success, Came::Failed, Status::Failed, true),
        (Failed, Came::Failed, Status::Failed, false),
        (Failed, Came::ClosedProven, Status::Closed, false),
        (Failed, Came::Success, Status::Success, true),
        (Failed, Came::Lost, Status::Failed, false),
    ];
    for (i, (resolution, came, status, alert)) in table.into_iter().enumerate() {
        let mut desk = Desk::new(engine);
        let number = format!("A{i}");
        let (batch, _) = desk.file(&number, vec![numbered(&number, &number, 1)]);
        let job = desk.find(batch, &number).unwrap();
        let (attempt, job) = desk.claim(&job, SUBMISSION);
        resolve(&mut desk, &number, resolution).unwrap();
        let answer = desk.answer((attempt, &job), SUBMISSION, State::Pending, came);
        let standing = desk.record(answer);
        assert_eq!(standing.resolved, Some(resolution));
        let row = desk.rows(batch).remove(0);
        assert_eq!(row.status, status, "{resolution} {came:?}");
        assert_eq!(
            row.note.contains(Resolution::CONTRADICTED),
            alert,
            "{}",
            row.note
        );
        let story = desk.ledger.story(&no(&number)).unwrap().unwrap();
        let told = story.attempts[0].reply.as_ref().unwrap().alert.is_some();
        assert_eq!(told, alert);
    }
}

pub(in crate::ledger) fn an_overview_counts_each_deduction_once_and_names_what_is_pressing(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    assert_eq!(everything(&mut desk, None, 0).batches, []);
    let rows = vec![
        numbered("A", "a", 1),
        numbered("B", "b", 20),
        numbered("C", "c", 300),
        numbered("C", "c", 300),
        blank("d", 4000),
        blank("d", 4000),
    ];
    let (one, _) = desk.mixed(
        "one.csv",
        rows.into_iter()
            .map(Ok)
            .chain([Err("amount: none".into())])
            .collect(),
    );
    desk.bring(one, "A", State::Success);
    desk.bring(one, "B", State::Unknown);
    desk.now = START.plus_ms(DAY_MS);
    let (two, _) = desk.file(
        "two.csv",
        vec![numbered("E", "e", 7), numbered("F", "f", 9)],
    );
    desk.bring(two, "E", State::Processing);
    desk.bring(two, "F", State::Failed);
    let overview = everything(&mut desk, None, DAY_MS - 1);
    let sums: Vec<_> = overview
        .by_status
        .some()
        .map(|(status, sum)| (status, sum.orders, sum.fen))
        .collect();
    assert_eq!(
        sums,
        [
            (Status::Success, 1, 1),
            (Status::Processing, 1, 7),
            (Status::Unknown, 1, 20),
            (Status::Pending, 2, 4300),
            (Status::Failed, 1, 9),
            (Status::Held, 1, 4000),
        ]
    );
    assert_eq!(overview.by_status.orders(), 7);
    assert_eq!((overview.reissuable, overview.resolved), (1, 0));
    let oldest = overview.oldest_unknown.as_ref().unwrap();
    assert_eq!((oldest.no.as_str(), oldest.first_sent_at), ("B", START));
    let closing: Vec<_> = overview
        .closing_first
        .iter()
        .map(|o| o.no.as_str())
        .collect();
    assert_eq!((overview.closing, closing), (1, vec!["B"]));
    let both = everything(&mut desk, None, DAY_MS);
    let closing: Vec<_> = both.closing_first.iter().map(|o| o.no.as_str()).collect();
    assert_eq!(closing, ["B", "E"], "by first send");
    assert_eq!(overview.last_success_at, Some(START));
    assert_eq!(overview.last_run_at, Some(START));
    assert_eq!(overview.head, Some(desk.ledger.journal_head().unwrap()));
    // Each batch by its own, and together the whole.
    let lines: Vec<_> = overview
        .batches
        .iter()
        .map(|line| {
            let sums = &line.by_status;
            let money = (sums.deducted_fen, sums.open_fen, sums.dead_fen);
            (line.batch.id, line.batch.rows, sums.orders(), money)
        })
        .collect();
    assert_eq!(lines, [(one, 7, 5, (1, 8320, 0)), (two, 2, 2, (0, 7, 9))]);
    let alone = everything(&mut desk, Some(two), DAY_MS);
    assert_eq!(alone.batches, overview.batches[1..]);
    assert_eq!(alone.by_status, overview.batches[1].by_status);
    assert_eq!(alone.oldest_unknown, None);
}

pub(in crate::ledger) fn the_story_of_an_order_has_all_that_is_known_of_it(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    assert_eq!(desk.ledger.story(&no("NOBODY")).unwrap(), None);
    let (one, _) = desk.file("one.csv", vec![numbered("A", "a", 7)]);
    let job = desk.find(one, "A").unwrap();
    desk.exchange(&job, SUBMISSION, Came::Lost);
    let job = desk.find(one, "A").unwrap();
    desk.exchange(&job, SUBMISSION, Came::CloseClaimed);
    let job = desk.find(one, "A").unwrap();
    desk.claim(&job, Asked::Query);
    resolve(&mut desk, "A", Resolution::Success).unwrap();
    let (two, _) = desk.file("two.csv", vec![blank("x", 1), numbered("A", "a", 7)]);
    let story = desk.ledger.story(&no("A")).unwrap().unwrap();
    assert_eq!(story.order, *job.order);
    assert_eq!(story.standing.state, State::Closed);
    assert_eq!((story.generation, story.attempts_sent), (1, 3));
    let places: Vec<_> = story
        .places
        .iter()
        .map(|p| (p.batch, p.file.as_str(), p.line))
        .collect();
    assert_eq!(places, [(one, "one.csv", 2), (two, "two.csv", 3)]);
    let attempts: Vec<_> = story
        .attempts
        .iter()
        .map(|a| {
            let meaning = a.reply.as_ref().map(|r| r.meaning.as_str());
            (a.asked, a.before, meaning)
        })
        .collect();
    assert_eq!(
        attempts,
        [
            (SUBMISSION, State::Pending, Some("RESET")),
            (SUBMISSION, State::Unknown, Some("CLOSE_CLAIMED")),
            (Asked::Query, State::Closed, None),
        ]
    );
    let kinds: Vec<_> = story.decisions.iter().map(|d| d.kind).collect();
    assert_eq!(kinds, [DecisionKind::ResolveSuccess]);
    // Held, replaced and replacing.
    let (three, _) = desk.file("three.csv", vec![numbered("H", "a", 7)]);
    assert_eq!(desk.statuses(three), [Status::Held]);
    let held = desk.ledger.story(&no("H")).unwrap().unwrap();
    assert_eq!(held.held_by, Some(no("A")));
    let (_, accepted) = desk.file("four.csv", vec![numbered("N", "n", 8).back("H")]);
    assert_eq!(accepted.orders, 1);
    let old = desk.ledger.story(&no("H")).unwrap().unwrap();
    let new = desk.ledger.story(&no("N")).unwrap().unwrap();
    assert_eq!(old.superseded_by, Some(no("N")));
    assert_eq!(new.supersedes, [no("H")]);
}
