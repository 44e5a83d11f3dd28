//! The database as the last reader of the rules: its words, its indices, its triggers.

use rusqlite::Connection;

use super::Books;
use crate::ledger::database::{Statement, Tx};
use crate::ledger::laws::Engine;
use crate::ledger::sql;
use crate::ledger::sqlite::Sqlite;
use crate::order::{Asked, ReductionType, ReqScene, State, Weak};

/// Words in single quotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('\'').skip(1).step_by(2).collect()
}

/// Every `state IN (…)`, and every chain of `state = … OR state = …` (or `<>` and AND), as its words.
fn state_lists(text: &str) -> Vec<Vec<String>> {
    let flat = |c: char| c.is_whitespace() || matches!(c, '(' | ',');
    let mut lists: Vec<Vec<String>> = Vec::new();
    let mut joined = false;
    let text: Vec<&str> = text
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .collect();
    let text = text.join("\n");
    let parts: Vec<&str> = text.split('\'').collect();
    for pair in parts.chunks(2) {
        let [before, word] = pair else { break };
        let between: Vec<&str> = before.split(flat).filter(|t| !t.is_empty()).collect();
        let continues = matches!(between[..], [] | ["OR" | "AND", "state", "=" | "<>"]);
        if State::from_word(word).is_none() {
            joined = false;
            continue;
        }
        match lists.last_mut() {
            Some(list) if joined && continues => list.push((*word).to_owned()),
            _ => lists.push(vec![(*word).to_owned()]),
        }
        joined = true;
    }
    lists.retain(|list| list.len() > 1);
    lists
}

fn states(which: impl Fn(State) -> bool) -> Vec<&'static str> {
    let mut words: Vec<_> = State::ALL
        .iter()
        .filter(|state| which(**state))
        .map(|state| state.as_str())
        .collect();
    words.sort_unstable();
    words
}

/// A ledger with one order that was sent and settled, and one that was not.
fn with_two_orders(books: &Books) -> Connection {
    use crate::ledger::laws::fixture::{Desk, numbered};
    let mut desk = Desk::new(books);
    let (batch, _) = desk.file(
        "one.csv",
        vec![numbered("A", "a", 1), numbered("B", "b", 1)],
    );
    desk.bring(batch, "A", State::Success);
    drop(desk);
    let conn = Connection::open(books.path()).unwrap();
    conn.pragma_update(None, "foreign_keys", "ON").unwrap();
    conn
}

#[test]
fn every_statement_is_valid_and_every_one_of_them_is_tried() {
    let ledger = Books::new().sqlite();
    let tx = Sqlite(&ledger.conn);
    tx.script(sql::script::STAGING).unwrap();
    for statement in sql::ALL {
        if let Err(e) = ledger.conn.prepare(statement.sqlite) {
            panic!("{}: {e}", statement.name);
        }
    }
    for script in sql::script::ALL {
        tx.script(script).unwrap();
    }
}

#[test]
fn the_words_in_the_schema_are_those_of_the_code() {
    let schema = sql::MIGRATIONS.concat();
    let check = |constraint: &str| -> Vec<&str> {
        let from = schema.find(&format!("CONSTRAINT {constraint}")).unwrap();
        let rest = &schema[from..];
        quoted(&rest[..rest.find(",\n").unwrap()])
    };
    let words = |all: Vec<&'static str>| all;
    assert_eq!(
        check("orders_state"),
        words(State::ALL.iter().map(|s| s.as_str()).collect())
    );
    assert_eq!(
        check("orders_weak"),
        words(Weak::ALL.iter().map(|s| s.as_str()).collect())
    );
    assert_eq!(
        check("orders_reduction_type"),
        words(ReductionType::ALL.iter().map(|s| s.as_str()).collect())
    );
    assert_eq!(
        check("attempt_asked"),
        words(Asked::ALL.iter().map(|s| s.as_str()).collect())
    );
    assert_eq!(
        ReqScene::ALL.len(),
        3,
        "kept without a CHECK: the interface may add to it"
    );
}

