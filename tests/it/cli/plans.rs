//! Plans and four eyes: nothing runs but what was planned, and, where that is required, approved by
//! somebody else.

mod told;

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Desk, Said, row};

/// A desk whose box asks for approval.
struct FourEyes(Desk);

impl FourEyes {
    fn new() -> Self {
        Self(Desk::new())
    }

    /// A command on the ledger of the box, under `require_approval`.
    fn levy(&self, line: &str) -> Said {
        let mut args = words(line);
        args.push("--sandbox");
        let required = [("LEVY_BATCH_REQUIRE_APPROVAL", "true"), ("USER", "Li Wei")];
        self.0.levy_with(&args, &required)
    }

    #[track_caller]
    fn refused(&self, line: &str, says: &[&str]) {
        let before = self.arrivals();
        let said = self.levy(line);
        assert_eq!(said.exit, 2, "{line}: {}", said.err);
        for want in says {
            assert!(said.err.contains(want), "{want}: {}", said.err);
        }
        assert_eq!(self.arrivals(), before, "{line}: something was sent");
    }

    #[track_caller]
    fn ends(&self, line: &str, exit: i32) -> Said {
        let said = self.levy(line);
        assert_eq!(said.exit, exit, "{line}: {} {}", said.out, said.err);
        said
    }

    fn arrivals(&self) -> usize {
        let log = fs::read_to_string(self.0.path(".levy-sandbox/arrivals.log"));
        log.map_or(0, |log| log.lines().count())
    }

    fn night(&self) {
        let rows = [row("N1", "100", "case 1"), row("N2", "250", "case 2")];
        self.0.batch("night.csv", &rows);
    }

    /// The books hold whatever happened.
    fn verify(&self) {
        let said = self.levy("ledger verify");
        assert_eq!(said.exit, 0, "{}", said.out);
    }
}

/// `'two words'` are one.
fn words(line: &str) -> Vec<&str> {
    let quoted = line.split('\'').enumerate();
    quoted
        .flat_map(|(i, part)| match i % 2 {
            0 => part.split_whitespace().collect::<Vec<_>>(),
            _ => vec![part],
        })
        .collect()
}

fn parsed(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"))
}

#[test]
fn a_plan_is_told_with_its_number_and_sends_nothing() {
    let desk = FourEyes::new();
    let rows = [
        row("N1", "100", "case 1"),
        row("N2", "250", "case 2").replace("JUDICIAL_DEDUCTION", "FINANCIAL_PENALTY"),
        row("N3", "-1", "case 3"),
        row("N4", "100", "case 1"),
    ];
    desk.0.batch("night.csv", &rows);
    let said = desk.ends("plan night.csv --by 'Li Wei'", 3);
    for want in [
        "plan 1: night.csv, 4 rows\n  SHA-256 ",
        "FINANCIAL_PENALTY   1 order   2.50 yuan",
        "JUDICIAL_DEDUCTION  1 order   1.00 yuan",
        "to be sent in all   2 orders  3.50 yuan",
        "besides: 1 held (1.00 yuan), 0 repeats, 0 in conflict, 1 invalid",
        "made by Li Wei on ",
        "next: somebody other than Li Wei looks at it: `levy approve 1 --by NAME --sandbox`",
    ] {
        assert!(said.out.contains(want), "{want}: {}", said.out);
    }
    assert!(said.err.contains("night.csv:4:"), "{}", said.err);
    let plan = parsed(&desk.ends("plan night.csv --json", 3));
    assert_eq!((&plan["plan"], &plan["rows"]), (&"1".into(), &4.into()));
    let to_send = serde_json::json!({"orders": 2, "fen": 350});
    assert_eq!(plan["to_send"], to_send);
    assert_eq!(
        (&plan["made_by"], &plan["exit_code"]),
        (&"Li Wei".into(), &3.into())
    );
    assert_eq!(plan["approved_by"], Value::Null);
    assert_eq!(desk.arrivals(), 0);
    assert!(!desk.0.path("night.result.csv").exists());
    let status = parsed(&desk.ends("status --json", 0));
    assert_eq!(status["batches"], Value::Array(Vec::new()));
    assert_eq!(status["plans"][0]["plan"], "1");
    let status = desk.ends("status", 0);
    for want in [
        "plans that were not run:\n  plan 1  night.csv  2 orders  3.50 yuan  made by Li Wei on ",
        "next: 1 plan not approved: `levy approve ID --by NAME`",
    ] {
        assert!(status.out.contains(want), "{want}: {}", status.out);
    }
    // Control totals are asked of a plan as of a run.
    desk.refused("plan night.csv --expect-rows 5", &["5 rows were told"]);
    desk.refused("plan nowhere.csv", &["nowhere.csv"]);
    desk.verify();
}

