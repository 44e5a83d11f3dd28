//! What a server must promise, what becomes of a commit of which nothing was heard, and who is in whose way.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;

use super::{Books, Route, Server};
use crate::ledger::database::{Database, End, values};
use crate::ledger::laws::Engine;
use crate::ledger::laws::fixture::{Desk, START, no, numbered, staged};
use crate::ledger::postgres::fault::{Cause, Trouble};
use crate::ledger::postgres::open::MIGRATIONS;
use crate::ledger::postgres::{BUSY_TRIES_MAX, Isolation, Lose, PostgresLedger, Tried, try_again};
use crate::ledger::{Binding, Environment, Ledger, LedgerError, LedgerResult, Write, sql};

fn books() -> Books {
    Books::new(Route::Direct, Isolation::ReadCommitted)
}

/// What opening is refused with, after something was done to the database by who administers it.
fn refused(books: &Books, done: &str) -> String {
    Server::get().execute(&books.database, done);
    match PostgresLedger::open(&books.options()) {
        Err(LedgerError::Refused(words)) => words,
        other => panic!("{done}: {other:?}"),
    }
}

#[test]
fn l1_a_server_that_does_not_wait_for_its_disk_is_refused() {
    let books = books();
    let name = &books.database;
    let words = refused(
        &books,
        &format!("ALTER DATABASE {name} SET synchronous_commit = off"),
    );
    assert!(words.contains("synchronous_commit is off"), "{words}");
}

#[test]
fn l1_a_server_that_stops_waiting_for_its_disk_commits_nothing_more() {
    let books = Books::new(Route::Pooled, Isolation::ReadCommitted);
    let name = &books.database;
    let mut ledger = books.postgres();
    ledger.begin_run(START).unwrap();
    Server::get().execute(
        name,
        &format!("ALTER DATABASE {name} SET synchronous_commit = off"),
    );
    // The sessions that there are keep what they began with.
    Server::get().cut(name);
    let failed = ledger.begin_run(START).unwrap_err().to_string();
    assert!(failed.contains("synchronous_commit is off"), "{failed}");
}

#[test]
fn a_ledger_of_other_tables_or_of_somebody_else_is_refused() {
    let books = books();
    let other = |caller: &str, environment| {
        let mut options = books.options();
        options.binding = Binding {
            caller: caller.into(),
            environment,
        };
        PostgresLedger::open(&options).unwrap_err().to_string()
    };
    let words = other("1900000002", Environment::Real);
    assert!(
        words.contains("belongs to the caller 1900000001"),
        "{words}"
    );
    let words = other("1900000001", Environment::Sandbox);
    assert!(words.contains("is for real money"), "{words}");
    let words = refused(&books, "UPDATE levy.schema_version SET version = 9");
    assert!(words.contains("has tables of version 9"), "{words}");
}

