//! What is still open the morning after, without a file.

use super::house::{Boxed, House, row, statuses};

#[test]
fn resume_brings_what_was_sent_to_its_end_and_sends_nothing_that_was_not() {
    let house = Boxed::new();
    // The second order's replies are forged for as long as the first run asks.
    let script = "\"#sandbox post=bad-signature,bad-signature,bad-signature,bad-signature,\
                  bad-signature,bad-signature,success\"";
    house.file(
        "night.csv",
        &[
            row("N1", 1, 100, "case 1"),
            row("N2", 2, 200, script),
            row("N3", 3, 300, "case 3"),
        ],
    );
    let said = house.levy(&["run", "night.csv", "--quiet", "--limit", "2"]);
    assert_eq!(said.exit, 4, "{}", said.err);
    let shown = |house: &Boxed| statuses(&house.result("night.result.csv"));
    assert_eq!(
        shown(&house),
        ["SUCCESS NONE", "UNKNOWN RUN_AGAIN", "PENDING RUN_AGAIN"]
    );
    let said = house.levy(&["resume", "--json"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["file"], serde_json::Value::Null);
    assert_eq!(told["batch"], serde_json::Value::Null);
    assert_eq!(told["by_status"], serde_json::json!({"SUCCESS": 1}));
    assert_eq!(told["orders"]["deducted"], 200);
    assert_eq!(
        told["expiring"],
        serde_json::json!({"count": 0, "first": []})
    );
    assert!(said.err.contains("open orders:\n"), "{}", said.err);
    assert!(!house.books().orders.contains_key("N3"));
    // Nothing is left to resume.
    let said = house.levy(&["resume", "--quiet"]);
    assert_eq!((said.exit, said.out.as_str()), (0, ""), "{}", said.err);
    // Asked for by its batch, the rest goes too.
    let said = house.levy(&["resume", "--batch", "1", "--out", "night.result.csv"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert_eq!(shown(&house), ["SUCCESS NONE"; 3]);
}

#[test]
fn resume_ends_as_its_orders_do() {
    let house = Boxed::new();
    let closed = "\"#sandbox post=not-enough get=param-error,state\"";
    let forever = "\"#sandbox post=processing-forever\"";
    house.file(
        "night.csv",
        &[row("N1", 1, 100, closed), row("N2", 2, 200, forever)],
    );
    let said = house.levy(&["run", "night.csv", "--quiet", "--wait", "3"]);
    assert_eq!(said.exit, 4, "{}", said.err);
    let said = house.levy(&["resume", "--wait", "3"]);
    assert_eq!(said.exit, 4, "one stays PROCESSING: {}", said.err);
    let books = house.books();
    assert_eq!(books.orders.len(), 2);
    let said = house.levy(&["resume", "--wait", "3"]);
    assert_eq!(said.exit, 4, "{}", said.err);
    assert_eq!(
        house.books().orders["N1"],
        books.orders["N1"],
        "final orders are left alone"
    );
    for args in [
        &["resume", "--limit", "3"][..],
        &["resume", "--out", "x.csv"],
    ] {
        assert_eq!(house.levy(args).exit, 2, "{args:?}");
    }
    let nowhere = Boxed::new();
    let said = nowhere.levy(&["resume"]);
    assert_eq!(said.exit, 2, "{}", said.err);
    assert!(
        !nowhere.path(".levy-sandbox").exists(),
        "a question leaves nothing behind"
    );
}

#[test]
fn a_held_row_is_released_by_name_and_sent_by_the_same_command() {
    let house = House::with(1_000_000);
    let rows = [row("N1", 1, 100, "case 1"), row("N2", 1, 100, "case 1")];
    house.file("night.csv", &rows);
    let run = ["run", "night.csv", "--quiet", "--create-ledger"];
    assert_eq!(house.levy(&run).exit, 3);
    let shown = |house: &House| statuses(&house.result("night.result.csv"));
    assert_eq!(shown(&house), ["SUCCESS NONE", "HELD REVIEW"]);
    for bad in [
        &["--release", "N2"][..],
        &["--release", "N9", "--by", "Li Wei"],
    ] {
        let said = house.levy(&[&run[..], bad].concat());
        assert_eq!(said.exit, 2, "{}", said.err);
        assert_eq!(house.debited().len(), 1);
    }
    // Where nothing that was never sent is sent, a release sends nothing either.
    let said = house.levy(&["resume", "--release", "N2", "--by", "Li Wei"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(
        said.err.contains("1 order released by Li Wei, 1.00 yuan"),
        "{}",
        said.err
    );
    assert_eq!(house.debited().len(), 1);
    let again = [
        "run",
        "night.csv",
        "--create-ledger",
        "--release",
        "N2,N1",
        "--by",
        "Li Wei",
    ];
    let said = house.levy(&again);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(
        said.err.contains("not released: N2 is PENDING"),
        "{}",
        said.err
    );
    assert!(
        said.err.contains("not released: N1 is SUCCESS"),
        "{}",
        said.err
    );
    assert_eq!(
        house.debited(),
        [("N1".into(), 100), ("N2".into(), 100)].into()
    );
}
