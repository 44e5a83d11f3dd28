//! A list, the court's or the finance system's, beside the ledger: nothing is sent, and every
//! difference is told with both sides.

use std::fs;

use levy::ledger::lock::RunLock;
use serde_json::{Value, json};

use super::house::{Boxed, HEADER, House, MERCHANT, Said, child, row};

fn account(n: u32) -> String {
    format!("8609cb22e1774a50a930e414cc71eca{n:07}")
}

/// `KIND NUMBER FIELD OURS THEIRS PLACE` of each line of a file of differences.
fn lines(rows: &super::house::Rows) -> Vec<String> {
    let told = |row: &std::collections::BTreeMap<String, String>| {
        let cells = ["kind", "out_request_no", "field", "ours", "theirs", "place"];
        cells.map(|cell| row[cell].as_str()).join(" ")
    };
    rows.iter().map(told).collect()
}

#[track_caller]
fn told(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {}", said.err))
}

/// Eight deductions, of which N5 is closed, N6 was never sent, and N8 is N7's debt once more.
fn night() -> Boxed {
    let house = Boxed::new();
    let rows = [
        row("N1", 1, 100, "case 1"),
        row("N2", 2, 200, "case 2"),
        row("N3", 3, 300, "case 3"),
        row("N4", 4, 400, "case 4"),
        row("N5", 5, 500, "#sandbox post=not-enough"),
        row("N7", 7, 700, "case 7"),
        row("N9", 9, 900, "case 9"),
        row("N6", 6, 600, "case 6"),
    ];
    house.file("night.csv", &rows);
    let said = house.levy(&["run", "night.csv", "--quiet", "--limit", "7"]);
    assert_eq!(said.exit, 4, "{}", said.err);
    house.file("again.csv", &[row("N8", 7, 700, "case 7")]);
    let said = house.levy(&["run", "again.csv", "--quiet", "--hold-days", "0"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    house
}

#[test]
fn a_list_that_has_each_kind_of_difference_is_told_each_of_them() {
    let house = night();
    let wrong = row("N10", 10, 1, "x").replace(",1,x", ",one,x");
    house.file(
        "court.csv",
        &[
            row("N1", 1, 100, "case 1"),
            row("N2", 2, 201, "case two"),
            row("N3", 33, 300, "case 3").replace(MERCHANT, "1900016682"),
            row("N1", 1, 100, "case 1"),
            row("N5", 5, 500, "#sandbox post=not-enough"),
            wrong,
            row("N6", 6, 600, "case 6").replace("JUDICIAL_DEDUCTION", "金融惩戒"),
            row("N7", 7, 700, "case 7"),
            row("", 9, 900, "Case-9"),
            row("N11", 11, 1, "case 11"),
        ],
    );
    let before = house.books();
    let said = house.levy(&["reconcile", "--against", "court.csv", "--json"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let found = lines(&house.result("court.diff.csv"));
    assert_eq!(
        found,
        [
            "AMOUNT N2 amount 200 201 court.csv:3",
            "CONTENT N2 reason case 2 case two court.csv:3",
            "MERCHANT N3 mchid 1900016681 1900016682 court.csv:4",
            "ACCOUNT N3 bal_account_no 8609…0003 8609…0033 court.csv:4",
            "DOUBLE N1    court.csv:5",
            "STATE N5 state CLOSED SUCCESS court.csv:6",
            "INVALID     court.csv:7",
            "TYPE N6 reduction_type JUDICIAL_DEDUCTION FINANCIAL_PENALTY court.csv:8",
            "STATE N6 state PENDING SUCCESS court.csv:8",
            "DOUBLE N8 amount 700  court.csv:9",
            found[10].as_str(),
            "MISSING N11 amount  1 court.csv:11",
            "EXTRA N4 amount 400  night.csv:5",
        ]
    );
    assert!(found[10].starts_with("MISSING LV"), "{}", found[10]);
    let notes = fs::read_to_string(house.path("court.diff.csv")).unwrap();
    for words in [
        "the same debt under N9 (SUCCESS) of night.csv:8",
        "twice: N7 (SUCCESS) and N8 (SUCCESS) of again.csv:2",
        "nothing was deducted; a row without a state stands for a deduction",
        "must be a whole number in plain digits, found \"\"one\"\"",
    ] {
        assert!(notes.contains(words), "{words}: {notes}");
    }
    let told = told(&said);
    assert_eq!(told["exit_code"], 3);
    assert_eq!(told["rows"], 10);
    assert_eq!(told["agreed"], json!({"count": 1, "by": {"SUCCESS": 1}}));
    for (what, rows) in [
        ("missing", 2),
        ("different", 4),
        ("double", 2),
        ("invalid", 1),
        ("extra", 1),
    ] {
        assert_eq!(told[what], rows, "{what}");
    }
    assert_eq!(told["differences"]["count"], 13);
    // The list has N1 twice; the ledger N4, N8 and N9 besides, and neither N5 nor N6.
    let list = 100 + 201 + 300 + 100 + 500 + 600 + 700 + 900 + 1;
    assert_eq!(
        told["list"],
        json!({"fen": list, "deducted": list, "unreadable_amounts": 1})
    );
    assert_eq!(
        told["ledger"]["deducted"],
        100 + 200 + 300 + 400 + 700 + 700 + 900
    );
    assert_eq!(told["ledger"]["orders"], 9);
    // People see the first ten in words, and no account.
    assert!(
        said.err
            .contains("court.csv:3: AMOUNT N2: amount: the ledger has \"200\", the list \"201\""),
        "{}",
        said.err
    );
    assert!(said.err.contains("and 3 more differences"), "{}", said.err);
    for text in [&said.err, &said.out, &notes] {
        assert!(!text.contains("8609cb22"), "{text}");
    }
    assert_eq!(house.books(), before, "nothing was asked");
}

#[test]
fn an_unchanged_result_of_the_same_ledger_agrees() {
    let house = Boxed::new();
    let rows = [
        row("N1", 1, 100, "case 1"),
        row("N2", 2, 200, "#sandbox post=not-enough"),
        row("", 3, 300, "=case 3"),
        row("", 3, 300, "=case 3"),
        row("N5", 5, 0, "no amount"),
        row("N6", 6, 600, "case 6"),
        row("N6", 6, 601, "case 6"),
        row("N1", 1, 100, "case 1"),
        row("N9", 9, 900, "case 9"),
    ];
    house.file("night.csv", &rows);
    let said = house.levy(&["run", "night.csv", "--quiet", "--limit", "3"]);
    assert_eq!(said.exit, 4, "{}", said.err);
    let against = |list: &str, batch: &str| {
        house.levy(&["reconcile", "--against", list, "--batch", batch, "--json"])
    };
    let agrees = |list: &str, batch: &str| {
        let said = against(list, batch);
        assert_eq!(said.exit, 0, "{}", said.err);
        let told = told(&said);
        assert_eq!(told["differences"]["count"], 0);
        assert_eq!(told["list"]["deducted"], told["ledger"]["deducted"]);
        told
    };
    let first = agrees("night.result.csv", "night.csv");
    assert_eq!((&first["rows"], &first["no_order"]), (&json!(9), &json!(3)));
    assert_eq!(first["agreed"]["count"], 6);
    let diff = fs::read_to_string(house.path("night.result.diff.csv")).unwrap();
    assert_eq!(diff.lines().count(), 1, "{diff}");
    // The night goes on: what is old is different, what is new agrees.
    fs::copy(house.path("night.result.csv"), house.path("old.csv")).unwrap();
    let said = house.levy(&["run", "night.csv", "--quiet"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    agrees("night.result.csv", "night.csv");
    let said = house.levy(&["rerun", "night.csv", "--quiet"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    agrees("night.result.csv", "night.csv");
    assert_eq!(against("old.csv", "1").exit, 3);
    let reissue = child("N2");
    let found = lines(&house.result("old.diff.csv"));
    assert!(
        found.contains(&"STATE N9 state SUCCESS PENDING old.csv:10".to_owned()),
        "{found:?}"
    );
    assert!(
        !found.iter().any(|line| line.starts_with("EXTRA")),
        "{found:?}"
    );
    let table = house.result("night.result.csv");
    assert!(
        table
            .iter()
            .any(|row| row["levy_out_request_no"] == reissue)
    );
}

#[test]
fn the_finance_systems_list_in_its_own_words_needs_neither_keys_nor_lock() {
    let house = House::with(1_000_000);
    house.file(
        "night.csv",
        &[row("N1", 1, 123, "案件1"), row("", 2, 45_600, "案件2")],
    );
    let said = house.levy(&["run", "night.csv", "--quiet", "--create-ledger"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let result = house.result("night.result.csv");
    let line = |i: usize, no: &str, yuan: &str, state: &str| {
        let time = result[i]["levy_success_time"].replace('T', " ");
        format!(
            "{no};{MERCHANT};{};司法扣划;{yuan};{};{state};{};{}",
            account(i as u32 + 1),
            result[i]["reason"],
            result[i]["levy_quota_change_no"],
            &time[..19],
        )
    };
    let header = "单号;商户号;额度台账号;类型;减额金额(元);原因;状态;额度变更单号;成功时间";
    let list = |second: &str| {
        let text = format!(
            "\u{feff}{header}\r\n{}\r\n{second}\r\n",
            line(0, "N1", "1.23", "成功")
        );
        fs::write(house.path("finance.csv"), text).unwrap();
    };
    // Only whose ledger it is must be known.
    fs::write(
        house.path("levy.toml"),
        "[merchant]\nmchid = \"1900000001\"\n[ledger]\nurl = \"levy.db\"\n",
    )
    .unwrap();
    let lock = RunLock::take(&house.path("levy.db")).unwrap();
    let against = ["reconcile", "--against", "finance.csv", "--out", "d.csv"];
    let said = |more: &[&str]| house.levy(&[&against[..], more].concat());
    list(&line(1, "", "456", "成功"));
    let agrees = said(&["--json"]);
    assert_eq!(agrees.exit, 0, "{}", agrees.err);
    assert_eq!(
        told(&agrees)["compared"],
        json!(["reason", "state", "quota_change_no", "success_time"])
    );
    assert_eq!(said(&["--quiet"]).err, "");
    let wrong = line(1, "", "456", "失败").replace(";20", ";19");
    list(&wrong.replace(&result[1]["levy_quota_change_no"], "7"));
    let differs = said(&[]);
    assert_eq!(differs.exit, 3, "{}", differs.err);
    let kinds: Vec<String> = house
        .result("d.csv")
        .iter()
        .map(|row| row["kind"].clone())
        .collect();
    assert_eq!(kinds, ["STATE", "CHANGE_NO", "TIME"]);
    // Nothing of the ledger lies in that time: no row is extra, none is missing.
    list("");
    let period = ["--since", "2020-01-01", "--until", "2020-02-01"];
    assert_eq!(said(&period).exit, 0);
    assert_eq!(said(&["--since", "2020-01-01"]).exit, 3, "one is extra");
    drop(lock);
}

#[test]
fn what_cannot_be_compared_is_refused_and_leaves_no_file() {
    let house = night();
    let good = format!("{HEADER}\n{}\n", row("N1", 1, 100, "case 1"));
    for (name, bytes) in [
        ("empty.csv", &b""[..]),
        ("rowless.csv", HEADER.as_bytes()),
        ("columns.csv", b"mchid,amount\n1,2\n"),
        (
            "double.csv",
            b"mchid,bal_account_no,reduction_type,amount,state,status\n1,2,3,4,5,6\n",
        ),
        (
            "bytes.csv",
            b"mchid,bal_account_no,reduction_type,amount\n\xff,2,3,4\n",
        ),
        (
            "cut.csv",
            b"mchid,bal_account_no,reduction_type,amount\n1,2,3,4\n1,2\n",
        ),
        (
            "levys.csv",
            b"mchid,bal_account_no,reduction_type,amount,levy_status\n1,2,3,4,5\n",
        ),
    ] {
        fs::write(house.path(name), bytes).unwrap();
        let said = house.levy(&["reconcile", "--against", name, "--json"]);
        assert_eq!(said.exit, 2, "{name}: {}", said.err);
        assert!(said.err.contains(&format!("error: {name}")), "{}", said.err);
        assert_eq!(told(&said)["exit_code"], 2);
        let diff = name.replace(".csv", ".diff.csv");
        assert!(!house.path(&diff).exists(), "{diff}");
    }
    fs::write(house.path("good.csv"), good).unwrap();
    for args in [
        &["--against", "nowhere.csv"][..],
        &["--against", "."],
        &["--against", "good.csv", "--out", "good.csv"],
        &["--against", "good.csv", "--out", "nowhere/d.csv"],
        &["--against", "good.csv", "--batch", "99"],
        &["--against", "good.csv", "--until", "05:30"],
        // Nothing is sent, so that nobody is asked and nothing is waited for.
        &["--against", "good.csv", "--yes"],
        &["--against", "good.csv", "--wait", "120"],
        &["--against", "good.csv", "--outage-wait", "600"],
        &["--against", "good.csv", "--sandbox-seed", "1"],
        &[
            "--against",
            "good.csv",
            "--since",
            "2025-08-01",
            "--until",
            "2025-08-01",
        ],
        &["--against", "good.csv", "--ledger", "nowhere.db"],
    ] {
        let said = house.levy(&[&["reconcile"][..], args].concat());
        assert_eq!(said.exit, 2, "{args:?}: {}", said.err);
    }
    fs::write(house.path("broken.db"), "no ledger").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(house.path("broken.db"), mode).unwrap();
    let said = house.levy(&[
        "reconcile",
        "--against",
        "good.csv",
        "--ledger",
        "broken.db",
    ]);
    assert_eq!(said.exit, 1, "{}", said.err);
}
