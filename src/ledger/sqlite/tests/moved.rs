//! A move, here between two files: its steps are the same to a server and back.

use super::Books;
use super::tamper::told;
use crate::clock::WallMs;
use crate::ledger::database::{Database, End};
use crate::ledger::laws::fixture::{Desk, numbered};
use crate::ledger::laws::random;
use crate::ledger::moved::{
    Shelf, Standing, arrive, await_it, copy, leave, one_way, own, standing, stay, was_opened, whole,
};
use crate::ledger::{
    BatchId, CancelTarget, Decision, HOLD_DAYS_DEFAULT, JournalHead, LedgerError, NewPlan, Person,
    ResultRow, Words,
};

const THERE: &str = "postgres://db/levy";

fn person() -> Person {
    Person::parse("Li Wei").unwrap()
}

fn shelf(books: &Books) -> Shelf {
    Shelf::File(Box::new(books.sqlite()))
}

fn rows(shelf: &mut Shelf) -> Vec<ResultRow> {
    let mut rows = Vec::new();
    for batch in 1..=2 {
        let ledger = shelf.ledger();
        ledger
            .rows(BatchId(batch), &mut |row| {
                rows.push(row);
                Ok(())
            })
            .unwrap();
    }
    rows
}

/// The last but one step: the new one is a copy of its own, and the old one says so. Its head.
fn is_whole(from: &mut Shelf, to: &mut Shelf, place: &str) -> JournalHead {
    let at = WallMs(0);
    let old = from.ledger().journal_head().unwrap();
    let head = own(to, &person(), place, old, at).unwrap();
    whole(from, &person(), place, (old, head), at).unwrap();
    head
}

/// A ledger with every kind of entry, and a second file, of which one is held by an order that came later.
fn lived(books: &Books) {
    told(books);
    let mut desk = Desk::new(books);
    desk.file(
        "two.csv",
        vec![
            numbered("D", "c", 3),
            numbered("E", "e", 5),
            numbered("F", "e", 5),
        ],
    );
}

#[test]
fn l5_l9_a_moved_ledger_is_the_same_and_only_one_of_the_two_sends() {
    let (old, new) = (Books::new(), Books::new());
    lived(&old);
    let at = Desk::new(&old).now;
    let (mut from, mut to) = (shelf(&old), shelf(&new));
    assert_eq!(
        standing(&mut from, &mut to, THERE).unwrap(),
        Standing::NotBegun
    );
    let was = rows(&mut from);
    leave(&mut from, &person(), THERE, at).unwrap();
    let frozen = from.ledger().frozen().unwrap().unwrap();
    let words = frozen.moved_words();
    assert!(
        frozen.is_moved() && words.contains("to postgres://db/levy was begun"),
        "{words}"
    );
    assert!(copy(&mut from, &mut to, THERE).unwrap() > 30);
    // Killed here, the same move finds all of it.
    assert_eq!(
        standing(&mut from, &mut to, THERE).unwrap(),
        Standing::Copied
    );
    let (one, other) = (from.audit(None).unwrap(), to.audit(None).unwrap());
    assert_eq!(other.wrong, Vec::<String>::new());
    assert_eq!(
        (one.head, one.orders, &one.lanes),
        (other.head, other.orders, &other.lanes)
    );
    assert_eq!(rows(&mut to), was);
    assert!(to.ledger().frozen().unwrap().is_some());
    // It becomes one of its own, once; and killed there, it is found so.
    let head = own(&mut to, &person(), THERE, one.head, at).unwrap();
    assert_ne!(head, one.head);
    let again = own(&mut to, &person(), THERE, one.head, at).unwrap();
    assert_eq!(again, head);
    assert_eq!(
        standing(&mut from, &mut to, THERE).unwrap(),
        Standing::Copied
    );
    // Not before the old one has said that it is whole, which one mover says.
    let heads = (one.head, head);
    whole(&mut from, &person(), THERE, heads, at).unwrap();
    assert!(whole(&mut from, &person(), THERE, heads, at).is_err());
    let frozen = from.ledger().frozen().unwrap().unwrap();
    assert_eq!(frozen.moved_at(), Some(head));
    assert!(
        frozen
            .moved_words()
            .contains("has moved to postgres://db/levy")
    );
    assert_eq!(
        standing(&mut from, &mut to, THERE).unwrap(),
        Standing::Unsure
    );
    assert_eq!(from.audit(None).unwrap().wrong, Vec::<String>::new());
    assert!(
        arrive(
            &mut from,
            &mut to,
            &person(),
            ("levy.db", THERE),
            one.head,
            at
        )
        .is_err()
    );
    arrive(&mut from, &mut to, &person(), ("levy.db", THERE), head, at).unwrap();
    assert_eq!(standing(&mut from, &mut to, THERE).unwrap(), Standing::Done);
    assert!(to.ledger().frozen().unwrap().is_none());
    assert_eq!(
        to.audit(Some(one.head)).unwrap().wrong,
        Vec::<String>::new()
    );
    // The old one stays closed, whoever says what.
    for decision in [
        Decision::Unfreeze { by: person() },
        Decision::Freeze {
            by: person(),
            reason: Words::parse("a look").unwrap(),
        },
    ] {
        let refused = from.ledger().decide(&decision, at);
        assert!(
            matches!(refused, Err(LedgerError::Refused(_))),
            "{refused:?}"
        );
    }
    // The rules are back: what was sent does not go away.
    let Shelf::File(ledger) = &to else {
        unreachable!()
    };
    let gone = ledger.conn.execute("DELETE FROM reply", []);
    assert!(
        gone.unwrap_err().to_string().contains("append"),
        "the triggers"
    );
    assert!(copy(&mut from, &mut to, THERE).is_err(), "never twice");
}

