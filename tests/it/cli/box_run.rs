//! Whole runs on the gateway in a box: result, summary, the same again, export, cancel.

use std::fs;

use super::{Desk, HEADER, row};

/// Rows of every kind that comes to an end by itself.
fn rows() -> Vec<String> {
    vec![
        row("N1", "100", "case 1"),
        row("", "250", "case 2"),
        row("N3", "7", "\"#sandbox post=drop-after,success\""),
        row("N4", "8", "#sandbox post=not-enough"),
        row("N5", "9", "#sandbox post=failed"),
        row("N1", "100", "case 1"),
        row("N7", "100", "Case 1."),
        row("N8", "1.5", "case 8"),
    ]
}

pub fn statuses(result: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(result.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|cell| cell == name).unwrap();
    let (status, action) = (at("levy_status"), at("levy_next_action"));
    reader
        .records()
        .map(|r| r.map(|r| format!("{} {}", &r[status], &r[action])).unwrap())
        .collect()
}

#[test]
fn a_run_on_the_box_ends_and_given_again_sends_nothing() {
    let desk = Desk::new();
    desk.batch("night.csv", &rows());
    let first = desk.levy(&["run", "night.csv", "--sandbox", "--wait", "5", "--json"]);
    assert_eq!(first.exit, 3, "{}", first.err);
    assert!(
        first.err.starts_with("no real money moves"),
        "{}",
        first.err
    );
    let result = desk.read("night.result.csv");
    assert_eq!(
        statuses(&result),
        [
            "SUCCESS NONE",
            "SUCCESS NONE",
            "SUCCESS NONE",
            "CLOSED REISSUE",
            "FAILED REISSUE",
            "SUCCESS NONE",
            "HELD REVIEW",
            "INVALID FIX_ROW",
        ]
    );
    let value: serde_json::Value = serde_json::from_str(&first.out).unwrap();
    assert_eq!(
        value["by_status"],
        serde_json::json!({"SUCCESS": 4, "CLOSED": 1, "FAILED": 1, "HELD": 1, "INVALID": 1})
    );
    assert_eq!(
        value["orders"],
        serde_json::json!({"count": 6, "deducted": 357, "open": 100, "dead": 17})
    );
    assert_eq!(
        (&value["repeats"], &value["exit_code"]),
        (&1.into(), &3.into())
    );
    let arrivals = desk.read(".levy-sandbox/arrivals.log");

    let again = desk.levy(&["run", "night.csv", "--sandbox", "--wait", "5"]);
    assert_eq!(again.exit, 3, "{}", again.err);
    assert!(again.err.contains("batch 1 already"), "{}", again.err);
    assert_eq!(
        desk.read(".levy-sandbox/arrivals.log"),
        arrivals,
        "nothing was sent"
    );
    assert_eq!(desk.read("night.result.csv"), result, "the same bytes");
}

#[test]
fn a_batch_is_exported_by_number_file_and_digest_and_a_lock_is_no_hindrance() {
    use sha2::{Digest, Sha256};
    let desk = Desk::new();
    let input = desk.batch("night.csv", &[row("N1", "100", "case 1")]);
    assert_eq!(
        desk.levy(&["run", "night.csv", "--sandbox", "--quiet"])
            .exit,
        0
    );
    let result = desk.read("night.result.csv");
    fs::remove_file(desk.path("night.result.csv")).unwrap();

    let lock = fs::File::open(desk.path(".levy-sandbox/ledger.db.lock")).unwrap();
    lock.lock().unwrap();
    let digest = Sha256::digest(fs::read(input).unwrap());
    let digest = data_encoding::HEXLOWER.encode(&digest);
    for batch in ["1", "night.csv", &digest, &digest[..8]] {
        let said = desk.levy(&["export", batch, "--sandbox"]);
        assert_eq!(said.exit, 0, "{batch}: {}", said.err);
        assert_eq!(said.err, "batch 1: 1 row in night.result.csv\n");
        assert_eq!(desk.read("night.result.csv"), result, "{batch}");
        fs::remove_file(desk.path("night.result.csv")).unwrap();
    }
    for batch in ["2", &digest[..7], "other.csv", "0"] {
        let said = desk.levy(&["export", batch, "--sandbox"]);
        assert_eq!(said.exit, 2, "{batch}");
        assert!(
            said.err.contains("the ledger knows no such batch"),
            "{}",
            said.err
        );
    }
    let said = desk.levy(&["export", "1", "--sandbox", "--out", "night.csv/r.csv"]);
    assert_ne!(said.exit, 0);
}

