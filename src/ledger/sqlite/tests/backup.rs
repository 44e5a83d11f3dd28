//! A copy of the ledger at one moment.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::{Books, binding};
use crate::ledger::laws::fixture::{Came, Desk, numbered};
use crate::ledger::{Environment, Ledger, SqliteLedger};
use crate::order::Asked;

fn empty(books: &Books, name: &str) -> PathBuf {
    let path = books.dir.path().join(name);
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .unwrap();
    path
}

#[test]
fn a_copy_holds_what_was_committed_and_not_what_came_after() {
    let books = Books::new();
    let mut desk = Desk::new(&books);
    let rows = (0..200)
        .map(|n| numbered(&format!("A{n}"), &n.to_string(), 1))
        .collect();
    let (batch, _) = desk.file("one.csv", rows);
    let job = desk.find(batch, "A0").unwrap();
    desk.exchange(&job, Asked::Submission, Came::Success);
    let head = desk.ledger.journal_head().unwrap();
    let binding = binding("1900000001", Environment::Real);
    // A reader beside the writer, whose log is not in the file yet.
    let reader = SqliteLedger::open_read_only(&books.path(), &binding).unwrap();
    let file = empty(&books, "copy.db");
    reader.copy_to(&file).unwrap();
    let job = desk.find(batch, "A1").unwrap();
    desk.exchange(&job, Asked::Submission, Came::Success);
    let mut copy = SqliteLedger::open_read_only(&file, &binding).unwrap();
    let audit = copy.audit(Some(head)).unwrap();
    assert_eq!((audit.wrong, audit.head), (vec![], head));
    assert_eq!(copy.totals(batch).unwrap().rows, 200);
    drop(copy);
    let names: Vec<String> = fs::read_dir(books.dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("copy.db"))
        .collect();
    assert_eq!(names, ["copy.db"], "it is one file");
    // What became of the ledger since has the copy's head for an ancestor.
    assert!(books.sqlite().audit(Some(head)).unwrap().wrong.is_empty());
}
