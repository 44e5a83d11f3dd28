//! What is written into a workbook is read back from it.

use std::fs::File;

use super::super::layout::{Part, Style};
use super::super::result::{Place, write};
use super::*;
use crate::batch::{Reader, Rules};
use crate::ledger::{BatchHead, Ledger, SqliteLedger, StagedRow};
use crate::order::NextAction;

/// Cells that spreadsheets, XML and formulas have ideas of their own about.
const CELLS: [&str; 22] = [
    "",
    "6222021234567890123",
    "0001900016681",
    "=1+1",
    "+1",
    "-1",
    "@x",
    "'=1",
    "''",
    "a\nb",
    "a\r\nb",
    "\r",
    " both sides ",
    "\ttab",
    "<&>\"]]>",
    "_x0041_",
    "_x000D_",
    "a\u{7}b\u{1f}",
    "案件𠮷😀",
    "1.9E+09",
    "TRUE",
    "2025-08-08",
];

fn written(dir: &Path, rows: &[Vec<String>], header: &[&str]) -> std::path::PathBuf {
    let mut ledger = SqliteLedger::scratch().unwrap();
    let staged: Vec<StagedRow> = (1..)
        .zip(rows)
        .map(|(ordinal, cells)| StagedRow {
            ordinal,
            line: ordinal + 1,
            cells: cells.clone(),
            amount: None,
            came_back_as: None,
            asked: Err("amount: must be given".into()),
        })
        .collect();
    ledger.stage(&staged).unwrap();
    let head = BatchHead {
        digest: [7; 32],
        file: "night.xlsx".into(),
        header: header.iter().map(|cell| (*cell).to_owned()).collect(),
        delimiter: b',',
    };
    let (batch, _) = ledger.accept(&head, WallMs(1_790_000_000_000), 40).unwrap();
    let path = dir.join("night.result.xlsx");
    let place = Place::look(&path, &[]).unwrap();
    write(&mut ledger, &batch, &place).unwrap();
    path
}

#[test]
fn every_cell_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let header = [
        "mchid",
        "bal_account_no",
        "reduction_type",
        "amount",
        "备注",
    ];
    let rows: Vec<Vec<String>> = CELLS
        .iter()
        .map(|cell| {
            let mut row = vec![(*cell).to_owned(); header.len()];
            row[0] = "1".into();
            row
        })
        .collect();
    let path = written(dir.path(), &rows, &header);
    let mut reader = Reader::open(&path, Rules::default()).unwrap();
    assert!(reader.head().returned);
    for (cell, want) in CELLS.iter().zip(&rows) {
        let row = reader.next_row().unwrap().unwrap();
        assert_eq!(&row.cells, want, "{cell:?}");
    }
    assert!(reader.next_row().unwrap().is_none());
    // The same state, the same bytes; readable by its owner alone; nothing left beside it.
    let first = std::fs::read(&path).unwrap();
    let again = written(dir.path(), &rows, &header);
    assert_eq!(std::fs::read(again).unwrap(), first);
    use std::os::unix::fs::PermissionsExt;
    let mode = File::open(&path)
        .unwrap()
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_cell_that_no_sheet_holds_is_a_fault_with_its_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let header = ["备注".to_owned()];
    let layout = Layout::new(&header, Style::default(), Part::Whole);
    let mut sheet = Sheet::begin(dir.path(), layout, WallMs(0)).unwrap();
    let fault = sheet.row(&ResultRow {
        ordinal: 1,
        line: 2,
        cells: vec!["x".repeat(32_768)],
        amount: None,
        status: Status::Invalid,
        next_action: NextAction::FixRow,
        duplicate_of: None,
        order: None,
        came_back_as: None,
        undecided: false,
        note: String::new(),
    });
    let fault = fault.unwrap_err();
    assert!(fault.to_string().contains("name a .csv"));
    assert_eq!(
        fault.kind(),
        std::io::ErrorKind::InvalidData,
        "no disk is at fault"
    );
}

#[test]
fn the_sums_of_a_chinese_result_are_chinese() {
    let totals = Totals {
        rows: 3,
        by_status: vec![(Status::Success, 2, 150), (Status::Invalid, 1, 0)],
        orders: 2,
        deducted_fen: 150,
        ..Totals::default()
    };
    let told = |language| {
        let lines = sums(&totals, language);
        lines.iter().map(|line| line.join("|")).collect::<Vec<_>>()
    };
    let english = told(Language::English);
    assert_eq!(
        english[..4],
        [
            "status|rows|yuan",
            "SUCCESS|2|1.50",
            "INVALID|1|0.00",
            "in all|3|1.50"
        ]
    );
    let chinese = told(Language::Chinese);
    assert_eq!(
        chinese[..4],
        [
            "状态|行数|金额(元)",
            "成功|2|1.50",
            "无效|1|0.00",
            "合计|3|1.50"
        ]
    );
    assert_eq!(english.len(), chinese.len());
}
