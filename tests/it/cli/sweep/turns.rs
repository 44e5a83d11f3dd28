//! Whose turn it is: files that are changed in their slots, whose rows are refused, whose totals come late,
//! whose plans no longer fit.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use super::super::box_run::statuses;
use super::super::row;
use super::{Inbox, PATIENCE, objects};

#[test]
fn l7_what_a_file_held_before_it_was_changed_in_its_slot_is_brought_to_its_end_first() {
    let inbox = Inbox::new();
    inbox.drop(
        "night.csv",
        &[row("N1", "1", "case 1"), row("N2", "2", "case 2")],
    );
    // One is sent, the other was never sent at all.
    assert_eq!(inbox.sweep(&["--limit", "1"]).exit, 4);
    assert_eq!(inbox.arrivals(), 1);
    let path = inbox.path("processing/night/night.csv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}{}\n", row("N3", "3", "case 3"))).unwrap();
    // Not even that is lost by a sweep that does not come to its end.
    assert_eq!(inbox.sweep(&["--limit", "1"]).exit, 4);
    let said = inbox.sweep(&["--json"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let result = inbox.read("done/night.result.csv");
    assert_eq!(statuses(&result), ["SUCCESS NONE"; 3]);
    assert_eq!(inbox.arrivals(), 3, "each once");
}

/// So many rows that the gateway refuses, each of its own amount.
fn refused(first: u32, rows: u32) -> Vec<String> {
    let row = |n: u32| {
        row(
            &format!("R{n}"),
            &n.to_string(),
            "#sandbox post=param-error",
        )
    };
    (first..first + rows).map(row).collect()
}

#[test]
fn a_file_whose_rows_are_refused_keeps_no_other_waiting_and_comes_last() {
    let inbox = Inbox::new();
    inbox.drop("a.csv", &refused(100, 25));
    inbox.drop("b.csv", &[row("N1", "1", "case 1")]);
    let said = inbox.sweep(&[]);
    assert_eq!(said.exit, 4, "{}", said.err);
    assert_eq!(statuses(&inbox.read("done/b.result.csv")), ["SUCCESS NONE"]);
    assert_eq!(inbox.arrivals(), 11, "ten of the one, and the other");
    // The next night its turn comes after everything else.
    inbox.drop("c.csv", &[row("N2", "2", "case 2")]);
    let said = inbox.sweep(&["--json"]);
    let order: Vec<Value> = objects(&said)
        .iter()
        .map(|one| one["file"].clone())
        .collect();
    assert_eq!(order, ["inbox/c.csv", "inbox/a.csv"]);
    assert_eq!(inbox.arrivals(), 22);
}

#[test]
fn l2_two_refused_files_on_end_look_like_a_setting_and_stop_the_sweep() {
    let inbox = Inbox::new();
    for (name, first) in [("a.csv", 100), ("b.csv", 200), ("c.csv", 300)] {
        inbox.drop(name, &refused(first, 12));
    }
    let said = inbox.sweep(&[]);
    assert_eq!(said.exit, 4, "{}", said.err);
    assert_eq!(inbox.arrivals(), 20, "{}", said.err);
    assert!(inbox.path("c.csv").exists());
    let words = "1 finished files stay where they are, since levy stopped before them";
    assert!(said.err.contains(words), "{}", said.err);
}

#[test]
fn l7_totals_that_come_while_the_file_before_is_run_count() {
    let inbox = Inbox::new();
    inbox.drop("a.csv", &[row("N1", "1", "case 1")]);
    inbox.drop("b.csv", &[row("N2", "2", "case 2")]);
    let mut sweeping = Command::new(env!("CARGO_BIN_EXE_levy"))
        .args(["sweep", "inbox", "--sandbox", "--quiet-seconds", "0"])
        .args(["--sandbox-latency-ms", "3000-3000"])
        .current_dir(inbox.desk.path(""))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while inbox.arrivals() == 0 {
        assert_eq!(sweeping.try_wait().unwrap(), None, "it ended too early");
        assert!(began.elapsed() < PATIENCE, "a.csv was never sent");
        std::thread::yield_now();
    }
    // The first is under way; whose totals these are has not had its turn.
    assert!(inbox.path("processing/a/a.csv").exists());
    fs::write(inbox.path("b.csv.ok"), "rows = 2\n").unwrap();
    assert_eq!(sweeping.wait().unwrap().code(), Some(2));
    let rejected = ["b.csv", "b.csv.ok", "b.receipt.txt"];
    assert_eq!(inbox.names("rejected"), rejected);
    assert_eq!(inbox.arrivals(), 1);
}

#[test]
fn a_dropped_file_whose_plan_no_longer_fits_waits_for_a_new_one_and_says_so() {
    let inbox = Inbox::new();
    let levy = |line: &str| {
        let args: Vec<&str> = line.split(' ').chain(["--sandbox"]).collect();
        let required = [("LEVY_BATCH_REQUIRE_APPROVAL", "true"), ("USER", "Li")];
        inbox.desk.levy_with(&args, &required)
    };
    let ends = |line: &str, exit: i32| {
        let said = levy(line);
        assert_eq!(said.exit, exit, "{line}: {} {}", said.out, said.err);
    };
    let sweep = "sweep inbox --quiet-seconds 0";
    inbox.drop(
        "night.csv",
        &[row("N1", "1", "case 1"), row("N2", "2", "case 2")],
    );
    ends(sweep, 2);
    let file = "inbox/processing/night/night.csv";
    let ledger = "--ledger inbox/.levy-sandbox/ledger.db";
    ends(&format!("plan {file} {ledger}"), 0);
    ends(&format!("approve 1 --by Wang {ledger}"), 0);
    // Before its turn comes, another file is run that has one of its rows.
    inbox.desk.batch("a.csv", &[row("N2", "2", "case 2")]);
    let bare = format!("run a.csv {ledger} --sandbox --quiet");
    let bare = inbox.desk.levy(&bare.split(' ').collect::<Vec<_>>());
    assert_eq!(bare.exit, 0, "{}", bare.err);
    ends(sweep, 2);
    let receipt = inbox.read("processing/night/night.receipt.txt");
    let next = format!("`levy plan {file} --hold-days 40 {ledger} --sandbox` makes a new one");
    for words in ["WAITS FOR APPROVAL", "has changed since plan 1", &next] {
        assert!(receipt.contains(words), "{words}: {receipt}");
    }
    ends(&format!("plan {file} {ledger}"), 0);
    ends(&format!("approve 2 --by Wang {ledger}"), 0);
    ends(sweep, 0);
    assert_eq!(
        statuses(&inbox.read("done/night.result.csv")),
        ["SUCCESS NONE"; 2]
    );
}
