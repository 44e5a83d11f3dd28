//! The file: missing, foreign, newer, damaged, full, somebody else's, and what a crash leaves.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::{Books, binding};
use crate::ledger::laws::Engine;
use crate::ledger::laws::fixture::{Desk, START, blank, numbered, staged};
use crate::ledger::lock::RunLock;
use crate::ledger::sqlite::open;
use crate::ledger::{
    BatchId, Environment, Ledger, LedgerError, ListScope, OpenOptions, SqliteLedger, sql,
};
use crate::order::{Asked, State, Status};

fn reopen(books: &Books) -> OpenOptions {
    OpenOptions {
        create: false,
        ..books.options()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[track_caller]
fn refused(options: &OpenOptions, want: &str) {
    match SqliteLedger::open(options) {
        Err(LedgerError::Refused(words) | LedgerError::Unusable(words)) => {
            assert!(words.contains(want), "{words}")
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn missing(options: &OpenOptions, want: &str) {
    match SqliteLedger::open(options) {
        Err(LedgerError::Missing(words)) => assert!(words.contains(want), "{words}"),
        other => panic!("{other:?}"),
    }
    let read = SqliteLedger::open_read_only(&options.path, &options.binding);
    assert!(matches!(read, Err(LedgerError::Missing(_))), "{read:?}");
}

/// The files of a ledger as a crash at this very moment would leave them.
fn crashed(books: &Books) -> Books {
    let copy = Books::new();
    for name in ["levy.db", "levy.db-wal"] {
        let from = books.dir.path().join(name);
        if from.exists() {
            fs::copy(from, copy.dir.path().join(name)).unwrap();
        }
    }
    copy
}

#[test]
fn a_missing_ledger_is_refused_and_not_made_unless_that_was_asked_for() {
    let books = Books::new();
    missing(&reopen(&books), "--create-ledger");
    assert_eq!(fs::read_dir(books.dir.path()).unwrap().count(), 0);
    drop(books.sqlite());
    SqliteLedger::open(&reopen(&books)).unwrap();
    SqliteLedger::open(&books.options()).unwrap();
}

#[test]
fn an_empty_file_counts_as_missing() {
    let books = Books::new();
    fs::write(books.path(), "").unwrap();
    fs::set_permissions(books.path(), PermissionsExt::from_mode(0o600)).unwrap();
    missing(&reopen(&books), "would have forgotten");
    // So does one whose making was cut short before its schema was committed.
    let conn = Connection::open(books.path()).unwrap();
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
        .unwrap();
    drop(conn);
    missing(&reopen(&books), "would have forgotten");
    drop(books.sqlite());
    SqliteLedger::open(&reopen(&books)).unwrap();
}

#[test]
fn l8_only_its_owner_may_read_the_ledger_its_log_and_its_index() {
    let books = Books::new();
    let ledger = books.sqlite();
    for name in ["levy.db", "levy.db-wal", "levy.db-shm"] {
        assert_eq!(mode(&books.dir.path().join(name)), 0o600, "{name}");
    }
    drop(ledger);
    for open_to in [0o644, 0o640, 0o602] {
        fs::set_permissions(books.path(), PermissionsExt::from_mode(open_to)).unwrap();
        refused(&books.options(), "chmod 600");
    }
}

#[test]
fn links_are_followed_and_one_that_leads_nowhere_is_a_missing_ledger() {
    let books = Books::new();
    drop(books.sqlite());
    let link = books.dir.path().join("link.db");
    symlink(books.path(), &link).unwrap();
    let options = OpenOptions {
        path: link,
        ..reopen(&books)
    };
    SqliteLedger::open(&options).unwrap();
    let nowhere = books.dir.path().join("nowhere.db");
    symlink("/nonexistent/levy.db", &nowhere).unwrap();
    for create in [false, true] {
        let options = OpenOptions {
            path: nowhere.clone(),
            create,
            ..reopen(&books)
        };
        missing(&options, "leads nowhere");
    }
    let directory = OpenOptions {
        path: books.dir.path().to_path_buf(),
        ..reopen(&books)
    };
    refused(&directory, "is no file");
}

#[test]
fn what_is_no_ledger_is_refused_and_left_as_it_is() {
    let books = Books::new();
    fs::write(books.path(), "mchid,amount\n".repeat(1000)).unwrap();
    fs::set_permissions(books.path(), PermissionsExt::from_mode(0o600)).unwrap();
    refused(&books.options(), "no SQLite file");
    fs::remove_file(books.path()).unwrap();
    let conn = Connection::open(books.path()).unwrap();
    conn.execute_batch("CREATE TABLE orders (id INTEGER)")
        .unwrap();
    drop(conn);
    fs::set_permissions(books.path(), PermissionsExt::from_mode(0o600)).unwrap();
    let before = fs::read(books.path()).unwrap();
    refused(&books.options(), "another program's");
    assert_eq!(fs::read(books.path()).unwrap(), before);
}

#[test]
fn a_newer_ledger_is_refused() {
    let books = Books::new();
    let ledger = books.sqlite();
    ledger.conn.pragma_update(None, "user_version", 99).unwrap();
    drop(ledger);
    refused(&books.options(), "made by a newer levy (schema 99");
    let read = SqliteLedger::open_read_only(&books.path(), &books.options().binding);
    assert!(matches!(read, Err(LedgerError::Unusable(_))));
}

#[test]
fn another_caller_or_environment_is_refused_and_both_are_named() {
    let books = Books::new();
    drop(books.sqlite());
    for (caller, environment) in [
        ("1900000002", Environment::Real),
        ("1900000001", Environment::Sandbox),
    ] {
        let options = OpenOptions {
            binding: binding(caller, environment),
            ..reopen(&books)
        };
        refused(&options, "belongs to merchant 1900000001 (REAL)");
        refused(
            &options,
            &format!("this is merchant {caller} ({})", environment.as_str()),
        );
        let read = SqliteLedger::open_read_only(&books.path(), &options.binding);
        assert!(matches!(read, Err(LedgerError::Refused(_))));
    }
}

#[test]
fn a_damaged_ledger_breaks_and_says_what_to_do() {
    let books = Books::new();
    let mut desk = Desk::new(&books);
    let rows = (0..500).map(|i| blank(&i.to_string(), 1)).collect();
    let (batch, _) = desk.file("one.csv", rows);
    drop(desk);
    let mut bytes = fs::read(books.path()).unwrap();
    let pages = bytes.len() / 4096;
    for page in 2..pages {
        bytes[page * 4096..page * 4096 + 512].fill(0xA5);
    }
    fs::write(books.path(), bytes).unwrap();
    let words = match SqliteLedger::open(&reopen(&books)) {
        Err(e) => e.to_string(),
        Ok(mut ledger) => {
            let read = ledger.rows(batch, &mut |_| Ok(()));
            assert!(matches!(read, Err(LedgerError::Broken(_))), "{read:?}");
            assert!(!ledger.verify().unwrap().is_empty());
            read.unwrap_err().to_string()
        }
    };
    assert!(words.contains("backup, and never"), "{words}");
}

#[test]
fn settings_are_what_they_must_be() {
    let ledger = Books::new().sqlite();
    for (pragma, want) in [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("trusted_schema", "0"),
        ("cell_size_check", "1"),
        ("temp_store", "1"),
        ("busy_timeout", "10000"),
        ("application_id", "1279612505"),
        ("user_version", &sql::MIGRATIONS.len().to_string()),
    ] {
        let found: rusqlite::types::Value = ledger
            .conn
            .pragma_query_value(None, pragma, |row| row.get(0))
            .unwrap();
        let found = match found {
            rusqlite::types::Value::Integer(i) => i.to_string(),
            rusqlite::types::Value::Text(t) => t,
            other => panic!("{pragma}: {other:?}"),
        };
        assert_eq!(found, want, "{pragma}");
    }
}

#[test]
fn migrations_go_in_order_and_one_that_fails_leaves_nothing() {
    let books = Books::new();
    let mut conn = first_version(&books);
    let first = sql::MIGRATIONS[0];
    let good = "ALTER TABLE run ADD COLUMN note TEXT";
    let bad = "ALTER TABLE run ADD COLUMN host TEXT; ALTER TABLE nothing ADD COLUMN x TEXT";
    let version = |conn: &Connection| -> i32 {
        conn.pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    };
    open::migrate(&mut conn, &[first, good], None).unwrap();
    assert_eq!(version(&conn), 2);
    assert!(open::migrate(&mut conn, &[first, good, bad], None).is_err());
    assert_eq!(version(&conn), 2);
    conn.prepare("SELECT note FROM run").unwrap();
    assert!(conn.prepare("SELECT host FROM run").is_err());
}

/// A ledger as the first version made it.
fn first_version(books: &Books) -> Connection {
    version(books, 1)
}

/// A ledger as an older version made it.
fn version(books: &Books, version: usize) -> Connection {
    let mut conn = Connection::open(books.path()).unwrap();
    fs::set_permissions(books.path(), Permissions::from_mode(0o600)).unwrap();
    conn.pragma_update(None, "foreign_keys", "ON").unwrap();
    let binding = books.options().binding;
    open::migrate(&mut conn, &sql::MIGRATIONS[..version], Some(&binding)).unwrap();
    conn
}

#[test]
fn a_ledger_of_an_older_version_is_brought_up_to_date_with_all_that_it_had() {
    for older in 1..sql::MIGRATIONS.len() {
        let books = Books::new();
        let conn = version(&books, older);
        conn.execute_batch(
            "INSERT INTO batch VALUES (1, zeroblob(32), 'old.csv', '[]', 44, 1, 5);
             INSERT INTO batch_row (batch_id, ordinal, line, cells, kind) VALUES (1, 1, 2, '[]', 'INVALID');",
        )
        .unwrap();
        drop(conn);
        let binding = books.options().binding;
        let read = SqliteLedger::open_read_only(&books.path(), &binding);
        // Nor by who holds no lock: a run of that older levy may be going on.
        let beside = SqliteLedger::open_beside_a_run(&books.options());
        for refused in [read, beside] {
            let Err(LedgerError::Refused(words)) = refused else {
                panic!("version {older} was opened");
            };
            assert!(words.contains("levy ledger upgrade"), "{words}");
            assert!(!words.contains("levy run"), "{words}");
        }
        let mut ledger = books.sqlite();
        assert_eq!(
            ledger.batch(BatchId(1)).unwrap().unwrap().head.file,
            "old.csv"
        );
        assert_eq!(ledger.plans_waiting().unwrap(), []);
        assert_eq!(ledger.verify().unwrap(), Vec::<String>::new(), "{older}");
    }
}

/// Both have seen the older version before either has the transaction.
#[test]
fn two_that_bring_a_ledger_up_to_date_at_once_do_it_once() {
    let books = Books::new();
    let mut first = version(&books, 1);
    let mut second = Connection::open(books.path()).unwrap();
    let seen: i32 = second
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(seen, 1);
    open::migrate(&mut first, sql::MIGRATIONS, None).unwrap();
    open::migrate(&mut second, sql::MIGRATIONS, None).unwrap();
    drop((first, second));
    assert_eq!(books.sqlite().verify().unwrap(), Vec::<String>::new());
}

#[test]
fn l2_a_plan_of_an_older_version_keeps_the_words_that_were_approved() {
    let books = Books::new();
    let mut conn = first_version(&books);
    open::migrate(&mut conn, &sql::MIGRATIONS[..2], None).unwrap();
    conn.execute_batch(
        "INSERT INTO plan VALUES (1, zeroblob(32), 'old.csv', NULL, 3, 2, 1, 1, 0, 0, 1, 100, 0, 0, 7,
            zeroblob(32), 'Li Wei', 5);",
    )
    .unwrap();
    let words = |conn: &Connection| -> String {
        let text = "SELECT words FROM plan_words WHERE plan_id = 1";
        conn.query_row(text, [], |row| row.get(0)).unwrap()
    };
    let approved = words(&conn);
    open::migrate(&mut conn, sql::MIGRATIONS, None).unwrap();
    assert_eq!(words(&conn), approved);
}

#[test]
fn a_reader_needs_no_lock_and_writes_nothing() {
    let books = Books::new();
    let _lock = RunLock::take(&books.path()).unwrap();
    let mut desk = Desk::new(&books);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    let binding = books.options().binding;
    let mut reader = SqliteLedger::open_read_only(&books.path(), &binding).unwrap();
    // It reads while a run writes, and the run writes while it reads.
    let job = desk.find(batch, "A").unwrap();
    let mut seen = 0;
    reader
        .rows(batch, &mut |row| {
            assert_eq!(row.status, Status::Pending);
            desk.claim(&job, Asked::Submission);
            seen += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, 1);
    assert_eq!(
        reader.totals(batch).unwrap().by_status[0].0,
        Status::Unknown
    );
    // A list is staged and compared in temporary tables.
    let list = staged(vec![Ok(numbered("A", "a", 1)), Ok(numbered("B", "b", 1))]);
    reader.stage(&list).unwrap();
    let mut told = 0;
    reader
        .beside(&ListScope::default(), &mut |_| {
            told += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(told, 2);
    assert!(matches!(
        reader.begin_run(START),
        Err(LedgerError::Broken(_))
    ));
    assert_eq!(reader.verify().unwrap(), Vec::<String>::new());
    // And after the run is over.
    drop(desk);
    let mut reader = SqliteLedger::open_read_only(&books.path(), &binding).unwrap();
    assert_eq!(reader.totals(batch).unwrap().rows, 1);
}

#[test]
fn l1_an_intent_outlives_a_crash_right_after_its_permission() {
    let books = Books::new();
    let mut desk = Desk::new(&books);
    let (batch, _) = desk.file(
        "one.csv",
        vec![numbered("A", "a", 1), numbered("B", "b", 1)],
    );
    let job = desk.find(batch, "A").unwrap();
    desk.claim(&job, Asked::Submission);
    let after = crashed(&books);
    let mut found = Desk::new(&after);
    assert_eq!(found.statuses(batch), [Status::Unknown, Status::Pending]);
    let job = found.find(batch, "A").unwrap();
    assert_eq!(job.standing.first_sent_at, Some(START));
    assert!(after.verify().is_empty());
}

#[test]
fn l9_a_crash_in_the_middle_of_a_transaction_leaves_nothing_of_it() {
    let books = Books::new();
    let mut desk = Desk::new(&books);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    drop(desk);
    let ledger = books.sqlite();
    // A cache of nothing: every page goes to the log before the commit.
    ledger.conn.pragma_update(None, "cache_size", 0).unwrap();
    ledger
        .conn
        .execute_batch(
            "BEGIN IMMEDIATE;
             INSERT INTO attempt (order_id, run_id, asked, claimed_at_ms, state_before, link)
             VALUES (1, 1, 'SUBMISSION', 1, 'PENDING', zeroblob(32));
             UPDATE orders SET state = 'UNKNOWN', attempts = 1, maybe_accepted = 1,
                 first_sent_at_ms = 1;
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
             INSERT INTO run (started_at_ms) SELECT i FROM n;",
        )
        .unwrap();
    let log = fs::metadata(books.dir.path().join("levy.db-wal"))
        .unwrap()
        .len();
    assert!(log > 4096, "the test must have something to lose: {log}");
    let after = crashed(&books);
    let mut found = Desk::new(&after);
    assert_eq!(found.statuses(batch), [Status::Pending]);
    assert!(after.verify().is_empty());
}

#[test]
fn a_full_disk_stops_the_write_and_the_ledger_opens_clean_afterwards() {
    let books = Books::new();
    let mut desk = Desk::new(&books);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    drop(desk);
    let mut ledger = books.sqlite();
    let pages: i64 = ledger
        .conn
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    ledger
        .conn
        .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        .unwrap();
    let rows = (0..2000).map(|i| Ok(blank(&i.to_string(), 1))).collect();
    ledger
        .stage(&crate::ledger::laws::fixture::staged(rows))
        .unwrap();
    let full = ledger.accept(&Desk::head("two.csv"), START, 40);
    let Err(LedgerError::Broken(words)) = full else {
        panic!("{full:?}");
    };
    assert!(words.contains("no space is left"), "{words}");
    assert_eq!(
        ledger.find_batch(&Desk::head("two.csv").digest).unwrap(),
        None
    );
    // With room again the same staged rows go in.
    ledger
        .conn
        .pragma_update_and_check(None, "max_page_count", pages * 1000, |_| Ok(()))
        .unwrap();
    assert_eq!(
        ledger
            .accept(&Desk::head("two.csv"), START, 40)
            .unwrap()
            .1
            .orders,
        2000
    );
    drop(ledger);
    let mut desk = Desk::new(&books);
    desk.bring(batch, "A", State::Success);
    assert!(books.verify().is_empty());
}

#[test]
fn a_ledger_that_another_process_writes_to_is_waited_for_and_then_given_up() {
    let books = Books::new();
    let mut ledger = books.sqlite();
    ledger.conn.busy_timeout(Duration::from_millis(1)).unwrap();
    let other = books.sqlite();
    other.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    let Err(LedgerError::Broken(words)) = ledger.begin_run(START) else {
        panic!("it wrote");
    };
    assert!(words.contains("another process"), "{words}");
    other.conn.execute_batch("ROLLBACK").unwrap();
    ledger.begin_run(START).unwrap();
}

#[test]
fn a_scratch_ledger_does_what_a_ledger_does_and_leaves_no_file() {
    let mut ledger = SqliteLedger::scratch().unwrap();
    let rows = vec![Ok(blank("a", 1)), Ok(blank("a", 1)), Err("amount".into())];
    ledger
        .stage(&crate::ledger::laws::fixture::staged(rows))
        .unwrap();
    let (batch, accepted) = ledger.accept(&Desk::head("one.csv"), START, 40).unwrap();
    assert_eq!(
        (accepted.orders, accepted.held, accepted.invalid),
        (2, 1, 1)
    );
    assert_eq!(ledger.totals(batch.id).unwrap().rows, 3);
    assert_eq!(ledger.verify().unwrap(), Vec::<String>::new());
}
