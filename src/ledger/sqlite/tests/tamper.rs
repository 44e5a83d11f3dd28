//! The journal's chain against whoever changes the file: each column of each entry, each byte of
//! each entry, entries taken out, tails cut, books set back.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::{Books, binding};
use crate::ledger::laws::fixture::{Came, Desk, numbered};
use crate::ledger::{
    Decision, Environment, JournalHead, Ledger, Person, SqliteLedger, TwoPeople, Words,
};
use crate::order::{Asked, Resolution, State};

/// A ledger with intents, replies and decisions in two lanes; the heads after each entry.
pub(super) fn told(books: &Books) -> Vec<JournalHead> {
    let mut desk = Desk::new(books);
    let rows = vec![
        numbered("A", "a", 1).reason("案件号1"),
        numbered("B", "b", 2).merchant("1900016682"),
        numbered("C", "c", 3),
    ];
    let (batch, _) = desk.file("one.csv", rows);
    let mut heads = vec![desk.ledger.journal_head().unwrap()];
    for (number, asked, came) in [
        ("A", Asked::Submission, Came::Lost),
        ("B", Asked::Submission, Came::CloseClaimed),
        ("B", Asked::Query, Came::ClosedProven),
        ("C", Asked::Submission, Came::NotSent),
        ("C", Asked::Submission, Came::Success),
    ] {
        let job = desk.find(batch, number).unwrap();
        let before = job.standing.state;
        let (attempt, job) = desk.claim(&job, asked);
        heads.push(desk.ledger.journal_head().unwrap());
        let mut answer = desk.answer((attempt, &job), asked, before, came);
        answer.facts.message = Some("a message".into());
        if came == Came::Lost {
            answer.alert = Some("an alert");
        }
        desk.record(answer);
        heads.push(desk.ledger.journal_head().unwrap());
    }
    let person = |name: &str| Person::parse(name).unwrap();
    let words = |text: &str| Words::parse(text).unwrap();
    for decision in [
        Decision::Freeze {
            by: person("Li Wei"),
            reason: words("a look"),
        },
        Decision::Unfreeze {
            by: person("Wang Fang"),
        },
        Decision::Resolve {
            no: crate::ledger::laws::fixture::no("A"),
            resolution: Resolution::Failed,
            by: TwoPeople::new(person("Li Wei"), person("Wang Fang")).unwrap(),
            evidence: words("ticket 8812"),
        },
    ] {
        desk.ledger.decide(&decision, desk.now).unwrap();
        heads.push(desk.ledger.journal_head().unwrap());
    }
    assert_eq!(heads.last().unwrap().entries, 13);
    heads
}

/// The file of a ledger, whole in itself.
pub(super) fn closed(books: &Books) -> Vec<u8> {
    let conn = Connection::open(books.path()).unwrap();
    conn.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        .unwrap();
    drop(conn);
    fs::read(books.path()).unwrap()
}

pub(super) fn put(books: &Books, bytes: &[u8]) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", books.path().display()));
    }
    fs::write(books.path(), bytes).unwrap();
}

pub(super) fn reader(path: &Path) -> crate::ledger::LedgerResult<SqliteLedger> {
    SqliteLedger::open_read_only(path, &binding("1900000001", Environment::Real))
}

/// A ledger that obeys nobody's rules.
pub(super) fn lawless(books: &Books) -> Connection {
    let conn = Connection::open(books.path()).unwrap();
    conn.pragma_update(None, "foreign_keys", "OFF").unwrap();
    conn.pragma_update(None, "ignore_check_constraints", "ON")
        .unwrap();
    conn.pragma_update(None, "synchronous", "OFF").unwrap();
    let triggers: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap();
    let drops: Vec<String> = triggers
        .iter()
        .map(|trigger| format!("DROP TRIGGER {trigger};"))
        .collect();
    conn.execute_batch(&format!("BEGIN; {} COMMIT", drops.concat()))
        .unwrap();
    conn
}

/// Rows of a table: the entry's number, and its key.
fn entries(conn: &Connection, sql: &str) -> Vec<(u64, i64)> {
    conn.prepare(sql)
        .unwrap()
        .query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?)))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap()
}

const TABLES: [(&str, &str, &str, &str); 4] = [
    (
        "attempt",
        "attempt_id",
        "INTENT",
        "SELECT attempt_id, attempt_id FROM attempt",
    ),
    (
        "reply",
        "attempt_id",
        "REPLY",
        "SELECT entry_no, attempt_id FROM reply",
    ),
    (
        "decision",
        "decision_id",
        "DECISION",
        "SELECT entry_no, decision_id FROM decision_link",
    ),
    (
        "decision_link",
        "decision_id",
        "DECISION",
        "SELECT entry_no, decision_id FROM decision_link",
    ),
];

