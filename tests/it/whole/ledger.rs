//! The ledger while a run is on, and what people say of it: backup, freeze, verify, status, show,
//! resolve.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use levy::sandbox::{Faults, Options};
use rusqlite::Connection;
use serde_json::Value;

use super::bench::{Bench, rows_of};

/// A night that takes a while, with replies that never came.
fn night(rows: usize, merchants: usize) -> Bench {
    let bench = Bench::start(Options {
        latency_ms: 30..=60,
        faults: Faults {
            lose_after: 0.05,
            ..Faults::default()
        },
        seed: 11,
        ..Options::default()
    });
    bench.write(&rows_of(rows, merchants));
    bench
}

fn json(bench: &Bench, args: &[&str], exit: i32) -> Value {
    let said = bench.levy(args);
    assert_eq!(said.status.code(), Some(exit), "{args:?} {said:?}");
    serde_json::from_slice(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"))
}

fn fails(bench: &Bench, args: &[&str], exit: i32, want: &str) {
    let said = bench.levy(args);
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(exit), "{args:?} {words}");
    assert!(words.contains(want), "{args:?} {words}");
}

#[test]
fn l1_a_backup_taken_during_a_run_verifies_and_holds_every_intent_that_was_sent_before() {
    let mut bench = night(3_000, 4);
    let mut run = bench.spawn(&[]);
    let mut heads = Vec::new();
    for (round, arrivals) in [100, 400, 800].into_iter().enumerate() {
        bench.wait_for_arrivals(arrivals);
        let sent: BTreeSet<String> = bench.arrivals().into_iter().map(|a| a.number).collect();
        let name = format!("copy-{round}.db");
        let made = json(&bench, &["ledger", "backup", &name, "--json"], 0);
        assert_eq!(made["ok"], true);
        let path = bench.path(&name);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let held: BTreeSet<String> = Connection::open(&path)
            .unwrap()
            .prepare("SELECT DISTINCT out_request_no FROM attempt JOIN orders USING (order_id)")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let lost: Vec<&String> = sent.difference(&held).collect();
        assert!(sent.len() >= 90 && lost.is_empty(), "{lost:?}");
        let verified = json(
            &bench,
            &["ledger", "verify", "--ledger", &name, "--json"],
            0,
        );
        assert_eq!(verified["journal_head"], made["journal_head"]);
        heads.push(made["journal_head"].as_str().unwrap().to_owned());
    }
    assert!(
        run.try_wait().unwrap().is_none(),
        "the run was on all the while"
    );
    run.wait().unwrap();
    // Each copy's head is an ancestor of what the ledger became; a copy has not the later head.
    for head in &heads {
        json(&bench, &["ledger", "verify", "--expect", head, "--json"], 0);
    }
    let args = [
        "ledger",
        "verify",
        "--ledger",
        "copy-0.db",
        "--expect",
        &heads[2],
        "--json",
    ];
    let cut = json(&bench, &args, 1);
    assert!(
        cut["wrong"][0]
            .as_str()
            .unwrap()
            .contains("its tail was cut"),
        "{cut}"
    );
    // The head of the summary is the ledger's.
    bench.run(&[]);
    let summary = bench.summary();
    let now = json(&bench, &["ledger", "verify", "--json"], 0);
    assert_eq!(summary["journal_head"], now["journal_head"]);
    // With the approval of a plan, which is an entry too.
    let more = rows_of(3_001, 4);
    fs::write(bench.path("more.csv"), more).unwrap();
    let plan = ["plan", "more.csv", "--by", "Li Wei", "--json"];
    let plan = json(&bench, &plan, 0);
    let counted = (&plan["orders"], &plan["repeats"]);
    assert_eq!(counted, (&1.into(), &3_000.into()));
    json(&bench, &["approve", "1", "--by", "Wang Fang", "--json"], 0);
    let now = json(&bench, &["ledger", "verify", "--json"], 0);
    assert_ne!(summary["journal_head"], now["journal_head"]);
    python_agrees(&bench, now["journal_head"].as_str().unwrap());
}

