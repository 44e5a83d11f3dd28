//! Plans: what was planned is what is taken in, and two people stand behind it.

use super::decisions::person;
use super::fixture::{Desk, Engine, blank, no, numbered, staged};
use crate::ledger::{
    Accepted, Admit, Batch, BatchId, Decided, Decision, DecisionKind, FilePlan, HOLD_DAYS_DEFAULT,
    LedgerError, LedgerResult, NewPlan, OrderSum, PlanId, PlanKey, StagedOrder,
};
use crate::order::State;

#[track_caller]
fn refused<T: std::fmt::Debug>(result: LedgerResult<T>, want: &str) {
    match result {
        Err(LedgerError::Refused(words)) => assert!(words.contains(want), "{words}"),
        other => panic!("{other:?}"),
    }
}

fn stage(desk: &mut Desk, rows: &[StagedOrder]) {
    desk.ledger.stage_clear().unwrap();
    let rows = rows.iter().cloned().map(Ok).collect();
    desk.ledger.stage(&staged(rows)).unwrap();
}

pub(super) fn plan(
    desk: &mut Desk,
    file: &str,
    rows: &[StagedOrder],
    by: &str,
) -> LedgerResult<FilePlan> {
    stage(desk, rows);
    let new = NewPlan {
        head: &Desk::head(file),
        path: Some("/drop/one.csv"),
        by: &person(by),
        encoding: None,
        accept_digits: false,
    };
    desk.ledger.plan(&new, desk.now, HOLD_DAYS_DEFAULT)
}

pub(super) fn accept(
    desk: &mut Desk,
    file: &str,
    rows: &[StagedOrder],
    admit: Admit,
) -> LedgerResult<(Batch, Accepted)> {
    stage(desk, rows);
    let head = Desk::head(file);
    desk.ledger
        .accept_if(&head, desk.now, HOLD_DAYS_DEFAULT, admit)
}

pub(super) fn approve(desk: &mut Desk, plan: PlanId, by: &str) -> LedgerResult<Decided> {
    let by = person(by);
    desk.ledger
        .decide(&Decision::Approve { plan, by }, desk.now)
}

pub(in crate::ledger) fn a_plan_says_what_a_file_would_do_and_does_nothing(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    desk.file("old.csv", vec![numbered("A", "a", 100)]);
    let head = desk.ledger.journal_head().unwrap();
    let rows = [
        numbered("A", "a", 100),
        numbered("B", "b", 250),
        // For the same debt as A, which is alive.
        numbered("C", "a", 100),
    ];
    let made = plan(&mut desk, "one.csv", &rows, "Li Wei").unwrap();
    let outcome = made.outcome;
    let want = Accepted {
        rows: 3,
        orders: 2,
        repeats: 1,
        held: 1,
        ..Accepted::default()
    };
    assert_eq!(outcome.accepted, want);
    let to_send = OrderSum {
        orders: 1,
        fen: 250,
    };
    assert_eq!(outcome.to_send, [OrderSum::default(), to_send]);
    assert_eq!(outcome.held_fen, 100);
    assert_eq!((made.made_by.as_str(), made.made_at), ("Li Wei", desk.now));
    assert_eq!((made.approval.clone(), made.batch), (None, None));
    // Nothing of it is in the books, nor in the journal.
    assert!(desk.ledger.find_batch(&made.digest).unwrap().is_none());
    assert!(desk.ledger.batch(BatchId(2)).unwrap().is_none());
    assert!(desk.ledger.content_of(&no("B")).unwrap().is_none());
    assert_eq!(desk.ledger.journal_head().unwrap(), head);
    let waiting = desk.ledger.plans_waiting().unwrap();
    assert_eq!(waiting.iter().collect::<Vec<_>>(), [&made]);
    // The same again, by whomever, is the same plan; what has changed makes another.
    assert_eq!(plan(&mut desk, "one.csv", &rows, "Zhao").unwrap(), made);
    desk.file("two.csv", vec![numbered("B", "b", 250)]);
    let other = plan(&mut desk, "one.csv", &rows, "Li Wei").unwrap();
    assert_ne!(other.id, made.id);
    let waiting = desk.ledger.plans_waiting().unwrap();
    assert_eq!(waiting.iter().collect::<Vec<_>>(), [&other]);
    let newest = desk.ledger.find_plan(PlanKey::File(&made.digest)).unwrap();
    assert_eq!(newest, Some(other));
    let by_id = desk.ledger.find_plan(PlanKey::Id(made.id)).unwrap();
    assert_eq!(by_id, Some(made));
    assert_eq!(desk.ledger.find_plan(PlanKey::Id(PlanId(9))).unwrap(), None);
    // A batch has nothing to plan.
    let batch = plan(&mut desk, "two.csv", &rows, "Li Wei");
    refused(batch, "is batch 2 already");
}

