use super::super::layout::levy_cells;
use super::*;
use crate::batch::{LEVY_COLUMNS, Language, Reader, Rules};
use crate::ledger::{Admit, ReplyFacts, RowOrder, SqliteLedger, Trust};
use crate::order::{Fen, NextAction, OrderNo, Status};
use crate::worker::intake::{Terms, Watcher, take_in};
use std::os::unix::fs::{PermissionsExt, symlink};
use tempfile::TempDir;

struct Nobody;

impl Watcher for Nobody {
    fn row(&mut self, _: &crate::batch::InputRow) {}
    fn stopped(&self) -> bool {
        false
    }
}

const HEADER: &str = "mchid;bal_account_no;reduction_type;amount;reason;-note";
const ACCOUNT: &str = "8609cb22e1774a50a930e414cc71eca06121bc";

fn accepted(dir: &TempDir, text: &str) -> (SqliteLedger, Batch) {
    let input = dir.path().join("night.csv");
    fs::write(&input, text).unwrap();
    let mut ledger = SqliteLedger::scratch().unwrap();
    let terms = Terms {
        rules: Rules::default(),
        expected: Default::default(),
        total_fen_max: None,
        admit: Admit::Any,
        hold_days: 40,
        at: WallMs(1_769_817_600_000),
    };
    let taken = take_in(&mut ledger, &input, None, &terms, &mut Nobody).unwrap();
    (ledger, taken.batch)
}

fn odd_rows() -> String {
    format!(
        "{HEADER}\n\
         1900016681;{ACCOUNT};JUDICIAL_DEDUCTION;1;;=1+1\n\
         1900016681;{ACCOUNT};JUDICIAL_DEDUCTION;-4;x;'quoted\n\
         1900016681;{ACCOUNT};FINANCIAL_PENALTY;5;\" 案件; \"\"7\"\"\";\"two\nlines\"\n"
    )
}

fn names(dir: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn l7_the_inputs_columns_come_back_as_they_were_and_every_row_once_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, batch) = accepted(&dir, &odd_rows());
    let out = dir.path().join("night.result.csv");
    let place = Place::look(&out, &[]).unwrap();
    assert_eq!(write(&mut ledger, &batch, &place).unwrap(), 3);

    let text = fs::read_to_string(&out).unwrap();
    assert!(text.starts_with("\u{feff}mchid;"));
    assert!(text.contains(";'-note;levy_line;levy_status;"), "{text}");
    assert!(text.contains(";'=1+1;2;PENDING;RUN_AGAIN;LV"), "{text}");
    assert!(
        text.contains(";'-4;x;''quoted;3;INVALID;FIX_ROW;;"),
        "{text}"
    );
    assert!(text.ends_with("\r\n"));

    let read = |path: &Path| {
        let mut reader = Reader::open(path, Rules::default()).unwrap();
        let header = reader.head().cells.clone();
        let mut rows = Vec::new();
        while let Some(row) = reader.next_row().unwrap() {
            rows.push(row.cells);
        }
        (header, rows)
    };
    assert_eq!(read(&out), read(&dir.path().join("night.csv")));
}

#[test]
fn the_same_state_gives_the_same_bytes_for_the_owners_eyes_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, batch) = accepted(&dir, &odd_rows());
    let mut written = Vec::new();
    for name in ["one.csv", "two.csv", "one.csv"] {
        let out = dir.path().join(name);
        let place = Place::look(&out, &[]).unwrap();
        write(&mut ledger, &batch, &place).unwrap();
        let mode = fs::metadata(&out).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        written.push(fs::read(&out).unwrap());
    }
    assert_eq!(written[0], written[1]);
    assert_eq!(written[0], written[2]);
    assert_eq!(names(&dir), ["night.csv", "one.csv", "two.csv"]);
}

#[test]
fn a_result_that_cannot_be_written_whole_leaves_the_old_one_and_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, mut batch) = accepted(&dir, &odd_rows());
    let out = dir.path().join("night.result.csv");
    fs::write(&out, "the old one").unwrap();
    let place = Place::look(&out, &[]).unwrap();
    batch.rows += 1;
    let fault = write(&mut ledger, &batch, &place).unwrap_err();
    let words = fault.to_string();
    assert!(
        words.contains("batch 1 has 4 rows, and 3 were told"),
        "{words}"
    );
    assert_eq!(fs::read_to_string(&out).unwrap(), "the old one");
    assert_eq!(names(&dir), ["night.csv", "night.result.csv"]);
}

