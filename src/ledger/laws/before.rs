//! What stands before an order: earlier numbers of its debt that were paid, or may be (law L5).

use super::decisions::{person, resolve};
use super::fixture::{Came, DAY_MS, Desk, Engine, START, blank, no, numbered};
use super::history::{import, sent};
use super::reissue::child;
use crate::clock::WallMs;
use crate::ledger::{
    BatchId, Before, OverviewAsk, Phase, Reach, Reissue, Scope, Standing, Write, Written,
};
use crate::order::{Asked, NextAction, OrderNo, Resolution, State, Status};

impl Desk {
    /// Reconciles one order: it is queried, and this comes back.
    fn told(&mut self, batch: BatchId, number: &str, came: Came) -> Standing {
        let scope = Scope::Sent(Reach::Of(batch), self.now);
        let mut jobs = self.deck(scope, Phase::Open).into_iter();
        let job = jobs.find(|job| job.order.no.as_str() == number).unwrap();
        self.exchange(&job, Asked::Query, came)
    }

    /// Whether the ledger lets this order be submitted now; if so, it stays on the wire.
    fn may_submit(&mut self, batch: BatchId, number: &str) -> bool {
        let job = self.find(batch, number).unwrap();
        let before = job.standing.state;
        match self.write(self.ask(&job, Asked::Submission)) {
            Written::Claimed(_) => true,
            Written::Refused(id, standing) => {
                assert_eq!((id, standing.state), (job.id, before), "it stays as it is");
                false
            }
            other => panic!("{other:?}"),
        }
    }

    /// An order of one file that people called dead and that was issued again, by a clock that said so
    /// 31 days on; the clock is right again.
    fn issued_by_a_clock_that_was_ahead(&mut self) -> (BatchId, OrderNo) {
        let (batch, _) = self.file("one.csv", vec![numbered("A", "a", 1)]);
        self.bring(batch, "A", State::Unknown);
        resolve(self, "A", Resolution::Failed).unwrap();
        self.now = START.plus_ms(31 * DAY_MS);
        let child = child(&self.rerun(batch).remove(0)).unwrap();
        self.now = START.plus_ms(DAY_MS);
        (batch, child)
    }
}

fn before(desk: &mut Desk, number: &OrderNo) -> Option<Before> {
    desk.ledger.story(number).unwrap().unwrap().before
}

pub(in crate::ledger) fn l5_a_clock_that_was_ahead_while_a_child_was_issued_does_not_send_it_early(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, child) = desk.issued_by_a_clock_that_was_ahead();
    let from = START.plus_ms(31 * DAY_MS);
    for early in [START.plus_ms(DAY_MS), from.plus_ms(-1)] {
        desk.now = early;
        assert!(!desk.may_submit(batch, child.as_str()));
    }
    assert_eq!(
        before(&mut desk, &child),
        Some(Before::Waits(no("A"), from))
    );
    let row = desk.rows(batch).remove(0);
    let said = format!("not submitted before {}: A was called dead", from.rfc3339());
    assert!(row.note.contains(&said), "{}", row.note);
    // Time alone settles it.
    assert_eq!(
        (row.status, row.next_action),
        (Status::Pending, NextAction::RunAgain)
    );
    desk.now = from;
    assert!(desk.may_submit(batch, child.as_str()));
    // What was sent by such a clock is not sent again by a right one.
    desk.now = from.plus_ms(-1);
    assert!(!desk.may_submit(batch, child.as_str()));
}

/// A changed row that takes such a child's place has no parent of its own; what it stands for has.
pub(in crate::ledger) fn l5_what_takes_the_place_of_an_early_child_waits_as_it_did(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (_, child) = desk.issued_by_a_clock_that_was_ahead();
    let (two, _) = desk.file("two.csv", vec![numbered("B", "a", 2).back(child.as_str())]);
    let (three, _) = desk.file("three.csv", vec![numbered("C", "a", 3).back("B")]);
    assert_eq!(desk.statuses(two), [Status::Cancelled]);
    assert!(!desk.may_submit(three, "C"));
    desk.now = START.plus_ms(31 * DAY_MS);
    assert!(desk.may_submit(three, "C"));
}

