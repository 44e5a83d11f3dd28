//! Files as finance teams have them: `fixtures/files` holds them, and `fixtures/files/expected` what
//! `levy check` says of each, to the letter.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/files")
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(fixtures()).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let mut names: Vec<String> = files
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// `EXPECTED=write cargo test files_as` writes them anew, to be read before they are believed.
#[test]
fn files_as_finance_teams_have_them_are_read_or_refused_as_expected() {
    let write = std::env::var("EXPECTED").is_ok_and(|word| word == "write");
    let names = names();
    assert!(names.len() >= 40, "{}", names.len());
    let mut wrong = Vec::new();
    for name in &names {
        let output = Command::new(env!("CARGO_BIN_EXE_levy"))
            .args(["check", name])
            .current_dir(fixtures())
            .env_clear()
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let said = format!(
            "{}{}exit {}\n",
            text(output.stdout),
            text(output.stderr),
            output.status.code().unwrap()
        );
        let expected = fixtures().join("expected").join(format!("{name}.txt"));
        if write {
            fs::write(&expected, &said).unwrap();
        }
        let want = fs::read_to_string(&expected).unwrap_or_default();
        if said != want {
            wrong.push(format!("{name}\n{said}expected:\n{want}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let expected = fs::read_dir(fixtures().join("expected")).unwrap().count();
    assert_eq!(expected, names.len(), "one expectation a file");
}

/// However a table is written down, it is the same deductions: nothing of it is sent again.
#[test]
fn l2_the_same_rows_in_another_form_are_repeats() {
    let desk = tempfile::tempdir().unwrap();
    let run = |name: &str| {
        fs::copy(fixtures().join(name), desk.path().join(name)).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_levy"))
            .args(["run", name, "--sandbox", "--json", "--quiet"])
            .current_dir(desk.path())
            .output()
            .unwrap();
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {told}");
        (told["repeats"].clone(), told["orders"]["deducted"].clone())
    };
    assert_eq!(run("utf8.csv"), (0.into(), 123_956.into()));
    for name in [
        "utf8-bom-crlf.csv",
        "utf16le-bom.csv",
        "utf16be-bom.csv",
        "gbk-excel.csv",
        "gb18030-bom.csv",
        "semicolons.csv",
        "tabs.csv",
        "quoted-everything.csv",
        "mixed-line-ends.csv",
        "blank-rows-at-the-end.csv",
        "workbook-text-cells.xlsx",
    ] {
        assert_eq!(run(name), (2.into(), 123_956.into()), "{name}");
    }
    let arrivals = fs::read_to_string(desk.path().join(".levy-sandbox/arrivals.log")).unwrap();
    let sent = arrivals.lines().filter(|line| line.contains(" submit "));
    assert_eq!(sent.count(), 2);
}

#[test]
fn l2_a_workbooks_result_is_a_workbook_and_comes_back_as_the_same_orders() {
    let desk = tempfile::tempdir().unwrap();
    let source = fixtures().join("workbook-text-cells.xlsx");
    fs::copy(source, desk.path().join("night.xlsx")).unwrap();
    let levy = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_levy"))
            .args(args)
            .args(["--sandbox", "--json", "--quiet"])
            .current_dir(desk.path())
            .output()
            .unwrap();
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {told}");
        told
    };
    let told = levy(&["run", "night.xlsx"]);
    assert_eq!(told["result"], "night.result.xlsx");
    for (name, back) in [
        ("again.xlsx", "night.result.xlsx"),
        ("again.csv", "again.xlsx"),
    ] {
        let told = levy(&["run", back, "--out", name]);
        assert_eq!(told["repeats"], 2, "{back}");
        assert_eq!(told["orders"]["deducted"], 123_956);
    }
    let told = levy(&["run", "again.csv"]);
    assert_eq!(told["repeats"], 2);
    let arrivals = fs::read_to_string(desk.path().join(".levy-sandbox/arrivals.log")).unwrap();
    let sent = arrivals.lines().filter(|line| line.contains(" submit "));
    assert_eq!(sent.count(), 2);
}

/// From an empty batch to a corrected one, as a clerk does it.
#[test]
fn a_template_is_filled_in_checked_mended_and_run() {
    let desk = tempfile::tempdir().unwrap();
    let levy = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_levy"))
            .args(args)
            .current_dir(desk.path())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let said = format!("{}{}", text(output.stdout), text(output.stderr));
        (output.status.code().unwrap(), said)
    };
    let header = "目标商户号,额度台账号,特殊减额类型,减额金额(元),特殊减额原因,特殊减额单号";
    assert_eq!(
        levy(&["template", "--lang", "zh", "--yuan"]),
        (0, format!("{header}\n"))
    );
    let (exit, said) = levy(&["template", "夜.csv", "--lang", "zh", "--yuan"]);
    assert_eq!(exit, 0, "{said}");
    let (exit, said) = levy(&["template", "夜.csv"]);
    assert_eq!(exit, 2, "{said}");
    let (exit, said) = levy(&["check", "夜.csv"]);
    assert!(
        exit == 2 && said.contains("has a header but no rows"),
        "{said}"
    );
    let path = desk.path().join("夜.csv");
    let fill = |rows: &str| {
        let empty = format!("\u{feff}{header}\r\n");
        fs::write(&path, format!("{empty}{rows}")).unwrap();
    };
    let account = "8609cb22e1774a50a930e414cc71eca06121bc";
    fill(&format!(
        "1900016681,{account},司法扣划,\"1,234.5\",案件1,\r\n1900016681,{account},扣划,7,案件2,\r\n"
    ));
    let (exit, said) = levy(&["check", "夜.csv"]);
    assert_eq!(exit, 3, "{said}");
    let want =
        "夜.csv:3:C: \"扣划\": 特殊减额类型 is no known type: give JUDICIAL_DEDUCTION (司法扣划)";
    assert!(said.starts_with(want), "{said}");
    fill(&format!(
        "1900016681,{account},司法扣划,\"1,234.5\",案件1,\r\n1900016681,{account},司法扣划,7,案件2,\r\n"
    ));
    let (exit, said) = levy(&["check", "夜.csv"]);
    assert_eq!(exit, 0, "{said}");
    let (exit, said) = levy(&["run", "夜.csv", "--sandbox", "--quiet"]);
    assert_eq!(exit, 0, "{said}");
    let result = fs::read_to_string(desk.path().join("夜.result.csv")).unwrap();
    assert_eq!(result.matches(",SUCCESS,NONE,").count(), 2, "{result}");
}