#[test]
fn a_report_needs_no_lock_writes_no_ledger_and_overwrites_nothing_but_a_page() {
    let desk = Desk::new();
    desk.batch("night.csv", &rows());
    let run = ["run", "night.csv", "--sandbox", "--wait", "5", "--quiet"];
    assert_eq!(desk.levy(&run).exit, 3);
    let before = fs::read(desk.path(".levy-sandbox/ledger.db")).unwrap();
    let lock = fs::File::open(desk.path(".levy-sandbox/ledger.db.lock")).unwrap();
    lock.lock().unwrap();

    let said = desk.levy(&["report", "night.csv", "--sandbox"]);
    assert_eq!(
        (said.exit, said.err.as_str()),
        (0, "batch 1: 8 rows in night.report.html\n")
    );
    let page = desk.read("night.report.html");
    for told in [
        "Sandbox: no real money moved.",
        ">3.57<",
        "BALANCE_NOT_ENOUGH",
        "limit 100",
        "p99",
    ] {
        assert!(page.contains(told), "{told}");
    }
    let said = desk.levy(&[
        "report",
        "1",
        "--sandbox",
        "--lang",
        "zh",
        "--out",
        "zh.html",
    ]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(
        desk.read("zh.html")
            .contains("<td class=\"word look\">待确认</td>")
    );
    let result = desk.read("night.result.csv");
    for wrong in ["night.result.csv", "night.csv", "report"] {
        let said = desk.levy(&["report", "1", "--sandbox", "--out", wrong]);
        assert_eq!(said.exit, 2, "{wrong}");
        assert!(said.err.contains("name a .html"), "{}", said.err);
    }
    assert_eq!(desk.read("night.result.csv"), result);
    assert_eq!(
        fs::read(desk.path(".levy-sandbox/ledger.db")).unwrap(),
        before
    );
}

#[test]
fn what_was_never_sent_is_cancelled_and_what_was_sent_is_left_alone() {
    let desk = Desk::new();
    desk.batch(
        "night.csv",
        &[
            row("N1", "100", "case 1"),
            row("N2", "200", "case 2"),
            row("N3", "300", "case 3"),
        ],
    );
    let run = ["run", "night.csv", "--sandbox", "--quiet"];
    assert_eq!(desk.levy(&[&run[..], &["--limit", "1"]].concat()).exit, 4);
    assert_eq!(
        statuses(&desk.read("night.result.csv")),
        ["SUCCESS NONE", "PENDING RUN_AGAIN", "PENDING RUN_AGAIN"]
    );

    let said = desk.levy(&["cancel", "N1", "--sandbox"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert_eq!(
        said.err,
        "order N1: nothing to withdraw\nleft alone: N1 is SUCCESS\n"
    );
    let said = desk.levy(&["cancel", "night.csv", "--sandbox"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(
        said.err.starts_with(
            "batch 1 (night.csv): 2 orders withdrawn, 5.00 yuan; they will never be sent\n"
        ),
        "{}",
        said.err
    );
    let said = desk.levy(&["cancel", "N9", "--sandbox"]);
    assert_eq!(said.exit, 2, "{}", said.err);

    assert_eq!(desk.levy(&run).exit, 0);
    assert_eq!(
        statuses(&desk.read("night.result.csv")),
        ["SUCCESS NONE", "CANCELLED NONE", "CANCELLED NONE"]
    );
}

#[test]
fn a_number_that_is_a_batch_and_an_order_is_not_guessed_at() {
    let desk = Desk::new();
    desk.batch(
        "night.csv",
        &[row("1", "100", "case 1"), row("2", "200", "case 2")],
    );
    let run = ["run", "night.csv", "--sandbox", "--quiet", "--limit", "1"];
    assert_eq!(desk.levy(&run).exit, 4);
    let said = desk.levy(&["cancel", "1", "--sandbox"]);
    assert_eq!(said.exit, 2);
    assert!(
        said.err.contains("1 is batch 1 and an order's number too"),
        "{}",
        said.err
    );
    let said = desk.levy(&["cancel", "2", "--sandbox"]);
    assert_eq!(said.exit, 0, "no batch 2: {}", said.err);
    assert!(
        said.err
            .starts_with("order 2: 1 order withdrawn, 2.00 yuan"),
        "{}",
        said.err
    );
}

#[test]
fn of_several_files_each_has_its_line_and_the_worst_is_the_exit() {
    let desk = Desk::new();
    desk.batch("a.csv", &[row("N1", "100", "case 1")]);
    desk.write("b.csv", HEADER);
    desk.batch("c.csv", &[row("N2", "x", "case 2")]);
    let said = desk.levy(&[
        "run",
        "a.csv",
        "b.csv",
        "c.csv",
        "--sandbox",
        "--json",
        "--quiet",
    ]);
    assert_eq!(said.exit, 2, "{}", said.err);
    let lines: Vec<serde_json::Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<(&str, i64)> = lines
        .iter()
        .map(|v| {
            (
                v["file"].as_str().unwrap(),
                v["exit_code"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("a.csv", 0), ("b.csv", 2), ("c.csv", 3)]);
}

#[test]
fn a_gateway_that_is_not_there_is_exit_4_and_nothing_is_lost() {
    let desk = Desk::new();
    desk.settings();
    desk.batch(
        "night.csv",
        &[row("N1", "100", "case 1"), row("N2", "200", "case 2")],
    );
    let run = ["run", "night.csv", "--create-ledger", "--outage-wait", "0"];
    let said = desk.levy(&run);
    assert_eq!(said.exit, 4, "{}", said.err);
    assert!(said.err.contains("[gateway] base_url"), "{}", said.err);
    assert_eq!(
        statuses(&desk.read("night.result.csv")),
        ["PENDING RUN_AGAIN", "PENDING RUN_AGAIN"]
    );
}

#[test]
fn a_signal_ends_a_run_with_its_result_and_the_same_command_finishes_it() {
    use std::io::Read;
    use std::process::{Command, Stdio};
    let desk = Desk::new();
    let rows: Vec<String> = (0..400)
        .map(|n| row(&format!("N{n}"), "1", &format!("case {n}")))
        .collect();
    desk.batch("night.csv", &rows);
    let run = ["run", "night.csv", "--sandbox", "--quiet"];
    let slow = ["--sandbox-latency-ms", "200-300"];
    let mut levy = Command::new(env!("CARGO_BIN_EXE_levy"))
        .args(run.iter().chain(&slow))
        .current_dir(desk.dir.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // 400 orders of one merchant take four seconds at least: the first arrival is early enough.
    let log = desk.path(".levy-sandbox/arrivals.log");
    while fs::read_to_string(&log).map_or(0, |log| log.lines().count()) < 5 {
        assert_eq!(levy.try_wait().unwrap(), None, "it ended too early");
        std::thread::yield_now();
    }
    let killed = Command::new("kill")
        .args(["-TERM", &levy.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let mut words = String::new();
    levy.stderr
        .take()
        .unwrap()
        .read_to_string(&mut words)
        .unwrap();
    assert_eq!(levy.wait().unwrap().code(), Some(4), "{words}");
    assert!(words.contains("stopping: nothing new is sent"), "{words}");
    let told = statuses(&desk.read("night.result.csv"));
    assert_eq!(told.len(), 400);
    assert!(told.iter().any(|row| row == "PENDING RUN_AGAIN"), "{words}");
    assert!(
        !told.iter().any(|row| row.starts_with("UNKNOWN")),
        "what was on the wire was awaited"
    );

    assert_eq!(desk.levy(&run).exit, 0);
    let told = statuses(&desk.read("night.result.csv"));
    assert!(told.iter().all(|row| row == "SUCCESS NONE"));
}
