//! Numbers that another tool has used.

use super::fixture::{Came, DAY_MS, Desk, Engine, MERCHANT, START, blank, no, numbered, staged};
use crate::clock::WallMs;
use crate::ledger::{
    DecisionKind, HOLD_DAYS_DEFAULT, Imported, Job, LedgerResult, Only, OrderId, Person, Phase,
    REISSUE_OF_RESOLVED_MS, Reissue, Scope, SentBefore, StagedOrder, Standing, Written,
};
use crate::order::{Asked, Merchant, NextAction, Resolution, State, Status};

const SUBMISSION: Asked = Asked::Submission;
const DEDUCTED: Option<Resolution> = Some(Resolution::Success);
const FAILED: Option<Resolution> = Some(Resolution::Failed);

fn days_ago(days: i64) -> WallMs {
    START.plus_ms(-days * DAY_MS)
}

pub(super) fn sent(
    row: StagedOrder,
    first_sent_at: WallMs,
    outcome: Option<Resolution>,
) -> StagedOrder {
    StagedOrder {
        past: Some(SentBefore {
            first_sent_at,
            outcome,
            change_no: None,
        }),
        ..row
    }
}

fn try_import(
    desk: &mut Desk,
    file: &str,
    rows: Vec<Result<StagedOrder, String>>,
) -> LedgerResult<Imported> {
    desk.ledger.stage_clear().unwrap();
    desk.ledger.stage(&staged(rows)).unwrap();
    let by = Person::parse("Li Wei").unwrap();
    desk.ledger
        .import(&Desk::head(file), &by, desk.now, HOLD_DAYS_DEFAULT)
}

pub(super) fn import(desk: &mut Desk, file: &str, rows: Vec<StagedOrder>) -> Imported {
    let imported = try_import(desk, file, rows.into_iter().map(Ok).collect()).unwrap();
    assert_eq!(imported.faults, []);
    imported
}

fn standing(desk: &mut Desk, number: &str) -> Standing {
    let story = desk.ledger.story(&no(number)).unwrap();
    story.expect("a known number").standing
}

/// What a plain resume would drive.
fn open(desk: &mut Desk) -> Vec<Job> {
    let merchant = Merchant::parse(MERCHANT).unwrap();
    desk.ledger
        .deck(Scope::Open, Phase::Open, &merchant, OrderId(0), 100)
        .unwrap()
}

pub(in crate::ledger) fn l3_another_tools_word_settles_nothing_and_a_verified_answer_wins(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![
        sent(numbered("A", "a", 10), days_ago(3), DEDUCTED),
        sent(numbered("B", "b", 200), days_ago(3), FAILED),
        sent(numbered("C", "c", 3000), days_ago(3), None),
    ];
    let imported = import(&mut desk, "history.csv", rows);
    assert_eq!(
        (imported.succeeded, imported.failed, imported.unknown),
        (1, 1, 1)
    );
    let batch = imported.batch.unwrap().id;
    let rows = desk.rows(batch);
    let shown: Vec<_> = rows.iter().map(|r| (r.status, r.next_action)).collect();
    assert_eq!(
        shown,
        [
            (Status::Success, NextAction::None),
            (Status::Failed, NextAction::Reissue),
            (Status::Unknown, NextAction::RunAgain),
        ]
    );
    assert!(
        rows[0]
            .note
            .starts_with("imported from history.csv:2 by Li Wei on 2026-01-01"),
        "{}",
        rows[0].note
    );
    let totals = desk.ledger.totals(batch).unwrap();
    let money = (totals.deducted_fen, totals.dead_fen, totals.open_fen);
    assert_eq!(money, (10, 200, 3000));
    for number in ["A", "B", "C"] {
        assert_eq!(standing(&mut desk, number).state, State::Unknown);
    }
    let driven: Vec<String> = open(&mut desk)
        .iter()
        .map(|job| job.order.no.to_string())
        .collect();
    assert_eq!(driven, ["C"], "no run drives what has an end");
    // Nor submits it; a query may be made, and what it says counts.
    let story = desk.ledger.story(&no("A")).unwrap().unwrap();
    assert_eq!(story.decisions[0].kind, DecisionKind::ImportSuccess);
    let merchant = Merchant::parse(MERCHANT).unwrap();
    let mut job = desk
        .ledger
        .deck(Scope::Open, Phase::Open, &merchant, OrderId(0), 1)
        .unwrap()
        .remove(0);
    job.id = OrderId(1);
    job.order = std::sync::Arc::new(story.order);
    job.standing = story.standing;
    let written = desk.write(desk.ask(&job, SUBMISSION));
    assert!(matches!(written, Written::Refused(..)), "{written:?}");
    let after = desk.exchange(&job, Asked::Query, Came::Failed);
    assert_eq!(after.state, State::Failed);
    let row = desk.rows(batch).remove(0);
    assert_eq!(row.status, Status::Failed);
    assert!(
        row.note.contains(Resolution::CONTRADICTED),
        "and a person hears of it: {}",
        row.note
    );
}