#[test]
fn l9_a_move_that_was_not_made_leaves_the_old_ledger_as_it_was() {
    let (old, new) = (Books::new(), Books::new());
    lived(&old);
    let at = Desk::new(&old).now;
    let (mut from, mut to) = (shelf(&old), shelf(&new));
    leave(&mut from, &person(), "elsewhere", at).unwrap();
    assert_eq!(
        standing(&mut from, &mut to, THERE).unwrap(),
        Standing::NotBegun
    );
    assert!(stay(&mut from, &person(), "another place", at).is_err());
    stay(&mut from, &person(), "elsewhere", at).unwrap();
    assert!(from.ledger().frozen().unwrap().is_none());
    assert_eq!(from.audit(None).unwrap().wrong, Vec::<String>::new());
    // Frozen by a person, it stays where it is: that freeze would come along.
    let reason = Words::parse("a look").unwrap();
    let freeze = Decision::Freeze {
        by: person(),
        reason,
    };
    from.ledger().decide(&freeze, at).unwrap();
    assert!(leave(&mut from, &person(), "elsewhere", at).is_err());
    assert!(
        stay(&mut from, &person(), "elsewhere", at).is_err(),
        "a person's is a person's"
    );
}

#[test]
fn a_ledger_with_a_past_of_its_own_is_no_place_to_move_to() {
    let (old, new) = (Books::new(), Books::new());
    lived(&old);
    lived(&new);
    let (mut from, mut to) = (shelf(&old), shelf(&new));
    assert_eq!(
        standing(&mut from, &mut to, THERE).unwrap(),
        Standing::Another
    );
    leave(&mut from, &person(), "elsewhere", Desk::new(&old).now).unwrap();
    assert_eq!(
        standing(&mut from, &mut to, THERE).unwrap(),
        Standing::Another
    );
    assert!(copy(&mut from, &mut to, "elsewhere").is_err());
}

#[test]
fn l7_whatever_came_in_moves_whole() {
    let (old, new) = (Books::new(), Books::new());
    random::l9_whatever_comes_in_whatever_order_the_books_verify(&old);
    let (mut from, mut to) = (shelf(&old), shelf(&new));
    let at = Desk::new(&old).now;
    leave(&mut from, &person(), "elsewhere", at).unwrap();
    copy(&mut from, &mut to, "elsewhere").unwrap();
    let (one, other) = (from.audit(None).unwrap(), to.audit(None).unwrap());
    assert_eq!(other.wrong, Vec::<String>::new());
    assert_eq!((one.head, one.orders), (other.head, other.orders));
    assert_eq!(rows(&mut from), rows(&mut to));
}