#[test]
fn every_list_of_states_in_the_sql_is_a_predicate_of_the_code() {
    let open = |s: State| s.is_unfinished() && !s.is_unsent();
    let predicates = [
        states(|_| true),
        states(State::is_final),
        states(State::is_unsent),
        states(|s| !s.is_alive()),
        states(State::is_proven_dead),
        states(State::was_named),
        states(State::holds_others),
        states(open),
        // Settled orders that hold others for some days only.
        states(|s| s.holds_others() && !s.is_unfinished()),
    ];
    let mut lists = 0;
    let all = sql::ALL
        .iter()
        .map(|statement| (statement.name, statement.sqlite));
    for (name, text) in all.chain([("schema", sql::MIGRATIONS[0])]) {
        for mut list in state_lists(text) {
            list.sort_unstable();
            assert!(
                predicates.iter().any(|words| *words == list),
                "{name}: {list:?}"
            );
            lists += 1;
        }
    }
    assert!(lists >= 20, "{lists}");
    // And those of the indices are the right ones.
    let ledger = Books::new().sqlite();
    for (index, want) in [
        ("orders_one_alive", states(|s| !s.is_alive())),
        ("orders_open", states(open)),
    ] {
        let query = "SELECT sql FROM sqlite_schema WHERE name = ?1";
        let text: String = ledger
            .conn
            .query_row(query, [index], |row| row.get(0))
            .unwrap();
        let (text, resolved) = match text.split_once("AND resolved_as IS NOT") {
            Some((text, word)) => (text.to_owned(), quoted(word)),
            None => (text, Vec::new()),
        };
        let mut found = quoted(&text);
        assert_eq!(resolved.is_empty(), index != "orders_one_alive", "{index}");
        found.sort_unstable();
        assert_eq!(found, want, "{index}");
    }
}

#[test]
fn what_a_run_asks_often_is_answered_by_an_index() {
    let ledger = Books::new().sqlite();
    Sqlite(&ledger.conn).script(sql::script::STAGING).unwrap();
    let plan = |statement: &Statement| -> String {
        let mut statement = ledger
            .conn
            .prepare(&format!("EXPLAIN QUERY PLAN {}", statement.sqlite))
            .unwrap();
        let count = statement.parameter_count();
        let nulls = vec![rusqlite::types::Null; count];
        let lines = statement
            .query_map(rusqlite::params_from_iter(nulls), |row| {
                row.get::<_, String>(3)
            })
            .unwrap();
        lines.map(Result::unwrap).collect::<Vec<_>>().join("\n")
    };
    for (statement, want) in [
        (
            sql::ORDER_HOLDING,
            "orders USING INDEX orders_holding (hold_key=?)",
        ),
        (
            sql::ORDER_YOUNGER,
            "other USING INDEX orders_of_account (<expr>=? AND amount_fen=? AND rowid>?)",
        ),
        (
            sql::DECK_PENDING,
            "orders USING INDEX orders_pending (batch_id=? AND merchant=? AND",
        ),
        (
            sql::DECK_OPEN,
            "orders USING INDEX orders_open (merchant=? AND",
        ),
        (
            sql::DECK_OPEN_OF_BATCH,
            "orders USING INDEX orders_open (merchant=? AND",
        ),
        (sql::LANES_OPEN, "orders USING INDEX orders_open"),
        (sql::LANES_OPEN_OF_BATCH, "orders USING INDEX orders_open"),
        (
            sql::LANES_PENDING,
            "orders USING COVERING INDEX orders_pending (batch_id=?)",
        ),
        (
            sql::RECENT_SENDS,
            "attempt USING INDEX attempt_claimed_at (claimed_at_ms>?)",
        ),
        (
            sql::ORDER_ALERTS,
            "attempt USING COVERING INDEX attempt_order (order_id=?)",
        ),
        (sql::RESULT_ROWS, "r USING PRIMARY KEY (batch_id=?)"),
        // So does a list of a million rows.
        (
            sql::LISTED_TWINS,
            "orders USING INDEX orders_holding (hold_key=?)",
        ),
        (sql::LISTED_CHAIN, "(deduction_id=? AND generation<?)"),
        (
            sql::LISTED_ROWS,
            "listed USING INTEGER PRIMARY KEY (rowid=?)",
        ),
        (
            sql::LISTED_ORDERS,
            "named USING INTEGER PRIMARY KEY (rowid=?)",
        ),
        (
            sql::ORDER_WAITING,
            "orders USING INDEX orders_holding (hold_key=?)",
        ),
        (sql::ORDER_GAP, "decision USING INDEX decision_restored"),
        (
            sql::ORDER_PAID_BEFORE,
            "deduction USING COVERING INDEX deduction_superseding",
        ),
        (sql::LANES_REPLACED, "orders USING INDEX orders_called_dead"),
        (
            sql::DECK_REPLACED,
            "orders USING INDEX orders_called_dead (merchant=? AND",
        ),
        (
            sql::REISSUES_ASKED,
            "r USING INDEX batch_row_reissues (batch_id=?)",
        ),
        (sql::REISSUES_ASKED, "o USING INDEX sqlite_autoindex_orders"),
        // A batch's part of a reconciliation is sorted; a period's comes in order.
        (
            sql::COMPARED_OF_BATCH,
            "batch_row USING PRIMARY KEY (batch_id=?)",
        ),
        (
            sql::COMPARED_OF_BATCH,
            "orders USING INDEX sqlite_autoindex_orders",
        ),
        (sql::COMPARED_BETWEEN, "SCAN orders"),
        (
            sql::PENDING_OF_BATCH,
            "orders USING COVERING INDEX orders_pending (batch_id=?)",
        ),
        (
            sql::REPORT_ORDERS,
            "batch_row USING PRIMARY KEY (batch_id=?)",
        ),
        (
            sql::REPORT_REQUESTS,
            "a USING INDEX attempt_order (order_id=?)",
        ),
    ] {
        let found = plan(statement);
        assert!(found.contains(want), "{want}:\n{found}");
        assert!(
            !found.contains("TEMP B-TREE FOR ORDER BY")
                || [
                    sql::ORDER_ALERTS,
                    sql::COMPARED_OF_BATCH,
                    sql::PENDING_OF_BATCH,
                    sql::REPORT_REQUESTS
                ]
                .contains(&statement),
            "{found}"
        );
        let whole = found.lines().any(|line| line.ends_with("SCAN orders"));
        let may = [sql::COMPARED_BETWEEN, sql::LISTED_ORDERS].contains(&statement);
        assert!(!whole || may, "{found}");
        assert!(!found.contains("SCAN newer"), "{found}");
        assert!(!found.contains("SCAN older"), "{found}");
    }
}