pub(in crate::ledger) fn l5_a_child_waits_while_its_parent_is_worked_on(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, child) = desk.issued_by_a_clock_that_was_ahead();
    desk.now = START.plus_ms(31 * DAY_MS);
    // Whatever the clock said when people decided.
    assert_eq!(
        desk.told(batch, "A", Came::Processing).resolved,
        Some(Resolution::Failed)
    );
    assert!(!desk.may_submit(batch, child.as_str()));
    assert_eq!(before(&mut desk, &child), Some(Before::Undead(no("A"))));
    let row = desk.rows(batch).remove(0);
    assert_eq!(row.next_action, NextAction::Review);
    assert!(
        row.note
            .contains("A was called dead by people, and may not be"),
        "{}",
        row.note
    );
    assert_eq!(desk.told(batch, "A", Came::Failed).state, State::Failed);
    assert!(
        desk.may_submit(batch, child.as_str()),
        "the gateway says so itself"
    );
}

/// A commit may hold the parent's late answer and, behind it, the submission of its child.
pub(in crate::ledger) fn l5_a_number_that_was_paid_keeps_its_child_back_within_one_commit(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    for (number, paid_first) in [("A", true), ("B", false)] {
        let (batch, _) = desk.file(number, vec![numbered(number, number, 100)]);
        desk.bring(batch, number, State::Failed);
        let child = child(&desk.rerun(batch).remove(0)).unwrap();
        let scope = Scope::Sent(Reach::Of(batch), desk.now);
        let parent = desk.deck(scope, Phase::Open).remove(0);
        let (attempt, parent) = desk.claim(&parent, Asked::Query);
        let before = parent.standing.state;
        let paid = desk.answer((attempt, &parent), Asked::Query, before, Came::Success);
        let child = desk.find(batch, child.as_str()).unwrap();
        let mut group = vec![
            Write::Record(Box::new(paid)),
            desk.ask(&child, Asked::Submission),
        ];
        if !paid_first {
            group.reverse();
        }
        let written = desk.ledger.write(group).unwrap();
        let claimed = |written: &Written| matches!(written, Written::Claimed(_));
        assert_eq!(written.iter().any(claimed), !paid_first);
    }
}

/// Otherwise it is PENDING and "run again" every night, for ever.
pub(in crate::ledger) fn l5_what_is_not_sent_since_an_earlier_number_was_paid_is_told_to_a_person(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![numbered("A", "a", 100), numbered("B", "b", 10)];
    let (batch, _) = desk.file("one.csv", rows);
    desk.bring(batch, "A", State::Failed);
    desk.bring(batch, "B", State::Failed);
    let issued = desk.rerun(batch);
    let children: Vec<_> = issued.iter().filter_map(child).collect();
    // The one has not gone out, of the other nobody knows.
    desk.bring(batch, children[1].as_str(), State::Unknown);
    desk.told(batch, "A", Came::Success);
    desk.told(batch, "B", Came::Success);
    let does = ["levy cancel", "levy resolve"];
    for (at, parent) in ["A", "B"].into_iter().enumerate() {
        let child = &children[at];
        assert!(!desk.may_submit(batch, child.as_str()));
        assert_eq!(before(&mut desk, child), Some(Before::Paid(no(parent))));
        let row = desk.rows(batch).remove(at);
        assert_eq!(row.next_action, NextAction::Review);
        let (paid, what) = (format!("{parent} has paid this debt"), does[at]);
        let what = format!("(`{what} {child}`)");
        let what = what.trim_matches(['(', ')']);
        assert!(
            row.note.contains(&paid) && row.note.contains(what),
            "{}",
            row.note
        );
    }
    let review = [(NextAction::Review, 2)];
    assert_eq!(desk.ledger.totals(batch).unwrap().by_action, review);
    for batch in [None, Some(batch)] {
        let ask = OverviewAsk {
            batch,
            closing_since: WallMs(0),
        };
        let overview = desk.ledger.overview(&ask).unwrap();
        assert_eq!((overview.stopped_unsent, overview.stopped_sent), (1, 1));
        assert_eq!(overview.stopped_first, children);
    }
    let open = desk.ledger.last_attempt().unwrap();
    let open = desk.ledger.totals_since(open).unwrap().by_action;
    assert_eq!(open, [(NextAction::Review, 1)], "a resume says so too");
}

