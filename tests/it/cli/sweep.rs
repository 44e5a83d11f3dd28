//! The drop folder, as a clerk and cron see it: what is taken, what is left alone, what lies where
//! afterwards, and what was sent.

mod turns;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use levy::batch::{Reader, Rules};
use serde_json::Value;

use super::box_run::statuses;
use super::{Desk, HEADER, Said, row};

/// Waiting for a watched folder that takes longer than this is in vain.
const PATIENCE: Duration = Duration::from_secs(120);

/// A desk with a drop folder.
struct Inbox {
    desk: Desk,
}

impl Inbox {
    fn new() -> Self {
        let desk = Desk::new();
        fs::create_dir(desk.path("inbox")).unwrap();
        Self { desk }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.desk.path("inbox").join(name)
    }

    fn drop(&self, name: &str, rows: &[String]) {
        let text = format!("{HEADER}{}\n", rows.join("\n"));
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn sweep(&self, more: &[&str]) -> Said {
        let args = [
            "sweep",
            "inbox",
            "--sandbox",
            "--wait",
            "2",
            "--quiet-seconds",
        ];
        let quiet: &[&str] = match more.first() {
            Some(first) if first.starts_with(char::is_numeric) => &[],
            _ => &["0"],
        };
        self.desk.levy(&[&args, quiet, more].concat())
    }

    fn arrivals(&self) -> usize {
        let log = fs::read_to_string(self.path(".levy-sandbox/arrivals.log"));
        log.map_or(0, |log| log.lines().count())
    }

    /// What lies in a room, levy's own left out.
    fn names(&self, room: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(room)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }
}

fn objects(said: &Said) -> Vec<Value> {
    let lines = said.out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn each_finished_file_ends_beside_its_result_and_receipt_and_what_is_none_is_named() {
    let inbox = Inbox::new();
    inbox.drop(
        "扣划.csv",
        &[row("N1", "100", "case 1"), row("N2", "x", "case 2")],
    );
    inbox.drop("agreed.csv", &[row("N3", "7", "case 3")]);
    fs::write(inbox.path("agreed.ok"), "rows = 1\namount = 7\n").unwrap();
    inbox.drop("differs.csv", &[row("N4", "7", "case 4")]);
    fs::write(inbox.path("differs.csv.ok"), "rows = 2\n").unwrap();
    fs::write(inbox.path("gone.csv.ok"), "rows = 1\n").unwrap();
    fs::write(inbox.path("broken.csv"), "mchid,amount\n1,2\n").unwrap();
    fs::create_dir(inbox.path("directory.csv")).unwrap();
    fs::write(inbox.desk.path("elsewhere.csv"), HEADER).unwrap();
    symlink(inbox.desk.path("elsewhere.csv"), inbox.path("link.csv")).unwrap();
    let made = Command::new("mkfifo").arg(inbox.path("pipe.csv")).status();
    assert!(made.unwrap().success());
    for name in [
        ".a.csv",
        "~$扣划.xlsx",
        "b.csv.tmp",
        "c.csv.filepart",
        "d.csv~",
        "e.xls",
    ] {
        fs::write(inbox.path(name), "whatever").unwrap();
    }

    let said = inbox.sweep(&["--json"]);
    assert_eq!(said.exit, 2, "{}", said.err);
    let told: Vec<(String, i64)> = objects(&said)
        .iter()
        .map(|one| {
            let file = one["file"].as_str().unwrap().to_owned();
            (file, one["exit_code"].as_i64().unwrap())
        })
        .collect();
    let want = [
        ("inbox/agreed.csv", 0),
        ("inbox/broken.csv", 2),
        ("inbox/differs.csv", 2),
        ("inbox/directory.csv", 2),
        ("inbox/link.csv", 2),
        ("inbox/pipe.csv", 2),
        ("inbox/扣划.csv", 3),
    ];
    assert_eq!(told, want.map(|(file, exit)| (file.to_owned(), exit)));
    for words in [
        "inbox/link.csv: left alone: it is a symbolic link",
        "inbox/directory.csv: left alone: it is a directory",
        "inbox/pipe.csv: left alone: it is no ordinary file",
        "inbox/e.xls: left alone: it is no .csv and no .xlsx",
        "inbox/gone.csv.ok: the file whose control totals these are is not here",
    ] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    let last = &objects(&said)[6];
    assert_eq!(last["result"], "inbox/done/扣划.result.csv");
    assert_eq!(
        inbox.names("done"),
        [
            "agreed.csv",
            "agreed.csv.ok",
            "agreed.receipt.txt",
            "agreed.result.csv",
            "扣划.csv",
            "扣划.failed.csv",
            "扣划.receipt.txt",
            "扣划.result.csv",
        ]
    );
    assert_eq!(
        inbox.names("rejected"),
        [
            "broken.csv",
            "broken.receipt.txt",
            "differs.csv",
            "differs.csv.ok",
            "differs.receipt.txt",
        ]
    );
    assert_eq!(inbox.names("processing"), Vec::<String>::new());
    let left = [
        "b.csv.tmp",
        "c.csv.filepart",
        "d.csv~",
        "directory.csv",
        "done",
        "e.xls",
        "gone.csv.ok",
        "link.csv",
        "pipe.csv",
        "processing",
        "rejected",
        "~$扣划.xlsx",
    ];
    assert_eq!(inbox.names(""), left);
    assert_eq!(
        statuses(&inbox.read("done/扣划.result.csv")),
        ["SUCCESS NONE", "INVALID FIX_ROW"]
    );
    let receipt = inbox.read("done/扣划.receipt.txt");
    for words in [
        "File 文件: 扣划.csv\r\n",
        "NEEDS A PERSON",
        "  1 FIX_ROW: ",
        "Result 结果文件: 扣划.result.csv\r\n",
        "Exit 退出码: 3\r\n",
    ] {
        assert!(receipt.contains(words), "{words}: {receipt}");
    }
    let refused = inbox.read("rejected/differs.receipt.txt");
    let words = "Reason 原因: differs.csv: 2 rows were told, and it has 1";
    assert!(refused.contains(words), "{refused}");
    assert_eq!(inbox.arrivals(), 2, "nothing of what was refused was sent");
}

#[test]
fn l1_a_file_that_may_still_be_written_is_not_taken() {
    let inbox = Inbox::new();
    inbox.drop("young.csv", &[row("N1", "1", "case 1")]);
    inbox.drop("open.csv", &[row("N2", "2", "case 2")]);
    fs::write(inbox.path("open.csv.ok"), "rows = 1\n").unwrap();
    inbox.drop("sheet.csv", &[row("N3", "3", "case 3")]);
    fs::write(inbox.path(".~lock.sheet.csv#"), "").unwrap();
    let open = File::options()
        .append(true)
        .open(inbox.path("open.csv"))
        .unwrap();
    let said = inbox.sweep(&["600"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    for words in [
        "inbox/young.csv: not taken yet: it changed ",
        "inbox/open.csv: not taken yet: process ",
        "inbox/sheet.csv: not taken yet: it is open in a spreadsheet",
    ] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    let said = inbox.sweep(&["--require-ok"]);
    let words = "inbox/young.csv: not taken yet: its control totals (young.csv.ok) are missing";
    assert!(said.err.contains(words), "{}", said.err);
    assert_eq!((said.exit, inbox.arrivals()), (0, 0));
    assert_eq!(inbox.names("done"), Vec::<String>::new());
    drop(open);
    fs::remove_file(inbox.path(".~lock.sheet.csv#")).unwrap();
    assert_eq!(inbox.sweep(&["--require-ok"]).exit, 0);
    assert_eq!(inbox.names("done").len(), 4, "the one that has its .ok");
    assert_eq!(inbox.sweep(&[]).exit, 0);
    assert_eq!((inbox.names("done").len(), inbox.arrivals()), (10, 3));
}

#[test]
fn the_same_file_under_another_name_gives_its_result_again_and_sends_nothing() {
    let inbox = Inbox::new();
    let rows = [
        row("N1", "100", "case 1"),
        row("N2", "7", "#sandbox post=failed"),
    ];
    inbox.drop("a.csv", &rows);
    assert_eq!(inbox.sweep(&[]).exit, 3);
    let (arrivals, result) = (inbox.arrivals(), inbox.read("done/a.result.csv"));
    for (name, key) in [("a.csv", "a.2"), ("b.csv", "b"), ("a.csv", "a.3")] {
        inbox.drop(name, &rows);
        let said = inbox.sweep(&[]);
        assert_eq!(said.exit, 3, "{}", said.err);
        assert_eq!(
            inbox.read(&format!("done/{key}.result.csv")),
            result,
            "{key}"
        );
        let receipt = inbox.read(&format!("done/{key}.receipt.txt"));
        assert!(receipt.contains("Again 重复文件: "), "{receipt}");
    }
    assert_eq!(inbox.arrivals(), arrivals, "nothing was sent");
    assert!(!inbox.read("done/a.receipt.txt").contains("Again"));
    // With totals that do not agree it is not given again, and nobody is told that it was never taken.
    inbox.drop("c.csv", &rows);
    fs::write(inbox.path("c.csv.ok"), "rows = 3\n").unwrap();
    assert_eq!(inbox.sweep(&[]).exit, 2);
    let receipt = inbox.read("rejected/c.receipt.txt");
    assert!(
        receipt.contains("taken in before, and stays as it is"),
        "{receipt}"
    );
    assert!(!receipt.contains("nothing was sent for it") && !receipt.contains("mend the file"));
}

/// A file of these rows: a CSV, or a workbook of texts.
fn written(path: &Path, header: &[String], rows: &[Vec<String>]) {
    let rows = std::iter::once(header).chain(rows.iter().map(Vec::as_slice));
    if path
        .extension()
        .is_some_and(|extension| extension == "xlsx")
    {
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        for (at, row) in (0..).zip(rows) {
            for (column, cell) in (0..).zip(row) {
                sheet.write_string(at, column, cell).unwrap();
            }
        }
        return book.save(path).unwrap();
    }
    let mut csv = csv::Writer::from_path(path).unwrap();
    rows.for_each(|row| csv.write_record(row).unwrap());
    csv.flush().unwrap();
}

#[test]
fn l7_failed_rows_are_mended_and_dropped_again_and_no_text_changes() {
    let odd = [
        ("=", "=1+1"),
        ("+", "+1"),
        ("-", "-1"),
        ("@", "@x"),
        ("'", "'=1"),
        ("''", "''"),
        ("", "\"q\", 'r'"),
        ("", "案件\r\n1"),
    ];
    for form in ["csv", "xlsx"] {
        let inbox = Inbox::new();
        let mut header: Vec<String> = HEADER.trim_end().split(',').map(Into::into).collect();
        header.push("备注".into());
        let came = odd.iter().zip(1..).map(|((before, text), i)| {
            let account = format!("{before}8609cb22e1774a50a930e414cc71eca0612{i}");
            let reason = text.split('\r').next().unwrap();
            let cells = [
                "1900016681",
                &account,
                "",
                "JUDICIAL_DEDUCTION",
                "x",
                reason,
                text,
            ];
            cells.map(String::from).to_vec()
        });
        let came: Vec<Vec<String>> = came.collect();
        written(&inbox.path(&format!("night.{form}")), &header, &came);
        let said = inbox.sweep(&[]);
        assert_eq!((said.exit, inbox.arrivals()), (3, 0), "{}", said.err);

        let failed = inbox.path(&format!("done/night.failed.{form}"));
        let mut reader = Reader::open(&failed, Rules::default()).unwrap();
        let header = reader.raw_header().to_vec();
        let amount = header.iter().position(|name| name == "amount").unwrap();
        let mut mended = Vec::new();
        while let Some(row) = reader.next_row().unwrap() {
            let raw = reader.raw(&row);
            let mut cells: Vec<String> = raw.iter().map(|cell| cell.to_string()).collect();
            cells[amount] = row.ordinal.to_string();
            mended.push(cells);
        }
        assert_eq!(mended.len(), odd.len());
        written(&inbox.path(&format!("fixed.{form}")), &header, &mended);
        let said = inbox.sweep(&[]);
        assert_eq!(
            (said.exit, inbox.arrivals()),
            (0, odd.len()),
            "{}",
            said.err
        );

        let result = inbox.path(&format!("done/fixed.result.{form}"));
        let mut reader = Reader::open(&result, Rules::default()).unwrap();
        for (before, ordinal) in came.iter().zip(1_u64..) {
            let row = reader.next_row().unwrap().unwrap();
            let mut want = before.clone();
            want[amount] = ordinal.to_string();
            assert_eq!(row.cells, want, "{form}");
        }
    }
}

#[test]
fn a_room_that_anybody_may_write_to_is_refused() {
    let inbox = Inbox::new();
    let slot = inbox.path("processing/x");
    fs::create_dir_all(&slot).unwrap();
    fs::set_permissions(inbox.path("processing"), Permissions::from_mode(0o777)).unwrap();
    fs::write(slot.join(".state"), "new\nx.csv").unwrap();
    fs::write(
        slot.join("x.csv"),
        format!("{HEADER}{}\n", row("N1", "1", "planted")),
    )
    .unwrap();
    let said = inbox.sweep(&[]);
    assert_eq!((said.exit, inbox.arrivals()), (2, 0), "{}", said.err);
    assert!(said.err.contains("processing: anybody"), "{}", said.err);
}

#[test]
fn l7_a_cell_that_no_workbook_takes_keeps_no_other_file_waiting() {
    let inbox = Inbox::new();
    let header = HEADER.trim_end();
    let long = "x".repeat(40_000);
    // Called a workbook, so that its result is one.
    let text = format!("{header},more\n{},{long}\n", row("N1", "1", "case 1"));
    fs::write(inbox.path("a.xlsx"), text).unwrap();
    inbox.drop("b.csv", &[row("N2", "2", "case 2")]);
    let said = inbox.sweep(&[]);
    assert_eq!(said.exit, 1, "{}", said.err);
    assert!(said.err.contains("levy export"), "{}", said.err);
    assert_eq!(inbox.arrivals(), 2);
    assert!(inbox.names("done").contains(&"b.result.csv".to_owned()));
}

#[test]
fn what_is_not_final_stays_in_processing_and_the_next_sweep_goes_on_with_it() {
    let inbox = Inbox::new();
    let rows = [
        row("N1", "100", "case 1"),
        row(
            "N2",
            "7",
            "\"#sandbox post=processing-forever get=state,state,state,success\"",
        ),
    ];
    inbox.drop("night.csv", &rows);
    let said = inbox.sweep(&[]);
    assert_eq!(said.exit, 4, "{}", said.err);
    assert_eq!(inbox.names("done"), Vec::<String>::new());
    let receipt = inbox.read("processing/night/night.receipt.txt");
    assert!(receipt.contains("NOT FINISHED"), "{receipt}");
    assert_eq!(
        statuses(&inbox.read("processing/night/night.result.csv")),
        ["SUCCESS NONE", "PROCESSING RUN_AGAIN"]
    );
    // Tomorrow's file of that name does not wait for it.
    inbox.drop("night.csv", &[row("N9", "9", "case 9")]);
    let mut exit = inbox.sweep(&[]).exit;
    assert_eq!(
        statuses(&inbox.read("done/night.2.result.csv")),
        ["SUCCESS NONE"]
    );
    for _ in 0..5 {
        exit = if exit == 0 {
            break;
        } else {
            inbox.sweep(&[]).exit
        };
    }
    assert_eq!(exit, 0);
    assert_eq!(
        statuses(&inbox.read("done/night.result.csv")),
        ["SUCCESS NONE", "SUCCESS NONE"]
    );
    assert!(inbox.read("done/night.receipt.txt").contains("DONE 已完成"));
    assert_eq!(inbox.names("processing"), Vec::<String>::new());
}

#[test]
fn what_nobody_has_approved_yet_waits_in_processing_until_somebody_has() {
    let inbox = Inbox::new();
    let levy = |line: &str| {
        let args: Vec<&str> = line.split(' ').chain(["--sandbox"]).collect();
        let required = [("LEVY_BATCH_REQUIRE_APPROVAL", "true"), ("USER", "Li")];
        inbox.desk.levy_with(&args, &required)
    };
    let sweep = || levy("sweep inbox --quiet-seconds 0");
    inbox.drop("night.csv", &[row("N1", "100", "case 1")]);
    let said = sweep();
    assert_eq!(said.exit, 2, "{}", said.err);
    let receipt = inbox.read("processing/night/night.receipt.txt");
    assert!(receipt.contains("WAITS FOR APPROVAL"), "{receipt}");
    let file = "inbox/processing/night/night.csv";
    assert!(
        receipt.contains(&format!(
            "`levy plan {file} --ledger inbox/.levy-sandbox/ledger.db --sandbox`"
        )),
        "{receipt}"
    );
    assert_eq!(inbox.arrivals(), 0);

    let ledger = "--ledger inbox/.levy-sandbox/ledger.db";
    // A copy: the box of a plan lies beside its file, and a plan goes by the bytes.
    fs::copy(inbox.desk.path(file), inbox.path(".copy.csv")).unwrap();
    let planned = levy(&format!("plan inbox/.copy.csv {ledger}"));
    assert_eq!(planned.exit, 0, "{}", planned.err);
    let said = sweep();
    assert_eq!(said.exit, 2, "{}", said.err);
    let receipt = inbox.read("processing/night/night.receipt.txt");
    assert!(receipt.contains("levy approve 1"), "{receipt}");
    assert_eq!(inbox.arrivals(), 0);

    let approved = levy(&format!("approve 1 --by Wang {ledger}"));
    assert_eq!(approved.exit, 0, "{}", approved.err);
    let said = sweep();
    assert_eq!(said.exit, 0, "{}", said.err);
    assert_eq!(
        statuses(&inbox.read("done/night.result.csv")),
        ["SUCCESS NONE"]
    );
    assert_eq!(inbox.arrivals(), 1);
}

#[test]
fn l7_a_file_that_grows_while_it_is_worked_on_is_run_as_it_is_in_the_end() {
    let inbox = Inbox::new();
    let forever = "\"#sandbox post=processing-forever get=state,state,state,success\"";
    inbox.drop(
        "night.csv",
        &[row("N1", "100", "case 1"), row("N2", "7", forever)],
    );
    assert_eq!(inbox.sweep(&[]).exit, 4);
    let path = inbox.path("processing/night/night.csv");
    let grown = format!(
        "{}{}\n",
        fs::read_to_string(&path).unwrap(),
        row("N3", "3", "case 3")
    );
    fs::write(&path, grown).unwrap();
    let mut exit = 4;
    for _ in 0..5 {
        exit = if exit == 0 {
            break;
        } else {
            inbox.sweep(&[]).exit
        };
    }
    assert_eq!(exit, 0);
    let result = inbox.read("done/night.result.csv");
    assert_eq!(statuses(&result), ["SUCCESS NONE"; 3]);
    let log = inbox.read(".levy-sandbox/arrivals.log");
    let submitted = |no: &str| {
        let lines = log.lines();
        lines
            .filter(|line| line.contains(" submit ") && line.contains(no))
            .count()
    };
    assert_eq!(["N1", "N3"].map(submitted), [1, 1], "{log}");
}

#[test]
fn a_sweep_that_finds_the_ledger_held_moves_nothing() {
    let inbox = Inbox::new();
    inbox.drop("a.csv", &[row("N1", "1", "case 1")]);
    fs::create_dir(inbox.path(".levy-sandbox")).unwrap();
    let lock = File::create(inbox.path(".levy-sandbox/ledger.db.lock")).unwrap();
    lock.lock().unwrap();
    let said = inbox.sweep(&["--json"]);
    assert_eq!(said.exit, 75, "{}", said.err);
    assert_eq!(inbox.names(""), ["a.csv"]);
    assert_eq!(objects(&said)[0]["exit_code"], 75);
    drop(lock);
    assert_eq!(inbox.sweep(&[]).exit, 0);
}

#[test]
fn a_rehearsal_takes_nothing_out_of_a_real_folder() {
    let inbox = Inbox::new();
    inbox.desk.settings();
    assert_eq!(inbox.desk.levy(&["init"]).exit, 0);
    let real = ["sweep", "inbox", "--yes"];
    let said = inbox.desk.levy(&real);
    assert_eq!(said.exit, 0, "{}", said.err);
    inbox.drop("a.csv", &[row("N1", "1", "case 1")]);
    let said = inbox.sweep(&[]);
    assert_eq!(said.exit, 2, "{}", said.err);
    let words = "this folder belongs to the ledger of REAL 1900007291, and this is the ledger of \
                 SANDBOX 1900000001";
    assert!(said.err.contains(words), "{}", said.err);
    assert!(inbox.path("a.csv").exists());
}

#[test]
fn a_folder_that_is_none_or_anybodys_is_refused_before_anything_is_made() {
    let inbox = Inbox::new();
    inbox.drop("a.csv", &[row("N1", "1", "case 1")]);
    fs::set_permissions(inbox.path(""), Permissions::from_mode(0o777)).unwrap();
    let said = inbox.sweep(&[]);
    assert_eq!(said.exit, 2);
    assert!(
        said.err.contains("inbox: anybody on this machine"),
        "{}",
        said.err
    );
    assert_eq!(inbox.names(""), ["a.csv"]);
    assert!(!inbox.path(".levy-sandbox").exists());
    for dir in ["nowhere", "inbox/a.csv"] {
        let said = inbox.desk.levy(&["sweep", dir, "--sandbox"]);
        assert_eq!(said.exit, 2, "{dir}: {}", said.err);
    }
    assert!(!inbox.desk.path("nowhere").exists());
}

#[test]
fn l8_the_folders_group_may_read_what_comes_of_its_files_and_nobody_else() {
    for (folder, want) in [(0o2770, 0o640), (0o700, 0o600), (0o755, 0o600)] {
        let inbox = Inbox::new();
        fs::set_permissions(inbox.path(""), Permissions::from_mode(folder)).unwrap();
        inbox.drop("a.csv", &[row("N1", "1", "case 1")]);
        assert_eq!(inbox.sweep(&[]).exit, 0);
        for name in ["done/a.result.csv", "done/a.receipt.txt"] {
            let meta = fs::metadata(inbox.path(name)).unwrap();
            assert_eq!(meta.mode() & 0o777, want, "{folder:o} {name}");
            assert_eq!(meta.gid(), fs::metadata(inbox.path("")).unwrap().gid());
        }
        let ledger = fs::metadata(inbox.path(".levy-sandbox/ledger.db")).unwrap();
        assert_eq!(ledger.mode() & 0o777, 0o600);
    }
}

#[test]
fn names_that_are_no_utf_8_go_through_and_those_that_break_lines_do_not() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let inbox = Inbox::new();
    let text = format!("{HEADER}{}\n", row("N1", "1", "case 1"));
    // 扣划.csv, as a Chinese Windows writes it through an old FTP server.
    let gbk = OsStr::from_bytes(b"\xbf\xdb\xbb\xae.csv");
    fs::write(inbox.path("").join(gbk), &text).unwrap();
    fs::write(inbox.path("a\nb.csv"), &text).unwrap();
    let said = inbox.sweep(&[]);
    assert_eq!(said.exit, 2, "{}", said.err);
    assert!(
        said.err.contains("its name has control characters"),
        "{}",
        said.err
    );
    for end in [".csv", ".result.csv", ".receipt.txt"] {
        let mut name = b"\xbf\xdb\xbb\xae".to_vec();
        name.extend_from_slice(end.as_bytes());
        let path = inbox.path("done").join(OsStr::from_bytes(&name));
        assert!(path.exists(), "{end}");
    }
    assert!(inbox.path("a\nb.csv").exists());
}

#[test]
fn a_workbook_has_a_workbook_for_a_result() {
    let inbox = Inbox::new();
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/files");
    let book = fixtures.join("workbook-text-cells.xlsx");
    fs::copy(book, inbox.path("扣划.XLSX")).unwrap();
    let said = inbox.sweep(&[]);
    assert!([0, 3].contains(&said.exit), "{}", said.err);
    let want = ["扣划.XLSX", "扣划.receipt.txt", "扣划.result.xlsx"];
    assert_eq!(inbox.names("done"), want);
}

#[test]
fn a_watched_folder_takes_what_comes_and_leaves_the_ledger_free_in_between() {
    let inbox = Inbox::new();
    inbox.drop("a.csv", &[row("N1", "1", "case 1")]);
    let args = [
        "sweep",
        "inbox",
        "--sandbox",
        "--quiet-seconds",
        "0",
        "--watch",
        "--every",
        "1",
    ];
    let mut watching = Command::new(env!("CARGO_BIN_EXE_levy"))
        .args(args)
        .current_dir(inbox.desk.path(""))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let mut until_there = |name: &str| {
        while !inbox.path(name).exists() {
            assert_eq!(watching.try_wait().unwrap(), None, "it ended too early");
            assert!(began.elapsed() < PATIENCE, "{name} never came");
            std::thread::yield_now();
        }
    };
    until_there("done/a.receipt.txt");
    inbox.drop("b.csv.tmp", &[row("N2", "2", "case 2")]);
    fs::rename(inbox.path("b.csv.tmp"), inbox.path("b.csv")).unwrap();
    until_there("done/b.receipt.txt");
    let lock = File::open(inbox.path(".levy-sandbox/ledger.db.lock")).unwrap();
    lock.lock().unwrap();
    inbox.drop("c.csv", &[row("N3", "3", "case 3")]);
    drop(lock);
    until_there("done/c.receipt.txt");
    let id = watching.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status();
    assert!(killed.unwrap().success());
    assert_eq!(
        watching.wait().unwrap().code(),
        Some(0),
        "nothing was left to do"
    );
}
