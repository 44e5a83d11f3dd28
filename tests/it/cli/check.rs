//! `levy check`.

use super::{ACCOUNT, Desk, row};

#[test]
fn a_clean_file_is_exit_0_and_adds_up() {
    let desk = Desk::new();
    desk.batch(
        "night.csv",
        &[
            row("N1", "1250000", "case 1"),
            row("", "50", "case 2"),
            format!("1900016682,{ACCOUNT},N3,金融惩戒,7,"),
        ],
    );
    let said = desk.levy(&["check", "night.csv"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert_eq!(
        said.out,
        "\
night.csv: 3 rows, 3 valid, 0 invalid; read as UTF-8
  FINANCIAL_PENALTY   1 row        0.07 yuan
  JUDICIAL_DEDUCTION  2 rows  12,500.50 yuan
  1900016681          2 rows  12,500.50 yuan
  1900016682          1 row        0.07 yuan
  in all              3 rows  12,500.57 yuan
0 repeats, 0 in conflict, 0 held
the ledger was not looked at: there is none at levy.db
"
    );
    assert_eq!(said.err, "");
    assert_eq!(desk.names(), ["night.csv"], "nothing is left behind");
}

#[test]
fn every_fault_is_a_line_with_its_place_and_the_exit_is_3() {
    let desk = Desk::new();
    desk.batch(
        "bad.csv",
        &[
            row("N1", "-4", "case 1"),
            row("N-2", "1.5", "case 2"),
            row("N3", "100", "case 3"),
            row("N3", "101", "case 3"),
            row("N4", "7", "case 4"),
            row("N4", "7", "case 4"),
            row("N5", "7", "Case: 4!"),
            row("N6", "9", "#sandbox post=success"),
        ],
    );
    let said = desk.levy(&["check", "bad.csv"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let lines: Vec<&str> = said.out.lines().collect();
    for (line, begins) in lines.iter().zip([
        "bad.csv:2:E: \"-4\": amount must be above zero: ",
        "bad.csv:3:C: \"N-2\": out_request_no must be digits and letters only (0-9, a-z, A-Z): ",
        "bad.csv:3:E: \"1.5\": amount must be a whole number in plain digits: ",
        "bad.csv:9:F: \"#sandbox post=success\": reason is a sandbox script: ",
        "bad.csv:4: CONFLICT: the number N3 stands for another deduction in row 5",
        "bad.csv:5: CONFLICT: the number N3 stands for another deduction in row 4",
        "bad.csv:7: repeat of N4 in bad.csv:6, PENDING: adds nothing",
        "bad.csv:8: HELD: looks like N4 in bad.csv:6",
        "bad.csv: 8 rows, 5 valid, 3 invalid; read as UTF-8",
    ]) {
        assert!(line.starts_with(begins), "{line}\n  is not\n{begins}");
    }
    assert!(said.out.ends_with(
        "\n1 repeat, 2 in conflict, 1 held, 2 with an amount that cannot be read\n\
             the ledger was not looked at: there is none at levy.db\n"
    ));
    assert!(!said.out.contains(ACCOUNT));

    let quiet = desk.levy(&["check", "bad.csv", "--quiet"]);
    assert_eq!(quiet.exit, 3);
    assert_eq!(quiet.out.lines().count(), 8, "{}", quiet.out);

    let scripted = desk.levy(&["check", "bad.csv", "--quiet", "--sandbox"]);
    assert!(!scripted.out.contains("bad.csv:9"), "{}", scripted.out);
}

#[test]
fn json_goes_to_stdout_and_the_faults_to_stderr() {
    let desk = Desk::new();
    desk.batch(
        "bad.csv",
        &[row("N1", "0", "case 1"), row("N2", "8", "case 2")],
    );
    let said = desk.levy(&["check", "bad.csv", "--json"]);
    assert_eq!(said.exit, 3);
    assert!(
        said.err
            .starts_with("bad.csv:2:E: \"0\": amount must be above zero")
    );
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        value,
        serde_json::json!({
            "file": "bad.csv", "read_as": "UTF-8", "rows": 2, "valid": 1, "invalid": 1,
            "amount_by_type": {"FINANCIAL_PENALTY": 0, "JUDICIAL_DEDUCTION": 8},
            "by_merchant": {"1900016681": {"rows": 1, "amount": 8}},
            "amount": 8, "unreadable_amounts": 1,
            "repeats": 0, "conflicts": 0, "held": 0, "exit_code": 3,
            "ledger": null, "batch": null, "approval": null, "balances": null, "result": null,
        })
    );
}

#[test]
fn a_file_that_is_refused_as_a_whole_is_exit_2() {
    let desk = Desk::new();
    desk.write("empty.csv", "");
    desk.write("header.csv", super::HEADER);
    desk.write("ragged.csv", &format!("{}1,2,3\n", super::HEADER));
    for (name, says) in [
        ("nowhere.csv", "error: nowhere.csv: "),
        ("empty.csv", "error: empty.csv: "),
        ("header.csv", "error: header.csv: "),
        (
            "ragged.csv",
            "error: ragged.csv:2: the row has 3 fields, the header 6",
        ),
    ] {
        let said = desk.levy(&["check", name]);
        assert_eq!(said.exit, 2, "{name}: {}", said.err);
        assert!(said.err.starts_with(says), "{name}: {}", said.err);
        assert_eq!(said.out, "");
    }
    let said = desk.levy(&["check", "ragged.csv", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value["exit_code"], 2);
    assert!(
        value["error"]
            .as_str()
            .unwrap()
            .starts_with("ragged.csv:2: ")
    );
}

#[test]
fn the_ceiling_of_the_settings_counts_and_nothing_else_of_them_is_needed() {
    let desk = Desk::new();
    desk.batch("night.csv", &[row("N1", "1001", "case 1")]);
    assert_eq!(desk.levy(&["check", "night.csv"]).exit, 0);
    desk.write("levy.toml", "[limits]\namount_fen_max = 1000\n");
    let said = desk.levy(&["check", "night.csv"]);
    assert_eq!(said.exit, 3);
    assert!(
        said.out
            .starts_with("night.csv:2:E: \"1001\": amount is above"),
        "{}",
        said.out
    );
    desk.write("levy.toml", "[limits]\namount_fen = 1000\n");
    let said = desk.levy(&["check", "night.csv"]);
    assert_eq!(said.exit, 2);
    assert!(
        said.err
            .starts_with("error: levy.toml:2: unknown field `amount_fen`")
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let desk = Desk::new();
    let rows: Vec<String> = (0..20_000)
        .map(|n| row(&format!("N{n}"), "0", "x"))
        .collect();
    desk.batch("bad.csv", &rows);
    let levy = env!("CARGO_BIN_EXE_levy");
    let script =
        format!("set -o pipefail; {levy} check bad.csv | head -1; echo ${{PIPESTATUS[0]}}");
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(desk.dir.path())
        .output()
        .unwrap();
    let said = super::said(output);
    assert_eq!(said.err, "");
    assert!(said.out.ends_with("\n3\n"), "{}", said.out);
}

/// A ledger with N1 (deducted), a row without number (deducted) and N3 (closed for lack of balance).
fn with_a_past(desk: &Desk) {
    desk.batch(
        "monday.csv",
        &[
            row("N1", "100", "case 1"),
            row("", "250", "case 2"),
            row("N3", "8", "#sandbox post=not-enough"),
        ],
    );
    let said = desk.levy(&["run", "monday.csv", "--sandbox", "--quiet"]);
    assert_eq!(said.exit, 3, "{}", said.err);
}

#[test]
fn l2_what_earlier_files_asked_for_is_told_with_both_places_and_the_ledger_stays_as_it_is() {
    let desk = Desk::new();
    with_a_past(&desk);
    desk.batch(
        "tuesday.csv",
        &[
            row("N1", "100", "case 1"),
            row("N1", "101", "case 1"),
            row("", "250", "case 2"),
            row("M4", "250", "Case: 2!"),
            row("M5", "5", "case 5"),
        ],
    );
    let ledger = desk.path(".levy-sandbox/ledger.db");
    let before = std::fs::read(&ledger).unwrap();
    let said = desk.levy(&["check", "tuesday.csv", "--sandbox"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let lines: Vec<&str> = said.out.lines().collect();
    for (line, begins) in lines.iter().zip([
        "tuesday.csv:2: repeat of N1 in monday.csv:2, SUCCESS: adds nothing; to deduct again give it",
        "tuesday.csv:3: CONFLICT: the number N1 is taken by monday.csv:2, whose amount differs: ",
        "tuesday.csv:4: repeat of LV",
        "tuesday.csv:5: HELD: looks like LV",
        "tuesday.csv: 5 rows, 5 valid, 0 invalid; read as UTF-8",
    ]) {
        assert!(line.starts_with(begins), "{line}\n  is not\n{begins}");
    }
    assert!(
        lines[2].contains(" in monday.csv:3, SUCCESS: "),
        "{}",
        lines[2]
    );
    assert!(lines[3].contains(" in monday.csv:3 "), "{}", lines[3]);
    let end =
        "2 repeats, 1 in conflict, 1 held\nbeside what the ledger .levy-sandbox/ledger.db has\n";
    assert!(said.out.ends_with(end), "{}", said.out);
    assert_eq!(std::fs::read(&ledger).unwrap(), before);
    let named = [
        "check",
        "tuesday.csv",
        "--sandbox",
        "--ledger",
        "nowhere.db",
    ];
    let said = desk.levy(&named);
    assert_eq!(said.exit, 2, "{}", said.err);
}

#[test]
fn a_file_that_the_ledger_has_is_told_as_its_batch() {
    let desk = Desk::new();
    with_a_past(&desk);
    let said = desk.levy(&["check", "monday.csv", "--sandbox"]);
    assert_eq!(said.exit, 0, "{}{}", said.out, said.err);
    let words = "has this very file as batch 1, accepted at ";
    assert!(said.out.contains(words), "{}", said.out);
    let said = desk.levy(&["check", "monday.csv", "--sandbox", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["batch"], "1");
    assert_eq!(told["ledger"], ".levy-sandbox/ledger.db");
}

#[test]
fn faults_stand_beside_the_rows_are_mended_there_and_the_file_is_given_again() {
    let desk = Desk::new();
    let header = "备注;商户号;额度台账号;类型;减额金额(元);原因\r\n";
    let rows = format!(
        "=1+1;1900016681;{ACCOUNT};扣划;-4;\"'case; 1\"\r\n\"a\nb\";1900016681;{ACCOUNT};司法扣划;5;案件2\r\n"
    );
    desk.write("night.csv", &format!("{header}{rows}"));
    for out in ["faults.csv", "faults.xlsx"] {
        let said = desk.levy(&["check", "night.csv", "--out", out, "--json"]);
        assert_eq!(said.exit, 3, "{}", said.err);
        let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(told["result"], out);
        let mode = std::fs::metadata(desk.path(out)).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
        assert_eq!(mode & 0o777, 0o600, "{out}");
        let again = desk.levy(&["check", out]);
        assert_eq!(again.exit, 3, "{}", again.err);
        assert!(again.out.contains(&format!("{out}:2:D: ")), "{}", again.out);
        assert!(!again.out.contains("warning"), "{}", again.out);
    }
    let marked = desk.read("faults.csv");
    assert!(marked.starts_with("\u{feff}备注;商户号;"), "{marked}");
    let beside = "类型: is no known type, found \"\"扣划\"\": ";
    assert!(marked.contains(beside), "{marked}");
    assert!(
        marked.contains("减额金额(元): must be above zero"),
        "{marked}"
    );
    // The cells are the input's, to the letter, formulas and quotes too.
    assert!(marked.contains("\r\n=1+1;1900016681;"), "{marked}");
    assert!(marked.contains(";\"'case; 1\";"), "{marked}");
    let mended = marked.replacen(";扣划;-4;", ";司法扣划;4;", 1);
    desk.write("mended.csv", &mended);
    let said = desk.levy(&["check", "mended.csv", "--out", "again.csv"]);
    assert_eq!(said.exit, 0, "{}", said.out);
    let again = desk.read("again.csv");
    assert_eq!(again.matches("levy_faults").count(), 1, "{again}");
}

#[test]
fn l2_a_result_that_is_marked_keeps_its_orders() {
    let desk = Desk::new();
    with_a_past(&desk);
    let result = desk.read("monday.result.csv");
    desk.write("edited.csv", &result.replace(",250,", ",-250,"));
    let said = desk.levy(&["check", "edited.csv", "--sandbox", "--out", "faults.csv"]);
    assert_eq!(said.exit, 3, "{}", said.out);
    let marked = desk.read("faults.csv");
    desk.write("mended.csv", &marked.replace(",-250,", ",250,"));
    let said = desk.levy(&["check", "mended.csv", "--sandbox", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["repeats"], 3, "{}{}", said.out, said.err);
    let said = desk.levy(&["run", "mended.csv", "--sandbox", "--json", "--quiet"]);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["repeats"], 3, "{told}");
}

#[test]
fn balances_are_asked_for_and_the_rows_that_they_do_not_reach_are_told() {
    let desk = Desk::new();
    // The box gives each account 10^15 fen.
    let mut rows: Vec<String> = (0..101)
        .map(|n| row(&format!("N{n}"), "10000000000000", &format!("case {n}")))
        .collect();
    rows.push("1900016681,another,M1,JUDICIAL_DEDUCTION,7,case".into());
    desk.batch("night.csv", &rows);
    let plain = desk.levy(&["check", "night.csv", "--sandbox"]);
    assert_eq!(plain.exit, 0, "{}", plain.out);
    let said = desk.levy(&[
        "check",
        "night.csv",
        "--sandbox",
        "--balances",
        "--out",
        "f.csv",
    ]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let line = "night.csv:102: would be closed for lack of balance: its account has 0.00 yuan left";
    assert!(said.out.starts_with(line), "{}", said.out);
    let sums = "balances of 2 accounts: 1 row (100,000,000,000.00 yuan) would be closed";
    assert!(said.out.contains(sums), "{}", said.out);
    assert!(
        desk.read("f.csv")
            .contains("would be closed for lack of balance")
    );
    let arrivals = desk.read(".levy-sandbox/arrivals.log");
    assert!(
        arrivals.lines().all(|line| line.contains(" balance ")),
        "{arrivals}"
    );
    assert_eq!(arrivals.lines().count(), 2, "each account once");
    assert!(!desk.path(".levy-sandbox/ledger.db").exists());
}

#[test]
fn balances_that_nobody_tells_are_no_reason_to_call_a_file_whole() {
    let desk = Desk::new();
    desk.settings();
    desk.batch("night.csv", &[row("N1", "1", "case 1")]);
    let said = desk.levy(&["check", "night.csv", "--balances", "--json"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["balances"]["not_known"], 1, "{told}");
    std::fs::remove_file(desk.path("pub_key.pem")).unwrap();
    assert_eq!(desk.levy(&["check", "night.csv", "--balances"]).exit, 2);
}

#[test]
fn l8_an_account_in_the_merchants_column_is_masked_among_the_sums() {
    let desk = Desk::new();
    desk.batch(
        "night.csv",
        &[format!("6222021234567890123,{ACCOUNT},N1,金融惩戒,7,")],
    );
    let said = desk.levy(&["check", "night.csv"]);
    assert!(said.out.contains("  6222…0123 "), "{}", said.out);
    let json = desk.levy(&["check", "night.csv", "--json"]);
    for text in [&said.out, &said.err, &json.out, &json.err] {
        assert!(!text.contains("6222021234567890123"), "{text}");
    }
}

/// With `--out` the whole file goes into the ledger that is thrown away, without it only rows that may have
/// to do with each other.
#[test]
fn what_only_some_rows_are_taken_in_for_is_what_the_whole_file_would_tell() {
    let desk = Desk::new();
    let mut chance = 88_172_645_463_325_252_u64;
    let mut below = |n: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % n
    };
    for file in 0..12 {
        let meet = [2, 8, 40, 400][file % 4];
        let rows: Vec<String> = (0..30)
            .map(|n| {
                let case = format!("case {}", below(meet));
                let number = match below(4) {
                    0 => String::new(),
                    1 => format!("N{}", below(meet)),
                    2 => format!("F{n}"),
                    // What the first blank row of that case gets, if there is one.
                    _ if file % 3 == 0 => "LV5GBCSKSBCLMOMTV5UEQ2FAOPYAEGKX".to_owned(),
                    _ => format!("G{n}"),
                };
                let amount = ["7", "7", "8", "x"][below(4) as usize];
                row(&number, amount, &case)
            })
            .collect();
        desk.batch("some.csv", &rows);
        let some = desk.levy(&["check", "some.csv"]);
        let whole = desk.levy(&["check", "some.csv", "--out", "marked.csv"]);
        let told = "\nthe faults stand beside the rows in marked.csv\n";
        let out = whole.out.strip_suffix(told).map(|out| format!("{out}\n"));
        assert_eq!(Some(some.out), out, "{rows:#?}");
        assert_eq!((some.exit, some.err), (whole.exit, whole.err));
        std::fs::remove_file(desk.path("marked.csv")).unwrap();
    }
}
