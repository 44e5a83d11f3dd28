//! What a plan tells, what whoever only looks is told, and where each refusal leads.

use super::super::{box_run, row};
use super::{FourEyes, parsed, words};

#[test]
fn l3_what_was_sent_before_approval_was_required_comes_to_its_end() {
    let desk = FourEyes::new();
    let forever = "\"#sandbox post=processing-forever get=state,state,state,success\"";
    let rows = [row("N1", "100", forever), row("N2", "250", "case 2")];
    desk.0.batch("night.csv", &rows);
    let bare = "run night.csv --sandbox --limit 1 --wait 1 --quiet";
    let bare = desk.0.levy(&words(bare));
    assert_eq!(bare.exit, 4, "{}", bare.err);
    let says = "batch 1 (night.csv) was taken in without an approved plan, and 1 of its orders";
    let shown = |desk: &FourEyes| box_run::statuses(&desk.0.read("night.result.csv"));
    for _ in 0..4 {
        let said = desk.ends("run night.csv --wait 2 --quiet", 2);
        assert!(said.err.contains(says), "{}", said.err);
        if shown(&desk)[0] == "SUCCESS NONE" {
            break;
        }
    }
    assert_eq!(shown(&desk), ["SUCCESS NONE", "PENDING RUN_AGAIN"]);
    desk.ends("cancel 1", 0);
    desk.ends("run night.csv --quiet", 0);
    desk.verify();
}

#[test]
fn a_plan_says_how_its_file_is_read_and_is_run_just_so() {
    let desk = FourEyes::new();
    desk.0.batch("old.csv", &[row("N1", "100", "case 1")]);
    desk.ends("plan old.csv", 0);
    desk.ends("run --plan 1 --approved-by Zhao --quiet", 0);
    desk.0.batch("night.csv", &[row("N2", "100", "case 1")]);
    let held = desk.ends("plan night.csv", 3);
    assert!(
        held.out.contains("read with --hold-days 40"),
        "{}",
        held.out
    );
    // Nobody approves in the dark that it is held by nothing.
    let loose = desk.ends(
        "plan night.csv --hold-days 0 --accept-digits --encoding utf-8",
        0,
    );
    let words_of = "read with --hold-days 0 --encoding UTF-8 --accept-digits";
    assert!(loose.out.contains(words_of), "{}", loose.out);
    let approved = desk.ends("approve 3 --by Zhao", 0);
    assert!(approved.out.contains(words_of), "{}", approved.out);
    for (typed, says) in [
        ("--hold-days 40", "--hold-days 40 was typed"),
        ("--encoding gb18030", "--encoding GB18030 was typed"),
    ] {
        desk.refused(
            &format!("run --plan 3 {typed}"),
            &["plan 3 was made with", says],
        );
    }
    // Of the days that are planned, nothing is typed again.
    desk.ends("run --plan 3 --quiet", 0);
    assert_eq!(desk.arrivals(), 2);
    desk.verify();
}

#[test]
fn l9_a_plan_without_new_orders_is_continued_by_the_same_command() {
    let desk = FourEyes::new();
    desk.night();
    desk.ends("plan night.csv", 0);
    desk.ends("run --plan 1 --approved-by Zhao --quiet", 0);
    let rows = [row("N2", "250", "case 2"), row("N1", "100", "case 1")];
    desk.0.batch("again.csv", &rows);
    desk.ends("plan again.csv", 0);
    for _ in 0..2 {
        desk.ends("run --plan 2 --quiet", 0);
    }
    assert_eq!(desk.arrivals(), 2);
    desk.verify();
}

#[test]
fn a_plan_counts_what_is_to_be_issued_again() {
    let desk = FourEyes::new();
    desk.0
        .batch("night.csv", &[row("N1", "100", "#sandbox post=failed")]);
    desk.ends("plan night.csv", 0);
    desk.ends("run --plan 1 --approved-by Zhao --quiet", 3);
    let failed = desk.0.read("night.failed.csv");
    let asking = failed.replace(",failed,,2,FAILED", ",failed,yes,2,FAILED");
    let asking = match asking == failed {
        true => failed.replace(",,2,FAILED", ",yes,2,FAILED"),
        false => asking,
    };
    assert_ne!(asking, failed);
    desk.0.write("yes.csv", &asking);
    let said = desk.ends("plan yes.csv", 0);
    assert!(
        said.out.contains("issued again        1 order   1.00 yuan"),
        "{}",
        said.out
    );
    let plan = parsed(&desk.ends("plan yes.csv --json", 0));
    let want = serde_json::json!({"orders": 1, "fen": 100});
    assert_eq!((&plan["issued_again"], &plan["plan"]), (&want, &"2".into()));
    let approved = desk.ends("approve 2 --by Zhao --json", 0);
    assert_eq!(parsed(&approved)["issued_again"], want);
    desk.verify();
}