#[test]
fn a_ledger_of_an_older_levy_is_refused_until_it_is_brought_up_to_date() {
    for kept in 1..MIGRATIONS.len() {
        let books = Books::empty(Route::Pooled);
        let server = Server::get();
        let made = MIGRATIONS[..kept].concat();
        server.execute(
            &books.database,
            &format!(
                "BEGIN; CREATE SCHEMA levy; SET LOCAL search_path = levy, pg_temp; {made}; INSERT INTO meta \
                 (only_row, caller, environment, created_at_ms) VALUES (1, '1900000001', 'REAL', 0); COMMIT"
            ),
        );
        let mut options = books.options();
        let older = PostgresLedger::open(&options).unwrap_err().to_string();
        assert!(older.contains("`levy ledger upgrade`"), "{older}");
        options.binding.caller = "1900000002".into();
        PostgresLedger::upgrade(&options).unwrap_err();
        let options = books.options();
        assert_eq!(PostgresLedger::upgrade(&options).unwrap(), kept as u32);
        let now = MIGRATIONS.len() as u32;
        assert_eq!(PostgresLedger::upgrade(&options).unwrap(), now);
        assert_eq!(books.postgres().verify().unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_writer_whose_tables_were_brought_up_to_date_under_it_writes_no_more() {
    let books = books();
    let mut older = books.postgres();
    let newer = "UPDATE levy.schema_version SET version = version + 1";
    Server::get().execute(&books.database, newer);
    let failed = older.begin_run(START).unwrap_err().to_string();
    assert!(
        failed.contains("install the levy that made them, or a newer one"),
        "{failed}"
    );
    let options = books.options();
    assert!(PostgresLedger::upgrade(&options).is_err());
}

#[test]
fn a_ledger_is_made_only_where_that_is_allowed_and_once() {
    let books = Books::empty(Route::Direct);
    let mut options = books.options();
    let missing = PostgresLedger::open(&options).unwrap_err();
    assert!(matches!(missing, LedgerError::Missing(_)), "{missing}");
    options.create = true;
    let made: Vec<_> = std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| PostgresLedger::open(&options).map(drop)));
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    assert_eq!(books.postgres().verify().unwrap(), Vec::<String>::new());
}

#[test]
fn a_password_stands_in_no_error() {
    let mut options = books().options();
    for url in [
        "postgres://levy:geheim@127.0.0.1:1/levy",
        "postgres://levy:geheim@127.0.0.1:1/levy?port=geheim",
        "postgres://levy:geheim@127.0.0.1:1/levy?sslmode=geheim",
    ] {
        options.url = url.into();
        let failed = PostgresLedger::open(&options).unwrap_err().to_string();
        assert!(!failed.contains("geheim"), "{failed}");
    }
}

#[test]
fn l1_a_commit_of_which_nothing_was_heard_is_done_once() {
    for (route, isolation) in [
        (Route::Direct, Isolation::ReadCommitted),
        (Route::Direct, Isolation::Serializable),
        (Route::Pooled, Isolation::ReadCommitted),
    ] {
        for before in [true, false] {
            let books = Books::new(route, isolation);
            let mut ledger = books.postgres();
            let worked = Cell::new(0);
            ledger.lose_commit(match before {
                true => Lose::Before,
                false => Lose::After,
            });
            let run = ledger
                .commit(|tx| {
                    worked.set(worked.get() + 1);
                    tx.insert(sql::RUN_INSERT, values![START.0])
                })
                .unwrap();
            // Lost before the server saw it, the work is done again; lost after, it is not.
            assert_eq!((run, worked.get()), (1, if before { 2 } else { 1 }));
            assert_eq!(ledger.begin_run(START).unwrap().0, 2);
        }
    }
}

#[test]
fn a_transaction_whose_connection_is_cut_is_done_again() {
    for route in [Route::Direct, Route::Pooled] {
        let books = Books::new(route, Isolation::ReadCommitted);
        let mut ledger = books.postgres();
        let worked = Cell::new(0);
        let run = ledger
            .commit(|tx| {
                worked.set(worked.get() + 1);
                if worked.get() == 1 {
                    Server::get().cut(&books.database);
                }
                tx.insert(sql::RUN_INSERT, values![START.0])
            })
            .unwrap();
        assert_eq!((run, worked.get()), (1, 2));
        // And one that is found cut before anything was asked.
        Server::get().cut(&books.database);
        assert_eq!(ledger.latest_signed_at().unwrap(), None);
    }
}

#[test]
fn writers_on_many_hosts_write_one_at_a_time() {
    for isolation in [Isolation::ReadCommitted, Isolation::Serializable] {
        let books = Books::new(Route::Pooled, isolation);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut ledger = books.postgres();
                    for _ in 0..5 {
                        ledger.begin_run(START).unwrap();
                    }
                });
            }
        });
        assert_eq!(books.postgres().begin_run(START).unwrap().0, 21);
    }
}