#[test]
fn nothing_new_runs_without_a_plan_that_somebody_else_has_approved() {
    let desk = FourEyes::new();
    desk.night();
    desk.refused(
        "run night.csv",
        &[
            "night.csv: 2 of its 2 rows are new deductions, and no approved plan allows them",
            "`levy plan night.csv --sandbox` makes a plan",
        ],
    );
    desk.ends("plan night.csv", 0);
    for line in ["run night.csv", "run night.csv --plan 1", "run --plan 1"] {
        desk.refused(
            line,
            &["Plan 1 by Li Wei waits: `levy approve 1 --by NAME --sandbox`"],
        );
    }
    for same in ["Li Wei", " li  WEI ", "Ｌｉ Ｗｅｉ", "ｌｉｗｅｉ"] {
        let says = ["plan 1 was made by Li Wei: somebody else approves it"];
        desk.refused(&format!("approve 1 --by '{same}'"), &says);
        desk.refused(&format!("run --plan 1 --approved-by '{same}'"), &says);
    }
    desk.refused("approve 2 --by 'Wang Fang'", &["no plan 2"]);
    desk.refused("run --plan 2", &["no plan 2"]);
    let status = desk.ends("status", 0);
    assert!(
        status.out.contains("no batch was accepted yet"),
        "{}",
        status.out
    );
    let said = desk.ends("approve 1 --by 'Wang Fang'", 0);
    assert!(
        said.out.contains("approved by Wang Fang on "),
        "{}",
        said.out
    );
    let status = desk.ends("status", 0);
    let next = "next: 1 plan approved and not run: `levy run --plan ID`";
    assert!(status.out.contains(next), "{}", status.out);
    desk.refused("approve 1 --by Zhao", &["approved already, by Wang Fang"]);
    // Approved ahead: cron and the drop folder name no plan.
    desk.ends("run night.csv --quiet", 0);
    assert_eq!(desk.arrivals(), 2);
    let status = parsed(&desk.ends("status --json", 0));
    assert_eq!(status["plans"], Value::Array(Vec::new()));
    let status = desk.ends("status 1", 0);
    let by = "taken in by its plan:\n  plan 1  night.csv  2 orders  3.50 yuan  made by Li Wei on ";
    assert!(status.out.contains(by), "{}", status.out);
    assert!(!status.out.contains("next:"), "{}", status.out);
    // It is the batch now, whichever command continues it.
    for line in [
        "run night.csv",
        "run --plan 1",
        "resume --batch 1",
        "rerun 1",
    ] {
        desk.ends(line, 0);
    }
    desk.refused("plan night.csv", &["is batch 1 already"]);
    assert_eq!(desk.arrivals(), 2);
    desk.verify();
}

#[test]
fn a_plan_runs_its_own_bytes_and_no_others() {
    let desk = FourEyes::new();
    desk.night();
    desk.0.batch("other.csv", &[row("M1", "7", "case 9")]);
    desk.ends("plan night.csv", 0);
    desk.ends("approve 1 --by 'Wang Fang'", 0);
    let says = ["its bytes are not those that plan 1 was made of (night.csv, by Li Wei)"];
    desk.refused("run other.csv --plan 1", &says);
    // Its file was changed after it was approved: by a row, or by a blank.
    let planned = desk.0.read("night.csv");
    for changed in [
        planned.replace(",250,", ",25000,"),
        planned.replace("case 2", "case 2 "),
    ] {
        desk.0.write("night.csv", &changed);
        desk.refused("run --plan 1", &says);
        desk.refused("run night.csv --plan 1 --approved-by Zhao", &says);
        desk.refused("run night.csv", &["no approved plan allows them"]);
    }
    fs::rename(desk.0.path("night.csv"), desk.0.path("kept.csv")).unwrap();
    desk.refused("run --plan 1", &["its file is no longer at ", "name it"]);
    // The same bytes under another name are the same file.
    desk.0.write("kept.csv", &planned);
    // Approving once more is the same command given again.
    desk.ends("run kept.csv --plan 1 --approved-by 'Wang Fang'", 0);
    desk.refused(
        "run kept.csv other.csv --plan 1",
        &["--plan is for one file"],
    );
    desk.verify();
}