#[test]
fn a_place_that_is_none_is_refused_before_anything_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let input = at("night.csv");
    fs::write(&input, "x").unwrap();
    fs::hard_link(&input, at("linked.csv")).unwrap();
    symlink(&input, at("soft.csv")).unwrap();
    symlink(dir.path(), at("way")).unwrap();
    fs::create_dir(at("directory")).unwrap();
    fs::write(at("old.csv"), "x").unwrap();
    let planned = at("planned.db");
    let looked = |path: &Path| match Place::look(path, &[&input, &planned]) {
        Ok(_) => "fine".to_owned(),
        Err(fault) => fault
            .to_string()
            .replace(&dir.path().display().to_string(), "D"),
    };
    for (path, want) in [
        (at("new.csv"), "fine"),
        (at("old.csv"), "fine"),
        (at("way/new.csv"), "fine"),
        (at("directory"), "result D/directory: is no ordinary file"),
        (
            PathBuf::from("/dev/null"),
            "result /dev/null: is no ordinary file",
        ),
        (PathBuf::from("/"), "result /: is no name of a file"),
        (
            at("soft.csv"),
            "result D/soft.csv: is a symbolic link; name the file itself",
        ),
        (
            at("old.csv/new.csv"),
            "result D/old.csv/new.csv: its directory is none",
        ),
        (
            input.clone(),
            "result D/night.csv: would overwrite D/night.csv; name another with --out",
        ),
        (
            at("linked.csv"),
            "result D/linked.csv: would overwrite D/night.csv; name another with --out",
        ),
        (
            at("way/planned.db"),
            "result D/way/planned.db: would overwrite D/planned.db; name another with --out",
        ),
    ] {
        assert_eq!(looked(&path), want);
    }
    let missing = looked(&at("nowhere/new.csv"));
    assert!(
        missing.contains("its directory does not exist"),
        "{missing}"
    );
}

#[test]
fn the_default_place_is_beside_the_input() {
    for (input, want) in [
        ("night.csv", "night.result.csv"),
        ("in/night.csv", "in/night.result.csv"),
        ("/a/b.c/night", "/a/b.c/night.result.csv"),
        ("night.2026.txt", "night.2026.result.csv"),
        ("night.result.csv", "night.result.result.csv"),
    ] {
        assert_eq!(beside(Path::new(input)), Path::new(want));
    }
}

#[test]
fn each_of_levys_columns_has_its_own_fact() {
    let reply = ReplyFacts {
        trust: Trust::Verified,
        http_status: Some(200),
        code: Some("CODE".into()),
        message: Some("message".into()),
        request_id: Some("REQUEST".into()),
        signed_at: Some(WallMs(7)),
        state: Some("FAILED".into()),
        fail_reason: Some("TIME_OUT_CLOSED".into()),
        quota_change_no: Some("400".into()),
        success_time: Some("S".into()),
        fail_time: Some("F".into()),
    };
    let mut row = ResultRow {
        ordinal: 1,
        line: 17,
        cells: Vec::new(),
        amount: Some(Fen::new(1).unwrap()),
        status: Status::Failed,
        next_action: NextAction::Reissue,
        duplicate_of: Some("a.csv:2".into()),
        came_back_as: None,
        undecided: false,
        order: Some(RowOrder {
            no: OrderNo::parse("N1").unwrap(),
            reply: Some(reply),
            attempts: 2,
            first_sent_at: Some(WallMs(1_769_817_600_000)),
            settled_at: Some(WallMs(1_769_817_601_000)),
        }),
        note: "a note".into(),
    };
    let whole: Vec<String> = LEVY_COLUMNS
        .iter()
        .zip(levy_cells(&row, Language::English))
        .map(|(name, cell)| format!("{name}={cell}"))
        .collect();
    assert_eq!(
        whole,
        [
            "levy_line=17",
            "levy_status=FAILED",
            "levy_next_action=REISSUE",
            "levy_out_request_no=N1",
            "levy_duplicate_of=a.csv:2",
            "levy_state=FAILED",
            "levy_fail_reason=TIME_OUT_CLOSED",
            "levy_quota_change_no=400",
            "levy_success_time=S",
            "levy_fail_time=F",
            "levy_http_status=200",
            "levy_code=CODE",
            "levy_message=message",
            "levy_attempts=2",
            "levy_first_sent_at=2026-01-31T08:00:00.000+08:00",
            "levy_settled_at=2026-01-31T08:00:01.000+08:00",
            "levy_request_id=REQUEST",
            "levy_note=a note",
        ]
    );
    row.order = None;
    row.duplicate_of = None;
    let bare = levy_cells(&row, Language::English);
    assert!(bare[3..17].iter().all(|cell| cell.is_empty()), "{bare:?}");
}

