//! The auditor's question: does the gateway say what the ledger says?

use std::fs;
use std::io::Write;
use std::path::Path;

use levy::ledger::lock::RunLock;
use serde_json::{Value, json};

use super::house::{Boxed, House, MERCHANT, Rows, child, row, rows, statuses};

/// A line of the gateway's books, as a person adds it.
fn book(house: &Boxed, line: &Value) {
    write_into(&house.path(".levy-sandbox/books.jsonl"), line);
}

fn write_into(books: &Path, line: &Value) {
    let mut books = fs::OpenOptions::new().append(true).open(books).unwrap();
    writeln!(books, "{line}").unwrap();
}

/// The books' lines about a number.
fn booked(house: &Boxed, no: &str) -> Vec<Value> {
    let text = fs::read_to_string(house.path(".levy-sandbox/books.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.filter(|line: &Value| line["no"] == no).collect()
}

/// The gateway loses a number.
fn lost(house: &Boxed, no: &str) {
    let path = house.path(".levy-sandbox/books.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let other = |line: &&str| serde_json::from_str::<Value>(line).unwrap()["no"] != no;
    let left: Vec<&str> = text.lines().filter(other).collect();
    fs::write(&path, left.join("\n") + "\n").unwrap();
}

fn said(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// `KIND NUMBER field ours theirs` of each line of the differences.
fn lines(found: &Rows) -> Vec<String> {
    let cells = ["kind", "out_request_no", "field", "ours", "theirs"];
    let line = |row: &std::collections::BTreeMap<String, String>| {
        cells.map(|cell| row[cell].clone()).join(" ")
    };
    found.iter().map(line).collect()
}

#[test]
fn books_that_were_changed_by_hand_in_seven_ways_are_reported_with_exactly_these_seven() {
    let house = Boxed::new();
    let orders: Vec<String> = (1..=20)
        .map(|n| {
            row(
                &format!("N{n}"),
                n,
                u64::from(n) * 100,
                &format!("case {n}"),
            )
        })
        .collect();
    house.file("night.csv", &orders);
    let run = house.levy(&["run", "night.csv", "--quiet"]);
    assert_eq!(run.exit, 0, "{}", run.err);
    let agree = house.levy(&["reconcile", "--json"]);
    assert_eq!(agree.exit, 0, "{}", agree.err);

    lost(&house, "N3");
    let mut content = booked(&house, "N5").remove(0);
    content["amount"] = json!(501);
    book(&house, &content);
    let failed =
        json!({"is": "failed", "at_ms": 1_790_000_000_000_u64, "reason": "TIME_OUT_CLOSED"});
    book(
        &house,
        &json!({"event": "state", "no": "N7", "state": failed}),
    );
    let earlier = json!({"is": "success", "at_ms": 1_790_000_000_000_u64});
    book(
        &house,
        &json!({"event": "state", "no": "N9", "state": earlier}),
    );
    let result = house.result("night.result.csv");
    let change_no = |n: usize| result[n - 1]["levy_quota_change_no"].clone();
    let double = json!({"event": "amended", "no": "N11", "quota_change_no": change_no(2)});
    book(&house, &double);
    book(
        &house,
        &json!({"event": "amended", "no": "N13", "out_request_no": "X13"}),
    );
    book(
        &house,
        &json!({"event": "amended", "no": "N15", "mchid": "1900009999"}),
    );

    let differ = house.levy(&["reconcile", "--json"]);
    assert_eq!(differ.exit, 3, "{}", differ.err);
    let path = house.path("reconcile.diff.csv");
    let found = rows(&path);
    let time = |n: usize| result[n - 1]["levy_success_time"].clone();
    assert_eq!(
        lines(&found),
        [
            "MISSING N3 state SUCCESS RECEIPT_NOT_EXIST_CLOSED".to_owned(),
            "AMOUNT N5 amount 500 501".into(),
            "STATE N7 state SUCCESS FAILED".into(),
            format!("TIME N9 success_time {} 2026-09-21T22:13:20+08:00", time(9)),
            format!(
                "DOUBLE N11 quota_change_no {} {}",
                change_no(11),
                change_no(2)
            ),
            "UNKNOWN_NUMBER N13 out_request_no N13 X13".into(),
            format!("MERCHANT N15 mchid {MERCHANT} 1900009999"),
        ]
    );
    assert_eq!(found[0]["place"], "night.csv:4");
    assert_eq!(found[4]["note"], "N2 has the same change number");
    let told = said(&differ.out);
    assert_eq!(told["agreed"], json!({"count": 13, "by": {"SUCCESS": 13}}));
    assert_eq!(
        told["differences"],
        json!({"count": 7, "by": {"MISSING": 1, "UNKNOWN_NUMBER": 1, "DOUBLE": 1, "MERCHANT": 1,
            "AMOUNT": 1, "STATE": 1, "TIME": 1}})
    );
    assert_eq!(told["result"], "reconcile.diff.csv");
    let shown = fs::read_to_string(&path).unwrap() + &differ.err + &differ.out;
    assert!(!shown.contains("8609cb22e1774a50"), "accounts are masked");
    // Final states never change, and the same question has the same answer.
    house.levy(&["export", "night.csv", "--quiet"]);
    let after = statuses(&house.result("night.result.csv"));
    assert_eq!(after, ["SUCCESS NONE"; 20]);
    let before = fs::read(&path).unwrap();
    assert_eq!(house.levy(&["reconcile", "--quiet"]).exit, 3);
    assert!(fs::read(&path).unwrap() == before);
    let verify = house.levy(&["ledger", "verify"]);
    assert_eq!(verify.exit, 0, "{}", verify.out);
}

#[test]
fn where_all_agree_it_ends_in_0_and_what_was_unfinished_is_settled_on_the_way() {
    let house = Boxed::new();
    let later = "\"#sandbox post=processing-forever get=processing,success\"";
    let poor = "\"#sandbox post=not-enough\"";
    house.file(
        "night.csv",
        &[
            row("N1", 1, 100, "case 1"),
            row("N2", 2, 200, later),
            row("N3", 3, 300, poor),
            row("N4", 4, 400, "case 4"),
        ],
    );
    let run = ["run", "night.csv", "--quiet", "--wait", "2", "--limit", "3"];
    let run = house.levy(&run);
    assert_eq!(run.exit, 4, "{}", run.err);
    let told = house.levy(&["reconcile", "--json"]);
    assert_eq!(told.exit, 0, "{}", told.err);
    let json = said(&told.out);
    assert_eq!(
        json["agreed"],
        json!({"count": 3, "by": {"SUCCESS": 2, "CLOSED": 1}})
    );
    assert_eq!(json["differences"], json!({"count": 0, "by": {}}));
    assert_eq!((&json["settled"], &json["open"]), (&json!(1), &json!(0)));
    assert_eq!(json["exit_code"], 0);
    assert!(json["journal_head"].is_string());
    assert!(
        told.err.contains("1 were unfinished, and are settled now"),
        "{}",
        told.err
    );
    assert!(rows(&house.path("reconcile.diff.csv")).is_empty());
    assert!(
        !house.books().orders.contains_key("N4"),
        "it was never sent"
    );
    let period = ["--since", "2020-01-02", "--until", "2020-01-01"];
    let reversed = house.levy(&[&["reconcile"][..], &period].concat());
    assert!(
        reversed.err.contains("--until must be after --since"),
        "{}",
        reversed.err
    );
    // Nothing was sent in that period; a period's end and a batch make no sense together.
    let old = house.levy(&["reconcile", "--until", "2020-01-01", "--json"]);
    assert_eq!(said(&old.out)["agreed"]["count"], 0, "{}", old.err);
    assert_eq!(old.exit, 0);
    let batch = ["reconcile", "--batch", "1", "--out", "1.csv", "--json"];
    let batch = house.levy(&batch);
    assert_eq!(said(&batch.out)["agreed"]["count"], 3, "{}", batch.err);
    for bad in [
        &["--batch", "1", "--since", "2020-01-01"][..],
        &["--batch", "7"],
        &["--out", "night.csv/x"],
        &["--until", "2020-01-01", "--until", "2021-01-01"],
        &["--since", "2020-01-01", "--until", "2020-01-01"],
        &["--since", "2020-01-02", "--until", "2020-01-01"],
    ] {
        let said = house.levy(&[&["reconcile"][..], bad].concat());
        assert_eq!(said.exit, 2, "{bad:?}: {}", said.err);
    }
}

#[test]
fn what_is_not_answered_or_may_not_be_asked_for_is_named_and_never_ends_in_0() {
    let house = Boxed::new();
    let silent = "\"#sandbox post=success get=param-error\"";
    house.file(
        "night.csv",
        &[
            row("N1", 1, 100, "case 1"),
            row("N3", 3, 300, silent),
            row("N4", 4, 400, "\"#sandbox post=param-error\""),
        ],
    );
    let run = house.levy(&["run", "night.csv", "--quiet"]);
    assert_eq!(run.exit, 3, "{}", run.err);
    let told = house.levy(&["reconcile", "--json"]);
    assert_eq!(told.exit, 4, "{}", told.err);
    let found = rows(&house.path("reconcile.diff.csv"));
    assert_eq!(
        lines(&found),
        ["NOT_ANSWERED N3  SUCCESS ", "NOT_COMPARED N4  REJECTED "]
    );
    assert!(
        found[0]["note"].contains("PARAM_ERROR"),
        "{}",
        found[0]["note"]
    );
    let json = said(&told.out);
    assert_eq!(json["agreed"]["count"], 1);
    assert_eq!(json["differences"]["count"], 0);
    assert_eq!(
        (&json["not_answered"], &json["not_compared"]),
        (&json!(1), &json!(1))
    );
    // A query for it might have closed its number.
    assert!(
        house
            .books()
            .orders
            .get("N4")
            .is_none_or(|order| order.queries == 0)
    );
}

#[test]
fn l5_an_order_that_was_called_dead_and_replaced_and_succeeded_after_all_is_a_double() {
    let mut house = House::poor();
    house.file("night.csv", &[row("N1", 1, 100, "case 1")]);
    let run = house.levy(&["run", "night.csv", "--quiet", "--create-ledger"]);
    assert_eq!(run.exit, 3, "{}", run.err);
    house.money_comes_in();
    let rerun = house.levy(&["rerun", "night.csv", "--quiet"]);
    assert_eq!(rerun.exit, 0, "{}", rerun.err);
    assert_eq!(house.levy(&["reconcile", "--quiet"]).exit, 0);
    house.close();
    let deducted = json!({"is": "success", "at_ms": 1_790_000_000_000_u64});
    let line = json!({"event": "state", "no": "N1", "state": deducted});
    write_into(&house.path("gateway/books.jsonl"), &line);
    house.money_comes_in();
    let told = house.levy(&["reconcile", "--batch", "night.csv"]);
    assert_eq!(told.exit, 3, "{}", told.err);
    let found = rows(&house.path("reconcile.diff.csv"));
    assert_eq!(lines(&found), ["DOUBLE N1 state FAILED SUCCESS"]);
    let child = child("N1");
    assert!(found[0]["note"].starts_with(&child), "{}", found[0]["note"]);
    assert!(told.err.contains("alert: N1: "), "{}", told.err);
    // It is no reason to issue anything again.
    house.levy(&["rerun", "night.csv", "--quiet"]);
    let numbers: Vec<String> = house.books().orders.into_keys().collect();
    assert_eq!(numbers, [child, "N1".into()]);
}

/// It was PENDING and "run again" every night, with exit 4 and not a word.
#[test]
fn l5_a_reissue_whose_parent_was_paid_after_all_is_given_to_a_person() {
    let mut house = House::poor();
    house.file("night.csv", &[row("N1", 1, 100, "case 1")]);
    let run = house.levy(&["run", "night.csv", "--quiet", "--create-ledger"]);
    assert_eq!(run.exit, 3, "{}", run.err);
    house.money_comes_in();
    // The debt is given afresh and paid; then the dead one is issued again all the same.
    house.file("fresh.csv", &[row("N2", 1, 100, "case 1")]);
    let run = house.levy(&["run", "fresh.csv", "--quiet"]);
    assert_eq!(run.exit, 0, "{}", run.err);
    let rerun = house.levy(&["rerun", "night.csv", "--quiet"]);
    assert_eq!(rerun.exit, 3, "{}", rerun.err);
    let child = child("N1");
    let held = house.result("night.result.csv").remove(0);
    assert_eq!(held["levy_status"], "HELD");
    let note = &held["levy_note"];
    assert!(note.contains("looks like N2 in fresh.csv:2"), "{note}");
    house.close();
    let deducted = json!({"is": "success", "at_ms": 1_790_000_000_000_u64});
    let line = json!({"event": "state", "no": "N1", "state": deducted});
    write_into(&house.path("gateway/books.jsonl"), &line);
    house.money_comes_in();
    let told = house.levy(&["reconcile", "--batch", "night.csv", "--quiet"]);
    assert_eq!(told.exit, 3, "{}", told.err);
    let release = ["--release", &child, "--by", "Li Wei", "--quiet"];
    for args in [&release[..], &["--quiet"]] {
        let rerun = house.levy(&[&["rerun", "night.csv"], args].concat());
        assert_eq!(rerun.exit, 3, "{}", rerun.err);
        let row = house.result("night.result.csv").remove(0);
        assert_eq!(
            (&*row["levy_status"], &*row["levy_next_action"]),
            ("PENDING", "REVIEW")
        );
        let note = &row["levy_note"];
        let what = format!(
            "N1 has paid this debt, as a verified answer says; withdraw it (`levy cancel {child}`)"
        );
        assert!(note.contains(&what), "{note}");
    }
    let shown = house.levy(&["show", &child]).out;
    assert!(
        shown.contains("next: not submitted: N1 has paid"),
        "{shown}"
    );
    let status = house.levy(&["status"]).out;
    assert!(status.contains("next: 1 order not submitted"), "{status}");
    assert!(!status.contains("never sent: `levy run`"), "{status}");
    let cancel = house.levy(&["cancel", &child]);
    assert_eq!(cancel.exit, 0, "{}", cancel.err);
    assert!(!house.books().orders.contains_key(&child));
}

#[test]
fn l3_a_verified_answer_that_a_reconciliation_finds_wins_over_what_people_found_out() {
    let house = Boxed::new();
    let later = "\"#sandbox post=processing-forever\"";
    house.file("night.csv", &[row("N1", 1, 100, later)]);
    let run = house.levy(&["run", "night.csv", "--quiet", "--wait", "0"]);
    assert_eq!(run.exit, 4, "{}", run.err);
    let people = ["--by", "Li Wei", "--by", "Wang Fang", "--evidence", "p. 3"];
    let resolve = ["resolve", "N1", "--as", "failed"];
    // Not while a run may have it on the wire.
    let lock = RunLock::take(&house.path(".levy-sandbox/ledger.db")).unwrap();
    let resolved = house.levy(&[&resolve[..], &people].concat());
    assert_eq!(resolved.exit, 75, "{}", resolved.err);
    drop(lock);
    let resolved = house.levy(&[&resolve[..], &people].concat());
    assert_eq!(resolved.exit, 0, "{}", resolved.err);
    house.deducted_elsewhere("N1");
    let told = house.levy(&["reconcile", "--json"]);
    assert_eq!(told.exit, 3, "{}", told.err);
    let found = rows(&house.path("reconcile.diff.csv"));
    assert_eq!(lines(&found), ["STATE N1 state FAILED SUCCESS"]);
    let json = said(&told.out);
    assert_eq!((&json["settled"], &json["open"]), (&json!(1), &json!(0)));
    assert_eq!(json["alerts"].as_array().map(Vec::len), Some(1));
    // What people had found out stays contradicted, whichever reconciliation is read: the first one
    // may have been killed before it wrote anything.
    let again = house.levy(&["reconcile", "--json"]);
    assert_eq!(again.exit, 3, "{}", again.err);
    let found = rows(&house.path("reconcile.diff.csv"));
    assert_eq!(lines(&found), ["STATE N1 state FAILED SUCCESS"]);
    assert_eq!(said(&again.out)["settled"], 0);
}