#[test]
fn a_plan_that_no_longer_fits_the_ledger_is_planned_again() {
    let desk = FourEyes::new();
    desk.night();
    desk.0.batch("first.csv", &[row("N2", "250", "case 2")]);
    desk.ends("plan night.csv", 0);
    desk.ends("approve 1 --by 'Wang Fang'", 0);
    desk.ends("plan first.csv", 0);
    desk.ends("run --plan 2 --approved-by 'Wang Fang' --quiet", 0);
    for line in ["run night.csv", "run --plan 1"] {
        desk.refused(
            line,
            &[
                "the ledger has changed since plan 1 was made",
                "orders to send: 2 were planned, and it is 1 now",
                "repeats: 0 were planned, and it is 1 now",
                "yuan to send: 3.50 were planned, and it is 1.00 now",
                "Nothing was sent: plan it again",
            ],
        );
    }
    let said = desk.ends("plan night.csv", 0);
    let replaced = "plan 1 of this file no longer fits: plan 3 replaces it";
    assert!(said.err.contains(replaced), "{}", said.err);
    desk.refused("run night.csv", &["Plan 3 by Li Wei waits"]);
    desk.refused("approve 1 --by Zhao", &["already"]);
    desk.ends("run --plan 3 --approved-by 'Wang Fang' --quiet", 0);
    desk.refused("run night.csv --plan 1", &["was not run by plan 1"]);
    assert_eq!(desk.arrivals(), 2, "each once");
    desk.verify();
}

