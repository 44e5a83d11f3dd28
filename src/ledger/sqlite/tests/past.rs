//! What people told of sends that the journal does not know, against whoever changes the file, and
//! against whoever writes SQL by hand.

use rusqlite::Connection;

use super::Books;
use super::tamper::{closed, lawless, put, reader};
use crate::ledger::laws::fixture::{DAY_MS, Desk, START, no, numbered, staged};
use crate::ledger::{Person, SentBefore};
use crate::order::{Asked, Resolution};

/// A ledger with an imported success (A), an imported unknown (B), an order that may have been sent
/// since a backup (C), one that came in after that and was claimed (D), and one that was not (E).
fn told(books: &Books) {
    let mut desk = Desk::new(books);
    let by = Person::parse("Li Wei").unwrap();
    let imported = |number: &str, outcome| {
        let mut row = numbered(number, number, 1);
        row.past = Some(SentBefore {
            first_sent_at: START.plus_ms(-DAY_MS),
            outcome,
            change_no: Some("4200001".into()),
        });
        Ok(row)
    };
    desk.ledger.stage_clear().unwrap();
    let rows = vec![
        imported("A", Some(Resolution::Success)),
        imported("B", None),
    ];
    desk.ledger.stage(&staged(rows)).unwrap();
    let head = Desk::head("history.csv");
    desk.ledger.import(&head, &by, desk.now, 40).unwrap();
    desk.file("night.csv", vec![numbered("C", "C", 1)]);
    desk.now = START.plus_ms(DAY_MS);
    desk.ledger.restored(START, &by, desk.now).unwrap();
    let rows = vec![numbered("D", "D", 1), numbered("E", "E", 1)];
    let (batch, _) = desk.file("next.csv", rows);
    let job = desk.find(batch, "D").unwrap();
    desk.claim(&job, Asked::Submission);
    let story = desk.ledger.story(&no("A")).unwrap().unwrap();
    let words = story.decisions[0].to_string();
    assert!(
        words.starts_with("imported from history.csv:2 (change number 4200001) by Li Wei on 2026"),
        "{words}"
    );
}

#[test]
fn verify_finds_a_past_that_nobody_told_of() {
    let books = Books::new();
    told(&books);
    assert_eq!(books.sqlite().verify().unwrap(), Vec::<String>::new());
    let whole = closed(&books);
    for (text, want) in [
        // States and first sends that the decisions do not come to.
        (
            "UPDATE orders SET state = 'PENDING', first_sent_at_ms = NULL, maybe_accepted = 0 \
             WHERE out_request_no = 'C'",
            "order C is PENDING, and by its journal UNKNOWN",
        ),
        (
            "UPDATE orders SET state = 'SUCCESS' WHERE out_request_no = 'A'",
            "order A is SUCCESS, and by its journal UNKNOWN",
        ),
        (
            "UPDATE orders SET state = 'UNKNOWN', first_sent_at_ms = 1 WHERE out_request_no = 'E'",
            "order E is UNKNOWN, and by its journal never sent",
        ),
        (
            "UPDATE orders SET first_sent_at_ms = first_sent_at_ms + 1 WHERE out_request_no = 'B'",
            "order B was first sent at another time",
        ),
        (
            "UPDATE orders SET first_sent_at_ms = first_sent_at_ms + 1 WHERE out_request_no = 'D'",
            "order D was first sent at another time",
        ),
        // Sends that count, and those that do not.
        (
            "UPDATE orders SET past = '' WHERE out_request_no = 'B'",
            "orders whose earlier sends are not those that people told of: 1",
        ),
        (
            "UPDATE orders SET past = 'RESTORED' WHERE out_request_no = 'B'",
            "orders whose earlier sends are not those that people told of: 1",
        ),
        (
            "UPDATE orders SET past = 'IMPORTED' WHERE out_request_no = 'E'",
            "orders whose earlier sends are not those that people told of: 1",
        ),
        (
            "UPDATE orders SET maybe_accepted = 0 WHERE out_request_no = 'B'",
            "orders whose submissions that may have been accepted are not those of the journal: 1",
        ),
        // What the other tool called it.
        (
            "UPDATE orders SET resolved_as = 'FAILED' WHERE out_request_no = 'A'",
            "orders that are resolved otherwise than people decided: 1",
        ),
        (
            "UPDATE orders SET resolved_as = 'SUCCESS' WHERE out_request_no = 'B'",
            "orders that are resolved otherwise than people decided: 1",
        ),
        (
            "UPDATE orders SET resolved_as = NULL WHERE out_request_no = 'A'",
            "decisions of people that their orders do not show: 1",
        ),
        // The decisions themselves.
        (
            "UPDATE decision SET since_ms = since_ms + 1 WHERE order_id IS NULL",
            "a DECISION about the ledger as a whole",
        ),
        (
            "UPDATE decision SET since_ms = since_ms - 1 WHERE order_id = 2",
            "a DECISION in the lane 1900016681, order B",
        ),
        (
            "UPDATE decision SET kind = 'IMPORT_SUCCESS' WHERE order_id = 2",
            "order B: its content is not the one that was written",
        ),
        (
            "UPDATE attempt SET state_before = 'PENDING'",
            "orders that were sent as never sent, though the ledger had come back from a backup: 1",
        ),
    ] {
        put(&books, &whole);
        let changed = lawless(&books).execute(text, []).unwrap();
        assert_eq!(changed, 1, "{text}");
        let wrong = reader(&books.path()).unwrap().audit(None).unwrap().wrong;
        assert!(wrong.iter().any(|w| w.contains(want)), "{text}: {wrong:#?}");
    }
}