/// Neither a second place nor a decision of who had opened it before.
#[test]
fn l5_what_has_moved_goes_nowhere_else_and_nothing_is_decided_in_it_any_more() {
    let old = Books::new();
    lived(&old);
    let mut desk = Desk::new(&old);
    let (at, there) = (desk.now, THERE);
    let mut from = shelf(&old);
    one_way(&mut from, there).unwrap();
    leave(&mut from, &person(), there, at).unwrap();
    one_way(&mut from, there).unwrap();
    let words = one_way(&mut from, "postgres://db/other").unwrap_err();
    assert!(
        words
            .to_string()
            .contains("to postgres://db/levy was begun")
    );
    let batch = BatchId(2);
    let plan = NewPlan {
        head: &Desk::head("plan.csv"),
        path: None,
        by: &person(),
        encoding: None,
        accept_digits: false,
    };
    let ledger = &mut desk.ledger;
    let said = [
        ledger.plan(&plan, at, HOLD_DAYS_DEFAULT).map(drop),
        ledger.cancel(&CancelTarget::Batch(batch), at).map(drop),
        ledger.hand_over(batch, at),
        ledger.take_back(batch).map(drop),
        ledger.begin_run(at).map(drop),
        ledger.release(&[], &person(), at).map(drop),
        ledger.reissue(batch, Vec::new(), at).map(drop),
        ledger.restored(at, &person(), at).map(drop),
    ];
    for said in said {
        assert!(
            matches!(&said, Err(LedgerError::Refused(words)) if words.contains("was begun")),
            "{said:?}"
        );
    }
    // Whoever only looks may have what failed in a file.
    ledger.note_failed_file(&[7; 32]).unwrap();
    assert!(!ledger.wrote_failed_file(&[7; 32]).unwrap());
}

/// What the new ledger has sent since is in no ledger any more: the old past is not given to another.
#[test]
fn l5_a_new_ledger_that_was_lost_after_the_move_does_not_get_the_old_past_again() {
    let (old, new) = (Books::new(), Books::new());
    lived(&old);
    let at = Desk::new(&old).now;
    let (mut from, mut to) = (shelf(&old), shelf(&new));
    leave(&mut from, &person(), THERE, at).unwrap();
    copy(&mut from, &mut to, THERE).unwrap();
    is_whole(&mut from, &mut to, THERE);
    let anew = Books::new();
    let mut to = shelf(&anew);
    assert_eq!(standing(&mut from, &mut to, THERE).unwrap(), Standing::Lost);
    assert!(copy(&mut from, &mut to, THERE).is_err());
    assert!(stay(&mut from, &person(), THERE, at).is_err());
    assert!(leave(&mut from, &person(), THERE, at).is_err());
}

/// Who names the new ledger too early, while it is empty or after a move was killed, begins nothing in it.
#[test]
fn l5_nothing_is_begun_in_a_new_ledger_that_waits_for_the_old_past() {
    let (old, new) = (Books::new(), Books::new());
    lived(&old);
    let at = Desk::new(&old).now;
    let (mut from, mut to) = (shelf(&old), shelf(&new));
    for _ in 0..2 {
        await_it(&mut to, &person(), THERE, at).unwrap();
        assert_eq!(to.ledger().journal_head().unwrap().entries, 1);
    }
    let begun = to.ledger().begin_run(at).unwrap_err().to_string();
    assert!(begun.contains("`levy ledger move` again"), "{begun}");
    assert!(await_it(&mut to, &person(), "another place", at).is_err());
    assert_eq!(
        standing(&mut from, &mut to, THERE).unwrap(),
        Standing::NotBegun
    );
    assert_eq!(
        standing(&mut from, &mut to, "another place").unwrap(),
        Standing::Another
    );
    leave(&mut from, &person(), THERE, at).unwrap();
    copy(&mut from, &mut to, THERE).unwrap();
    assert_eq!(
        standing(&mut from, &mut to, THERE).unwrap(),
        Standing::Copied
    );
    let (one, other) = (from.audit(None).unwrap(), to.audit(None).unwrap());
    assert_eq!(other.wrong, Vec::<String>::new());
    assert_eq!((one.head, &one.lanes), (other.head, &other.lanes));
    assert!(
        await_it(&mut to, &person(), THERE, at).is_err(),
        "nor is a past closed"
    );
}