/// The lines of Python in docs/LEDGER.md come to the same head, and see a change.
fn python_agrees(bench: &Bench, head: &str) {
    let page = format!("{}/docs/LEDGER.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(page).unwrap();
    let script = page.split("```python\n").nth(1).expect("a script");
    let script = script.split("```").next().unwrap();
    fs::write(bench.path("chain.py"), script).unwrap();
    let run = || {
        let mut python = Command::new("python3");
        python.args([bench.path("chain.py"), bench.path("levy.db")]);
        python.output()
    };
    let Ok(said) = run() else {
        eprintln!("there is no python3 here: its lines were not tried");
        return;
    };
    assert_eq!(
        String::from_utf8_lossy(&said.stdout).trim(),
        head,
        "{said:?}"
    );
    let conn = Connection::open(bench.path("levy.db")).unwrap();
    conn.execute_batch(
        "DROP TRIGGER attempt_never_changes;
         UPDATE attempt SET claimed_at_ms = claimed_at_ms + 1 WHERE attempt_id = 1",
    )
    .unwrap();
    drop(conn);
    let said = run().unwrap();
    assert!(!said.status.success());
    assert!(
        String::from_utf8_lossy(&said.stderr).contains("entry 1 "),
        "{said:?}"
    );
    let wrong = json(bench, &["ledger", "verify", "--json"], 1);
    assert_eq!(wrong["first_bad_entry"]["entry"], 1);
}

#[test]
fn a_backup_overwrites_nothing_unasked_and_never_the_ledger() {
    let mut bench = night(5, 1);
    bench.run(&["--wait", "5"]);
    fs::write(bench.path("old.db"), "old").unwrap();
    fs::create_dir(bench.path("dir")).unwrap();
    symlink("elsewhere.db", bench.path("link.db")).unwrap();
    fs::hard_link(bench.path("levy.db"), bench.path("hard.db")).unwrap();
    for (file, want) in [
        ("old.db", "is there already"),
        ("levy.db", "is the ledger itself"),
        ("./levy.db-wal", "is the ledger itself, or belongs to it"),
        ("levy.db.lock", "belongs to it"),
        ("hard.db", "under another name"),
        ("link.db", "is a symbolic link"),
        ("dir", "is no ordinary file"),
        ("nowhere/copy.db", "its directory does not exist"),
    ] {
        fails(&bench, &["ledger", "backup", file], 2, want);
    }
    fails(
        &bench,
        &["ledger", "backup", "levy.db", "--force"],
        2,
        "is the ledger itself",
    );
    assert_eq!(fs::read(bench.path("old.db")).unwrap(), b"old");
    json(
        &bench,
        &["ledger", "backup", "old.db", "--force", "--json"],
        0,
    );
    json(
        &bench,
        &["ledger", "verify", "--ledger", "old.db", "--json"],
        0,
    );
    // A ledger that does not verify is not copied for good.
    let conn = Connection::open(bench.path("levy.db")).unwrap();
    conn.execute_batch(
        "DROP TRIGGER reply_never_changes;
         UPDATE reply SET latency_ms = latency_ms + 1 WHERE attempt_id = 1",
    )
    .unwrap();
    drop(conn);
    fails(
        &bench,
        &["ledger", "backup", "new.db"],
        1,
        "the first bad entry of the journal is",
    );
    let left: Vec<String> = fs::read_dir(bench.path("."))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("new.db") || name.ends_with(".tmp"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_freeze_ends_a_run_and_no_other_begins_until_it_is_lifted() {
    let mut bench = night(3_000, 2);
    let mut run = bench.spawn(&[]);
    bench.wait_for_arrivals(50);
    let freeze = [
        "freeze",
        "--reason",
        "the court called it back",
        "--by",
        "Li Wei",
    ];
    let said = bench.levy(&freeze);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    assert_eq!(run.wait().unwrap().code(), Some(4));
    let arrived = bench.arrivals().len();
    assert!(arrived < 1_500, "{arrived}: it went on");
    let why = fs::read_to_string(bench.path("stderr")).unwrap();
    assert!(why.contains("the ledger was frozen"), "{why}");
    // cron's run, and a person's.
    assert_eq!(bench.run(&["--yes", "--quiet"]), 2);
    let refused = bench.summary();
    let error = refused["error"].as_str().unwrap();
    assert!(
        error.contains("frozen by Li Wei") && error.contains("the court called it back"),
        "{error}"
    );
    assert_eq!(bench.arrivals().len(), arrived, "nothing was sent");
    let status = json(&bench, &["status", "--json"], 0);
    assert_eq!(status["frozen"]["by"], "Li Wei");
    fails(&bench, &freeze, 2, "nothing to do");
    let said = bench.levy(&["unfreeze", "--by", "Wang Fang"]);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    fails(&bench, &["unfreeze", "--by", "Wang Fang"], 2, "not frozen");
    bench.run(&["--limit", "5", "--wait", "5"]);
    assert!(bench.arrivals().len() > arrived);
    let verified = json(&bench, &["ledger", "verify", "--json"], 0);
    let own = &verified["lanes"][0];
    assert_eq!((&own["lane"], &own["entries"]), (&"".into(), &2.into()));
}