#[test]
fn l9_an_approved_run_that_was_killed_is_continued_by_the_same_command() {
    let desk = FourEyes::new();
    desk.night();
    desk.ends("plan night.csv", 0);
    let run = "run --plan 1 --approved-by 'Wang Fang' --quiet --sandbox";
    // No reply before it is killed.
    let mut levy = Command::new(env!("CARGO_BIN_EXE_levy"))
        .args(words(run))
        .args(["--sandbox-latency-ms", "9000-9000"])
        .env("LEVY_BATCH_REQUIRE_APPROVAL", "true")
        .current_dir(desk.0.dir.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while desk.arrivals() < 1 {
        assert_eq!(levy.try_wait().unwrap(), None, "it ended too early");
        std::thread::yield_now();
    }
    levy.kill().unwrap();
    levy.wait().unwrap();
    // The approval was on disk before the first send.
    let status = parsed(&desk.ends("status --json", 0));
    assert_eq!(status["plans"], Value::Array(Vec::new()));
    desk.ends("run --plan 1 --approved-by 'Wang Fang' --quiet", 0);
    let result = desk.0.read("night.result.csv");
    assert_eq!(result.matches(",SUCCESS,NONE,").count(), 2, "{result}");
    desk.verify();
}

#[test]
fn l5_what_was_approved_is_issued_again_and_what_was_edited_is_planned_first() {
    let desk = FourEyes::new();
    let rows = [
        row("N1", "100", "#sandbox post=not-enough"),
        row("N2", "250", "case 2"),
    ];
    desk.0.batch("night.csv", &rows);
    desk.ends("plan night.csv", 0);
    desk.ends("run --plan 1 --approved-by 'Wang Fang' --quiet", 3);
    let result = desk.0.read("night.result.csv");
    // Unchanged it moves what was approved as that deduction.
    desk.0.write("again.csv", &result);
    desk.ends("rerun again.csv --quiet", 3);
    let sent = desk.arrivals();
    // Changed it is a new one.
    let result = desk.0.read("again.result.csv");
    desk.0
        .write("edited.csv", &result.replacen(",100,", ",1000000,", 1));
    desk.refused(
        "rerun edited.csv",
        &[
            "1 of its 2 rows are new deductions",
            "`levy plan edited.csv --sandbox`",
        ],
    );
    desk.ends("plan edited.csv", 0);
    desk.refused("rerun edited.csv", &["Plan 2 by Li Wei waits"]);
    desk.ends("approve 2 --by 'Wang Fang'", 0);
    assert_eq!(desk.arrivals(), sent);
    desk.ends("rerun edited.csv --quiet", 3);
    assert!(desk.arrivals() > sent);
    desk.verify();
}

#[test]
fn what_was_planned_as_held_is_released_by_somebody_else() {
    let desk = FourEyes::new();
    let rows = [row("N1", "100", "case 1"), row("N2", "100", "case 1")];
    desk.0.batch("night.csv", &rows);
    desk.ends("plan night.csv", 3);
    desk.ends("run --plan 1 --approved-by 'Wang Fang' --quiet", 3);
    let release = "run night.csv --quiet --release N2 --by";
    desk.refused(
        &format!("{release} 'LI WEI'"),
        &["N2 is not released: Li Wei made plan 1"],
    );
    desk.ends(&format!("{release} Zhao"), 0);
    assert_eq!(desk.arrivals(), 2);
    desk.verify();
}

#[test]
fn what_came_in_before_approval_was_required_is_not_sent_without_it() {
    let desk = FourEyes::new();
    desk.night();
    let bare = desk
        .0
        .levy(&words("run night.csv --sandbox --limit 1 --quiet"));
    assert_eq!(bare.exit, 4, "{}", bare.err);
    let says = ["batch 1 (night.csv) was taken in without an approved plan, and 1 of its orders"];
    for line in ["run night.csv", "resume --batch 1"] {
        desk.refused(line, &says);
    }
    desk.ends("resume --quiet", 0);
    desk.ends("cancel 1", 0);
    desk.ends("run night.csv --quiet", 0);
    assert_eq!(desk.arrivals(), 1);
    desk.verify();
}

#[test]
fn a_plan_without_required_approval_binds_the_run_all_the_same() {
    let desk = Desk::new();
    desk.batch("night.csv", &[row("N1", "100", "case 1")]);
    let levy = |line: &str| desk.levy(&words(line));
    let plan = levy("plan night.csv --by 'Li Wei' --sandbox");
    assert!(
        plan.out.contains("next: `levy run --plan 1 --sandbox`"),
        "{}",
        plan.out
    );
    let text = desk.read("night.csv");
    desk.write("night.csv", &text.replace(",100,", ",900,"));
    let said = levy("run --plan 1 --sandbox");
    assert_eq!(said.exit, 2, "{}", said.err);
    assert!(said.err.contains("its bytes are not those"), "{}", said.err);
    let said = levy("run --plan 1 --approved-by 'li wei' --sandbox");
    assert_eq!(said.exit, 2, "{}", said.err);
    desk.write("night.csv", &text);
    let said = levy("run --plan 1 --sandbox --json");
    assert_eq!(said.exit, 0, "{}", said.err);
    for bad in [
        "run --plan x --sandbox",
        "run night.csv --approved-by x --sandbox",
        "approve 1",
    ] {
        assert_eq!(levy(bad).exit, 2, "{bad}");
    }
}

#[test]
fn a_file_over_the_ceiling_is_refused_as_a_whole() {
    let desk = Desk::new();
    let rows = [
        row("N1", "100", "case 1"),
        row("N2", "250", "case 2"),
        // Faulty rows ask for nothing.
        row("N3", "-1", "case 3"),
    ];
    desk.batch("night.csv", &rows);
    let levy = |line: &str, most: &str| {
        desk.levy_with(&words(line), &[("LEVY_LIMITS_TOTAL_FEN_MAX", most)])
    };
    for line in ["run", "plan --by x", "check"] {
        let said = levy(&format!("{line} night.csv --sandbox"), "349");
        assert_eq!(said.exit, 2, "{line}: {}", said.err);
        let words = "its valid rows add up to 3.50 yuan, and a file may ask for 3.49 at most";
        assert!(said.err.contains(words), "{line}: {}", said.err);
    }
    let arrivals = fs::read_to_string(desk.path(".levy-sandbox/arrivals.log"));
    assert_eq!(arrivals.unwrap_or_default(), "");
    assert_eq!(levy("check night.csv --sandbox", "350").exit, 3);
    assert_eq!(levy("run night.csv --sandbox --quiet", "350").exit, 3);
}
