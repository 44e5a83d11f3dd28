//! Another program writes to the ledger (a backup gone wrong, somebody's sqlite3) while levy runs.

use std::time::Duration;

use rusqlite::Connection;

use super::bench::{Desk, Gateway};
use super::disk::{Deed, Plan};

/// A desk whose batch was accepted and whose run was killed, and somebody who holds its ledger.
fn held<'a>(gateway: &'a Gateway, tag: u32) -> (Desk<'a>, Connection) {
    let desk = Desk::new(gateway, tag, 50, 5);
    let plan = Plan {
        ops: "w",
        at: 120,
        deed: Deed::KillAfter,
        on: false,
        record: None,
    };
    assert_eq!(desk.run(Some(&plan)).exit(), -9);
    let other = Connection::open(desk.work("levy.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    (desk, other)
}

#[test]
fn a_ledger_that_another_program_writes_to_is_waited_for() {
    let gateway = Gateway::start(&[]);
    let (desk, other) = held(&gateway, 1);
    let mut child = desk.spawn(None);
    // As long as a person needs to see that it waits; it would wait for 10 s.
    std::thread::sleep(Duration::from_secs(1));
    assert!(child.try_wait().unwrap().is_none(), "it waits");
    other.execute_batch("COMMIT").unwrap();
    drop(other);
    let ended = desk.wait(child);
    assert_eq!(ended.exit(), 0, "{}", ended.words);
    desk.finish();
}

#[test]
fn a_ledger_that_another_program_does_not_let_go_of_stops_the_run_before_anything_is_sent() {
    let gateway = Gateway::start(&[]);
    let (desk, other) = held(&gateway, 1);
    let before = desk.submissions();
    // Its pauses are none, so that the 10 s are over soon.
    let plan = Plan {
        ops: "",
        at: 0,
        deed: Deed::Short,
        on: true,
        record: None,
    };
    let ended = desk.run(Some(&plan));
    assert_eq!(ended.exit(), 1, "{}", ended.words);
    let says = "another process has been using it";
    assert!(ended.words.contains(says), "{}", ended.words);
    assert_eq!(desk.submissions(), before);
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    desk.finish();
}
