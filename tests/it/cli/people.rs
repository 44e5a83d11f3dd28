//! What people ask of a ledger and decide about it: status, show, freeze, resolve.

use serde_json::Value;

use super::{ACCOUNT, Desk, Said, row};

fn parsed(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"))
}

/// A run after which one order is PROCESSING and one CLOSED.
fn unfinished(desk: &Desk) -> Said {
    desk.batch(
        "夜.csv",
        &[
            row("N1", "100", "case 1"),
            row("N2", "250", "#sandbox post=processing-forever"),
            row("N3", "7000", "#sandbox post=not-enough"),
        ],
    );
    desk.levy(&["run", "夜.csv", "--sandbox", "--wait", "0", "--json"])
}

const RESOLVE: [&str; 11] = [
    "resolve",
    "N2",
    "--sandbox",
    "--by",
    "Li Wei",
    "--by",
    "Wang Fang",
    "--evidence",
    "statement, line 17",
    "--as",
    "success",
];

#[test]
fn what_two_people_found_out_agrees_in_result_summary_status_and_exit_code() {
    let desk = Desk::new();
    let first = unfinished(&desk);
    assert_eq!(first.exit, 4, "{}", first.err);
    for (args, want) in [
        (
            &["resolve", "NOBODY", "--sandbox"][..],
            "does not know the number NOBODY",
        ),
        (&["resolve", "N1", "--sandbox"], "always wins"),
    ] {
        let said = desk.levy(&[args, &RESOLVE[3..]].concat());
        assert_eq!(said.exit, 2, "{}", said.err);
        assert!(said.err.contains(want), "{}", said.err);
    }
    for (by, want) in [
        (&["--by", "Li Wei"][..], "two different people"),
        (&["--by", "Li Wei", "--by", " li WEI"], "two are needed"),
        (
            &["--by", "a", "--by", "b", "--by", "c"],
            "two different people",
        ),
    ] {
        let said = desk.levy(&[&RESOLVE[..3], by, &RESOLVE[7..]].concat());
        assert_eq!(said.exit, 2, "{}", said.err);
        assert!(said.err.contains(want), "{}", said.err);
    }
    let said = desk.levy(&RESOLVE);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(
        said.err.contains("RESOLVE_SUCCESS by Li Wei and Wang Fang"),
        "{}",
        said.err
    );
    // Nothing is left to run: only what the gateway proved dead wants a person.
    let second = desk.levy(&["run", "夜.csv", "--sandbox", "--json"]);
    assert_eq!(second.exit, 3, "{}", second.err);
    let summary = parsed(&second);
    assert_eq!(
        summary["by_status"],
        serde_json::json!({"SUCCESS": 2, "CLOSED": 1})
    );
    assert_eq!(summary["orders"]["deducted"], 350);
    let result = desk.read("夜.result.csv");
    let note = "resolved as SUCCESS by Li Wei and Wang Fang on ";
    let line = result.lines().find(|line| line.contains(",N2,")).unwrap();
    assert!(
        line.contains(",SUCCESS,NONE,") && line.contains(note),
        "{line}"
    );
    assert!(
        line.contains(",PROCESSING,"),
        "the gateway's word stays: {line}"
    );
    let status = parsed(&desk.levy(&["status", "--sandbox", "--json"]));
    assert_eq!(
        status["by_status"]["SUCCESS"],
        serde_json::json!({"orders": 2, "fen": 350})
    );
    assert_eq!(status["resolved"], 1);
    assert_eq!(status["journal_head"], summary["journal_head"]);
    let batch = parsed(&desk.levy(&["status", "夜.csv", "--sandbox", "--json"]));
    assert_eq!(
        batch["rows_by_status"]["SUCCESS"],
        serde_json::json!({"rows": 2, "fen": 350})
    );
    let verified = desk.levy(&["ledger", "verify", "--sandbox"]);
    assert_eq!(verified.exit, 0, "{}", verified.out);
}

#[test]
fn status_and_show_tell_what_is_open_and_what_to_do_without_a_secret() {
    let desk = Desk::new();
    unfinished(&desk);
    let status = desk.levy(&["status", "--sandbox"]);
    assert_eq!(status.exit, 0, "{}", status.err);
    for want in [
        "rows  orders  deducted  open   dead  file",
        "1.00",
        "夜.csv",
        "PROCESSING  1 order ",
        "open: 1 order sent and not final, 0 orders never sent",
        "next: 1 order sent and not final: `levy resume`",
        "next: 1 order dead, with nothing in their place: `levy rerun`",
        "journal: ",
    ] {
        assert!(status.out.contains(want), "{want}: {}", status.out);
    }
    let show = desk.levy(&["show", "N3", "--sandbox"]);
    assert_eq!(show.exit, 0, "{}", show.err);
    for want in [
        "N3: CLOSED_PROVEN",
        "8609…21bc",
        "70.00 yuan (7000 fen)",
        "夜.csv:4 (batch 1)",
        "SUBMISSION  was PENDING; ",
        "CLOSE_CLAIMED, HTTP 403, code NOT_ENOUGH",
        "QUERY       was CLOSED; VERIFIED FAILED, HTTP 200, state FAILED, reason BALANCE_NOT_ENOUGH",
        "next: `levy rerun` gives it a new number",
    ] {
        assert!(show.out.contains(want), "{want}: {}", show.out);
    }
    let json = desk.levy(&["show", "N3", "--sandbox", "--json"]);
    let story = parsed(&json);
    assert_eq!(
        story["attempts"][1]["reply"]["fail_reason"],
        "BALANCE_NOT_ENOUGH"
    );
    assert_eq!(story["next_action"], "REISSUE");
    assert_eq!(story["rows"][0]["line"], 4);
    for said in [&status, &show, &json] {
        assert!(!said.out.contains(ACCOUNT), "{}", said.out);
    }
    assert_eq!(desk.levy(&["show", "NOBODY", "--sandbox"]).exit, 2);
    assert_eq!(desk.levy(&["status", "99", "--sandbox"]).exit, 2);
}

#[test]
fn a_frozen_box_runs_nothing_and_keeps_no_file() {
    let desk = Desk::new();
    unfinished(&desk);
    let freeze = [
        "freeze",
        "--sandbox",
        "--reason",
        "a look",
        "--by",
        "Li Wei",
    ];
    assert_eq!(desk.levy(&freeze).exit, 0);
    desk.batch("two.csv", &[row("M1", "1", "case 9")]);
    let run = desk.levy(&["run", "two.csv", "--sandbox"]);
    assert_eq!(run.exit, 2, "{}", run.err);
    assert!(run.err.contains("frozen by Li Wei since "), "{}", run.err);
    assert!(
        run.err.contains(": a look. Nothing was begun"),
        "{}",
        run.err
    );
    let status = desk.levy(&["status", "--sandbox"]);
    assert!(
        status
            .out
            .starts_with("FROZEN: the ledger is frozen by Li Wei"),
        "{}",
        status.out
    );
    assert!(
        status.out.contains("next: `levy unfreeze"),
        "{}",
        status.out
    );
    assert!(!status.out.contains("two.csv"), "{}", status.out);
    assert_eq!(
        desk.levy(&["unfreeze", "--sandbox", "--by", "Li Wei"]).exit,
        0
    );
    assert_eq!(
        desk.levy(&["run", "two.csv", "--sandbox", "--wait", "5"])
            .exit,
        0
    );
}
