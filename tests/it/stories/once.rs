//! However often and however rudely a rerun is asked for, each child is issued once.

use std::time::Duration;

use crate::cli::live::on_a_terminal;

use super::house::{Boxed, House, child, row, statuses};
use levy::sandbox::books::{self, BookedState, Interface};

#[test]
fn a_lost_403_followed_by_already_exists_ends_closed_and_confirmed_and_has_one_child() {
    let house = Boxed::new();
    let script = "\"#sandbox post=not-enough+drop-after,not-enough\"";
    house.file("night.csv", &[row("N1", 1, 100, script)]);
    let said = house.levy(&["run", "night.csv", "--quiet"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let result = house.result("night.result.csv");
    assert_eq!(statuses(&result), ["CLOSED REISSUE"]);
    assert_eq!(result[0]["levy_fail_reason"], "BALANCE_NOT_ENOUGH");
    let said = house.levy(&["rerun", "1"]);
    // Its script closes the child just so.
    assert_eq!(said.exit, 3, "{}", said.err);
    assert!(
        said.err
            .contains("1 issued again under new numbers, 1.00 yuan"),
        "{}",
        said.err
    );
    let numbers: Vec<String> = house.books().orders.into_keys().collect();
    let mut want = vec!["N1".to_owned(), child("N1")];
    want.sort();
    assert_eq!(numbers, want);
    let shown = &house.result("night.result.csv")[0];
    assert_eq!(shown["levy_out_request_no"], child("N1"));
    assert_eq!(shown["out_request_no"], "N1");
}

#[test]
fn an_already_exists_whose_query_says_success_is_an_alert_and_has_no_child() {
    let house = Boxed::new();
    let script = "\"#sandbox post=not-enough+drop-after,not-enough get=param-error,state\"";
    house.file("night.csv", &[row("N1", 1, 100, script)]);
    let said = house.levy(&["run", "night.csv", "--quiet"]);
    assert_eq!(said.exit, 4, "{}", said.err);
    let result = house.result("night.result.csv");
    assert_eq!(statuses(&result), ["CLOSED RUN_AGAIN"]);
    assert!(result[0]["levy_note"].contains("no verified answer has proven the close yet"));
    house.deducted_elsewhere("N1");
    let said = house.levy(&["rerun", "1"]);
    assert_eq!(said.exit, 3, "an alert: {}", said.err);
    assert!(
        said.err
            .contains("alert: N1: the gateway had called this number closed"),
        "{}",
        said.err
    );
    assert!(said.err.contains("0 issued again"), "{}", said.err);
    assert_eq!(
        statuses(&house.result("night.result.csv")),
        ["SUCCESS NONE"]
    );
    assert_eq!(house.levy(&["rerun", "1", "--quiet"]).exit, 0);
    assert_eq!(house.books().orders.len(), 1);
}

#[test]
fn a_signed_403_that_belongs_to_another_request_is_no_proof() {
    // The gateway says NOT_ENOUGH, signed, and it is not about this order: that was deducted. The
    // query that would tell cannot be had for a while.
    let house = Boxed::new();
    let script = "\"#sandbox post=not-enough get=param-error,param-error,state\"";
    house.file("night.csv", &[row("N1", 1, 100, script)]);
    assert_eq!(house.levy(&["run", "night.csv", "--quiet"]).exit, 4);
    house.deducted_elsewhere("N1");
    let said = house.levy(&["rerun", "night.csv"]);
    assert_eq!(said.exit, 4, "{}", said.err);
    assert!(
        said.err
            .contains("not issued again: 1 row CLOSED: no verified answer has proven"),
        "{}",
        said.err
    );
    assert_eq!(
        statuses(&house.result("night.result.csv")),
        ["CLOSED RUN_AGAIN"]
    );
    let said = house.levy(&["rerun", "night.csv"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert_eq!(
        statuses(&house.result("night.result.csv")),
        ["SUCCESS NONE"]
    );
    assert_eq!(house.books().orders.len(), 1, "never under another number");
}

/// A night without money, and a morning with it.
fn closed(rows: u32) -> House {
    let mut house = House::poor();
    let batch: Vec<String> = (1..=rows)
        .map(|n| row(&format!("N{n}"), n, u64::from(n), &format!("case {n}")))
        .collect();
    house.file("night.csv", &batch);
    let said = house.levy(&["run", "night.csv", "--quiet", "--create-ledger"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let result = house.result("night.result.csv");
    assert!(statuses(&result).iter().all(|row| row == "CLOSED REISSUE"));
    house.money_comes_in();
    house
}

/// Every row was deducted once, under its child's number.
fn each_once(house: &House, rows: u32) {
    let want = (1..=rows).map(|n| (child(&format!("N{n}")), u64::from(n)));
    assert_eq!(house.debited(), want.collect());
    let books = house.books();
    assert_eq!(
        books.orders.len(),
        2 * rows as usize,
        "two numbers a row, no more"
    );
    for n in 1..=rows {
        assert_eq!(books.orders[&format!("N{n}")].state, BookedState::Closed);
    }
    let result = house.result("night.result.csv");
    assert_eq!(result.len(), rows as usize);
    assert!(statuses(&result).iter().all(|row| row == "SUCCESS NONE"));
}

#[test]
fn l5_a_rerun_given_twice_issues_each_child_once() {
    let house = closed(30);
    let said = house.levy(&["rerun", "1", "--json"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["reissued"]["issued"], 30);
    assert_eq!(told["orders"]["deducted"], 465);
    each_once(&house, 30);
    for target in ["1", "night.csv", "night.result.csv"] {
        let args = ["rerun", target, "--json", "--out", "again.csv"];
        let said = house.levy(&args);
        assert_eq!(said.exit, 0, "{target}: {}", said.err);
        let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(told["reissued"]["issued"], 0, "{target}");
    }
    each_once(&house, 30);
}

#[test]
fn l5_a_rerun_killed_at_random_points_issues_each_child_once() {
    let rows = 60;
    let house = closed(rows);
    // `KILLS=50 SEED=7 cargo test l5_a_rerun_killed` for more of them, and others.
    let number =
        |name: &str, or: u64| std::env::var(name).map_or(or, |n| n.parse().expect("a number"));
    let (kills, mut chance) = (number("KILLS", 10), number("SEED", 20_261_124));
    for _ in 0..kills {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let mut rerun = house.spawn(&["rerun", "1", "--quiet"]);
        std::thread::sleep(Duration::from_millis((chance >> 33) % 400));
        rerun.kill().unwrap();
        rerun.wait().unwrap();
        let verified = house.debited();
        assert!(verified.len() <= rows as usize);
    }
    for _ in 0..10 {
        let said = house.levy(&["rerun", "1", "--quiet"]);
        match said.exit {
            0 => return each_once(&house, rows),
            4 => {}
            exit => panic!("SEED={chance}: {exit}: {}", said.err),
        }
    }
    panic!("it does not get done");
}

#[test]
fn l5_two_reruns_side_by_side_issue_each_child_once() {
    let house = closed(40);
    let mut one = house.spawn(&["rerun", "1", "--quiet"]);
    let mut two = house.spawn(&["rerun", "night.csv", "--quiet"]);
    let exits = [one.wait().unwrap().code(), two.wait().unwrap().code()];
    for exit in exits {
        assert!(matches!(exit, Some(0 | 75)), "{exits:?}");
    }
    assert!(exits.contains(&Some(0)), "{exits:?}");
    each_once(&house, 40);
}

#[test]
fn l5_what_two_people_call_failed_is_issued_again_once_its_old_number_is_beyond_use() {
    let house = Boxed::new();
    let forever = "#sandbox post=processing-forever";
    house.file("night.csv", &[row("N1", 1, 100, forever)]);
    let run = ["run", "night.csv", "--quiet", "--wait", "0"];
    assert_eq!(house.levy(&run).exit, 4);
    let people = ["--by", "Li Wei", "--by", "Wang Fang"];
    let word = [
        "resolve",
        "N1",
        "--as",
        "failed",
        "--evidence",
        "letter of 3 May",
    ];
    let said = house.levy(&[&word[..], &people].concat());
    assert_eq!(said.exit, 0, "{}", said.err);
    let rerun = ["rerun", "1", "--wait", "0"];
    let submitted = |house: &Boxed| {
        let arrivals = books::arrivals(&house.path(".levy-sandbox")).unwrap();
        let posts = arrivals
            .iter()
            .filter(|it| it.interface == Interface::Submit);
        posts.map(|it| it.number.clone()).collect::<Vec<_>>()
    };
    // The number may still be used: nothing is asked, nothing is issued.
    assert_eq!(submitted(&house), ["N1"]);
    let said = house.levy(&rerun);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert!(said.err.contains("0 issued again"), "{}", said.err);
    assert_eq!(submitted(&house), ["N1"]);
    // A month goes by.
    house.sent_before("N1", 31);
    let said = house.levy(&rerun);
    assert_eq!(said.exit, 4, "its script never ends: {}", said.err);
    assert!(said.err.contains("1 issued again"), "{}", said.err);
    let numbers: Vec<String> = house.books().orders.into_keys().collect();
    let mut want = vec!["N1".to_owned(), child("N1")];
    want.sort();
    assert_eq!(numbers, want);
    assert_eq!(submitted(&house), ["N1".to_owned(), child("N1")]);
    let said = house.levy(&rerun);
    assert!(said.err.contains("0 issued again"), "{}", said.err);
    assert_eq!(house.books().orders.len(), 2);
}

#[test]
fn on_a_terminal_a_rerun_and_a_resume_ask_and_only_yes_sends() {
    let house = closed(2);
    let rerun = "rerun 1";
    for typed in ["no\n", "\n", "y\n"] {
        let (exit, screen) = on_a_terminal(&house.path(""), rerun, typed);
        assert_eq!(exit, 3, "{typed:?}: {screen}");
        for words in ["This moves real money. Send?", "nothing was issued again"] {
            assert!(screen.contains(words), "{typed:?}: {screen}");
        }
        assert_eq!(house.books().orders.len(), 2, "no new number");
    }
    let (exit, screen) = on_a_terminal(&house.path(""), rerun, "yes\n");
    assert_eq!(exit, 0, "{screen}");
    each_once(&house, 2);
    // The gateway is away in the middle of an order.
    house.file("late.csv", &[row("N9", 9, 9, "case 9")]);
    house.swallowed(&["run", "late.csv", "--quiet"]);
    let (exit, screen) = on_a_terminal(&house.path(""), "resume", "no\n");
    assert_eq!(exit, 4, "{screen}");
    assert!(screen.contains("1 order open"), "{screen}");
    assert!(!house.books().orders.contains_key("N9"));
    let (exit, screen) = on_a_terminal(&house.path(""), "resume", "yes\n");
    assert_eq!(exit, 0, "{screen}");
    assert_eq!(house.debited()["N9"], 9);
}

#[test]
fn another_merchants_configuration_is_refused() {
    let house = closed(2);
    house.settings("1900009999");
    for args in [
        &["rerun", "1"][..],
        &["rerun", "1", "--dry-run"],
        &["resume"],
        &["run", "night.csv"],
    ] {
        let said = house.levy(args);
        assert_eq!(said.exit, 2, "{args:?} {}", said.err);
        assert!(said.err.contains("belongs to merchant"), "{}", said.err);
    }
    assert_eq!(house.debited().len(), 0);
}