#[test]
fn two_hosts_stage_at_once_and_neither_sees_the_others_rows() {
    let books = books();
    let (mut one, mut other) = (books.open(), books.open());
    one.stage_clear().unwrap();
    one.stage(&staged(vec![Ok(numbered("ONE00001", "A", 100))]))
        .unwrap();
    other.stage_clear().unwrap();
    other
        .stage(&staged(vec![Ok(numbered("OTHER001", "B", 100))]))
        .unwrap();
    for (ledger, file, number) in [
        (&mut one, "one.csv", "ONE00001"),
        (&mut other, "other.csv", "OTHER001"),
    ] {
        let head = Desk::head(file);
        let (batch, accepted) = ledger.accept(&head, START, 40).unwrap();
        assert_eq!((batch.rows, accepted.orders), (1, 1));
        assert!(ledger.content_of(&no(number)).unwrap().is_some());
    }
    assert_eq!(books.postgres().verify().unwrap(), Vec::<String>::new());
}

#[test]
fn l9_what_somebody_staged_who_died_is_swept_away_after_two_days() {
    let books = books();
    let rows = staged(vec![Ok(numbered("DEAD0001", "A", 100))]);
    let mut dead = books.open();
    dead.stage_clear().unwrap();
    dead.stage(&rows).unwrap();
    drop(dead);
    let left = |books: &Books| {
        books.open().stage_clear().unwrap();
        Server::get().ask(&books.database, "SELECT COUNT(*) FROM levy.staged")
    };
    assert_eq!(left(&books), "1");
    let late = "UPDATE levy.stager SET at_ms = at_ms - 172800001";
    Server::get().execute(&books.database, late);
    assert_eq!(left(&books), "0");
}

#[test]
fn what_was_only_tried_leaves_nothing() {
    let books = books();
    let mut ledger = books.postgres();
    Database::write(&mut ledger, &mut |tx| {
        tx.insert(sql::RUN_INSERT, values![START.0])?;
        Ok(End::Undo)
    })
    .unwrap();
    assert_eq!(ledger.begin_run(START).unwrap().0, 1);
}

#[test]
fn an_error_that_nobody_minded_undoes_the_transaction_all_the_same() {
    let books = books();
    let mut ledger = books.postgres();
    let failed = Database::write(&mut ledger, &mut |tx| {
        tx.insert(sql::RUN_INSERT, values![START.0])?;
        let _ = tx.insert(sql::RUN_INSERT, values![None::<i64>]);
        Ok(End::Commit)
    });
    assert!(failed.is_err());
    assert_eq!(ledger.begin_run(START).unwrap().0, 1);
}

/// What is not waited for is told all the same: by what is asked next, or by the commit.
#[test]
fn l1_what_was_put_and_failed_is_told_by_its_own_name_and_counts_for_nothing() {
    let books = books();
    let mut ledger = books.postgres();
    let told = |done: LedgerResult<()>| format!("{:?}", done.unwrap_err());
    let at_commit = Database::write(&mut ledger, &mut |tx| {
        tx.insert(sql::RUN_INSERT, values![START.0])?;
        tx.put(sql::META_SIGNED_AT, values![START.0])?;
        tx.put(sql::ORDER_PROOF_MISSED, values![99_i64])?;
        Ok(End::Commit)
    });
    let words = told(at_commit);
    assert!(
        words.contains("0 rows were changed and not one (order_proof_missed)"),
        "{words}"
    );
    let with_more_behind = Database::write(&mut ledger, &mut |tx| {
        tx.put(
            sql::LANE_HEAD_SAVE,
            values!["1900016681", -1_i64, &[0_u8; 32]],
        )?;
        tx.put(sql::META_SIGNED_AT, values![START.0])?;
        Ok(End::Commit)
    });
    let words = told(with_more_behind);
    assert!(words.contains("lane_head_entries"), "{words}");
    let next = Database::write(&mut ledger, &mut |tx| {
        tx.put(sql::META_SIGNED_AT, values![START.0])?;
        // A head of fewer entries than none.
        tx.put(
            sql::LANE_HEAD_SAVE,
            values!["1900016681", -1_i64, &[0_u8; 32]],
        )?;
        tx.put(sql::META_SIGNED_AT, values![START.0])?;
        tx.one(sql::META_CREATED_AT, &[], |row| row.get::<i64>(0))?;
        unreachable!("it is undone")
    });
    let words = told(next);
    assert!(
        words.contains("a rule was about to be broken") && words.contains("lane_head_entries"),
        "{words}"
    );
    assert_eq!(ledger.begin_run(START).unwrap().0, 1);
    assert_eq!(ledger.latest_signed_at().unwrap(), None);
}