pub(in crate::ledger) fn l2_a_plan_is_run_only_if_exactly_that_comes_out(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let rows = [numbered("A", "a", 100), numbered("B", "b", 100)];
    let made = plan(&mut desk, "one.csv", &rows, "Li Wei").unwrap();
    let planned = Admit::Planned(made.id);
    // Other bytes.
    let other = accept(&mut desk, "two.csv", &rows, planned);
    refused(other, "its bytes are not those that plan 1 was made of");
    // The same sums, and another order: read with other options.
    let swapped = [numbered("A", "a", 100), numbered("D", "d", 100)];
    let swapped = accept(&mut desk, "one.csv", &swapped, planned);
    refused(swapped, "the orders are others");
    // The ledger has changed.
    let (between, _) = desk.file("between.csv", vec![numbered("B", "b", 100)]);
    let changed = accept(&mut desk, "one.csv", &rows, planned);
    refused(changed, "orders to send: 2 were planned, and it is 1 now");
    // Nothing of any of them is left.
    assert!(desk.ledger.find_batch(&made.digest).unwrap().is_none());
    assert!(desk.ledger.content_of(&no("A")).unwrap().is_none());
    assert!(desk.ledger.batch(BatchId(between.0 + 1)).unwrap().is_none());
    let again = plan(&mut desk, "one.csv", &rows, "Li Wei").unwrap();
    // Should the old one fit again: planned anew is what takes an approval back.
    let stale = accept(&mut desk, "one.csv", &rows, planned);
    refused(stale, "plan 1 was replaced by plan 2");
    let planned = Admit::Planned(again.id);
    let (batch, accepted) = accept(&mut desk, "one.csv", &rows, planned).unwrap();
    assert_eq!(accepted, again.outcome.accepted);
    let run = FilePlan {
        batch: Some(batch.id),
        ..again
    };
    for key in [
        PlanKey::Id(run.id),
        PlanKey::Batch(batch.id),
        PlanKey::Order(&no("A")),
    ] {
        let found = desk.ledger.find_plan(key).unwrap();
        assert_eq!(found.as_ref(), Some(&run), "{key:?}");
    }
    assert_eq!(
        desk.ledger.find_plan(PlanKey::Batch(between)).unwrap(),
        None
    );
    let of_other = desk.ledger.find_plan(PlanKey::Order(&no("B"))).unwrap();
    assert_eq!(of_other, None, "it came first in another batch");
    assert_eq!(desk.ledger.plans_waiting().unwrap(), []);
    let none = accept(&mut desk, "three.csv", &rows, Admit::Planned(PlanId(9)));
    refused(none, "no plan 9");
}