/// Another value of the same kind.
fn changed(value: Value, declared: &str) -> Value {
    match value {
        Value::Null if declared == "INTEGER" => Value::Integer(0),
        Value::Null => Value::Text(String::new()),
        Value::Integer(integer) => Value::Integer(integer + 100),
        Value::Real(real) => Value::Real(real + 1.0),
        Value::Text(text) => Value::Text(format!("{text}x")),
        Value::Blob(mut bytes) => {
            bytes[7] ^= 1;
            Value::Blob(bytes)
        }
    }
}

#[test]
fn a_change_of_any_column_of_any_entry_makes_verify_name_that_entry() {
    let books = Books::new();
    told(&books);
    assert_eq!(books.sqlite().verify().unwrap(), Vec::<String>::new());
    let whole = closed(&books);
    let mut changes = 0;
    for (table, key, kind, sql) in TABLES {
        let rows = entries(&Connection::open(books.path()).unwrap(), sql);
        let columns: Vec<(String, String)> = Connection::open(books.path())
            .unwrap()
            .prepare(&format!(
                "SELECT name, type FROM pragma_table_info('{table}')"
            ))
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        for (entry, id) in rows {
            for (column, declared) in &columns {
                put(&books, &whole);
                let conn = lawless(&books);
                let select = format!("SELECT {column} FROM {table} WHERE {key} = {id}");
                let value: Value = conn.query_row(&select, [], |row| row.get(0)).unwrap();
                let update = format!("UPDATE {table} SET {column} = ?1 WHERE {key} = {id}");
                conn.execute(&update, [changed(value, declared)]).unwrap();
                drop(conn);
                let audit = reader(&books.path()).unwrap().audit(None).unwrap();
                let what = format!("{table}.{column} of entry {entry}: {:?}", audit.wrong);
                let bad = audit.bad.as_ref().unwrap_or_else(|| panic!("{what}"));
                assert_eq!(bad.entry, entry, "{what}");
                // An entry whose number or key was changed is not there any more.
                let gone = bad.kind.is_none();
                assert!(gone || bad.kind == Some(kind), "{what}");
                let keys = ["entry_no", "attempt_id", "decision_id"];
                assert!(!gone || keys.contains(&column.as_str()), "{what}");
                changes += 1;
            }
        }
    }
    assert_eq!(changes, 5 * 7 + 5 * 19 + 3 * 8 + 3 * 3);
}

#[test]
fn a_change_of_an_orders_content_shows_in_its_first_entry() {
    let books = Books::new();
    told(&books);
    let whole = closed(&books);
    for (column, value) in [
        ("merchant", "'1900016699'"),
        ("account", "'8609cb22e1774a50a930e414cc99x'"),
        ("reduction_type", "'FINANCIAL_PENALTY'"),
        ("amount_fen", "7"),
        ("reason", "'x'"),
        ("card_no", "'6222020000000000'"),
        ("sgn_no", "'x'"),
        ("req_scene", "'SJT_MICRO_MERCHANT'"),
        ("out_request_no", "'Z'"),
        ("content_digest", "zeroblob(32)"),
    ] {
        put(&books, &whole);
        let conn = lawless(&books);
        let update = format!("UPDATE orders SET {column} = {value} WHERE out_request_no = 'C'");
        conn.execute(&update, []).unwrap();
        drop(conn);
        let audit = reader(&books.path()).unwrap().audit(None).unwrap();
        let bad = audit.bad.unwrap_or_else(|| panic!("{column}"));
        assert_eq!(
            (bad.entry, bad.kind),
            (7, Some("INTENT")),
            "{column}: {bad}"
        );
    }
    // Content and digest together: what the books say agrees with itself, and not with the journal.
    put(&books, &whole);
    let conn = lawless(&books);
    let forged = numbered("C", "c", 7).content.digest();
    conn.execute(
        "UPDATE orders SET amount_fen = 7, content_digest = ?1 WHERE out_request_no = 'C'",
        [&forged.0[..]],
    )
    .unwrap();
    drop(conn);
    let audit = reader(&books.path()).unwrap().audit(None).unwrap();
    let bad = audit.bad.unwrap();
    assert_eq!((bad.entry, bad.order.as_deref()), (7, Some("C")), "{bad}");
    assert_eq!(bad.lane.as_deref(), Some("1900016681"));
}

