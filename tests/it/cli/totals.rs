//! Control totals: nothing is sent of a file that does not add up to what its maker told.

use sha2::{Digest, Sha256};

use super::{Desk, row};

fn night(desk: &Desk) -> String {
    let rows = [
        row("N1", "100", "case 1"),
        row("N2", "250", "case 2"),
        row("N3", "-1", "case 3"),
    ];
    let path = desk.batch("night.csv", &rows);
    let digest = Sha256::digest(std::fs::read(path).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_was_typed_must_agree_before_anything_is_sent() {
    let desk = Desk::new();
    night(&desk);
    let run = ["run", "night.csv", "--sandbox", "--quiet"];
    for (typed, says) in [
        (
            &["--expect-rows", "4"][..],
            "4 rows were told, and it has 3",
        ),
        (
            &["--expect-amount", "351"],
            "3.51 yuan were told, and it has 3.50",
        ),
        // The third amount can't be read: what is not known agrees with nothing.
        (&["--expect-amount", "350"], "1 amounts can't be read"),
    ] {
        let said = desk.levy(&[&run[..], typed].concat());
        assert_eq!(said.exit, 2, "{}", said.err);
        assert!(said.err.contains(says), "{}", said.err);
        assert!(said.err.contains("nothing of it was sent"), "{}", said.err);
        let check = desk.levy(&[&["check", "night.csv", "--sandbox"][..], typed].concat());
        assert_eq!(check.exit, 2, "{}", check.err);
    }
    assert!(!desk.path("night.result.csv").exists());
    let arrivals = || std::fs::read_to_string(desk.path(".levy-sandbox/arrivals.log"));
    assert_eq!(arrivals().unwrap_or_default(), "");
    let said = desk.levy(&[&run[..], &["--expect-rows", "3"]].concat());
    assert_eq!(said.exit, 3, "{}", said.err);
    // Given again with other totals it is not continued either.
    let said = desk.levy(&[&run[..], &["--expect-rows", "2"]].concat());
    assert_eq!(said.exit, 2, "{}", said.err);
    let said = desk.levy(&[
        "run",
        "night.csv",
        "b.csv",
        "--sandbox",
        "--expect-rows",
        "2",
    ]);
    assert_eq!(said.exit, 2, "{}", said.err);
    assert!(said.err.contains("are for one file"), "{}", said.err);
}

#[test]
fn a_file_beside_it_is_asked_without_being_named() {
    let desk = Desk::new();
    let digest = night(&desk);
    let run = ["run", "night.csv", "--sandbox", "--quiet"];
    for (name, text, says) in [
        ("night.csv.ok", "rows = 2\n", "2 rows were told"),
        ("night.ok", "rows = 2\n", "2 rows were told"),
        (
            "night.csv.ok",
            &*format!("sha256 = \"{}\"\n", "0".repeat(64)),
            "SHA-256",
        ),
        ("night.csv.ok", "rows: 3\n", "night.csv.ok: "),
        ("night.csv.ok", "", "it tells nothing"),
    ] {
        desk.write(name, text);
        let said = desk.levy(&run);
        assert_eq!(said.exit, 2, "{text}: {}", said.err);
        assert!(said.err.contains(says), "{text}: {}", said.err);
        std::fs::remove_file(desk.path(name)).unwrap();
    }
    desk.write(
        "night.csv.ok",
        &format!("rows = 3\nsha256 = \"{digest}\"\n"),
    );
    let said = desk.levy(&[&run[..], &["--expect-rows", "4"]].concat());
    assert_eq!(said.exit, 2, "{}", said.err);
    assert!(
        said.err.contains("the file beside it tells 3"),
        "{}",
        said.err
    );
    assert_eq!(desk.levy(&run).exit, 3);
}