/// Others are in the way of one that is put, and those behind it fail because of that: it is all done again.
#[test]
fn l9_what_was_put_and_came_into_a_conflict_is_done_again_with_all_behind_it() {
    let books = books();
    let mut desk = Desk::new(&books);
    let rows = vec![
        numbered("A", "a", 1),
        numbered("B", "b", 1),
        numbered("C", "c", 1),
    ];
    let (batch, _) = desk.file("a.csv", rows);
    Server::get().execute(
        &books.database,
        "CREATE SEQUENCE levy.once; GRANT ALL ON levy.once TO PUBLIC; \
         CREATE FUNCTION levy.conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('levy.once') = 1 THEN RAISE EXCEPTION 'others' USING ERRCODE = '40001'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER conflict BEFORE UPDATE ON levy.orders FOR EACH ROW EXECUTE FUNCTION levy.conflict()",
    );
    let missed =
        ["A", "B", "C"].map(|number| Write::ProofMissed(desk.find(batch, number).unwrap().id));
    desk.ledger.write(missed.to_vec()).unwrap();
    for number in ["A", "B", "C"] {
        assert_eq!(desk.find(batch, number).unwrap().standing.proof_runs, 1);
    }
    Server::get().execute(
        &books.database,"DROP TRIGGER conflict ON levy.orders; DROP FUNCTION levy.conflict(); DROP SEQUENCE levy.once");
}

#[test]
fn l9_what_panicked_in_a_transaction_is_committed_by_nobody() {
    let books = books();
    let mut ledger = books.postgres();
    let died = catch_unwind(AssertUnwindSafe(|| {
        Database::write(&mut ledger, &mut |tx| {
            tx.insert(sql::RUN_INSERT, values![START.0])?;
            panic!("a bug")
        })
    }));
    assert!(died.is_err());
    // Neither by the next transaction on its connection, nor is anybody in its way.
    let kept = ledger.begin_run(START).unwrap();
    let mut other = books.postgres();
    assert_eq!(other.begin_run(START).unwrap().0, kept.0 + 1);
    assert_eq!(kept.0, 1);
}

/// Whoever waited for another writer sees what that one has left, also where it changed no row that the waiting
/// one locked, and at whatever isolation each of them is.
#[test]
fn l5_whoever_waited_to_write_sees_what_the_writer_before_has_left() {
    for (first, second) in [
        (Isolation::ReadCommitted, Isolation::Serializable),
        (Isolation::Serializable, Isolation::ReadCommitted),
    ] {
        let books = books();
        let mut options = books.options();
        options.isolation = first;
        let mut one = PostgresLedger::open(&options).unwrap();
        options.isolation = second;
        let mut two = PostgresLedger::open(&options).unwrap();
        let (begun, told) = channel();
        let waiting = std::thread::spawn(move || {
            told.recv().unwrap();
            two.begin_run(START).unwrap()
        });
        let mut found = None;
        Database::write(&mut one, &mut |tx| {
            found = Some(tx.insert(sql::RUN_INSERT, values![START.0])?);
            begun.send(()).unwrap();
            Server::get().wait_for_a_waiter(&books.database);
            Ok(End::Commit)
        })
        .unwrap();
        assert_eq!(Some(waiting.join().unwrap().0 - 1), found);
    }
}

