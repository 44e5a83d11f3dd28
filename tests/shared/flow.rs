//! What the README shows, on a ledger on a server.

use levy::sandbox::Options;
use serde_json::Value;

use super::house::{House, row, rows};
use super::server::{PASSWORD, Server};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn l2_l7_a_file_is_run_told_and_run_again() {
    let house = House::new();
    house.file("night.csv", &rows("N", 40, 3));
    let said = house.ends(2, &["run", "night.csv", "--yes"]);
    assert!(said.err.contains("--create-ledger"), "{said:?}");
    house.ends(0, &["init"]);
    house.ends(0, &["doctor", "--offline"]);
    let said = house.ends(0, &["check", "night.csv"]);
    assert!(
        said.out
            .contains("beside what the ledger postgres://127.0.0.1:"),
        "{said:?}"
    );
    let said = house.ends(0, &["run", "night.csv", "--yes", "--json"]);
    let summary = json(&said.out);
    assert_eq!(summary["by_status"]["SUCCESS"], 40);
    assert_eq!(house.debited(), 40);
    let result = house.read("night.result.csv");
    // The same file again continues it, and sends nothing.
    let arrivals = house.arrivals().len();
    house.ends(0, &["run", "night.csv", "--yes"]);
    assert_eq!(house.arrivals().len(), arrivals);
    assert_eq!(house.read("night.result.csv"), result);
    // Another file with one row of it, and one that looks like another.
    house.file(
        "more.csv",
        &[
            row("N00007", 1, 7, 7),
            row("X1", 2, 8, 8),
            row("X2", 0, 99, 1),
        ],
    );
    let said = house.ends(3, &["check", "more.csv"]);
    assert!(
        said.out.contains("1 repeat, 0 in conflict, 1 held"),
        "{said:?}"
    );
    house.ends(3, &["check", "more.csv", "--out", "faults.csv"]);
    assert!(house.read("faults.csv").contains("HELD"));
    assert_eq!(
        house.debited(),
        40,
        "a check sends nothing and keeps nothing"
    );
    house.file("third.csv", &rows("T", 3, 1));
    house.ends(3, &["plan", "third.csv", "--by", "Li Wei"]);
    house.ends(0, &["approve", "1", "--by", "Wang Fang"]);
}

#[test]
fn l7_l8_everything_that_is_told_of_a_batch() {
    let house = House::new();
    house.file("night.csv", &rows("N", 12, 2));
    house.ends(
        0,
        &[
            "run",
            "night.csv",
            "--yes",
            "--create-ledger",
            "--metrics-file",
            "m.prom",
        ],
    );
    assert!(house.read("m.prom").contains("levy_"));
    assert!(
        house
            .ends(0, &["status"])
            .out
            .contains("SUCCESS  12 orders")
    );
    let status = json(&house.ends(0, &["status", "night.csv", "--json"]).out);
    assert!(status.is_object());
    assert!(house.ends(0, &["show", "N00003"]).out.contains("SUCCESS"));
    house.ends(0, &["export", "1", "--out", "again.csv"]);
    assert_eq!(house.read("again.csv"), house.read("night.result.csv"));
    house.ends(0, &["report", "night.csv"]);
    assert!(house.read("night.report.html").contains("12"));
    let verified = json(&house.ends(0, &["ledger", "verify", "--json"]).out);
    let head = verified["journal_head"].as_str().unwrap().to_owned();
    house.ends(0, &["ledger", "verify", "--expect", &head]);
    house.ends(0, &["ledger", "upgrade"]);
    let said = house.ends(2, &["ledger", "backup", "copy.db"]);
    assert!(said.err.contains("pg_dump"), "{said:?}");
    let lanes = json(&house.ends(0, &["lanes", "--json"]).out);
    assert_eq!(lanes["without_owner"], 0);
    assert!(
        house
            .ends(0, &["lanes"])
            .out
            .contains("nobody works on this ledger")
    );
    house.ends(0, &["reconcile", "--yes"]);
    house.ends(0, &["reconcile", "--against", "night.csv"]);
    house.ends(0, &["resume", "--yes"]);
    let wrong = format!("{}?connect_timeout=3", Server::get().url(&house.database));
    let wrong = wrong.replace("levy@", &format!("levy:{PASSWORD}x@"));
    house.ends(1, &["status", "--ledger", &wrong]);
}

#[test]
fn what_people_decide_holds_on_every_host() {
    let house = House::new();
    house.file("night.csv", &rows("N", 10, 2));
    house.ends(
        4,
        &[
            "run",
            "night.csv",
            "--yes",
            "--create-ledger",
            "--limit",
            "3",
        ],
    );
    assert_eq!(house.debited(), 3);
    // A run that is limited hands nothing over: no worker sends the rest.
    house.ends(0, &["work", "--yes"]);
    assert_eq!(house.debited(), 3);
    house.ends(0, &["freeze", "--reason", "a look", "--by", "Li Wei"]);
    let said = house.ends(2, &["run", "night.csv", "--yes"]);
    assert!(said.err.contains("frozen by Li Wei"), "{said:?}");
    house.ends(0, &["unfreeze", "--by", "Wang Fang"]);
    house.ends(0, &["cancel", "N00010", "--order"]);
    house.ends(0, &["run", "night.csv", "--yes"]);
    assert_eq!(house.debited(), 9);
    let later: Vec<String> = (1..=4)
        .map(|n| row(&format!("L{n}"), 5, 50 + n, 9))
        .collect();
    house.file("later.csv", &later);
    house.ends(4, &["run", "later.csv", "--yes", "--limit", "1"]);
    house.ends(0, &["cancel", "later.csv"]);
    house.ends(0, &["run", "later.csv", "--yes"]);
    assert_eq!(house.debited(), 10);
    house.ends(0, &["ledger", "verify"]);
}

#[test]
fn l5_what_was_closed_is_issued_again_once() {
    let poor = Options {
        balance_fen: 0,
        ..Options::default()
    };
    let mut house = House::with(poor);
    house.file("night.csv", &rows("N", 6, 2));
    house.ends(3, &["run", "night.csv", "--yes", "--create-ledger"]);
    assert_eq!(house.debited(), 0);
    house.reopen(Options {
        balance_fen: 1_000_000_000,
        ..Options::default()
    });
    house.ends(0, &["rerun", "night.csv", "--dry-run"]);
    house.ends(0, &["rerun", "night.csv", "--yes"]);
    house.ends(0, &["rerun", "night.csv", "--yes"]);
    assert_eq!(house.debited(), 6);
    house.ends(0, &["ledger", "verify"]);
}

#[test]
fn a_drop_folder_is_swept_into_a_shared_ledger() {
    let house = House::new();
    house.ends(0, &["init"]);
    std::fs::create_dir(house.path("inbox")).unwrap();
    house.file("inbox/night.csv", &rows("N", 5, 2));
    house.ends(0, &["sweep", "inbox", "--yes", "--quiet-seconds", "0"]);
    assert_eq!(house.debited(), 5);
}