pub(in crate::ledger) fn a_plan_is_approved_by_somebody_else_once_and_before_it_is_run(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = [blank("a", 100)];
    let old = plan(&mut desk, "one.csv", &rows, "Li Wei").unwrap();
    for same in ["Li Wei", " li  WEI", "Ｌｉ Ｗｅｉ"] {
        refused(approve(&mut desk, old.id, same), "was made by Li Wei");
    }
    refused(approve(&mut desk, PlanId(7), "Wang Fang"), "no plan 7");
    desk.file("between.csv", vec![blank("a", 100)]);
    let made = plan(&mut desk, "one.csv", &rows, "Li Wei").unwrap();
    refused(
        approve(&mut desk, old.id, "Wang Fang"),
        "was replaced by plan 2",
    );
    let before = desk.ledger.journal_head().unwrap();
    let decided = approve(&mut desk, made.id, "Wang Fang").unwrap();
    assert_eq!(decided.kind, DecisionKind::Approve);
    assert_eq!(decided.by_first, "Li Wei");
    assert_eq!(decided.by_second.as_deref(), Some("Wang Fang"));
    for part in ["plan 2 of one.csv: SHA-256 ", ", 1 rows, ", " 1 repeats"] {
        assert!(decided.words.contains(part), "{}", decided.words);
    }
    // An entry of the journal, after which others follow.
    let head = desk.ledger.journal_head().unwrap();
    assert_eq!(head.entries, before.entries + 1);
    assert_ne!(head.hash, before.hash);
    refused(
        approve(&mut desk, made.id, "Zhao"),
        "approved already, by Wang Fang",
    );
    let (batch, _) = accept(&mut desk, "one.csv", &rows, Admit::Planned(made.id)).unwrap();
    refused(approve(&mut desk, made.id, "Zhao"), "is batch 2 already");
    let found = desk.ledger.find_plan(PlanKey::Batch(batch.id)).unwrap();
    let approval = found.unwrap().approval.unwrap();
    assert_eq!((approval.by.as_str(), approval.at), ("Wang Fang", desk.now));
    desk.bring(BatchId(1), &blank("a", 100).derived(1), State::Success);
    assert!(desk.ledger.journal_head().unwrap().entries > head.entries);
}

pub(in crate::ledger) fn a_file_without_a_new_deduction_needs_no_plan(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    desk.file("one.csv", vec![numbered("A", "a", 100)]);
    let new = [numbered("A", "a", 100), numbered("B", "b", 100)];
    let two = accept(&mut desk, "two.csv", &new, Admit::NothingNew);
    refused(two, "1 of its 2 rows are new deductions");
    assert!(desk.ledger.content_of(&no("B")).unwrap().is_none());
    // A row that came back changed is one too; it would replace what was never sent.
    let changed = [numbered("A", "a", 200).back("A")];
    let three = accept(&mut desk, "three.csv", &changed, Admit::NothingNew);
    refused(three, "1 of its 1 rows are new deductions");
    assert!(desk.find(BatchId(1), "A").is_some(), "A stands as it did");
    let known = [numbered("A", "a", 100), numbered("A", "a", 100).back("A")];
    let (_, accepted) = accept(&mut desk, "four.csv", &known, Admit::NothingNew).unwrap();
    assert_eq!((accepted.orders, accepted.repeats), (0, 2));
}

pub(in crate::ledger) fn what_no_approved_plan_allows_is_counted(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (bare, _) = desk.file(
        "bare.csv",
        vec![numbered("A", "a", 1), numbered("B", "b", 1)],
    );
    assert_eq!(desk.ledger.unapproved(bare).unwrap(), 2);
    desk.bring(bare, "A", State::Failed);
    assert_eq!(desk.ledger.unapproved(bare).unwrap(), 1);
    for (file, row, approver, left) in [
        ("planned.csv", numbered("C", "c", 1), None, 1),
        ("approved.csv", numbered("D", "d", 1), Some("Wang Fang"), 0),
    ] {
        let rows = [row];
        let made = plan(&mut desk, file, &rows, "Li Wei").unwrap();
        if let Some(by) = approver {
            approve(&mut desk, made.id, by).unwrap();
        }
        let (batch, _) = accept(&mut desk, file, &rows, Admit::Planned(made.id)).unwrap();
        assert_eq!(desk.ledger.unapproved(batch.id).unwrap(), left, "{file}");
    }
}