/// A large file that somebody takes in is waited for more than once, and not for ever.
#[test]
fn whoever_waits_for_another_writer_waits_again_and_then_says_so() {
    let books = books();
    let (mut one, mut two) = (books.postgres(), books.postgres());
    two.lock_wait_ms = 2;
    let mut failed = None;
    Database::write(&mut one, &mut |_| {
        failed = Some(two.begin_run(START).unwrap_err().to_string());
        Ok(End::Commit)
    })
    .unwrap();
    let failed = failed.unwrap();
    assert!(
        failed.contains("has held it for longer than 600 s"),
        "{failed}"
    );
    // It waits as often as it may.
    let again = Cell::new(0);
    let busy = || Trouble {
        cause: Cause::Busy,
        words: "busy".into(),
    };
    let done = try_again(|| {
        again.set(again.get() + 1);
        match again.get() {
            BUSY_TRIES_MAX => Tried::Done,
            _ => Tried::Again(busy()),
        }
    });
    assert!(done.is_ok());
    assert!(two.begin_run(START).is_ok());
}

#[test]
fn l5_a_server_on_which_the_rules_sleep_is_refused() {
    let books = books();
    let name = &books.database;
    let mut ledger = books.postgres();
    let asleep = format!("ALTER DATABASE {name} SET session_replication_role = replica");
    let words = refused(&books, &asleep);
    assert!(
        words.contains("session_replication_role is not origin"),
        "{words}"
    );
    Server::get().cut(name);
    let failed = ledger.begin_run(START).unwrap_err().to_string();
    assert!(
        failed.contains("session_replication_role is not origin"),
        "{failed}"
    );
}

#[test]
fn l7_a_file_whose_staged_rows_vanish_while_it_is_taken_in_is_not_taken_in() {
    let books = books();
    let mut ledger = books.open();
    // Of one debt, so that they are read one by one.
    let rows: Vec<_> = (0..40)
        .map(|n| Ok(numbered(&format!("N{n}"), "a", 100)))
        .collect();
    ledger.stage_clear().unwrap();
    ledger.stage(&staged(rows)).unwrap();
    let stager = Server::get().ask(&books.database, "SELECT MAX(stager) FROM levy.staged");
    let gone = format!("DELETE FROM levy.staged WHERE stager = {stager} AND ordinal = 20");
    // Between the statement that counts them and the one that reads them.
    let fault = format!(
        "CREATE FUNCTION levy.gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {gone}; RETURN NEW; END $$; \
         CREATE TRIGGER gone AFTER INSERT ON levy.batch FOR EACH ROW EXECUTE FUNCTION levy.gone()"
    );
    Server::get().execute(&books.database, &fault);
    let failed = ledger
        .accept(&Desk::head("one.csv"), START, 40)
        .unwrap_err();
    assert!(failed.to_string().contains("has 40 rows, but"), "{failed}");
    assert_eq!(
        Server::get().ask(&books.database, "SELECT COUNT(*) FROM levy.batch_row"),
        "0"
    );
}

/// What is committed is accepted, whatever becomes of the staging.
#[test]
fn l9_a_file_that_was_taken_in_is_so_though_its_staging_cannot_be_emptied() {
    let books = books();
    let mut ledger = books.open();
    ledger.stage_clear().unwrap();
    ledger
        .stage(&staged(vec![Ok(numbered("A", "a", 100))]))
        .unwrap();
    Server::get().execute(
        &books.database,
        "CREATE TRIGGER stuck BEFORE DELETE ON levy.staged FOR EACH ROW EXECUTE FUNCTION levy.refuse('stuck')",
    );
    let (batch, _) = ledger.accept(&Desk::head("one.csv"), START, 40).unwrap();
    assert_eq!(batch.rows, 1);
}