/// Neither a run nor a mended row helps it on.
pub(in crate::ledger) fn l5_what_was_closed_or_refused_beside_a_paid_number_is_told_to_a_person(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    for (number, state) in [("A", State::Closed), ("B", State::Rejected)] {
        let (batch, _) = desk.file(number, vec![numbered(number, number, 100)]);
        desk.bring(batch, number, State::Failed);
        let child = child(&desk.rerun(batch).remove(0)).unwrap();
        desk.bring(batch, child.as_str(), state);
        assert_eq!(before(&mut desk, &child), None);
        desk.told(batch, number, Came::Success);
        let row = desk.rows(batch).remove(0);
        assert_eq!(row.next_action, NextAction::Review, "{state}");
        let said = format!("not submitted: {number} has paid this debt");
        assert!(row.note.contains(&said), "{state}: {}", row.note);
        let totals = desk.ledger.totals(batch).unwrap();
        assert_eq!(totals.by_action, [(NextAction::Review, 1)], "{state}");
    }
}

/// However many changed rows and reissues lie between.
pub(in crate::ledger) fn l5_a_paid_number_is_found_through_several_changes_and_reissues(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (one, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    desk.bring(one, "A", State::Failed);
    let second = child(&desk.rerun(one).remove(0)).unwrap();
    desk.bring(one, second.as_str(), State::ClosedProven);
    let back = second.as_str();
    let (two, _) = desk.file("two.csv", vec![numbered("B", "a", 2).back(back)]);
    desk.bring(two, "B", State::Failed);
    let (three, _) = desk.file("three.csv", vec![numbered("C", "a", 3).back("B")]);
    desk.bring(three, "C", State::Failed);
    let (four, _) = desk.file("four.csv", vec![blank("a", 4).back("C")]);
    let last = desk.rows(four).remove(0).order.unwrap().no;
    assert_eq!(before(&mut desk, &last), None);
    desk.told(one, "A", Came::Success);
    assert!(!desk.may_submit(four, last.as_str()));
    assert_eq!(before(&mut desk, &last), Some(Before::Paid(no("A"))));
}

pub(in crate::ledger) fn l5_another_tools_failed_is_worth_no_new_number_while_it_is_worked_on(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let failed = sent(
        numbered("A", "a", 1),
        START.plus_ms(-40 * DAY_MS),
        Some(Resolution::Failed),
    );
    let batch = import(&mut desk, "history.csv", vec![failed])
        .batch
        .unwrap()
        .id;
    desk.told(batch, "A", Came::Processing);
    assert_eq!(
        desk.ledger
            .story(&no("A"))
            .unwrap()
            .unwrap()
            .new_number_from,
        None
    );
    for reissued in desk.rerun(batch) {
        assert!(matches!(reissued.outcome, Reissue::Kept(_)), "{reissued:?}");
    }
}

/// Otherwise the second amount leaves a moment before the answer that forbids it.
pub(in crate::ledger) fn l5_what_people_called_dead_is_dealt_for_a_query_before_its_open_reissue(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (other, _) = desk.file("other.csv", vec![numbered("B", "b", 1)]);
    desk.bring(other, "B", State::Unknown);
    resolve(&mut desk, "B", Resolution::Failed).unwrap();
    let (batch, child) = desk.issued_by_a_clock_that_was_ahead();
    let from = START.plus_ms(31 * DAY_MS);
    let reaches = [
        (Reach::Of(batch), true),
        (Reach::Of(other), false),
        (Reach::Between(from, from.plus_ms(1)), true),
        (Reach::Between(START, from), false),
    ];
    let dealt = |desk: &mut Desk, reach| {
        let scope = Scope::Replaced(reach);
        let numbers = desk.numbers(scope, Phase::Open);
        assert!(desk.numbers(scope, Phase::Pending).is_empty());
        let lanes = desk.ledger.lanes(scope).unwrap();
        let counted: u64 = lanes.iter().map(|lane| lane.open).sum();
        assert_eq!(counted as usize, numbers.len());
        assert_eq!(desk.ledger.nth_unsent(scope, 1, desk.now).unwrap(), None);
        numbers
    };
    for (reach, _) in reaches {
        assert!(
            dealt(&mut desk, reach).is_empty(),
            "the reissue waits at home"
        );
    }
    desk.now = from;
    desk.bring(batch, child.as_str(), State::Unknown);
    for (reach, is) in reaches {
        let want: &[&str] = if is { &["A"] } else { &[] };
        assert_eq!(dealt(&mut desk, reach), want, "{reach:?}");
    }
    desk.told(batch, "A", Came::Success);
    assert!(!desk.may_submit(batch, child.as_str()));
    assert!(dealt(&mut desk, Reach::Of(batch)).is_empty());
}

/// A changed row that took such a reissue's place would deduct beside it just so.
pub(in crate::ledger) fn l5_what_people_called_dead_is_dealt_for_a_query_before_what_took_its_place(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (batch, child) = desk.issued_by_a_clock_that_was_ahead();
    let (two, _) = desk.file("two.csv", vec![numbered("B", "a", 2).back(child.as_str())]);
    let changed = numbered("C", "b", 3).merchant("1900016682").back("B");
    let (three, _) = desk.file("three.csv", vec![changed]);
    desk.now = START.plus_ms(31 * DAY_MS);
    desk.bring(three, "C", State::Unknown);
    let now = desk.now;
    for (reach, want) in [
        (Reach::Of(three), vec!["A"]),
        (Reach::Between(now, now.plus_ms(1)), vec!["A"]),
        (Reach::Of(two), vec![]),
        (Reach::Of(batch), vec![]),
        (Reach::Between(START, now), vec![]),
    ] {
        let scope = Scope::Replaced(reach);
        assert_eq!(desk.numbers(scope, Phase::Open), want, "{reach:?}");
        let lanes = desk.ledger.lanes(scope).unwrap();
        let counted: u64 = lanes.iter().map(|lane| lane.open).sum();
        assert_eq!(counted as usize, want.len(), "{reach:?}");
    }
}

/// A refused or failed order holds nobody, so that its debt may have been given afresh and paid at any
/// time since: a reissue that comes late would deduct twice.
pub(in crate::ledger) fn l5_a_child_is_held_by_what_paid_the_debt_however_long_ago(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    for (i, state) in [State::Success, State::Expired].into_iter().enumerate() {
        let (dead, fresh) = (format!("A{i}"), format!("B{i}"));
        let account = i.to_string();
        desk.now = START;
        let (batch, _) = desk.file(&dead, vec![numbered(&dead, &account, 7)]);
        desk.bring(batch, &dead, State::Failed);
        desk.now = START.plus_ms(DAY_MS);
        let (other, accepted) = desk.file(&fresh, vec![numbered(&fresh, &account, 7)]);
        assert_eq!(accepted.held, 0, "the one before is dead");
        desk.bring(other, &fresh, state);
        desk.now = START.plus_ms(400 * DAY_MS);
        let issued = desk.rerun(batch).remove(0).outcome;
        let (child, by) = (no(&dead).reissued(2), no(&fresh));
        assert_eq!(
            issued,
            Reissue::Held {
                child: child.clone(),
                by
            },
            "{state}"
        );
        let row = desk.rows(batch).remove(0);
        let named = format!("looks like {fresh} in {fresh}:2");
        assert!(row.note.contains(&named), "{}", row.note);
        // A person knows that it is another debt.
        let released = desk.ledger.release(&[child], &person("Li Wei"), desk.now);
        assert_eq!(released.unwrap().released.len(), 1);
        assert_eq!(desk.statuses(batch), [Status::Pending]);
    }
}