/// A ledger in which nothing ever was moves like any other, also where it is killed before the last step.
#[test]
fn l9_an_empty_ledger_moves_as_well() {
    let (old, new) = (Books::new(), Books::new());
    let at = Desk::new(&old).now;
    let (mut from, mut to) = (shelf(&old), shelf(&new));
    await_it(&mut to, &person(), THERE, at).unwrap();
    leave(&mut from, &person(), THERE, at).unwrap();
    copy(&mut from, &mut to, THERE).unwrap();
    let head = is_whole(&mut from, &mut to, THERE);
    arrive(&mut from, &mut to, &person(), ("old", THERE), head, at).unwrap();
    assert_eq!(standing(&mut from, &mut to, THERE).unwrap(), Standing::Done);
    assert_eq!(to.audit(None).unwrap().wrong, Vec::<String>::new());
}

/// Two who move one ledger at once: wherever each stands when the other goes on, one place at most is opened.
#[test]
fn l5_two_movers_at_once_never_leave_two_ledgers_that_send() {
    let old = Books::new();
    lived(&old);
    let at = Desk::new(&old).now;
    let mut from = shelf(&old);
    let (one, two) = (Books::new(), Books::new());
    let (mut here, mut there) = (shelf(&one), shelf(&two));
    // To two places: the second one to leave is refused, and copies nothing.
    leave(&mut from, &person(), "here", at).unwrap();
    assert!(leave(&mut from, &person(), "there", at).is_err());
    assert!(copy(&mut from, &mut there, "there").is_err());
    // To one: one is through with its copy when the other gives up, and opens the old one again.
    leave(&mut from, &person(), "here", at).unwrap();
    copy(&mut from, &mut here, "here").unwrap();
    let old = from.ledger().journal_head().unwrap();
    let head = own(&mut here, &person(), "here", old, at).unwrap();
    stay(&mut from, &person(), "here", at).unwrap();
    assert!(whole(&mut from, &person(), "here", (old, head), at).is_err());
    assert!(here.ledger().frozen().unwrap().is_some());
    // Nor is what is open again copied as one that sends.
    assert!(copy(&mut from, &mut there, "here").is_err());
    // It goes on, and elsewhere; who was late opens nothing.
    leave(&mut from, &person(), "there", at).unwrap();
    copy(&mut from, &mut there, "there").unwrap();
    assert!(stay(&mut from, &person(), "here", at).is_err());
    let head = is_whole(&mut from, &mut there, "there");
    assert!(stay(&mut from, &person(), "there", at).is_err());
    arrive(&mut from, &mut there, &person(), ("old", "there"), head, at).unwrap();
    // Once it has itself moved on, who opened it late thaws nothing.
    leave(&mut there, &person(), "third", at).unwrap();
    assert!(arrive(&mut from, &mut there, &person(), ("old", "there"), head, at).is_err());
    let frozen = [&mut from, &mut here, &mut there].map(|it| it.ledger().frozen().unwrap());
    assert!(
        frozen.iter().all(Option::is_some),
        "none sends but the third"
    );
}

/// Two hosts' files, and a file put back, have one name: one copy is opened, and that one once.
#[test]
fn l5_of_two_copies_at_one_place_one_is_opened() {
    let old = Books::new();
    lived(&old);
    let at = Desk::new(&old).now;
    let mut from = shelf(&old);
    let (one, two) = (Books::new(), Books::new());
    let (mut here, mut there) = (shelf(&one), shelf(&two));
    leave(&mut from, &person(), THERE, at).unwrap();
    // Killed after its copy, on one host; given again on another one.
    copy(&mut from, &mut here, THERE).unwrap();
    copy(&mut from, &mut there, THERE).unwrap();
    let is = |from: &mut Shelf, to: &mut Shelf| standing(from, to, THERE).unwrap();
    assert_eq!(is(&mut from, &mut here), Standing::Copied);
    assert_eq!(is(&mut from, &mut there), Standing::Copied);
    let stood = from.ledger().journal_head().unwrap();
    let late = own(&mut here, &person(), THERE, stood, at).unwrap();
    let head = is_whole(&mut from, &mut there, THERE);
    assert_ne!(head, late);
    // Who was late opens nothing, at whichever step it stood.
    let late = whole(&mut from, &person(), THERE, (stood, late), at);
    assert!(late.is_err());
    assert_eq!(is(&mut from, &mut here), Standing::Another);
    arrive(&mut from, &mut there, &person(), ("old", THERE), head, at).unwrap();
    assert_eq!(is(&mut from, &mut there), Standing::Done);
    assert!(here.ledger().frozen().unwrap().is_some());
}