#[test]
fn l5_a_second_order_of_a_deduction_needs_proof_and_cannot_live_beside_the_first() {
    let books = Books::new();
    let conn = with_two_orders(&books);
    let second = "INSERT INTO orders (out_request_no, deduction_id, generation, batch_id, ordinal, \
        merchant, account, reduction_type, amount_fen, content_digest, hold_key, state, \
        created_at_ms) \
        SELECT 'X' || order_id, deduction_id, 2, batch_id, ordinal, merchant, account, \
        reduction_type, amount_fen, content_digest, hold_key, 'PENDING', 0 \
        FROM orders WHERE out_request_no = ?1";
    for number in ["A", "B"] {
        let e = conn.execute(second, [number]).unwrap_err().to_string();
        assert!(e.contains("L5: "), "{e}");
    }
    conn.execute_batch("DROP TRIGGER orders_new_number_needs_proof")
        .unwrap();
    for number in ["A", "B"] {
        let e = conn.execute(second, [number]).unwrap_err().to_string();
        assert!(
            e.contains("UNIQUE constraint failed: orders.deduction_id"),
            "{e}"
        );
    }
    // Withdrawn is no proof either.
    let withdraw = "UPDATE orders SET state = 'CANCELLED' WHERE out_request_no = 'B'";
    conn.execute(withdraw, []).unwrap();
    conn.execute(second, ["B"]).unwrap();
    let wrong = books.verify();
    assert_eq!(
        wrong,
        [
            "the rule orders_new_number_needs_proof of the ledger's tables is missing or was changed",
            "orders issued again without proof that the one before is dead: 1",
        ]
    );
}