#[test]
fn whoever_only_looks_is_told_of_the_approval_and_each_refusal_leads_on() {
    let desk = FourEyes::new();
    desk.night();
    let check = |says: &str| {
        let said = desk.levy("check night.csv");
        assert!(said.out.contains(says), "{says}: {}", said.out);
        let told = parsed(&desk.levy("check night.csv --json"));
        assert!(told["approval"].as_str().unwrap().contains(says), "{told}");
    };
    let beside_nothing = desk.levy("check night.csv").out;
    assert!(
        beside_nothing.contains("the ledger was not looked at"),
        "{beside_nothing}"
    );
    check("it needs an approved plan, and has none: `levy plan night.csv --sandbox` makes one");
    desk.ends("plan night.csv", 0);
    check("plan 1 by Li Wei waits for `levy approve 1 --by NAME --sandbox`");
    desk.ends("approve 1 --by Zhao", 0);
    check("plan 1, approved by Zhao; `levy run --plan 1 --sandbox` runs it");
    desk.refused("approve 1 --by Zhao", &["`levy run --plan 1` runs it"]);
    // It no longer fits: planned again, approved, and the command names the new one.
    desk.0.batch("first.csv", &[row("N2", "250", "case 2")]);
    desk.ends("plan first.csv", 0);
    desk.ends("run --plan 2 --approved-by Zhao --quiet", 0);
    let again = "night.csv --hold-days 40 --sandbox` makes a new one";
    desk.refused(
        "run --plan 1",
        &["has changed since plan 1 was made", again],
    );
    desk.ends("plan night.csv --hold-days 40", 0);
    let waits = "Plan 3 by Li Wei waits: `levy approve 3 --by NAME --sandbox`, by somebody else, then \
                 `levy run --plan 3 --sandbox`";
    desk.refused("run --plan 1", &["plan 1 was replaced by plan 3", waits]);
    desk.ends("approve 3 --by Zhao", 0);
    let approved = "Plan 3 is approved, by Zhao: `levy run --plan 3 --sandbox`";
    desk.refused("run --plan 1", &[approved]);
    desk.ends("run --plan 3 --quiet", 0);
    check("batch 2 needs no approval any more");
    desk.verify();
}

#[test]
fn what_a_ledger_is_told_of_sends_that_it_does_not_know_wants_two_people_and_the_ceilings() {
    let desk = FourEyes::new();
    desk.night();
    desk.ends("plan night.csv", 0);
    let header = super::super::HEADER.trim_end();
    let history = |rows: &[(&str, &str, &str)]| {
        let mut text = format!("{header},first_sent_at,outcome\n");
        for (no, fen, outcome) in rows {
            let row = row(no, fen, no);
            text.push_str(&format!("{row},2026-01-01 08:00:00,{outcome}\n"));
        }
        desk.0.write("history.csv", &text);
    };
    history(&[("H1", "900", "SUCCESS"), ("H2", "5", "UNKNOWN")]);
    let import = "ledger import history.csv --by 'Li Wei'";
    let restored = "ledger restored --since 2026-01-01T08:00:00+08:00 --by 'Li Wei'";
    for line in [import, restored] {
        desk.refused(
            line,
            &["two people are needed", "give --approved-by NAME as well"],
        );
        let same = format!("{line} --approved-by 'LI WEI'");
        desk.refused(&same, &["--approved-by: Li Wei is one person"]);
    }
    // A ceiling is for what is submitted, and not for what was deducted long ago.
    let import = format!("{import} --approved-by Zhao --sandbox");
    let limited = |limit: &str, most: &str| {
        desk.0.levy_with(
            &words(&import),
            &[("LEVY_BATCH_REQUIRE_APPROVAL", "true"), (limit, most)],
        )
    };
    for (limit, says) in [
        (
            "LEVY_LIMITS_AMOUNT_FEN_MAX",
            "history.csv:3: out_request_no: asks for 5 fen",
        ),
        (
            "LEVY_LIMITS_TOTAL_FEN_MAX",
            "add up to 0.05 yuan, and a file may ask for 0.04",
        ),
    ] {
        let said = limited(limit, "4");
        assert_eq!(said.exit, 2, "{}", said.err);
        assert!(said.err.contains(says), "{}", said.err);
    }
    let said = limited("LEVY_LIMITS_TOTAL_FEN_MAX", "5");
    assert_eq!(said.exit, 0, "{}", said.err);
    let said = desk.ends("show H1", 0);
    assert!(said.out.contains("by Li Wei and Zhao"), "{}", said.out);
    desk.verify();
}