#[test]
fn an_entry_that_was_taken_out_is_named() {
    let books = Books::new();
    told(&books);
    let whole = closed(&books);
    for (table, key, _, sql) in TABLES {
        for (entry, id) in entries(&Connection::open(books.path()).unwrap(), sql) {
            put(&books, &whole);
            let conn = lawless(&books);
            conn.execute(&format!("DELETE FROM {table} WHERE {key} = {id}"), [])
                .unwrap();
            drop(conn);
            let audit = reader(&books.path()).unwrap().audit(None).unwrap();
            let what = format!("{table} {id}: {:?}", audit.wrong);
            // The newest entry of all leaves no gap, but the ledger's own count tells.
            match audit.bad {
                Some(bad) => assert_eq!(bad.entry, entry, "{what}"),
                None => assert!(entry == 13 && audit.wrong.len() > 1, "{what}"),
            }
        }
    }
}

#[test]
fn every_earlier_head_is_an_ancestor_and_nothing_else_is() {
    let books = Books::new();
    let heads = told(&books);
    let mut ledger = books.sqlite();
    for head in &heads {
        let audit = ledger.audit(Some(*head)).unwrap();
        assert_eq!(audit.wrong, Vec::<String>::new(), "{head}");
        assert_eq!(audit.head, heads[13]);
        for other in &heads {
            let mixed = JournalHead {
                entries: head.entries,
                hash: other.hash,
            };
            let wrong = ledger.audit(Some(mixed)).unwrap().wrong;
            assert_eq!(wrong.is_empty(), head == other, "{mixed}: {wrong:?}");
        }
    }
}

#[test]
fn a_tail_that_was_cut_with_all_its_traces_shows_against_an_earlier_head() {
    let books = Books::new();
    let heads = told(&books);
    let whole = closed(&books);
    // What a ledger looked like before its last two entries: a copy that was put back.
    let earlier = Books::new();
    let mut desk = Desk::new(&earlier);
    desk.file("one.csv", vec![numbered("A", "a", 1)]);
    drop(desk);
    put(&books, &closed(&earlier));
    let audit = reader(&books.path()).unwrap().audit(None).unwrap();
    assert_eq!(audit.wrong, Vec::<String>::new(), "by itself it is sound");
    let audit = reader(&books.path())
        .unwrap()
        .audit(Some(heads[13]))
        .unwrap();
    assert_eq!(audit.wrong.len(), 1);
    assert!(
        audit.wrong[0].contains("its tail was cut"),
        "{:?}",
        audit.wrong
    );
    // The head or the count alone, moved by hand.
    for (text, want) in [
        ("UPDATE meta SET journal_entries = 12", "the ledger says"),
        (
            "UPDATE lane_head SET entries = 9 WHERE lane = ''",
            "head of the lane \"\"",
        ),
        (
            "UPDATE lane_head SET link = zeroblob(32) WHERE lane = '1900016682'",
            "head of the lane \"1900016682\"",
        ),
        (
            "DELETE FROM lane_head WHERE lane = '1900016682'",
            "head of the lane",
        ),
    ] {
        put(&books, &whole);
        lawless(&books).execute(text, []).unwrap();
        let wrong = reader(&books.path()).unwrap().audit(None).unwrap().wrong;
        assert!(wrong.iter().any(|w| w.contains(want)), "{text}: {wrong:?}");
    }
}

#[test]
fn a_state_that_the_journal_does_not_come_to_is_named() {
    let books = Books::new();
    told(&books);
    let whole = closed(&books);
    for (text, want) in [
        (
            "UPDATE orders SET state = 'FAILED' WHERE out_request_no = 'C'",
            "order C is FAILED, and by its journal SUCCESS",
        ),
        (
            "UPDATE orders SET state = 'UNKNOWN' WHERE out_request_no = 'C'",
            "order C is UNKNOWN",
        ),
        (
            "UPDATE orders SET first_sent_at_ms = first_sent_at_ms + 1 WHERE out_request_no = 'A'",
            "order A was first sent at another time",
        ),
        (
            "UPDATE orders SET resolved_as = NULL",
            "decisions of people that their orders do not show: 1",
        ),
        (
            "UPDATE orders SET resolved_as = 'SUCCESS' WHERE out_request_no = 'A'",
            "orders that are resolved otherwise than people decided: 1",
        ),
        (
            "UPDATE meta SET frozen_by = 1",
            "freezes that the ledger does not follow: 1",
        ),
        (
            "INSERT INTO decision (kind, by_first, at_ms) VALUES ('IMPORT', 'x', 0)",
            "decisions that stand outside the journal's chain: 1",
        ),
    ] {
        put(&books, &whole);
        lawless(&books).execute(text, []).unwrap();
        let wrong = reader(&books.path()).unwrap().audit(None).unwrap().wrong;
        assert!(wrong.iter().any(|w| w.contains(want)), "{text}: {wrong:?}");
    }
}