/// With a person's word the copy becomes one of its own anew: what stands where it stood is opened by nobody.
#[test]
fn l5_a_copy_that_a_person_opens_is_the_only_one_from_then_on() {
    let (old, new) = (Books::new(), Books::new());
    lived(&old);
    let at = Desk::new(&old).now;
    let (mut from, mut to) = (shelf(&old), shelf(&new));
    leave(&mut from, &person(), THERE, at).unwrap();
    copy(&mut from, &mut to, THERE).unwrap();
    let first = is_whole(&mut from, &mut to, THERE);
    let is = |from: &mut Shelf, to: &mut Shelf| standing(from, to, THERE).unwrap();
    assert_eq!(is(&mut from, &mut to), Standing::Unsure);
    let head = own(&mut to, &person(), THERE, first, at).unwrap();
    assert_ne!(head, first);
    // Killed here, it asks again.
    assert_eq!(is(&mut from, &mut to), Standing::Unsure);
    let old = from.ledger().journal_head().unwrap();
    whole(&mut from, &person(), THERE, (old, head), at).unwrap();
    assert!(arrive(&mut from, &mut to, &person(), ("old", THERE), first, at).is_err());
    arrive(&mut from, &mut to, &person(), ("old", THERE), head, at).unwrap();
    assert_eq!(is(&mut from, &mut to), Standing::Done);
    assert_eq!(to.audit(Some(first)).unwrap().wrong, Vec::<String>::new());
}

/// A mover stands still just before its last step; on another host a person's word opens another copy meanwhile.
#[test]
fn l5_who_opens_a_copy_asks_the_old_ledger_once_more_whether_another_is_opened() {
    let old = Books::new();
    lived(&old);
    let at = Desk::new(&old).now;
    let mut from = shelf(&old);
    let (one, two) = (Books::new(), Books::new());
    let (mut here, mut there) = (shelf(&one), shelf(&two));
    leave(&mut from, &person(), THERE, at).unwrap();
    copy(&mut from, &mut here, THERE).unwrap();
    copy(&mut from, &mut there, THERE).unwrap();
    let late = is_whole(&mut from, &mut here, THERE);
    // The other one stands where the first stood; it was never opened, somebody says.
    let stood = from.ledger().journal_head().unwrap();
    let copied = there.ledger().journal_head().unwrap();
    let head = own(&mut there, &person(), THERE, copied, at).unwrap();
    whole(&mut from, &person(), THERE, (stood, head), at).unwrap();
    assert!(arrive(&mut from, &mut here, &person(), ("old", THERE), late, at).is_err());
    arrive(&mut from, &mut there, &person(), ("old", THERE), head, at).unwrap();
    assert!(here.ledger().frozen().unwrap().is_some());
    assert!(there.ledger().frozen().unwrap().is_none());
}

/// An older levy opened the new one, and did not say so in the old one.
#[test]
fn l5_what_was_opened_is_said_in_the_old_ledger_whoever_opened_it() {
    let (old, new) = (Books::new(), Books::new());
    lived(&old);
    let at = Desk::new(&old).now;
    let (mut from, mut to) = (shelf(&old), shelf(&new));
    leave(&mut from, &person(), THERE, at).unwrap();
    copy(&mut from, &mut to, THERE).unwrap();
    let stood = from.ledger().journal_head().unwrap();
    let head = own(&mut to, &person(), THERE, stood, at).unwrap();
    assert!(arrive(&mut from, &mut to, &person(), ("old", THERE), head, at).is_err());
    let Shelf::File(opened) = &mut to else {
        unreachable!("a file")
    };
    let by_an_older = opened.write(&mut |tx| {
        crate::ledger::books::moved::arrive(tx, &person(), ("old", THERE), head, at)?;
        Ok(End::Commit)
    });
    by_an_older.unwrap();
    for _ in 0..2 {
        assert_eq!(standing(&mut from, &mut to, THERE).unwrap(), Standing::Done);
        was_opened(&mut from, &person(), THERE, at).unwrap();
    }
    assert_eq!(
        from.ledger().journal_head().unwrap().entries,
        stood.entries + 1
    );
    // Lost from then on, it is not filled again.
    let anew = Books::new();
    let mut to = shelf(&anew);
    assert_eq!(standing(&mut from, &mut to, THERE).unwrap(), Standing::Lost);
}
