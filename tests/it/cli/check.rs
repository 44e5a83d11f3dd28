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
  FINANCIAL_PENALTY   1 rows       0.07 yuan
  JUDICIAL_DEDUCTION  2 rows  12,500.50 yuan
  1900016681          2 rows  12,500.50 yuan
  1900016682          1 rows       0.07 yuan
  in all              3 rows  12,500.57 yuan
0 repeats, 0 in conflict, 0 held
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
        "bad.csv:7: repeat of bad.csv:6: adds nothing",
        "bad.csv:8: HELD: looks like N4 in bad.csv:6",
        "bad.csv: 8 rows, 5 valid, 3 invalid; read as UTF-8",
    ]) {
        assert!(line.starts_with(begins), "{line}\n  is not\n{begins}");
    }
    assert!(
        said.out.ends_with(
            "\n1 repeats, 2 in conflict, 1 held, 2 with an amount that cannot be read\n"
        )
    );
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