pub(in crate::ledger) fn l3_no_refusal_and_no_missing_connection_makes_an_imported_number_unsent(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![sent(numbered("A", "a", 1), days_ago(3), None)];
    import(&mut desk, "history.csv", rows);
    let job = open(&mut desk).remove(0);
    let claimed = match desk.write(desk.ask(&job, SUBMISSION)) {
        Written::Claimed(claimed) => claimed,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        claimed.earlier_sends(),
        1,
        "so that a refusal refuses nothing"
    );
    let answer = desk.answer(
        (claimed.attempt(), claimed.job()),
        SUBMISSION,
        State::Unknown,
        Came::NotSent,
    );
    let after = desk.record(answer);
    assert_eq!((after.state, after.maybe_accepted), (State::Unknown, 1));
    assert_eq!(after.first_sent_at, Some(days_ago(3)));
    let target = crate::ledger::CancelTarget::Number(no("A"));
    let cancelled = desk.ledger.cancel(&target, desk.now).unwrap();
    assert_eq!(cancelled.withdrawn, []);
}

pub(in crate::ledger) fn l4_an_imported_number_has_the_window_of_its_first_send_and_no_send_of_ours(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![sent(numbered("A", "a", 1), days_ago(28), None)];
    import(&mut desk, "history.csv", rows);
    assert_eq!(desk.ledger.recent_sends(WallMs(i64::MIN)).unwrap(), []);
    let expiring = desk.ledger.expiring(days_ago(27), 9).unwrap();
    assert_eq!(expiring.count, 1, "told as any that comes to its end");
    let job = open(&mut desk).remove(0);
    assert_eq!(job.standing.first_sent_at, Some(days_ago(28)));
    let after = desk.exchange(&job, SUBMISSION, Came::Lost);
    assert_eq!(after.first_sent_at, Some(days_ago(28)));
    let story = desk.ledger.story(&no("A")).unwrap().unwrap();
    assert_eq!(story.attempts_sent, 1, "another's requests are not ours");
}

pub(in crate::ledger) fn l4_a_number_that_waits_unsent_counts_as_sent_once_a_history_has_it(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file(
        "night.csv",
        vec![numbered("A", "a", 1), numbered("B", "b", 1)],
    );
    let rows = vec![
        sent(numbered("A", "a", 1), days_ago(20), None),
        sent(numbered("B", "b", 1), days_ago(20), DEDUCTED),
    ];
    let imported = import(&mut desk, "history.csv", rows);
    assert_eq!((imported.unknown, imported.succeeded), (1, 1));
    let taken = imported.batch.unwrap().id;
    for batch in [batch, taken] {
        assert_eq!(desk.statuses(batch), [Status::Unknown, Status::Success]);
    }
    let after = standing(&mut desk, "A");
    assert_eq!(after.first_sent_at, Some(days_ago(20)));
    assert_eq!(after.maybe_accepted, 1);
}

