//! Plans and approvals against whoever changes the file.

use rusqlite::Connection;

use super::Books;
use super::tamper::{closed, lawless, put, reader};
use crate::ledger::laws::fixture::{Desk, numbered, staged};
use crate::ledger::{Admit, Decision, HOLD_DAYS_DEFAULT, NewPlan, Person};

/// A ledger with one plan that was approved and run, and one that waits.
fn told(books: &Books) {
    let mut desk = Desk::new(books);
    let person = |name: &str| Person::parse(name).unwrap();
    for (file, number, run) in [("one.csv", "A", true), ("two.csv", "B", false)] {
        let rows = || staged(vec![Ok(numbered(number, "a", 1))]);
        let head = Desk::head(file);
        desk.ledger.stage_clear().unwrap();
        desk.ledger.stage(&rows()).unwrap();
        let new = NewPlan {
            head: &head,
            path: None,
            by: &person("Li Wei"),
            encoding: None,
            accept_digits: false,
        };
        let plan = desk.ledger.plan(&new, desk.now, HOLD_DAYS_DEFAULT).unwrap();
        if !run {
            continue;
        }
        let approve = Decision::Approve {
            plan: plan.id,
            by: person("Wang Fang"),
        };
        desk.ledger.decide(&approve, desk.now).unwrap();
        let admit = Admit::Planned(plan.id);
        desk.ledger
            .accept_if(&head, desk.now, HOLD_DAYS_DEFAULT, admit)
            .unwrap();
    }
    drop(desk);
    assert_eq!(books.sqlite().verify().unwrap(), Vec::<String>::new());
}

#[test]
fn a_change_of_a_plan_or_its_approval_is_found() {
    let books = Books::new();
    told(&books);
    let whole = closed(&books);
    let bad = "the first bad entry of the journal is 1";
    let of_plan = "approvals that are not of their plan and its maker: 1";
    for (text, want) in [
        ("UPDATE approval SET approved_by = 'Zhao'", bad),
        ("UPDATE approval SET made_by = 'Zhao'", bad),
        ("UPDATE approval SET at_ms = at_ms + 1", bad),
        ("UPDATE approval SET words = 'plan 1'", bad),
        ("UPDATE approval SET plan_id = 2", bad),
        ("UPDATE approval SET entry_no = 2", bad),
        ("UPDATE approval SET link = zeroblob(32)", bad),
        ("DELETE FROM approval", "its tail was cut"),
        ("UPDATE plan SET judicial_fen = 2", of_plan),
        ("UPDATE plan SET digest = zeroblob(32)", of_plan),
        ("UPDATE plan SET made_by = 'Zhao'", of_plan),
        ("UPDATE plan SET orders_digest = zeroblob(32)", of_plan),
        (
            "UPDATE plan_run SET plan_id = 2",
            "batches that are not what their plan says: 1",
        ),
        (
            "UPDATE orders SET amount_fen = 2",
            "batches that are not what their plan says: 1",
        ),
    ] {
        put(&books, &whole);
        let conn = lawless(&books);
        conn.execute(text, []).unwrap();
        drop(conn);
        let wrong = reader(&books.path()).unwrap().verify().unwrap();
        let found = wrong.iter().any(|finding| finding.contains(want));
        assert!(found, "{text}: {wrong:?}");
    }
}

#[test]
fn the_database_itself_keeps_plans_and_two_people() {
    let books = Books::new();
    told(&books);
    let conn = Connection::open(books.path()).unwrap();
    conn.pragma_update(None, "foreign_keys", "ON").unwrap();
    let approve = |by: &str, words: &str| {
        format!(
            "INSERT INTO approval SELECT 2, 'Li Wei', '{by}', 1, {words}, 9, zeroblob(32) FROM \
             plan_words WHERE plan_id = 2"
        )
    };
    for (text, want) in [
        ("DELETE FROM plan".to_owned(), "never forgotten"),
        ("UPDATE plan SET held_fen = 1".to_owned(), "never changes"),
        ("DELETE FROM plan_run".to_owned(), "run once"),
        ("UPDATE plan_run SET plan_id = 2".to_owned(), "run once"),
        (
            "INSERT INTO plan_run VALUES (2, 1)".to_owned(),
            "with the bytes that were planned",
        ),
        ("DELETE FROM approval".to_owned(), "append-only"),
        ("UPDATE approval SET at_ms = 1".to_owned(), "append-only"),
        (approve(" li wei ", "words"), "approval_of_two_people"),
        (approve(" ", "words"), "approval_names_somebody"),
        (approve("Zhao", "'plan 2'"), "names its plan"),
    ] {
        let refused = conn.execute(&text, []).unwrap_err().to_string();
        assert!(refused.contains(want), "{text}: {refused}");
    }
    conn.execute(&approve("Zhao", "words"), []).unwrap();
}
