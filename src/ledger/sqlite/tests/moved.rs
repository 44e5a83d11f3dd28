//! A move, here between two files: its steps are the same to a server and back.

use super::Books;
use super::tamper::told;
use crate::ledger::laws::fixture::{Desk, numbered};
use crate::ledger::laws::random;
use crate::ledger::moved::{Shelf, Standing, arrive, copy, leave, one_way, standing, stay};
use crate::ledger::{BatchId, CancelTarget, Decision, LedgerError, Person, ResultRow, Words};

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
    assert_eq!(standing(&mut from, &mut to).unwrap(), Standing::NotBegun);
    let was = rows(&mut from);
    leave(&mut from, &person(), "postgres://db/levy", at).unwrap();
    let frozen = from.ledger().frozen().unwrap().unwrap();
    assert!(
        frozen.is_moved()
            && frozen
                .moved_words()
                .contains("has moved to postgres://db/levy")
    );
    assert!(copy(&mut from, &mut to).unwrap() > 30);
    // Killed here, the same move finds all of it.
    assert_eq!(standing(&mut from, &mut to).unwrap(), Standing::Copied);
    let (one, other) = (from.audit(None).unwrap(), to.audit(None).unwrap());
    assert_eq!(other.wrong, Vec::<String>::new());
    assert_eq!(
        (one.head, one.orders, &one.lanes),
        (other.head, other.orders, &other.lanes)
    );
    assert_eq!(rows(&mut to), was);
    assert!(to.ledger().frozen().unwrap().is_some());
    arrive(&mut to, &person(), "levy.db", at).unwrap();
    assert_eq!(standing(&mut from, &mut to).unwrap(), Standing::Done);
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
    assert!(copy(&mut from, &mut to).is_err(), "never twice");
}

#[test]
fn l9_a_move_that_was_not_made_leaves_the_old_ledger_as_it_was() {
    let (old, new) = (Books::new(), Books::new());
    lived(&old);
    let at = Desk::new(&old).now;
    let (mut from, mut to) = (shelf(&old), shelf(&new));
    leave(&mut from, &person(), "elsewhere", at).unwrap();
    assert_eq!(standing(&mut from, &mut to).unwrap(), Standing::NotBegun);
    stay(&mut from, &person(), at).unwrap();
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
        stay(&mut from, &person(), at).is_err(),
        "a person's is a person's"
    );
}

#[test]
fn a_ledger_with_a_past_of_its_own_is_no_place_to_move_to() {
    let (old, new) = (Books::new(), Books::new());
    lived(&old);
    lived(&new);
    let (mut from, mut to) = (shelf(&old), shelf(&new));
    assert_eq!(standing(&mut from, &mut to).unwrap(), Standing::Another);
    leave(&mut from, &person(), "elsewhere", Desk::new(&old).now).unwrap();
    assert_eq!(standing(&mut from, &mut to).unwrap(), Standing::Another);
    assert!(copy(&mut from, &mut to).is_err());
}

#[test]
fn l7_whatever_came_in_moves_whole() {
    let (old, new) = (Books::new(), Books::new());
    random::l9_whatever_comes_in_whatever_order_the_books_verify(&old);
    let (mut from, mut to) = (shelf(&old), shelf(&new));
    let at = Desk::new(&old).now;
    leave(&mut from, &person(), "elsewhere", at).unwrap();
    copy(&mut from, &mut to).unwrap();
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
    let (at, there) = (desk.now, "postgres://db/levy");
    let mut from = shelf(&old);
    one_way(&mut from, there).unwrap();
    leave(&mut from, &person(), there, at).unwrap();
    one_way(&mut from, there).unwrap();
    let words = one_way(&mut from, "postgres://db/other").unwrap_err();
    assert!(
        words
            .to_string()
            .contains("has moved to postgres://db/levy")
    );
    let batch = BatchId(2);
    let ledger = &mut desk.ledger;
    let said = [
        ledger.cancel(&CancelTarget::Batch(batch), at).map(drop),
        ledger.hand_over(batch, at),
        ledger.take_back(batch).map(drop),
        ledger.begin_run(at).map(drop),
        ledger.release(&[], &person(), at).map(drop),
        ledger.reissue(batch, Vec::new(), at).map(drop),
        ledger.restored(at, &person(), at).map(drop),
    ];
    for said in said {
        assert!(matches!(said, Err(LedgerError::Refused(_))), "{said:?}");
    }
}
