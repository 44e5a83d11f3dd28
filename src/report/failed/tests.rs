use super::super::layout::{Ends, Style};
use super::*;
use crate::batch::{InputRow, Language};
use crate::clock::WallMs;
use crate::ledger::{Admit, SqliteLedger};
use crate::worker::intake::{Intake, Terms, Watcher, take_in};
use std::os::unix::fs::{PermissionsExt, symlink};

const ACCOUNT: &str = "8609cb22e1774a50a930e414cc71eca06121bc";
const HEADER: &str = "out_request_no,mchid,bal_account_no,reduction_type,amount,reason,note";

struct Nobody;

impl Watcher for Nobody {
    fn row(&mut self, _: &InputRow) {}
    fn stopped(&self) -> bool {
        false
    }
}

fn taken(ledger: &mut SqliteLedger, input: &Path) -> Intake {
    let terms = Terms {
        rules: Rules::default(),
        expected: Default::default(),
        total_fen_max: None,
        admit: Admit::Any,
        hold_days: 40,
        at: WallMs(1_769_817_600_000),
    };
    take_in(ledger, input, None, &terms, &mut Nobody).unwrap()
}

fn row(number: &str, amount: &str, reason: &str, note: &str) -> String {
    format!("{number},1900016681,{ACCOUNT},JUDICIAL_DEDUCTION,{amount},{reason},{note}\n")
}

fn written(ledger: &mut SqliteLedger, batch: &Batch, place: &Place) -> Failed {
    let totals = ledger.totals(batch.id).unwrap();
    write(ledger, batch, &totals, place).unwrap()
}

#[test]
fn the_failed_file_is_named_after_its_result() {
    for (result, want) in [
        ("night.result.csv", "night.failed.csv"),
        ("in/night.result.xlsx", "in/night.failed.xlsx"),
        ("out.csv", "out.failed.csv"),
        ("night.failed.result.csv", "night.failed.failed.csv"),
        ("result.csv", "result.failed.csv"),
    ] {
        assert_eq!(beside(Path::new(result)), Path::new(want));
    }
}

#[test]
fn l7_the_rows_that_need_somebody_come_back_as_they_were_in_every_form_and_language() {
    let odd = [
        "=1+1",
        "+1",
        "-1",
        "@x",
        "'=1",
        "''",
        "\"\"\"q\"\"\"",
        "\"a\nb,c\"",
        "\"\u{feff}\"",
        "案件",
    ];
    let mut text = format!("{HEADER}\n");
    for (i, cell) in odd.iter().enumerate() {
        text.push_str(&row(&format!("N{i}"), "-4", cell, cell));
    }
    text.push_str(&row("GOOD", "7", "one", ""));
    text.push_str(&row("1900016681000000000", "5", "rounded", ""));
    for form in ["csv", "xlsx"] {
        for language in [Language::English, Language::Chinese] {
            for ends in [Ends::Excel, Ends::Plain] {
                let dir = tempfile::tempdir().unwrap();
                let input = dir.path().join("night.csv");
                fs::write(&input, &text).unwrap();
                let mut ledger = SqliteLedger::scratch().unwrap();
                let batch = taken(&mut ledger, &input).batch;
                let result = dir.path().join(format!("night.result.{form}"));
                let style = Style { language, ends };
                let place = Place::look(&result, &[]).unwrap().styled(style);
                let path = dir.path().join(format!("night.failed.{form}"));
                let rows = odd.len() as u64 + 1;
                // Nobody has touched it: it is written anew.
                for _ in 0..2 {
                    let failed = written(&mut ledger, &batch, &place);
                    assert_eq!(failed, Failed::Written(path.clone(), rows));
                }
                let mode = fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
                let read = |path: &Path| {
                    let mut reader = Reader::open(path, Rules::default()).unwrap();
                    let mut rows = Vec::new();
                    while let Some(row) = reader.next_row().unwrap() {
                        rows.push(row.cells);
                    }
                    rows
                };
                let mut want = read(&input);
                want.remove(odd.len());
                assert_eq!(read(&path), want, "{form} {style:?}");
                // Given back unmended, nothing of it is an order.
                let back = taken(&mut ledger, &path).accepted;
                assert_eq!((back.rows, back.invalid), (rows, rows));
            }
        }
    }
}

#[test]
fn an_older_one_is_removed_when_nobody_is_needed_and_no_other_file_ever() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut ledger = SqliteLedger::scratch().unwrap();
    let batch_of = |ledger: &mut SqliteLedger, name: &str, amount: &str| {
        fs::write(at(name), format!("{HEADER}\n{}", row(name, amount, "", ""))).unwrap();
        taken(ledger, &at(name)).batch
    };
    let bad = batch_of(&mut ledger, "bad", "x");
    let good = batch_of(&mut ledger, "good", "7");
    let place = Place::look(&at("night.result.csv"), &[]).unwrap();
    let path = at("night.failed.csv");

    assert_eq!(written(&mut ledger, &good, &place), Failed::Nobody);
    assert_eq!(
        written(&mut ledger, &bad, &place),
        Failed::Written(path.clone(), 1)
    );
    assert_eq!(
        written(&mut ledger, &bad, &place),
        Failed::Written(path.clone(), 1)
    );
    assert_eq!(written(&mut ledger, &good, &place), Failed::Nobody);
    assert!(!path.exists());

    let another = "mchid,levy_status\nmine,7\n";
    fs::write(&path, another).unwrap();
    assert_eq!(written(&mut ledger, &good, &place), Failed::Nobody);
    assert_eq!(
        written(&mut ledger, &bad, &place),
        Failed::Taken(path.clone())
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), another);

    // One that somebody has mended is theirs, whether anybody is needed or not.
    fs::remove_file(&path).unwrap();
    written(&mut ledger, &bad, &place);
    let mended = fs::read_to_string(&path).unwrap().replace(",x,", ",7,");
    fs::write(&path, &mended).unwrap();
    for batch in [&bad, &good] {
        assert_eq!(
            written(&mut ledger, batch, &place),
            Failed::Mended(path.clone())
        );
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), mended);

    fs::remove_file(&path).unwrap();
    symlink(at("bad"), &path).unwrap();
    assert_eq!(
        written(&mut ledger, &bad, &place),
        Failed::Taken(path.clone())
    );
    assert!(at("bad").exists());

    // Mended in its place, and run from there: its own command must find it as it is.
    fs::remove_file(&path).unwrap();
    written(&mut ledger, &bad, &place);
    let mended = fs::read_to_string(&path).unwrap().replace(",x,", ",8,");
    fs::write(&path, &mended).unwrap();
    taken(&mut ledger, &path);
    for batch in [&bad, &good] {
        assert_eq!(
            written(&mut ledger, batch, &place),
            Failed::Taken(path.clone())
        );
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), mended);

    // An input of the same command.
    fs::remove_file(&path).unwrap();
    let place = Place::look(&at("night.result.csv"), &[&path]).unwrap();
    assert_eq!(written(&mut ledger, &bad, &place), Failed::Taken(path));
}
