//! Sends that the ledger does not know: another tool's before the first night, and those between a
//! backup and the day on which it had to be put back.

use std::collections::BTreeMap;
use std::fs;

use super::house::{HEADER, House, Rows, child, row, statuses};

fn verified(house: &House) {
    let said = house.levy(&["ledger", "verify"]);
    assert_eq!(said.exit, 0, "{} {}", said.out, said.err);
}

fn numbers_asked(house: &House) -> usize {
    let arrivals = levy::sandbox::books::arrivals(&house.path("gateway")).unwrap();
    arrivals.len()
}

/// Another tool's night: its own memory, the same gateway.
fn another_tools_night(house: &House) -> Rows {
    house.file(
        "old.csv",
        &[
            row("O1", 1, 100, "case 1"),
            row("O2", 2, 200, "case 2"),
            row("O3", 3, 300, "case 3"),
        ],
    );
    let said = house.levy(&[
        "run",
        "old.csv",
        "--quiet",
        "--create-ledger",
        "--ledger",
        "other.db",
    ]);
    assert_eq!(said.exit, 0, "{}", said.err);
    house.result("old.result.csv")
}

fn history(house: &House, rows: &[(String, &str, &str)]) {
    let mut text = format!("{HEADER},first_sent_at,outcome\n");
    for (row, first_sent_at, outcome) in rows {
        text.push_str(&format!("{row},{first_sent_at},{outcome}\n"));
    }
    fs::write(house.path("history.csv"), text).unwrap();
}

const IMPORT: [&str; 5] = ["ledger", "import", "history.csv", "--by", "Li Wei"];

