//! What was refused and is submitted again, or mended: nothing of its debt is deducted beside it.

use super::decisions::{person, resolve};
use super::fixture::{Came, DAY_MS, Desk, Engine, blank, no, numbered};
use super::reissue::STATES;
use crate::ledger::{
    BatchId, Job, Phase, Reach, Reissue, Rerun, Scope, StagedOrder, Unsent, Written,
};
use crate::order::{Asked, Comeback, NextAction, Proof, Resolution, State, Status};

impl Desk {
    /// What `rerun BATCH --only rejected` would submit again.
    fn refused(&mut self, batch: BatchId) -> Vec<Job> {
        let scope = Scope::Rerun(batch, Rerun::IssuedAndRejected(Unsent::Reissues));
        self.deck(scope, Phase::Open)
    }

    /// Submits what was refused again; whether the ledger lets it, and then it stays on the wire.
    fn submits_again(&mut self, batch: BatchId, number: &str) -> bool {
        let mut jobs = self.refused(batch).into_iter();
        let job = jobs
            .find(|job| job.order.no.as_str() == number)
            .expect("a refused order");
        match self.write(self.ask(&job, Asked::Submission)) {
            Written::Claimed(_) => true,
            Written::Refused(_, standing) => {
                assert_eq!(standing.state, State::Rejected, "it stays as it is");
                false
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn note(&mut self, batch: BatchId) -> String {
        self.rows(batch).remove(0).note
    }

    /// A file of one row that was refused.
    fn one_refused(&mut self, file: &str, row: StagedOrder) -> (BatchId, String) {
        let (batch, _) = self.file(file, vec![row]);
        let number = self.rows(batch).remove(0).order.unwrap().no.to_string();
        self.bring(batch, &number, State::Rejected);
        (batch, number)
    }
}

/// A clerk takes the refused row, corrects its reason and gives it as a row of its own. The refused one
/// holds nobody; submitted again later, it would deduct a second time.
pub(in crate::ledger) fn l5_a_refused_order_is_not_submitted_again_beside_a_younger_one_in_other_words(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    for (i, state) in STATES.into_iter().enumerate() {
        let account = format!("a{i}");
        let row = |reason: &str| blank(&account, 100).reason(reason);
        let (one, refused) = desk.one_refused(&format!("one{i}"), row("case no. ?"));
        let file = format!("fresh{i}");
        let (two, accepted) = desk.file(&file, vec![row("2025-7")]);
        assert_eq!((accepted.orders, accepted.held), (1, 0), "{state}");
        let fresh = desk.rows(two).remove(0).order.unwrap().no.to_string();
        desk.bring(two, &fresh, state);
        let note = desk.note(one);
        let told = note.contains(&format!("{fresh} in {file}:2 came in later"));
        assert_eq!(told, state.is_alive(), "{state}: {note}");
        assert_eq!(
            desk.submits_again(one, &refused),
            !state.is_alive(),
            "{state}"
        );
    }
    // Held or in conflict: the one waits for a person, the other is sent by nobody.
    let row = |number: &str, reason: &str| numbered(number, "h", 100).reason(reason);
    let (one, _) = desk.one_refused("held.csv", row("H1", "x"));
    let (two, _) = desk.file("two.csv", vec![row("H2", "2025-7"), row("H3", "2025-7")]);
    desk.bring(two, "H2", State::Failed);
    assert_eq!(desk.statuses(two), [Status::Failed, Status::Held]);
    assert!(!desk.submits_again(one, "H1"));
    desk.file("three.csv", vec![row("H3", "other")]);
    assert_eq!(desk.statuses(two)[1], Status::Conflict);
    assert!(desk.submits_again(one, "H1"));
}

/// What came in before, or in the same file, is no correction of it; nor is another amount, merchant or
/// account, or the mended row of another that was refused.
pub(in crate::ledger) fn l5_a_refused_order_is_submitted_again_beside_what_is_no_correction_of_it(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let row = |number: &str, reason: &str| numbered(number, "a", 100).reason(reason);
    let (before, _) = desk.file("before.csv", vec![row("B", "case 1")]);
    desk.bring(before, "B", State::Success);
    let rows = vec![row("X", "case 2"), row("Y", "case 3"), row("Z", "case 4")];
    let (one, _) = desk.file("one.csv", rows);
    for number in ["X", "Y", "Z"] {
        desk.bring(one, number, State::Rejected);
    }
    let others = vec![
        numbered("O1", "b", 100),
        numbered("O2", "a", 101),
        numbered("O3", "a", 100).merchant("1900016682"),
    ];
    desk.file("others.csv", others);
    // Two mended rows of one file, for one account and amount.
    let mended = |number: &str, reason: &str| {
        blank("a", 100)
            .reason(reason)
            .failed(number, Comeback::Mended)
    };
    let rows = vec![mended("X", "case 22"), mended("Y", "case 33")];
    let (two, accepted) = desk.file("mended.csv", rows);
    assert_eq!((accepted.orders, accepted.held), (2, 0));
    assert_eq!(desk.statuses(two), [Status::Pending; 2]);
    assert!(desk.submits_again(one, "Z"));
}

/// The clerk's own file was run; later somebody mends the row where levy asked for it.
pub(in crate::ledger) fn l5_a_mended_row_is_held_by_a_younger_one_in_other_words(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let row = |reason: &str| blank("a", 100).reason(reason);
    let (_, refused) = desk.one_refused("one.csv", row("?"));
    let (two, _) = desk.file("fresh.csv", vec![row("2025-7")]);
    let fresh = desk.rows(two).remove(0).order.unwrap().no.to_string();
    desk.bring(two, &fresh, State::Success);
    let mended = row("case 2025-7").failed(&refused, Comeback::Mended);
    let (three, accepted) = desk.file("one.failed.csv", vec![mended]);
    assert_eq!((accepted.orders, accepted.held), (1, 1));
    let note = desk.note(three);
    assert!(
        note.contains(&format!("looks like {fresh} in fresh.csv:2")),
        "{note}"
    );
}

/// What was refused or held when the backup was made may have been sent since.
pub(in crate::ledger) fn l5_after_a_restore_a_refused_order_is_not_submitted_beside_its_twin(
    engine: &dyn Engine,
) {
    // A twin that was refused.
    let mut desk = Desk::new(engine);
    let since = desk.now;
    let debt = |number: &str| numbered(number, "a", 100);
    let (one, _) = desk.one_refused("one.csv", debt("X"));
    let (two, _) = desk.one_refused("two.csv", debt("Y"));
    // A twin that was held.
    let other = |number: &str| numbered(number, "b", 100);
    let (three, accepted) = desk.file("three.csv", vec![other("V"), other("W")]);
    assert_eq!(accepted.held, 1);
    desk.bring(three, "V", State::Rejected);
    desk.now = since.plus_ms(DAY_MS);
    desk.ledger
        .restored(since, &person("Li Wei"), desk.now)
        .unwrap();
    for (batch, number) in [(one, "X"), (two, "Y"), (three, "V")] {
        assert!(!desk.submits_again(batch, number), "{number}");
        let note = desk.note(batch);
        assert!(note.contains("not submitted again: looks like"), "{note}");
    }
    // Released, the twin is asked for under its own number; what it says, holds.
    let by = person("Li Wei");
    desk.ledger.release(&[no("W")], &by, desk.now).unwrap();
    desk.bring(three, "W", State::Failed);
    assert!(desk.submits_again(three, "V"));
}

/// In the time that the backup forgot, a mended row may have taken its place and been deducted.
pub(in crate::ledger) fn l5_what_was_refused_before_a_restore_gets_no_new_number_on_peoples_word(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let since = desk.now;
    let (one, _) = desk.one_refused("one.csv", numbered("X", "a", 100));
    desk.now = since.plus_ms(DAY_MS);
    let by = person("Li Wei");
    desk.ledger.restored(since, &by, desk.now).unwrap();
    // Given again, as it was then.
    let mended = blank("a", 100)
        .reason("2025-7")
        .failed("X", Comeback::Mended);
    let (two, _) = desk.file("one.failed.csv", vec![mended]);
    assert_eq!(desk.statuses(two), [Status::Conflict]);
    let note = desk.note(two);
    assert!(
        note.contains("may have been accepted") && note.contains("levy resolve"),
        "{note}"
    );
    assert!(!note.contains("--only rejected"), "{note}");
    resolve(&mut desk, "X", Resolution::Failed).unwrap();
    desk.now = since.plus_ms(400 * DAY_MS);
    let story = desk.ledger.story(&no("X")).unwrap().unwrap();
    assert_eq!(story.new_number_from, None);
    let proofs = vec![Proof::of_failed(no("X"))];
    let issued = desk.ledger.reissue(one, proofs, desk.now).unwrap();
    assert!(matches!(issued[0].outcome, Reissue::Kept(_)), "{issued:?}");
}

/// A mended row that had its order's place when the backup was made goes on; one that took it later, in a
/// ledger that did not know yet, waits: the refused one may have been accepted in between.
pub(in crate::ledger) fn l5_a_restore_stops_no_mended_row_that_the_backup_had(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let since = desk.now.plus_ms(DAY_MS);
    let (_, _) = desk.one_refused("one.csv", numbered("X", "a", 100));
    let (_, _) = desk.one_refused("two.csv", numbered("Y", "b", 100));
    let mended = |account: &str, number: &str| {
        let row = blank(account, 101).failed(number, Comeback::Mended);
        (row.derived(1), vec![row])
    };
    let (early, rows) = mended("a", "X");
    let (before, _) = desk.file("x.failed.csv", rows);
    desk.now = since.plus_ms(DAY_MS);
    let (late, rows) = mended("b", "Y");
    let (after, _) = desk.file("y.failed.csv", rows);
    let by = person("Li Wei");
    desk.ledger.restored(since, &by, desk.now).unwrap();
    for (batch, number, goes) in [(before, early, true), (after, late, false)] {
        let job = desk.find(batch, &number).unwrap();
        let written = desk.write(desk.ask(&job, Asked::Submission));
        assert_eq!(matches!(written, Written::Claimed(_)), goes, "{written:?}");
    }
}

/// A query moves no money. What was refused may have been accepted all the same, and a reconciliation
/// past its window finds out.
pub(in crate::ledger) fn l3_what_is_not_submitted_any_more_is_asked_for_all_the_same(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let row = |number: &str| numbered(number, "a", 100).reason(number);
    let (one, _) = desk.one_refused("one.csv", row("X"));
    let mended = row("M").failed("X", Comeback::Mended);
    let (two, _) = desk.file("one.failed.csv", vec![mended]);
    let (three, _) = desk.one_refused("three.csv", numbered("Y", "b", 100));
    let (four, _) = desk.file("four.csv", vec![numbered("Z", "b", 100)]);
    desk.bring(four, "Z", State::Success);
    desk.now = desk.now.plus_ms(30 * DAY_MS);
    for (batch, number) in [(one, "X"), (three, "Y")] {
        let scope = Scope::Sent(Reach::Of(batch), desk.now);
        let job = desk.deck(scope, Phase::Open).remove(0);
        assert_eq!(job.order.no, no(number));
        let submission = desk.write(desk.ask(&job, Asked::Submission));
        assert!(matches!(submission, Written::Refused(..)), "{submission:?}");
        let standing = desk.exchange(&job, Asked::Query, Came::Expired);
        assert_eq!(standing.state, State::Rejected);
        let standing = desk.exchange(&job, Asked::Query, Came::Success);
        assert_eq!(standing.state, State::Success);
    }
    // Its debt is paid: what took its place stays where it is, and somebody is told.
    let mended = desk.find(two, "M").unwrap();
    let written = desk.write(desk.ask(&mended, Asked::Submission));
    assert!(matches!(written, Written::Refused(..)), "{written:?}");
    assert_eq!(desk.rows(two)[0].next_action, NextAction::Review);
}

/// The gateway refuses malformed requests before it looks at whose they are, and signs nothing then.
pub(in crate::ledger) fn l2_a_mended_row_takes_the_place_of_what_was_refused_signed_or_not(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (one, _) = desk.file(
        "one.csv",
        vec![numbered("X", "a", 100), numbered("Y", "b", 200)],
    );
    for (number, reason, came) in [("X", "a", Came::Refused), ("Y", "b", Came::RefusedUnsigned)] {
        let job = desk.find(one, number).unwrap();
        let standing = desk.exchange(&job, Asked::Submission, came);
        assert_eq!(standing.state, State::Rejected);
        let mended = vec![blank(reason, 101).failed(number, Comeback::Mended)];
        let (two, _) = desk.file(number, mended);
        assert_eq!(desk.statuses(two), [Status::Pending], "{came:?}");
        // And is submitted no more.
        let old = Job { standing, ..job };
        let written = desk.write(desk.ask(&old, Asked::Submission));
        assert!(matches!(written, Written::Refused(..)), "{written:?}");
    }
}