pub(in crate::ledger) fn l5_what_another_tool_calls_failed_is_issued_again_31_days_after_its_first_send(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![sent(numbered("A", "a", 1), days_ago(1), FAILED)];
    let imported = import(&mut desk, "history.csv", rows);
    let batch = imported.batch.unwrap().id;
    let from = days_ago(1).plus_ms(REISSUE_OF_RESOLVED_MS);
    let mut proofs = |at| {
        desk.ledger
            .proofs(batch, Only::Dead, 0, 9, at)
            .unwrap()
            .into_iter()
            .map(|(_, proof)| proof)
            .collect::<Vec<_>>()
    };
    assert!(proofs(from.plus_ms(-1)).is_empty());
    let proof = proofs(from);
    assert_eq!(proof.len(), 1);
    let reissued = desk.ledger.reissue(batch, proof, from).unwrap();
    let Reissue::Issued { child } = &reissued[0].outcome else {
        panic!("{reissued:?}");
    };
    assert_eq!(*child, no("A").reissued(2));
}

pub(in crate::ledger) fn l2_a_history_is_taken_over_whole_or_not_at_all(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (night, _) = desk.file(
        "night.csv",
        vec![
            numbered("T", "t", 1),
            numbered("S", "s", 1),
            numbered("W", "w", 1),
        ],
    );
    desk.bring(night, "S", State::Unknown);
    desk.bring(night, "W", State::Cancelled);
    let head = desk.ledger.journal_head().unwrap();
    let good = || sent(numbered("G", "g", 1), days_ago(3), DEDUCTED);
    for (bad, line, want) in [
        (
            sent(numbered("T", "t", 2), days_ago(3), DEDUCTED),
            3,
            "is taken by night.csv:2, whose amount differs",
        ),
        (
            sent(numbered("G", "g", 1), days_ago(3), FAILED),
            3,
            "stands in row 2 of this file already",
        ),
        (
            sent(numbered("W", "w", 1), days_ago(3), None),
            3,
            "is CANCELLED in night.csv:4",
        ),
        (
            sent(numbered("S", "s", 1), days_ago(3), None),
            3,
            "was first sent on 2026-01-01T08:00:00.000+08:00 by this ledger (night.csv:3), later",
        ),
    ] {
        let rows = vec![Ok(good()), Ok(bad)];
        let imported = try_import(&mut desk, "history.csv", rows).unwrap();
        assert_eq!(imported.batch, None);
        let [fault] = &imported.faults[..] else {
            panic!("{imported:?}");
        };
        assert_eq!(fault.line, line);
        assert!(fault.what.starts_with(want), "{}", fault.what);
    }
    // What waits to be sent for the same debt would go out beside it, unless its time is over.
    for (days, outcome, fault) in [
        (39, DEDUCTED, true),
        (39, FAILED, true),
        (400, None, true),
        (41, DEDUCTED, false),
    ] {
        let old = sent(numbered("O", "t", 1), days_ago(days), outcome);
        let rows = vec![Ok(old), Err("so that nothing is taken over".into())];
        let imported = try_import(&mut desk, "history.csv", rows).unwrap();
        let whats: Vec<&str> = imported.faults.iter().map(|f| f.what.as_str()).collect();
        let want = "is of a debt that waits to be deducted once more, as T in night.csv:2";
        assert_eq!(whats.contains(&want), fault, "{days} {whats:?}");
    }
    let rows = vec![Ok(good()), Err("amount: none".into())];
    let imported = try_import(&mut desk, "history.csv", rows).unwrap();
    assert_eq!((imported.batch, imported.invalid), (None, 1));
    assert_eq!(desk.ledger.story(&no("G")).unwrap(), None);
    assert_eq!(desk.ledger.journal_head().unwrap(), head);
    let digest = Desk::head("history.csv").digest;
    assert_eq!(desk.ledger.find_batch(&digest).unwrap(), None);
    assert_eq!(
        desk.statuses(night),
        [Status::Pending, Status::Unknown, Status::Cancelled]
    );
}