#[test]
fn the_laws_of_the_past_hold_against_whoever_writes_sql_by_hand() {
    let books = Books::new();
    told(&books);
    let conn = Connection::open(books.path()).unwrap();
    let order = "INSERT INTO orders (out_request_no, deduction_id, generation, batch_id, ordinal, \
        merchant, account, reduction_type, amount_fen, content_digest, hold_key, created_at_ms, \
        state, first_sent_at_ms, maybe_accepted, past, shown_attempt, attempts, resolved_as) \
        SELECT 'X', 1, 1, batch_id, ordinal, merchant, account, reduction_type, amount_fen, \
        content_digest, hold_key, 0, ";
    for (text, want) in [
        (
            format!("{order} 'SUCCESS', 1, 1, 'IMPORTED', NULL, 1, NULL FROM orders LIMIT 1"),
            "L3: an order begins unsent",
        ),
        (
            format!("{order} 'UNKNOWN', 1, 1, '', NULL, 1, NULL FROM orders LIMIT 1"),
            "L3: an order begins unsent",
        ),
        (
            format!("{order} 'UNKNOWN', 1, 1, 'IMPORTED', NULL, 1, 'SUCCESS' FROM orders LIMIT 1"),
            "L3: an order begins unsent",
        ),
        (
            "UPDATE orders SET past = '' WHERE out_request_no = 'C'".into(),
            "only a decision tells of sends",
        ),
        (
            "UPDATE orders SET past = 'IMPORTED', first_sent_at_ms = 1, state = 'UNKNOWN' \
             WHERE out_request_no = 'E'"
                .into(),
            "only a decision tells of sends",
        ),
        (
            "UPDATE orders SET resolved_as = 'FAILED' WHERE out_request_no = 'B'".into(),
            "only a decision of two people, or an import",
        ),
        (
            "INSERT INTO attempt (order_id, run_id, asked, claimed_at_ms, state_before, link) \
             SELECT order_id, 1, 'SUBMISSION', 0, 'PENDING', zeroblob(32) FROM orders \
             WHERE out_request_no = 'E'"
                .into(),
            "L4: it may have been sent before",
        ),
        (
            "INSERT INTO decision (kind, by_first, at_ms) VALUES ('RESTORED', 'x', 0)".into(),
            "decision_since",
        ),
        (
            "INSERT INTO decision (kind, by_first, at_ms, since_ms) VALUES ('FREEZE', 'x', 0, 0)"
                .into(),
            "decision_since",
        ),
    ] {
        let e = conn.execute(&text, []).expect_err(&text).to_string();
        assert!(e.contains(want), "{text}: {e}");
    }
}
