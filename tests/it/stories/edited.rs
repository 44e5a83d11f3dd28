//! Results that people have edited, and files that come in another shape the next day.

use super::house::{Boxed, House, Rows, child, row, statuses};

/// Five closed rows and one that was deducted, and the money is there now.
fn morning() -> House {
    let mut house = House::with(100);
    let batch = [
        row("N1", 1, 1_000, "case 1"),
        row("N2", 2, 2_000, "case 2"),
        row("N3", 3, 3_000, "case 3"),
        row("N4", 4, 4_000, "case 4"),
        row("N5", 5, 5_000, "case 5"),
        row("N6", 6, 60, "case 6"),
    ];
    house.file("night.csv", &batch);
    let said = house.levy(&["run", "night.csv", "--quiet", "--create-ledger"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let result = house.result("night.result.csv");
    let mut want = vec!["CLOSED REISSUE"; 5];
    want.push("SUCCESS NONE");
    assert_eq!(statuses(&result), want);
    house.money_comes_in();
    house
}

/// Two amounts corrected, one row deleted.
fn clerk(rows: &mut Rows) {
    rows[1].insert("amount".into(), "2222".into());
    rows[3].insert("amount".into(), "4444".into());
    rows.remove(2);
}

#[test]
fn a_clerk_corrects_two_amounts_and_deletes_a_row_and_gets_what_a_clerk_expects() {
    let house = morning();
    house.edit("night.result.csv", "corrected.csv", clerk);
    let planned = house.levy(&["rerun", "corrected.csv", "--dry-run"]);
    assert_eq!(planned.exit, 0, "{}", planned.err);
    for line in [
        "2 issued again under new numbers, 60.00 yuan",
        "4 to be sent in all, those among them, 126.66 yuan, to 1 merchant",
    ] {
        assert!(planned.err.contains(line), "{line}: {}", planned.err);
    }
    let said = house.levy(&["rerun", "corrected.csv"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let result = house.result("corrected.result.csv");
    assert_eq!(statuses(&result), ["SUCCESS NONE"; 5]);
    let number = |ix: usize| result[ix]["levy_out_request_no"].clone();
    // Unchanged rows are issued again, changed ones are new deductions, the deducted one stays.
    assert_eq!(number(0), child("N1"));
    assert_eq!(number(3), child("N5"));
    assert_eq!(number(4), "N6");
    let debited = house.debited();
    let mut want = vec![
        (child("N1"), 1_000),
        (number(1), 2_222),
        (number(2), 4_444),
        (child("N5"), 5_000),
        ("N6".to_owned(), 60),
    ];
    want.sort();
    assert_eq!(debited.into_iter().collect::<Vec<_>>(), want);
    // The old file's view: what was replaced says so, what was deleted is as it was.
    assert_eq!(house.levy(&["export", "night.csv", "--quiet"]).exit, 0);
    let old = house.result("night.result.csv");
    assert_eq!(
        statuses(&old),
        [
            "SUCCESS NONE",
            "CLOSED NONE",
            "CLOSED REISSUE",
            "CLOSED NONE",
            "SUCCESS NONE",
            "SUCCESS NONE"
        ]
    );
    assert!(
        old[1]["levy_note"].contains("replaced by corrected.csv:3"),
        "{:?}",
        old[1]
    );
    // Given again, nothing more happens.
    let again = house.levy(&["rerun", "corrected.csv", "--quiet"]);
    assert_eq!(again.exit, 0, "{}", again.err);
    assert_eq!(house.debited().len(), 5);
}

#[test]
fn a_dry_run_sends_nothing_and_its_csv_can_be_approved_and_given_back() {
    let house = morning();
    let before = house.books();
    let ledger = std::fs::read(house.path("levy.db")).unwrap();
    let args = [
        "rerun",
        "night.csv",
        "--dry-run",
        "--out",
        "approve.csv",
        "--json",
    ];
    let said = house.levy(&args);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(
        said.err
            .contains("5 issued again under new numbers, 150.00 yuan"),
        "{}",
        said.err
    );
    assert!(
        said.err.contains("1900016681  5 rows  150.00 yuan"),
        "{}",
        said.err
    );
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&told["issued"], &told["sent"]), (&5.into(), &5.into()));
    assert_eq!(house.books(), before, "nothing was sent");
    assert_eq!(std::fs::read(house.path("levy.db")).unwrap(), ledger);
    let approve = house.result("approve.csv");
    assert_eq!(approve.len(), 5, "the deducted row is not in it");
    let note = format!("would be issued again as {}", child("N1"));
    assert_eq!(approve[0]["levy_note"], note);
    assert_eq!(approve[0]["levy_out_request_no"], "N1");
    // Two of them are approved.
    house.edit("approve.csv", "approved.csv", |rows| rows.truncate(2));
    let said = house.levy(&["rerun", "approved.csv", "--quiet"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let want = [(child("N1"), 1_000), (child("N2"), 2_000)];
    let mut debited: Vec<_> = house.debited().into_iter().collect();
    debited.retain(|(no, _)| no != "N6");
    let mut want = want.to_vec();
    want.sort();
    assert_eq!(debited, want);
    let said = house.levy(&["rerun", "plain.csv"]);
    assert_eq!(said.exit, 2, "{}", said.err);
    house.file("plain.csv", &[row("X1", 9, 1, "case 9")]);
    let said = house.levy(&["rerun", "plain.csv"]);
    assert_eq!(said.exit, 2, "{}", said.err);
    assert!(
        said.err.contains("`levy run plain.csv` makes them"),
        "{}",
        said.err
    );
}

#[test]
fn a_failed_row_that_is_corrected_while_a_colleague_reruns_the_batch_is_deducted_once() {
    for corrected_first in [true, false] {
        let house = morning();
        house.edit("night.result.csv", "corrected.csv", |rows| {
            rows.truncate(1);
            rows[0].insert("amount".into(), "1111".into());
        });
        let correct = || house.levy(&["rerun", "corrected.csv", "--quiet"]);
        let rerun = || house.levy(&["rerun", "1", "--quiet"]);
        let (want, exits) = match corrected_first {
            true => (1_111, (correct().exit, rerun().exit)),
            // The colleague was faster: the correction comes too late, and a person must look.
            false => {
                let rerun = rerun().exit;
                (1_000, (correct().exit, rerun))
            }
        };
        assert_eq!(exits, if corrected_first { (0, 0) } else { (3, 0) });
        let of_n1: Vec<u64> = house
            .books()
            .orders
            .values()
            .filter(|order| order.account.ends_with("0000001"))
            .map(|order| order.debited_fen)
            .filter(|fen| *fen > 0)
            .collect();
        assert_eq!(of_n1, [want], "corrected first: {corrected_first}");
        let corrected = house.result("corrected.result.csv");
        let status = if corrected_first {
            "SUCCESS NONE"
        } else {
            "CONFLICT REVIEW"
        };
        assert_eq!(statuses(&corrected), [status]);
    }
}

#[test]
fn a_file_that_was_staged_stopped_and_corrected_never_sends_its_old_amount() {
    // Refused for its last line, after all rows had been staged.
    let house = House::with(1_000_000);
    let rows = |amount| [row("N1", 1, amount, "case 1"), row("N2", 2, 20, "case 2")];
    let broken = rows(999).join("\n");
    let header = super::house::HEADER;
    std::fs::write(house.path("night.csv"), format!("{header}\n{broken}\n\"")).unwrap();
    let said = house.levy(&["run", "night.csv", "--create-ledger"]);
    assert_eq!(said.exit, 2, "{}", said.err);
    house.file("night.csv", &rows(10));
    assert_eq!(house.levy(&["run", "night.csv", "--quiet"]).exit, 0);
    assert_eq!(
        house.debited(),
        [("N1".into(), 10), ("N2".into(), 20)].into()
    );

    // Stopped after its first order; what was not sent yet is corrected in the result.
    let house = House::with(1_000_000);
    house.file(
        "night.csv",
        &rows(999).map(|row| row.replace(",20,", ",888,")),
    );
    let run = [
        "run",
        "night.csv",
        "--quiet",
        "--create-ledger",
        "--limit",
        "1",
    ];
    assert_eq!(house.levy(&run).exit, 4);
    house.edit("night.result.csv", "corrected.csv", |rows| {
        rows[1].insert("amount".into(), "20".into());
    });
    let said = house.levy(&["rerun", "corrected.csv", "--quiet"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    // The old file is run again: its row was withdrawn.
    assert_eq!(house.levy(&["run", "night.csv", "--quiet"]).exit, 0);
    let fen: Vec<u64> = house.debited().into_values().collect();
    assert!(
        !fen.contains(&888) && fen.contains(&20) && fen.len() == 2,
        "{fen:?}"
    );
    assert_eq!(
        statuses(&house.result("night.result.csv"))[1],
        "CANCELLED NONE"
    );
}

#[test]
fn a_file_whose_reasons_a_spreadsheet_rewrote_is_held_when_it_is_dropped_again() {
    let house = House::with(1_000_000);
    let blank = |account, reason| row("", account, 100, reason);
    house.file(
        "night.csv",
        &[blank(1, "2025-08-08"), blank(2, "2025-08-09")],
    );
    let run = |file: &str| house.levy(&["run", file, "--quiet", "--create-ledger"]);
    assert_eq!(run("night.csv").exit, 0);
    house.file("saved.csv", &[blank(1, "2025/8/8"), blank(2, "2025/8/9")]);
    assert_eq!(run("saved.csv").exit, 3);
    assert_eq!(
        statuses(&house.result("saved.result.csv")),
        ["HELD REVIEW"; 2]
    );
    assert_eq!(house.debited().len(), 2);
    let said = house.levy(&["rerun", "saved.csv"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert!(
        said.err.contains("2 rows HELD: looks like another order"),
        "{}",
        said.err
    );
    assert_eq!(house.debited().len(), 2);
}

#[test]
fn a_closed_order_that_upstream_sends_under_another_number_is_held_when_it_is_rerun() {
    let mut house = House::poor();
    house.file("one.csv", &[row("N1", 1, 100, "case 1")]);
    assert_eq!(
        house
            .levy(&["run", "one.csv", "--quiet", "--create-ledger"])
            .exit,
        3
    );
    house.money_comes_in();
    house.file("two.csv", &[row("N2", 1, 100, "case 1")]);
    assert_eq!(house.levy(&["run", "two.csv", "--quiet"]).exit, 0);
    let said = house.levy(&["rerun", "one.csv"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert!(
        said.err.contains("0 issued again under new numbers"),
        "{}",
        said.err
    );
    assert!(said.err.contains("1 more held, 1.00 yuan"), "{}", said.err);
    let shown = &house.result("one.result.csv")[0];
    assert_eq!(statuses(&vec![shown.clone()]), ["HELD REVIEW"]);
    assert!(
        shown["levy_note"].contains("looks like N2 in two.csv:2"),
        "{shown:?}"
    );
    assert_eq!(house.debited(), [("N2".into(), 100)].into());
    // A person knows that there were two debts.
    let held = shown["levy_out_request_no"].clone();
    let release = [
        "rerun",
        "one.csv",
        "--release",
        &held,
        "--by",
        "Li Wei",
        "--quiet",
    ];
    assert_eq!(house.levy(&release).exit, 0);
    assert_eq!(house.debited(), [("N2".into(), 100), (held, 100)].into());
}

#[test]
fn refused_rows_are_submitted_again_under_their_own_number_when_that_is_asked_for() {
    let house = Boxed::new();
    let script = "\"#sandbox post=param-error,success note=";
    let rows: Vec<String> = (1..=3)
        .map(|n| row(&format!("N{n}"), n, 100, &format!("{script}{n}\"")))
        .collect();
    house.file("night.csv", &rows);
    assert_eq!(house.levy(&["run", "night.csv", "--quiet"]).exit, 3);
    let shown = |house: &Boxed| statuses(&house.result("night.result.csv"));
    assert_eq!(shown(&house), ["REJECTED FIX_ROW"; 3]);
    let said = house.levy(&["rerun", "1"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert!(
        said.err.contains("3 rows REJECTED: refused: mend the row"),
        "{}",
        said.err
    );
    assert_eq!(shown(&house), ["REJECTED FIX_ROW"; 3]);
    let said = house.levy(&["rerun", "1", "--only", "rejected", "--dry-run"]);
    assert!(
        said.err
            .contains("3 that were refused would be submitted again"),
        "{}",
        said.err
    );
    let said = house.levy(&["rerun", "1", "--only", "rejected"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert_eq!(shown(&house), ["SUCCESS NONE"; 3]);
    let numbers: Vec<String> = house.books().orders.into_keys().collect();
    assert_eq!(numbers, ["N1", "N2", "N3"]);
}
