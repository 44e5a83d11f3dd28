use super::*;
use crate::batch::digest_of;
use crate::ledger::SqliteLedger;
use std::path::PathBuf;
use tempfile::TempDir;

const ACCOUNT: &str = "8609cb22e1774a50a930e414cc71eca06121bc";

struct Count {
    rows: u64,
    stop_after: Option<u64>,
}

impl Watcher for Count {
    fn row(&mut self, _: &InputRow) {
        self.rows += 1;
    }

    fn stopped(&self) -> bool {
        self.stop_after.is_some_and(|rows| self.rows >= rows)
    }
}

fn file(dir: &TempDir, name: &str, rows: u64, last: &str) -> PathBuf {
    let mut text = String::from("mchid,bal_account_no,reduction_type,amount\n");
    for n in 1..=rows {
        text.push_str(&format!("1900016681,{ACCOUNT},JUDICIAL_DEDUCTION,{n}\n"));
    }
    text.push_str(last);
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn taken(
    ledger: &mut SqliteLedger,
    path: &Path,
    digest: Option<[u8; 32]>,
    stop_after: Option<u64>,
) -> Result<Intake, IntakeFault> {
    let terms = Terms {
        rules: Rules::default(),
        expected: Default::default(),
        total_fen_max: None,
        admit: Admit::Any,
        hold_days: 40,
        at: WallMs(1_769_817_600_000),
    };
    let mut watcher = Count {
        rows: 0,
        stop_after,
    };
    take_in(ledger, path, digest, &terms, &mut watcher)
}

#[test]
fn a_file_becomes_a_batch_that_its_bytes_find_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "night.csv", 2500, "x,y,z,0\n");
    let digest = digest_of(&path).unwrap();
    let mut ledger = SqliteLedger::scratch().unwrap();
    let intake = taken(&mut ledger, &path, Some(digest), None).unwrap();
    assert_eq!(intake.batch.head.file, "night.csv");
    assert_eq!(intake.accepted.rows, 2501);
    assert_eq!(intake.accepted.orders, 2500);
    assert_eq!(intake.accepted.invalid, 1);
    let found = ledger.find_batch(&digest).unwrap();
    assert_eq!(found, Some(intake.batch));
}

#[test]
fn whatever_ends_an_intake_early_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let ragged = file(&dir, "ragged.csv", 1500, "one,two\n");
    let whole = file(&dir, "whole.csv", 1500, "");
    let good = file(&dir, "good.csv", 3, "");
    let digest = digest_of(&whole).unwrap();
    let mut ledger = SqliteLedger::scratch().unwrap();

    let fault = taken(&mut ledger, &ragged, None, None).unwrap_err();
    assert!(matches!(fault, IntakeFault::File(_)), "{fault}");
    let fault = taken(&mut ledger, &whole, Some([7; 32]), None).unwrap_err();
    assert!(matches!(fault, IntakeFault::Changed), "{fault}");
    let fault = taken(&mut ledger, &whole, Some(digest), Some(1000)).unwrap_err();
    assert!(matches!(fault, IntakeFault::Stopped), "{fault}");
    let fault = taken(&mut ledger, &whole, Some(digest), Some(1500)).unwrap_err();
    assert!(matches!(fault, IntakeFault::Stopped), "{fault}");

    assert_eq!(ledger.find_batch(&digest).unwrap(), None);
    let intake = taken(&mut ledger, &good, None, None).unwrap();
    assert_eq!(intake.accepted.rows, 3, "not a row of the others");
    assert_eq!(intake.accepted.repeats, 0, "the others claimed no number");
}

#[test]
fn a_rows_note_names_each_column_and_its_fault_without_the_account() {
    let dir = tempfile::tempdir().unwrap();
    let row = format!("19x,{ACCOUNT}{ACCOUNT}{ACCOUNT}{ACCOUNT}{ACCOUNT}{ACCOUNT},OTHER,0\n");
    let path = file(&dir, "bad.csv", 0, &row);
    let mut ledger = SqliteLedger::scratch().unwrap();
    let batch = taken(&mut ledger, &path, None, None).unwrap().batch;
    let mut notes = Vec::new();
    ledger
        .rows(batch.id, &mut |row| {
            notes.push(row.note);
            Ok(())
        })
        .unwrap();
    let note = &notes[0];
    for part in [
        "mchid: must be 1 to 32 digits, found \"19x\": ",
        "; bal_account_no: must have at most 214 bytes, found \"8609…21bc\": ",
        "; reduction_type: ",
        "; amount: must be above zero, found \"0\": ",
    ] {
        assert!(note.contains(part), "{part}: {note}");
    }
    assert!(!note.contains(ACCOUNT), "{note}");
}