#[test]
fn l5_a_deduction_that_is_proven_dead_may_have_another_order() {
    use crate::ledger::Ledger;
    use crate::ledger::laws::fixture::{Desk, numbered};
    for (number, state) in [("A", State::Failed), ("B", State::ClosedProven)] {
        let books = Books::new();
        let mut desk = Desk::new(&books);
        let rows = vec![numbered(number, "a", 7), numbered(number, "a", 7)];
        let (batch, _) = desk.file("one.csv", rows);
        desk.bring(batch, number, state);
        let mut ledger = books.sqlite();
        ledger
            .conn
            .execute_batch(
                "INSERT INTO orders (out_request_no, deduction_id, generation, batch_id, ordinal,
                     merchant, account, reduction_type, amount_fen, content_digest, hold_key,
                     state, created_at_ms)
                 SELECT 'X', deduction_id, 2, batch_id, ordinal, merchant, account,
                     reduction_type, amount_fen, content_digest, hold_key, 'PENDING', 0
                 FROM orders",
            )
            .unwrap();
        // Both rows show the chain's newest order, and its money counts once.
        let shown = desk.rows(batch);
        for row in shown {
            assert_eq!(row.order.unwrap().no.as_str(), "X");
        }
        let totals = ledger.totals(batch).unwrap();
        assert_eq!((totals.rows, totals.orders, totals.open_fen), (2, 1, 7));
        assert_eq!((totals.dead_fen, totals.attempts), (0, 0));
        // A result shows the input's own number beside the reissue's: the row is that chain.
        let back = numbered(number, "a", 7).back("X");
        let (two, accepted) = desk.file("one.result.csv", vec![back]);
        assert_eq!(accepted.repeats, 1);
        assert_eq!(desk.rows(two)[0].order.as_ref().unwrap().no.as_str(), "X");
        assert!(books.verify().is_empty());
    }
}

#[test]
fn l5_what_two_people_found_dead_has_a_new_number_only_31_days_after_its_first_send() {
    use crate::clock::WallMs;
    use crate::ledger::laws::fixture::{Came, Desk, START, no, numbered};
    use crate::ledger::{Decision, Person, REISSUE_OF_RESOLVED_MS, TwoPeople, Words};
    use crate::order::Resolution;
    let books = Books::new();
    let mut desk = Desk::new(&books);
    let rows = vec![numbered("A", "a", 7), numbered("B", "b", 7)];
    let (batch, _) = desk.file("one.csv", rows);
    desk.bring(batch, "B", State::Expired);
    let job = desk.find(batch, "A").unwrap();
    let (attempt, job) = desk.claim(&job, Asked::Submission);
    let person = |name: &str| Person::parse(name).unwrap();
    let resolve = |desk: &mut Desk, resolution| {
        let decision = Decision::Resolve {
            no: no("A"),
            resolution,
            by: TwoPeople::new(person("x"), person("y")).unwrap(),
            evidence: Words::parse("seen").unwrap(),
        };
        desk.ledger.decide(&decision, START)
    };
    let conn = Connection::open(books.path()).unwrap();
    let issue = |number: &str, at: WallMs| {
        conn.execute(
            "INSERT INTO orders (out_request_no, deduction_id, generation, batch_id, ordinal,
                 merchant, account, reduction_type, amount_fen, content_digest, hold_key, state,
                 created_at_ms)
             SELECT 'X' || order_id, deduction_id, 2, batch_id, ordinal, merchant, account,
                 reduction_type, amount_fen, content_digest, hold_key, 'PENDING', ?2
             FROM orders WHERE out_request_no = ?1",
            rusqlite::params![number, at.0],
        )
    };
    let due = START.plus_ms(REISSUE_OF_RESOLVED_MS);
    let standing = |desk: &mut Desk| desk.ledger.story(&no("A")).unwrap().unwrap().standing;
    resolve(&mut desk, Resolution::Success).unwrap();
    assert!(issue("A", due).unwrap_err().to_string().contains("L5: "));
    assert!(!standing(&mut desk).may_be_reissued(due));
    resolve(&mut desk, Resolution::Failed).unwrap();
    for (number, at, may) in [
        // Nobody said anything of B.
        ("B", due, false),
        ("A", due.plus_ms(-1), false),
        ("A", due, true),
    ] {
        if number == "A" {
            assert_eq!(standing(&mut desk).may_be_reissued(at), may);
        }
        match issue(number, at) {
            Ok(_) => assert!(may, "{number}"),
            Err(e) => assert!(!may && e.to_string().contains("L5: "), "{number}: {e}"),
        }
    }
    // The reply that says otherwise can be recorded, and is an alert, beside its reissue.
    let answer = desk.answer(
        (attempt, &job),
        Asked::Submission,
        State::Pending,
        Came::Success,
    );
    assert_eq!(desk.record(answer).state, State::Success);
    assert!(!standing(&mut desk).may_be_reissued(due));
    let again = resolve(&mut desk, Resolution::Failed)
        .unwrap_err()
        .to_string();
    assert!(again.contains("always wins"), "{again}");
    assert_eq!(books.verify(), Vec::<String>::new());
}

