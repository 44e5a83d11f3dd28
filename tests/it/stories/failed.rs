//! `NAME.failed.csv`: what needs somebody, mended or not, and dropped again.

use std::path::Path;

use super::house::{Boxed, House, child, row, statuses};

/// Five closed rows and one that was deducted, and the money is there now.
fn morning(options: &[&str]) -> House {
    let mut house = House::with(100);
    let mut batch: Vec<String> = (1..=5)
        .map(|n| row(&format!("N{n}"), n, u64::from(n) * 1_000, "=case '1'"))
        .collect();
    batch.push(row("N6", 6, 60, "case 6"));
    house.file("night.csv", &batch);
    let mut args = vec!["run", "night.csv", "--quiet", "--create-ledger"];
    args.extend(options);
    let said = house.levy(&args);
    assert_eq!(said.exit, 3, "{}", said.err);
    house.money_comes_in();
    house
}

#[test]
fn l5_yes_gives_a_new_number_to_its_row_and_to_no_other_and_once() {
    let house = morning(&[]);
    let failed = house.result("night.failed.csv");
    assert_eq!(statuses(&failed), ["CLOSED REISSUE"; 5]);
    assert!(failed.iter().all(|row| row["levy_reissue"].is_empty()));
    let before = house.books();

    // Dropped as it is, it asks for nothing.
    let said = house.levy(&["run", "night.failed.csv", "--quiet"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert_eq!(house.books(), before);

    house.edit("night.failed.csv", "fixed.csv", |rows| {
        for (i, word) in ["yes", "是", " Ｙ "].into_iter().enumerate() {
            rows[i].insert("levy_reissue".into(), word.into());
        }
        rows[3].insert("amount".into(), "4444".into());
    });
    let said = house.levy(&["run", "fixed.csv", "--json"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["reissued"]["issued"], 3);
    assert_eq!(told["failed"], "fixed.failed.csv");
    let result = house.result("fixed.result.csv");
    let mut want = vec!["SUCCESS NONE"; 4];
    want.push("CLOSED REISSUE");
    assert_eq!(statuses(&result), want);
    let mut want = vec![
        (child("N1"), 1_000),
        (child("N2"), 2_000),
        (child("N3"), 3_000),
        (result[3]["levy_out_request_no"].clone(), 4_444),
        ("N6".to_owned(), 60),
    ];
    want.sort();
    let debited: Vec<_> = house.debited().into_iter().collect();
    assert_eq!(debited, want);
    assert_eq!(house.result("fixed.failed.csv").len(), 1);

    // Neither the same file nor another with the same words gives one more.
    let after = house.books();
    house.edit("fixed.csv", "again.csv", |rows| {
        rows.remove(4);
    });
    for (file, exit) in [("fixed.csv", 3), ("again.csv", 0), ("night.csv", 3)] {
        let said = house.levy(&["run", file, "--quiet"]);
        assert_eq!(said.exit, exit, "{file}: {}", said.err);
        assert_eq!(house.books(), after, "{file}");
    }
    // The night's own file says what is left, and when nothing is, it is gone.
    assert_eq!(house.result("night.failed.csv").len(), 1);
    house.edit("night.failed.csv", "last.csv", |rows| {
        rows[0].insert("levy_reissue".into(), "y".into());
    });
    let said = house.levy(&["check", "last.csv"]);
    let told = "`levy run` issues it again under a new number";
    let text = said.out + &said.err;
    assert!(said.exit == 3 && text.contains(told), "{text}");
    for file in ["last.csv", "night.csv"] {
        let said = house.levy(&["run", file, "--quiet"]);
        assert_eq!(said.exit, 0, "{}", said.err);
    }
    assert_eq!(house.debited().len(), 6);
    assert!(!house.path("night.failed.csv").exists());
    assert!(!house.path("last.failed.csv").exists());
}

#[test]
fn l5_a_chinese_plain_one_and_a_workbook_do_the_same() {
    let house = morning(&["--lang", "zh", "--plain"]);
    let text = std::fs::read_to_string(house.path("night.failed.csv")).unwrap();
    assert!(text.starts_with("out_request_no,mchid,"), "{text}");
    assert!(text.contains(",levy重新发起,levy行号,levy状态,") && !text.contains('\r'));
    assert!(
        text.contains(",'=case '1',,2,已关闭,可重新发起,N1,"),
        "{text}"
    );
    house.edit("night.failed.csv", "fixed.csv", |rows| {
        rows[0].insert("levy重新发起".into(), "是".into());
    });
    let said = house.levy(&["run", "fixed.csv", "--out", "fixed.result.xlsx", "--quiet"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert!(house.debited().contains_key(&child("N1")));
    let after = house.books();
    // As they are: the failed workbook of four, and the result that is Chinese.
    for (file, exit) in [("fixed.failed.xlsx", 3), ("night.result.csv", 3)] {
        let said = house.levy(&["run", file, "--json"]);
        assert_eq!(said.exit, exit, "{file}: {}", said.err);
        let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(told["repeats"], told["rows"], "{file}");
        assert_eq!(house.books(), after, "{file}");
    }
    let said = house.levy(&["reconcile", "--against", "night.result.csv", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&told["rows"], &told["missing"]), (&6.into(), &0.into()));
    assert_eq!(told["no_order"], 0, "{}", said.err);
    // Asked for in a workbook, as a spreadsheet saves it, and one row of it mended.
    workbook(
        &house.path("night.failed.csv"),
        &house.path("mended.xlsx"),
        |row, name| match (row, name) {
            (2, "levy重新发起") => Some("yes"),
            (3, "amount") => Some("3333"),
            _ => None,
        },
    );
    let said = house.levy(&["run", "mended.xlsx", "--quiet", "--lang", "zh"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let debited = house.debited();
    assert!(debited.contains_key(&child("N2")) && debited.values().any(|fen| *fen == 3_333));
    assert_eq!(debited.len(), 4);
    assert!(house.path("mended.failed.xlsx").exists());
    // And the Chinese result, given to a rerun, gives those that are left their new numbers.
    let said = house.levy(&["rerun", "night.result.csv", "--quiet"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let mut fen: Vec<u64> = house.debited().into_values().collect();
    fen.sort_unstable();
    assert_eq!(fen, [60, 1_000, 2_000, 3_333, 4_000, 5_000]);
    for number in [1, 2, 4, 5] {
        assert!(house.debited().contains_key(&child(&format!("N{number}"))));
    }
}

/// A CSV as a workbook with text cells, a cell of it changed where `mend` (row from 1, column) says so.
fn workbook(from: &Path, to: &Path, mend: impl Fn(u32, &str) -> Option<&'static str>) {
    let text = std::fs::read_to_string(from).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (column, name) in (0..).zip(&header) {
        sheet.write_string(0, column, name).unwrap();
    }
    for (row, record) in (1..).zip(reader.records()) {
        for ((column, cell), name) in (0..).zip(&record.unwrap()).zip(&header) {
            let cell = mend(row, name).unwrap_or(cell);
            sheet.write_string(row, column, cell).unwrap();
        }
    }
    book.save(to).unwrap();
}

#[test]
fn l5_a_killed_run_of_a_failed_file_is_finished_by_the_same_command() {
    let house = morning(&[]);
    house.edit("night.failed.csv", "fixed.csv", |rows| {
        for row in rows.iter_mut() {
            row.insert("levy_reissue".into(), "yes".into());
        }
    });
    house.swallowed(&["run", "fixed.csv", "--quiet"]);
    let said = house.levy(&["run", "fixed.csv", "--quiet"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let mut want: Vec<String> = (1..=5).map(|n| child(&format!("N{n}"))).collect();
    want.push("N6".into());
    want.sort();
    assert_eq!(house.debited().into_keys().collect::<Vec<_>>(), want);
}

#[test]
fn l2_what_is_dropped_unmended_is_sent_for_no_row_and_a_mended_one_once() {
    let house = Boxed::new();
    let rows = [
        row("R1", 1, 100, "#sandbox post=not-found"),
        row("", 2, 200, "#sandbox post=param-error"),
        row("C1", 3, 300, "two contents"),
        row("C1", 3, 301, "two contents"),
        row("", 4, 400, "one debt"),
        row("H1", 4, 400, "one debt"),
        row("BAD-NUMBER", 5, 500, "case 5"),
        row("I1", 6, 600, "case 6").replace(",600,", ",6.5,"),
        row("S1", 7, 700, "case 7"),
    ];
    house.file("night.csv", &rows);
    assert_eq!(house.levy(&["run", "night.csv", "--quiet"]).exit, 3);
    let failed = house.result("night.failed.csv");
    let want = [
        ("R1", "REJECTED FIX_ROW"),
        ("", "REJECTED FIX_ROW"),
        ("C1", "CONFLICT REVIEW"),
        ("C1", "CONFLICT REVIEW"),
        ("H1", "HELD REVIEW"),
        ("BAD-NUMBER", "INVALID FIX_ROW"),
        ("I1", "INVALID FIX_ROW"),
    ];
    let numbers = failed.iter().map(|row| row["out_request_no"].as_str());
    let shown: Vec<_> = numbers.zip(statuses(&failed)).collect();
    let shown: Vec<_> = shown.iter().map(|(no, s)| (*no, s.as_str())).collect();
    assert_eq!(shown, want);

    // Anybody can refuse without a signature: what was, is replaced by nothing.
    let (from, to) = (house.path("night.failed.csv"), house.path("unsigned.csv"));
    super::house::edit(&from, &to, |rows| {
        rows.retain(|row| row["levy_status"] == "REJECTED");
        rows.remove(0);
        rows[0].insert("reason".into(), "case 2".into());
    });
    assert_eq!(house.levy(&["run", "unsigned.csv", "--quiet"]).exit, 3);
    let told = house.result("unsigned.result.csv");
    assert_eq!(statuses(&told), ["CONFLICT REVIEW"]);
    assert!(told[0]["levy_note"].contains("the refusal was not signed"));
    // Nor is that conflict's own result a deduction, though its row has no number.
    assert_eq!(
        house.levy(&["run", "unsigned.result.csv", "--quiet"]).exit,
        3
    );
    let told = house.result("unsigned.result.result.csv");
    assert_eq!(statuses(&told), ["CONFLICT REVIEW"]);

    let before = house.books();
    let said = house.levy(&["run", "night.failed.csv", "--quiet"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert_eq!(house.books(), before, "nothing of it is sent");
    assert_eq!(
        statuses(&house.result("night.failed.result.csv")),
        statuses(&failed)
    );

    // Cut to the columns of the input and mended, it is no new debt: the number is taken.
    let cut = "out_request_no mchid bal_account_no reduction_type amount reason";
    let cut: Vec<&str> = cut.split(' ').collect();
    let mut first = failed[0].clone();
    first.insert("reason".into(), "case 1".into());
    let cells: Vec<&str> = cut.iter().map(|name| first[*name].as_str()).collect();
    let text = format!("{}\n{}\n", cut.join(","), cells.join(","));
    std::fs::write(house.path("cut.csv"), text).unwrap();
    assert_eq!(house.levy(&["run", "cut.csv", "--quiet"]).exit, 3);
    let told = house.result("cut.result.csv");
    assert_eq!(statuses(&told), ["CONFLICT REVIEW"]);
    assert!(told[0]["levy_note"].contains("mend it in the failed file"));

    let mend = |to: &str, reason: &'static str| {
        super::house::edit(&house.path("night.failed.csv"), &house.path(to), |rows| {
            rows.truncate(1);
            rows[0].insert("reason".into(), reason.into());
        });
    };
    mend("fixed.csv", "case 1");
    assert_eq!(house.levy(&["run", "fixed.csv", "--quiet"]).exit, 0);
    let debits = super::house::debited(&house.books());
    assert_eq!(debits.values().filter(|fen| **fen == 100).count(), 1);
    // The same row mended otherwise by somebody who had the old file too.
    mend("fixed_too.csv", "(2025) case 1");
    assert_eq!(house.levy(&["run", "fixed_too.csv", "--quiet"]).exit, 3);
    let result = house.result("fixed_too.result.csv");
    assert_eq!(statuses(&result), ["CONFLICT REVIEW"]);
    // Nor is that conflict's own result a deduction.
    assert_eq!(
        house.levy(&["run", "fixed_too.result.csv", "--quiet"]).exit,
        3
    );
    assert_eq!(super::house::debited(&house.books()), debits);
    let said = house.levy(&["reconcile", "--against", "fixed_too.result.csv", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let counts = (&told["no_order"], &told["different"], &told["missing"]);
    assert_eq!(counts, (&1.into(), &0.into(), &0.into()), "{}", said.err);
    // What was refused at first needs nobody any more.
    assert_eq!(house.levy(&["run", "night.csv", "--quiet"]).exit, 3);
    assert_eq!(house.result("night.failed.csv").len(), 6);
    assert_eq!(super::house::debited(&house.books()), debits);
}

#[test]
fn l5_yes_and_changed_is_nobodys_decision_however_often_it_is_dropped() {
    let house = morning(&[]);
    for (language, column, word) in [("en", "levy_reissue", "yes"), ("zh", "levy重新发起", "是")]
    {
        let before = house.books();
        let at = |name: &str| format!("{language}.{name}");
        house.edit("night.failed.csv", &at("csv"), |rows| {
            rows.truncate(1);
            rows[0].insert("levy_reissue".into(), "yes".into());
            rows[0].insert("amount".into(), "1111".into());
        });
        // As it is written, dropped again and again: as a failed file, as a result.
        for name in ["csv", "failed.csv", "failed.failed.csv", "result.csv"] {
            let said = house.levy(&["run", &at(name), "--quiet", "--lang", language]);
            assert_eq!(said.exit, 3, "{name}: {}", said.err);
            assert_eq!(house.books(), before, "{name}");
        }
        let text = std::fs::read_to_string(house.path(&at("failed.csv"))).unwrap();
        assert!(
            text.contains(column) && text.contains(&format!(",{word},2,")),
            "{text}"
        );
    }
    // Decided: the row as it stands now.
    house.edit("en.failed.csv", "decided.csv", |rows| {
        rows[0].insert("levy_reissue".into(), String::new());
    });
    let said = house.levy(&["run", "decided.csv", "--quiet"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert_eq!(
        house
            .debited()
            .values()
            .filter(|fen| **fen == 1_111)
            .count(),
        1
    );
}

#[test]
fn l7_a_row_mended_into_the_twin_of_another_is_held_and_no_silent_repeat() {
    let house = Boxed::new();
    let twin = row("", 1, 400, "case 1");
    house.file("night.csv", &[twin.clone(), twin.replace(",400,", ",4OO,")]);
    assert_eq!(house.levy(&["run", "night.csv", "--quiet"]).exit, 3);
    let (from, to) = (house.path("night.failed.csv"), house.path("fixed.csv"));
    super::house::edit(&from, &to, |rows| {
        assert_eq!(rows.len(), 1);
        rows[0].insert("amount".into(), "400".into());
    });
    for _ in 0..2 {
        let said = house.levy(&["run", "fixed.csv", "--quiet"]);
        assert_eq!(said.exit, 3, "{}", said.err);
        assert_eq!(statuses(&house.result("fixed.result.csv")), ["HELD REVIEW"]);
        assert_eq!(super::house::debited(&house.books()).len(), 1);
    }
    let no = house.result("fixed.result.csv")[0]["levy_out_request_no"].clone();
    let said = house.levy(&[
        "run",
        "fixed.csv",
        "--quiet",
        "--release",
        &no,
        "--by",
        "Li Wei",
    ]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert_eq!(super::house::debited(&house.books()).len(), 2);
    // The first file as it came is the same two rows as ever.
    assert_eq!(house.levy(&["run", "night.csv", "--quiet"]).exit, 3);
    assert_eq!(super::house::debited(&house.books()).len(), 2);
}

#[test]
fn l7_a_failed_file_that_was_mended_in_its_place_is_not_overwritten() {
    let house = morning(&[]);
    let path = house.path("night.failed.csv");
    let written = std::fs::read(&path).unwrap();
    // As levy wrote it, it is written anew with every result.
    assert_eq!(house.levy(&["run", "night.csv", "--quiet"]).exit, 3);
    assert_eq!(std::fs::read(&path).unwrap(), written);
    house.edit("night.failed.csv", "night.failed.csv", |rows| {
        rows[0].insert("levy_reissue".into(), "yes".into());
    });
    let mended = std::fs::read(&path).unwrap();
    for args in [
        &["run", "night.csv", "--quiet"][..],
        &["export", "1", "--quiet"],
    ] {
        let said = house.levy(args);
        let words = "night.failed.csv was changed since levy wrote it, and not run";
        assert!(said.err.contains(words), "{}", said.err);
        assert_eq!(std::fs::read(&path).unwrap(), mended, "{args:?}");
    }
    // Run from its place it has done its work, and the night's own run writes what is left.
    let said = house.levy(&["run", "night.failed.csv", "--quiet"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert!(house.debited().contains_key(&child("N1")));
    assert_eq!(house.levy(&["run", "night.csv", "--quiet"]).exit, 3);
    assert_eq!(house.result("night.failed.csv").len(), 4);
}