/// Four results that levy itself refused when they were given back, found by the round trip's fuzz
/// target and by asking what it could not reach: a header cell that needs an escape was not known
/// any more; another delimiter in a header cell, which the input had between quotes, was counted
/// for the file's; and levy's own columns, the quotes and the escapes made a file too wide or a
/// cell too long that was just within the sizes.
#[test]
fn whatever_was_taken_in_comes_back_out_of_its_result() {
    let wide = format!("{HEADER}{}", ";x".repeat(crate::batch::COLUMNS_MAX - 6));
    let row = format!("1900016681;{ACCOUNT};JUDICIAL_DEDUCTION;1;;");
    let quotes = format!("a{}", "\"".repeat(crate::batch::CELL_BYTES_MAX - 3));
    let long_row = format!("{};{}", "x".repeat(60_000), "\"\"\"x".repeat(15_000));
    for (name, header, row) in [
        (
            "an escaped name",
            HEADER.replace("mchid", "\"\tmchid\""),
            row.clone(),
        ),
        (
            "another delimiter",
            HEADER.replace("-note", &format!("\"{}\"", ",".repeat(40))),
            row.clone(),
        ),
        (
            "as wide as may be",
            wide,
            format!("{row}{}", ";".repeat(crate::batch::COLUMNS_MAX - 6)),
        ),
        (
            "as long a cell as may be",
            HEADER.into(),
            format!("{row}{quotes}"),
        ),
        (
            "as long a row as may be",
            format!("{HEADER}{}", ";p;q".repeat(8)),
            format!("{row}{}", format!(";{long_row}").repeat(8)),
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mut ledger, batch) = accepted(&dir, &format!("{header}\n{row}\n"));
        let out = dir.path().join("night.result.csv");
        write(&mut ledger, &batch, &Place::look(&out, &[]).unwrap()).unwrap();
        let read = |path: &Path| {
            let mut reader = Reader::open(path, Rules::default()).unwrap();
            let row = reader
                .next_row()
                .unwrap_or_else(|fault| panic!("{name}: {fault}"));
            (reader.head().cells.clone(), row.unwrap().cells)
        };
        assert_eq!(read(&out), read(&dir.path().join("night.csv")), "{name}");
    }
}

/// A run that was killed while it wrote the result of a large batch left a hidden file of that size
/// beside it, with accounts in it, and each further kill left one more.
#[test]
fn what_a_killed_run_left_beside_a_result_is_swept_away_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, batch) = accepted(&dir, &odd_rows());
    let left = [
        ".night.result.csv.77-0.tmp",
        ".night.result.csv.4194303-15.tmp",
    ];
    let kept = [
        ".day.result.csv.77-0.tmp",
        ".night.result.csv.77-.tmp",
        ".night.result.csv.77-0-0.tmp",
        ".night.result.csv.a-0.tmp",
        ".night.result.csv.tmp",
        "night.result.csv.77-0.tmp",
        ".night.result.csv.78-0.tmp",
        ".night.result.csv.79-0.tmp",
    ];
    for name in left.iter().chain(&kept[..6]) {
        fs::write(dir.path().join(name), "8609").unwrap();
    }
    // One that an `export` is just writing, and a link.
    let busy = File::create(dir.path().join(kept[6])).unwrap();
    busy.lock().unwrap();
    symlink(dir.path().join("night.csv"), dir.path().join(kept[7])).unwrap();
    let place = Place::look(&dir.path().join("night.result.csv"), &[]).unwrap();
    write(&mut ledger, &batch, &place).unwrap();
    let mut want: Vec<String> = kept.iter().map(ToString::to_string).collect();
    want.extend(["night.csv".into(), "night.result.csv".into()]);
    want.sort();
    assert_eq!(names(&dir), want);
}

#[test]
fn l7_what_a_sheet_cannot_hold_is_refused_before_anything_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| Place::look(&dir.path().join(name), &[]).unwrap();
    place("a.xlsx").hold(1_048_575).unwrap();
    place("a.csv").hold(1_048_576).unwrap();
    let fault = place("a.XLSX").hold(1_048_576).unwrap_err();
    assert!(matches!(fault, ResultFault::Place(..)), "{fault}");
    assert!(fault.to_string().contains("a .csv with --out"), "{fault}");
}