#[test]
fn people_decide_by_the_rules_of_the_database_too() {
    let books = Books::new();
    let conn = with_two_orders(&books);
    let decide = |kind: &str, order: i64, second: &str, words: &str| {
        conn.execute(
            "INSERT INTO decision (kind, order_id, by_first, by_second, at_ms, words)
             VALUES (?1, ?2, 'Li Wei', ?3, 0, ?4)",
            rusqlite::params![kind, order, second, words],
        )
    };
    // A is settled, B was never sent; nobody decides alone, or without a word.
    for (order, second, words) in [
        (1, "x", "y"),
        (2, "x", "y"),
        (1, " li wei", "y"),
        (1, "x", " "),
    ] {
        let e = decide("RESOLVE_FAILED", order, second, words).unwrap_err();
        assert!(e.to_string().contains("two people resolve"), "{e}");
    }
    for (text, want) in [
        (
            "UPDATE orders SET resolved_as = 'FAILED'",
            "only a decision",
        ),
        ("UPDATE orders SET resolved_as = NULL", "only a decision"),
        ("UPDATE meta SET frozen_by = NULL", "only a decision"),
        ("DELETE FROM lane_head", "append-only"),
        ("UPDATE lane_head SET entries = entries", "append-only"),
        (
            "UPDATE lane_head SET entries = 99, lane = 'x'",
            "append-only",
        ),
        ("UPDATE attempt SET link = zeroblob(32)", "append-only"),
        ("UPDATE reply SET entry_no = 9", "append-only"),
        (
            "INSERT INTO decision (kind, by_first, at_ms) VALUES ('PAY', 'x', 0)",
            "decision_kind",
        ),
    ] {
        let e = conn.execute(text, []).expect_err(text).to_string();
        assert!(e.contains(want), "{text}: {e}");
    }
    // A freeze holds against whoever writes an intent by hand.
    decide("FREEZE", 2, "x", "y").unwrap();
    conn.execute("UPDATE meta SET frozen_by = 1", []).unwrap();
    let intent = "INSERT INTO attempt (order_id, run_id, asked, claimed_at_ms, state_before, link) \
        VALUES (2, 1, 'SUBMISSION', 0, 'PENDING', zeroblob(32))";
    let e = conn.execute(intent, []).unwrap_err().to_string();
    assert!(e.contains("the ledger is frozen"), "{e}");
    let e = conn
        .execute("DELETE FROM decision", [])
        .unwrap_err()
        .to_string();
    assert!(e.contains("append-only"), "{e}");
}

#[test]
fn the_laws_hold_against_whoever_writes_sql_by_hand() {
    let books = Books::new();
    let conn = with_two_orders(&books);
    for (text, want) in [
        ("UPDATE attempt SET claimed_at_ms = 0", "append-only"),
        ("DELETE FROM attempt", "append-only"),
        ("UPDATE reply SET trust = 'LOST'", "append-only"),
        ("DELETE FROM reply", "append-only"),
        (
            "UPDATE orders SET amount_fen = 2 WHERE out_request_no = 'A'",
            "L2: ",
        ),
        (
            "UPDATE orders SET out_request_no = 'Z' WHERE out_request_no = 'A'",
            "L2: ",
        ),
        ("UPDATE orders SET content_digest = zeroblob(32)", "L2: "),
        ("DELETE FROM orders", "L2: "),
        (
            "UPDATE orders SET state = 'PENDING' WHERE out_request_no = 'A'",
            "L3: ",
        ),
        (
            "UPDATE orders SET state = 'UNKNOWN' WHERE out_request_no = 'A'",
            "L3: ",
        ),
        (
            "UPDATE orders SET state = 'FAILED' WHERE out_request_no = 'A'",
            "L3: ",
        ),
        (
            "UPDATE orders SET state = 'SUCCESS', first_sent_at_ms = 1 WHERE out_request_no = 'B'",
            "L3: ",
        ),
        (
            "UPDATE orders SET state = 'FAILED', first_sent_at_ms = 1, shown_attempt = 1 \
             WHERE out_request_no = 'B'",
            "L3: ",
        ),
        ("DELETE FROM batch_row", "L7: "),
        ("UPDATE batch_row SET cells = '[]'", "L7: "),
        (
            "UPDATE orders SET state = 'PAID' WHERE out_request_no = 'B'",
            "orders_state",
        ),
        (
            "UPDATE orders SET state = 'UNKNOWN' WHERE out_request_no = 'B'",
            "orders_sent_has_first_send",
        ),
        (
            "UPDATE orders SET first_sent_at_ms = 1 WHERE out_request_no = 'B'",
            "orders_unsent_never_sent",
        ),
        (
            "INSERT INTO meta (only_row, caller, environment, created_at_ms) VALUES (2, '1', 'REAL', 0)",
            "meta_only_row",
        ),
        ("UPDATE meta SET environment = 'TEST'", "meta_environment"),
    ] {
        let e = conn.execute(text, []).expect_err(text).to_string();
        assert!(e.contains(want), "{text}: {e}");
    }
    assert!(books.verify().is_empty());
}

