//! What a workbook's cells are read as; `fixtures/files` has whole workbooks.

use std::path::Path;

use super::super::{FileFaultKind, Reader, Rules};
use super::*;

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/files")
        .join(name)
}

#[test]
fn a_number_is_the_digits_that_a_spreadsheet_shows() {
    for (number, want) in [
        (5.0, "5"),
        (0.29, "0.29"),
        (0.1 + 0.2, "0.3"),
        (1234.5, "1234.5"),
        (-4.0, "-4"),
        (100_000_000_000.07, "100000000000.07"),
        (1e13, "10000000000000"),
        (1e15, "1000000000000000"),
        (6_222_021_234_567_890_123.0, "6222021234567890000"),
        (1e-7, "0.0000001"),
        (0.285, "0.285"),
    ] {
        assert_eq!(number_as_shown(number), want);
    }
}

#[test]
fn every_amount_of_fen_that_a_sheet_keeps_is_read_to_the_fen() {
    for fen in (1..1_000_000_u64).step_by(37).chain([999_999_999_999_999]) {
        let yuan = fen as f64 / 100.0;
        let text = number_as_shown(yuan);
        let (whole, places) = text.split_once('.').unwrap_or((&text, ""));
        assert_eq!(
            format!("{whole}{places:0<2}").trim_start_matches('0'),
            fen.to_string()
        );
    }
}

#[test]
fn a_reader_that_is_given_up_lets_its_thread_go() {
    for _ in 0..50 {
        let path = fixture("workbook-gaps-and-totals.xlsx");
        let mut reader = Reader::open(&path, Rules::default()).unwrap();
        assert!(reader.next_row().unwrap().is_some());
    }
}

#[test]
fn rows_and_places_are_the_spreadsheets_own() {
    let path = fixture("workbook-gaps-and-totals.xlsx");
    let mut reader = Reader::open(&path, Rules::default()).unwrap();
    let mut told = Vec::new();
    while let Some(row) = reader.next_row().unwrap() {
        told.push((row.ordinal, row.line, row.cells.len()));
    }
    assert_eq!(told, [(1, 3, 6), (2, 6, 6), (3, 7, 6)]);
    let head = reader.finish().unwrap();
    assert_eq!(head.digest, super::super::digest_of(&path).unwrap());
}

#[test]
fn numbers_that_are_identifiers_are_refused_and_short_ones_taken_when_asked() {
    let path = fixture("workbook-numeric-ids.xlsx");
    let rules = Rules {
        accept_digits: true,
        ..Rules::default()
    };
    let mut reader = Reader::open(&path, rules).unwrap();
    let row = reader.next_row().unwrap().unwrap();
    let faults = row.outcome.unwrap_err();
    let columns: Vec<_> = faults.iter().map(|fault| fault.column.as_str()).collect();
    assert_eq!(
        columns,
        ["bal_account_no"],
        "19 digits are not there any more"
    );
}

/// The cells of every row.
fn read(path: &Path) -> Result<Vec<Vec<String>>, super::super::FileFault> {
    let mut reader = Reader::open(path, Rules::default())?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row()? {
        rows.push(row.cells);
    }
    reader.finish().map(|_| rows)
}

#[test]
fn a_digit_that_was_damaged_on_its_way_is_not_believed() {
    // Its parts are stored as they are: the amount 123456 became 923456, and all else makes sense.
    let fault = read(&fixture("workbook-damaged.xlsx")).unwrap_err();
    assert!(fault.to_string().contains("checksum"), "{fault}");
}

#[test]
fn a_damaged_workbook_is_refused_whole() {
    let path = fixture("workbook-text-cells.xlsx");
    let undamaged = read(&path).unwrap();
    assert_eq!(undamaged.len(), 2);
    let whole = std::fs::read(path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut refused = 0;
    for at in (4..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        let path = dir.path().join(format!("{at}.xlsx"));
        std::fs::write(&path, bytes).unwrap();
        // A flipped bit may stand where nobody looks; what is read is read whole or not at all.
        match read(&path) {
            Ok(rows) => assert_eq!(rows, undamaged, "{at}"),
            Err(fault) => {
                assert!(
                    matches!(fault.kind, FileFaultKind::Workbook(_)),
                    "{at}: {fault}"
                );
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn l2_a_workbook_that_is_written_to_while_it_is_read_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("night.xlsx");
    std::fs::copy(fixture("workbook-text-cells.xlsx"), &path).unwrap();
    let mut reader = Reader::open(&path, Rules::default()).unwrap();
    assert!(reader.next_row().unwrap().is_some());
    // In place, as a spreadsheet on a share does it: the same file, other bytes.
    let other = std::fs::read(fixture("workbook-yuan-numbers.xlsx")).unwrap();
    std::fs::write(&path, other).unwrap();
    let fault = reader.finish().unwrap_err();
    assert_eq!(fault.kind, FileFaultKind::Changed, "{fault}");
}

#[test]
fn a_giant_cell_is_refused_before_it_is_gathered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("giant.xlsx");
    let cell = "x".repeat(RETURNED_CELL_BYTES_MAX + 1);
    let sheet = format!(
        "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>\
         <row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>{cell}</t></is></c></row></sheetData></worksheet>"
    );
    let from = File::open(fixture("workbook-text-cells.xlsx")).unwrap();
    let mut from = zip::ZipArchive::new(from).unwrap();
    let mut to = zip::ZipWriter::new(File::create(&path).unwrap());
    for part in 0..from.len() {
        let mut part = from.by_index(part).unwrap();
        let name = part.name().unwrap().into_owned();
        let options = zip::write::SimpleFileOptions::default();
        to.start_file(&*name, options).unwrap();
        match &*name {
            "xl/worksheets/sheet1.xml" => io::copy(&mut sheet.as_bytes(), &mut to).unwrap(),
            _ => io::copy(&mut part, &mut to).unwrap(),
        };
    }
    to.finish().unwrap();
    let fault = read(&path).unwrap_err();
    assert_eq!(fault.kind, FileFaultKind::CellTooLong { position: 1 });
}