pub(in crate::ledger) fn a_history_that_is_given_again_adds_nothing(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let rows = || vec![sent(numbered("A", "a", 1), days_ago(3), DEDUCTED)];
    let first = import(&mut desk, "history.csv", rows());
    let head = desk.ledger.journal_head().unwrap();
    let again = import(&mut desk, "history.csv", rows());
    assert!(again.known && !first.known);
    assert_eq!(again.batch, first.batch);
    assert_eq!(desk.ledger.journal_head().unwrap(), head);
    // In another file they are repeats.
    let other = import(&mut desk, "other.csv", rows());
    assert_eq!((other.repeats, other.succeeded), (1, 0));
    assert_eq!(desk.ledger.journal_head().unwrap(), head);
    let row = desk.rows(other.batch.unwrap().id).remove(0);
    assert_eq!(row.duplicate_of.as_deref(), Some("history.csv:2"));
    // A file whose rows may be sent for the first time is no history.
    desk.file("night.csv", vec![numbered("N", "n", 1)]);
    let rows = vec![Ok(sent(numbered("N", "n", 1), days_ago(3), None))];
    let e = try_import(&mut desk, "night.csv", rows).unwrap_err();
    assert!(e.to_string().contains("not as a history"), "{e}");
}

pub(in crate::ledger) fn the_next_nights_rows_are_repeats_or_held_by_the_past(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let rows = vec![
        sent(numbered("A", "a", 1), days_ago(39), DEDUCTED),
        sent(numbered("B", "b", 1), days_ago(39), FAILED),
        sent(numbered("C", "c", 1), days_ago(400), None),
        sent(numbered("D", "d", 1), days_ago(41), DEDUCTED),
        sent(numbered("E", "e", 1), days_ago(41), FAILED),
    ];
    import(&mut desk, "history.csv", rows);
    let (_, accepted) = desk.file("night.csv", vec![numbered("A", "a", 1)]);
    assert_eq!((accepted.repeats, accepted.orders), (1, 0));
    let debts = ["a", "b", "c", "d", "e", "f"];
    let rows = debts.iter().map(|debt| blank(debt, 1)).collect();
    let (batch, _) = desk.file("blank.csv", rows);
    use Status::{Held, Pending};
    assert_eq!(
        desk.statuses(batch),
        [Held, Held, Held, Pending, Pending, Pending],
        "what has an end holds for 40 days from its first send, what has none for ever"
    );
}

/// The other tool lost sight of A and tried again as B: A may have arrived or not, the debt is paid.
pub(in crate::ledger) fn l5_an_imported_number_is_not_submitted_beside_one_that_paid_its_debt(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![
        sent(numbered("A", "one debt", 1), days_ago(3), None),
        sent(numbered("B", "one debt", 1), days_ago(2), DEDUCTED),
        sent(numbered("C", "another", 1), days_ago(2), None),
    ];
    import(&mut desk, "history.csv", rows);
    for job in open(&mut desk) {
        let written = desk.write(desk.ask(&job, SUBMISSION));
        let refused = matches!(written, Written::Refused(..));
        assert_eq!(refused, job.order.no == no("A"), "{written:?}");
    }
}

pub(in crate::ledger) fn l5_a_number_that_was_refused_here_is_taken_over_from_no_history(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("night.csv", vec![numbered("A", "a", 1)]);
    desk.bring(batch, "A", State::Rejected);
    for outcome in [DEDUCTED, FAILED, None] {
        let rows = vec![Ok(sent(numbered("A", "a", 1), desk.now, outcome))];
        let imported = try_import(&mut desk, "history.csv", rows).unwrap();
        assert_eq!(imported.faults.len(), 1, "{outcome:?}");
        assert_eq!(standing(&mut desk, "A").state, State::Rejected);
    }
}

/// Rows that were never taken in for what they are may be somebody's sends all the same.
pub(in crate::ledger) fn l2_a_batch_with_rows_that_are_no_orders_is_no_history(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![Err("amount: must be above zero".to_owned())];
    desk.mixed("faulty.csv", rows);
    desk.file("one.csv", vec![numbered("A", "a", 1)]);
    let (_, accepted) = desk.file("clash.csv", vec![numbered("A", "a", 2)]);
    assert_eq!(accepted.conflicts, 1);
    for file in ["faulty.csv", "clash.csv"] {
        let row = sent(numbered("B", "b", 1), days_ago(3), None);
        let said = try_import(&mut desk, file, vec![Ok(row)]);
        let words = said.unwrap_err().to_string();
        assert!(words.contains("not as a history"), "{file}: {words}");
    }
}