#[test]
fn a_release_needs_a_name_and_stays_in_the_journal() {
    use crate::ledger::Ledger;
    use crate::ledger::laws::fixture::{Desk, no, numbered};
    let books = Books::new();
    let mut desk = Desk::new(&books);
    desk.file(
        "one.csv",
        vec![numbered("A", "a", 1), numbered("B", "a", 1)],
    );
    let mut ledger = books.sqlite();
    let release = "UPDATE orders SET state = 'PENDING' WHERE out_request_no = 'B'";
    let e = ledger.conn.execute(release, []).unwrap_err().to_string();
    assert!(e.contains("released by a person"), "{e}");
    ledger
        .release(
            &[no("B")],
            &crate::ledger::Person::parse("Li Wei").unwrap(),
            desk.now,
        )
        .unwrap();
    let told: (String, String, i64) = ledger
        .conn
        .query_row(
            "SELECT kind, by_first, at_ms FROM decision JOIN orders USING (order_id) \
             WHERE out_request_no = 'B'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(told, ("RELEASE".into(), "Li Wei".into(), desk.now.0));
    for (text, want) in [
        ("DELETE FROM decision", "append-only"),
        ("UPDATE decision SET by_first = 'Somebody'", "append-only"),
        (
            "INSERT INTO decision (kind, order_id, by_first, at_ms) VALUES ('RELEASE', 1, '', 0)",
            "decision_names_somebody",
        ),
        (
            "INSERT INTO decision (kind, order_id, by_first, at_ms) VALUES ('PAID', 1, 'x', 0)",
            "decision_kind",
        ),
    ] {
        let e = ledger.conn.execute(text, []).expect_err(text).to_string();
        assert!(e.contains(want), "{text}: {e}");
    }
    assert!(books.verify().is_empty());
}

#[test]
fn verify_finds_what_was_changed_behind_the_laws() {
    for (text, want) in [
        (
            "UPDATE orders SET amount_fen = 7 WHERE out_request_no = 'B'",
            "content's digest of order 2",
        ),
        (
            "UPDATE orders SET attempts = 9 WHERE out_request_no = 'A'",
            "orders whose attempts are not those of the journal: 1",
        ),
        (
            "UPDATE orders SET maybe_accepted = 0 WHERE out_request_no = 'A'",
            "orders whose submissions that may have been accepted are not those of the journal: 1",
        ),
        (
            "DELETE FROM batch_row WHERE ordinal = 2",
            "batches whose rows are not all there: 1",
        ),
        (
            "UPDATE reply SET trust = 'LOST'",
            "orders that are final without a verified reply: 1",
        ),
        (
            "UPDATE deduction SET superseded_by = 1 WHERE deduction_id = 2",
            "superseded deductions that are alive: 1",
        ),
        (
            "INSERT INTO attempt (order_id, run_id, asked, claimed_at_ms, state_before, link) \
             VALUES (2, 1, 'SUBMISSION', 0, 'PENDING', zeroblob(32))",
            "orders that count as never sent, and have a send in the journal: 1",
        ),
        (
            "UPDATE orders SET held_by = 1 WHERE out_request_no = 'B'",
            "orders that were held and are released by nobody: 1",
        ),
        ("DELETE FROM run", "references that lead nowhere"),
    ] {
        let books = Books::new();
        let conn = with_two_orders(&books);
        conn.pragma_update(None, "foreign_keys", "OFF").unwrap();
        let triggers: Vec<String> = conn
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        assert_eq!(triggers.len(), 34);
        for trigger in triggers {
            conn.execute_batch(&format!("DROP TRIGGER {trigger}"))
                .unwrap();
        }
        conn.execute(text, []).unwrap();
        let wrong = books.verify();
        assert!(
            wrong.iter().any(|words| words.contains(want)),
            "{text}: {wrong:?}"
        );
    }
}