#[test]
fn a_rule_that_was_taken_away_or_added_is_named() {
    for (text, want) in [
        ("DROP TRIGGER reply_stays", "the rule reply_stays"),
        ("DROP INDEX orders_one_alive", "the rule orders_one_alive"),
        (
            "DROP TRIGGER orders_stay;
             CREATE TRIGGER orders_stay BEFORE DELETE ON orders BEGIN SELECT 1; END",
            "the rule orders_stay",
        ),
        (
            "CREATE TABLE more (x)",
            "more in the ledger's file is not levy's",
        ),
    ] {
        let books = Books::new();
        told(&books);
        let conn = Connection::open(books.path()).unwrap();
        conn.execute_batch(text).unwrap();
        drop(conn);
        let wrong = reader(&books.path()).unwrap().audit(None).unwrap().wrong;
        assert!(
            wrong.len() == 1 && wrong[0].contains(want),
            "{text}: {wrong:?}"
        );
    }
}

/// Where a table's rows lie in the file: the payload of each cell of its one leaf (section 1.6 of
/// SQLite's file format).
fn payloads(bytes: &[u8], root: u32) -> Vec<(i64, std::ops::Range<usize>)> {
    let size = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    let page = (root as usize - 1) * size;
    assert_eq!(bytes[page], 0x0D, "the table has grown beyond one leaf");
    let two = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let varint = |mut at: usize| {
        let mut value = 0_i64;
        loop {
            value = value << 7 | i64::from(bytes[at] & 0x7F);
            at += 1;
            if bytes[at - 1] & 0x80 == 0 {
                return (value, at);
            }
        }
    };
    (0..two(page + 3))
        .map(|cell| {
            let (length, at) = varint(page + two(page + 8 + 2 * cell));
            let (rowid, at) = varint(at);
            (rowid, at..at + length as usize)
        })
        .collect()
}

/// Every value of a table.
fn content(books: &Books, table: &str) -> Vec<Vec<Value>> {
    let conn = Connection::open(books.path()).unwrap();
    let mut statement = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|i| row.get(i)).collect());
    rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

fn content_of(bytes: &[u8], table: &str) -> Vec<Vec<Value>> {
    let books = Books::new();
    put(&books, bytes);
    content(&books, table)
}

#[test]
fn a_flip_of_any_byte_of_any_entry_makes_verify_name_that_entry() {
    let books = Books::new();
    told(&books);
    let whole = closed(&books);
    let (mut flips, mut silent) = (0_usize, 0_usize);
    for (table, _, _, sql) in TABLES {
        let conn = Connection::open(books.path()).unwrap();
        let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        let root = conn.query_row(root, [table], |row| row.get(0)).unwrap();
        let numbers = entries(&conn, sql);
        drop(conn);
        for (rowid, payload) in payloads(&whole, root) {
            let (entry, _) = *numbers.iter().find(|(_, id)| *id == rowid).unwrap();
            for at in payload {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << (at % 8);
                put(&books, &bytes);
                flips += 1;
                let what = format!("{table}, entry {entry}, byte {at}");
                let Ok(mut ledger) = reader(&books.path()) else {
                    continue;
                };
                let audit = match ledger.audit(None) {
                    Ok(audit) => audit,
                    // What SQLite can't read at all is damage, and said so.
                    Err(_) => continue,
                };
                if audit.wrong.is_empty() {
                    // A few bytes say nothing: the type of a key that SQLite keeps elsewhere.
                    assert_eq!(content(&books, table), content_of(&whole, table), "{what}");
                    silent += 1;
                    continue;
                }
                match audit.bad {
                    Some(bad) => assert_eq!(bad.entry, entry, "{what}: {:?}", audit.wrong),
                    // Where the record itself does not decode, SQLite's check says so.
                    None => assert!(
                        audit
                            .wrong
                            .iter()
                            .any(|w| w.contains("the file is damaged")),
                        "{what}: {:?}",
                        audit.wrong
                    ),
                }
            }
        }
    }
    assert!(flips > 1_000 && silent < flips / 50, "{silent} of {flips}");
}

#[test]
fn settled_states_are_what_they_seem() {
    // The ledger of these tests is what its name says.
    let books = Books::new();
    told(&books);
    let mut ledger = books.sqlite();
    for (number, state) in [
        ("A", State::Unknown),
        ("B", State::ClosedProven),
        ("C", State::Success),
    ] {
        let number = crate::ledger::laws::fixture::no(number);
        let story = ledger.story(&number).unwrap().unwrap();
        assert_eq!(story.standing.state, state);
    }
}