#[test]
fn the_first_night_knows_what_another_tool_has_sent() {
    let house = House::with(1_000_000);
    let old = another_tools_night(&house);
    let first = |at: usize| old[at]["levy_first_sent_at"].as_str();
    let said = house.levy(&["init"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    history(
        &house,
        &[
            (row("O1", 1, 100, "case 1"), first(0), "SUCCESS"),
            (row("O2", 2, 200, "case 2"), first(1), "成功"),
            (row("O3", 3, 300, "case 3"), first(2), ""),
        ],
    );
    let said = house.levy(&IMPORT);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(
        said.err
            .contains("2 deducted, 0 failed, 1 unknown, as another tool has it"),
        "{}",
        said.err
    );
    let said = house.levy(&IMPORT);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(said.err.contains("nothing was added"), "{}", said.err);
    // Its number again, its debt under another number, and something new.
    house.file(
        "night.csv",
        &[
            row("O1", 1, 100, "case 1"),
            row("", 2, 200, "case 2"),
            row("N3", 3, 300, "case 3"),
            row("N4", 4, 400, "case 4"),
        ],
    );
    let said = house.levy(&["run", "night.csv", "--quiet"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let result = house.result("night.result.csv");
    assert_eq!(
        statuses(&result),
        ["SUCCESS NONE", "HELD REVIEW", "HELD REVIEW", "SUCCESS NONE"]
    );
    assert_eq!(result[0]["levy_duplicate_of"], "history.csv:2");
    // What the other tool did not know is asked for under its own number.
    let said = house.levy(&["resume", "--quiet"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let debits = [("O1", 100), ("O2", 200), ("O3", 300), ("N4", 400)];
    let debits: BTreeMap<String, u64> = debits.map(|(no, fen)| (no.into(), fen)).into();
    assert_eq!(house.debited(), debits);
    let books = house.books();
    let posts = ["O1", "O2", "O3"].map(|no| books.orders[no].posts);
    assert_eq!(posts, [1, 1, 2]);
    let said = house.levy(&["export", "1", "--out", "history.result.csv"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let result = house.result("history.result.csv");
    assert_eq!(statuses(&result), ["SUCCESS NONE"; 3]);
    assert_eq!(result[0]["levy_first_sent_at"], first(0));
    let said = house.levy(&["show", "O1"]);
    assert!(
        said.out.contains("imported from history.csv:2 by Li Wei"),
        "{}",
        said.out
    );
    verified(&house);
}

#[test]
fn a_history_with_a_fault_is_refused_whole_and_every_fault_is_told() {
    let house = House::with(1_000_000);
    let said = house.levy(&["init"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let then = "2026-03-02 08:00:00";
    history(
        &house,
        &[
            (row("O1", 1, 100, "case 1"), then, "SUCCESS"),
            (row("", 2, 200, "case 2"), then, "SUCCESS"),
            (row("O3", 3, 0, "case 3"), "2026-03-02", "paid"),
            (
                row("O4", 4, 400, "case 4"),
                "2999-01-01T00:00:00+08:00",
                "FAILED",
            ),
            (row("O1", 1, 100, "case 1"), then, "FAILED"),
        ],
    );
    let said = house.levy(&IMPORT);
    assert_eq!(said.exit, 2, "{}", said.err);
    for want in [
        "history.csv:3: out_request_no: must be given, found \"\"",
        "history.csv:4: amount: must be above zero, found \"0\"",
        "history.csv:4: first_sent_at: is no time, found \"2026-03-02\": give it as",
        "history.csv:4: outcome: is no known outcome, found \"paid\"",
        "history.csv:5: first_sent_at: lies in the future, found",
        "history.csv:6: out_request_no: stands in row 2 of this file already, found \"O1\"",
        "6 faults; nothing was taken over",
    ] {
        assert!(said.err.contains(want), "{want}: {}", said.err);
    }
    let said = house.levy(&["show", "O1"]);
    assert_eq!(said.exit, 2, "{}", said.out);
    // Columns that must be there, and a result of levy's own.
    for (header, want) in [
        (HEADER.to_owned(), "missing columns first_sent_at, outcome"),
        (
            format!("{HEADER},first_sent_at,outcome,levy_out_request_no"),
            "is a result of levy's, no history",
        ),
    ] {
        fs::write(house.path("history.csv"), format!("{header}\n")).unwrap();
        let said = house.levy(&IMPORT);
        assert_eq!(said.exit, 2, "{}", said.err);
        assert!(said.err.contains(want), "{}", said.err);
    }
    // In any other file the same columns are carried through.
    let text = format!(
        "{HEADER},outcome\n{},who knows\n",
        row("N1", 1, 100, "case 1")
    );
    fs::write(house.path("night.csv"), text).unwrap();
    let said = house.levy(&["run", "night.csv", "--quiet"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert_eq!(house.result("night.result.csv")[0]["outcome"], "who knows");
}

/// What a night without money left, a backup of that, and what was done until the disk broke. Gives
/// the backup's moment.
fn a_day_that_will_be_forgotten(house: &mut House) -> String {
    let rows: Vec<String> = (1..=5)
        .map(|n| row(&format!("N{n}"), n, 100, &format!("case {n}")))
        .collect();
    house.file("night1.csv", &rows);
    let first = [
        "run",
        "night1.csv",
        "--quiet",
        "--create-ledger",
        "--limit",
        "2",
    ];
    assert_eq!(house.levy(&first).exit, 4);
    let said = house.levy(&["ledger", "backup", "copy.db", "--json"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let since = told["since"].as_str().unwrap().to_owned();
    // The day: one row is called back, the rest goes, what was closed goes again, another file comes
    // in, and a held row is released.
    house.money_comes_in();
    assert_eq!(house.levy(&["cancel", "N5"]).exit, 0);
    assert_eq!(house.levy(&["run", "night1.csv", "--quiet"]).exit, 3);
    let said = house.levy(&["rerun", "night1.csv", "--quiet"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    house.file(
        "night2.csv",
        &[
            row("", 6, 600, "case 6"),
            row("N7", 7, 700, "case 7"),
            row("N8", 7, 700, "case 7"),
        ],
    );
    assert_eq!(house.levy(&["run", "night2.csv", "--quiet"]).exit, 3);
    let release = [
        "run",
        "night2.csv",
        "--quiet",
        "--release",
        "N8",
        "--by",
        "Li Wei",
    ];
    assert_eq!(house.levy(&release).exit, 0);
    since
}

fn put_back(house: &House) {
    for name in ["levy.db", "levy.db-wal", "levy.db-shm"] {
        let _ = fs::remove_file(house.path(name));
    }
    fs::copy(house.path("copy.db"), house.path("levy.db")).unwrap();
    for name in ["night1.result.csv", "night2.result.csv"] {
        fs::remove_file(house.path(name)).unwrap();
    }
}

#[test]
fn after_a_backup_was_put_back_nothing_is_deducted_twice_and_all_ends_as_the_books_say() {
    let mut house = House::poor();
    let since = a_day_that_will_be_forgotten(&mut house);
    let debited = house.debited();
    let mut want = BTreeMap::from([
        ("N3".to_owned(), 100),
        ("N4".into(), 100),
        (child("N1"), 100),
        (child("N2"), 100),
        ("N7".into(), 700),
        ("N8".into(), 700),
    ]);
    want.extend(
        debited
            .iter()
            .filter(|(_, fen)| **fen == 600)
            .map(|(no, fen)| (no.clone(), *fen)),
    );
    assert_eq!((debited.len(), &debited), (7, &want));
    put_back(&house);
    let restored = ["ledger", "restored", "--by", "Li Wei", "--since", &since];
    for (bad, want) in [
        (&restored[..4], "--since"),
        (
            &["ledger", "restored", "--by", "x", "--since", "yesterday"],
            "--since is no time",
        ),
        (
            &[
                "ledger",
                "restored",
                "--by",
                "x",
                "--since",
                "2999-01-01 00:00:00",
            ],
            "--since lies in the future",
        ),
        (
            &[
                "ledger",
                "restored",
                "--by",
                "x",
                "--since",
                "2001-01-01 00:00:00",
            ],
            "lies before this ledger was made",
        ),
    ] {
        let said = house.levy(bad);
        assert_eq!(said.exit, 2, "{bad:?} {}", said.err);
        assert!(said.err.contains(want), "{}", said.err);
    }
    let said = house.levy(&restored);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(
        said.err.contains("3 orders count as sent from then on")
            && said.err.contains("night1.csv (batch 1): 3 orders"),
        "{}",
        said.err
    );
    let said = house.levy(&restored);
    assert!(said.err.contains("nothing was changed"), "{}", said.err);
    // Cron comes first: it finds nothing that may go out without its file.
    let before = numbers_asked(&house);
    let said = house.levy(&["resume", "--quiet"]);
    assert_eq!(said.exit, 4, "{}", said.err);
    assert_eq!(numbers_asked(&house), before);
    // Nobody calls back what may be deducted; what was called back that day is said to be so.
    let said = house.levy(&["cancel", "N4"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let resolve = [
        "resolve",
        "N5",
        "--as",
        "failed",
        "--by",
        "Li Wei",
        "--by",
        "Wang Fang",
        "--evidence",
        "cancelled that day",
    ];
    assert_eq!(house.levy(&resolve).exit, 0);
    // The day once more.
    let said = house.levy(&["run", "night1.csv", "--quiet"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let said = house.levy(&["run", "night2.csv", "--quiet"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let said = house.levy(&["cancel", "N8"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert!(
        said.err.contains("may have been sent since the backup"),
        "{}",
        said.err
    );
    let said = house.levy(&["rerun", "night1.csv", "--quiet"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let release = [
        "run",
        "night2.csv",
        "--quiet",
        "--release",
        "N8",
        "--by",
        "Li Wei",
    ];
    assert_eq!(house.levy(&release).exit, 0);
    assert_eq!(house.levy(&["resume", "--quiet"]).exit, 0);
    assert_eq!(house.debited(), debited, "each once, and nothing else");
    let books = house.books();
    assert!(!books.orders.contains_key("N5"), "it never went out");
    for no in ["N3", "N4", "N7", "N8", &child("N1"), &child("N2")] {
        assert_eq!(books.orders[no].posts, 2, "{no}: under its own number");
    }
    let mut shown = statuses(&house.result("night1.result.csv"));
    assert_eq!(shown.pop().as_deref(), Some("FAILED REISSUE"));
    assert_eq!(shown, ["SUCCESS NONE"; 4]);
    let shown = statuses(&house.result("night2.result.csv"));
    assert_eq!(shown, ["SUCCESS NONE"; 3]);
    verified(&house);
}
