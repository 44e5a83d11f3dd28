//! A file that is tried out against a part of the ledger comes to what it comes to in the ledger.

use super::{Books, binding};
use crate::ledger::laws::fixture::{Came, Desk, blank, numbered};
use crate::ledger::{
    Accepted, BatchHead, BatchId, Environment, Ledger, Person, ResultRow, SqliteLedger,
    StagedOrder, StagedRow,
};
use crate::order::{Asked, Comeback};

/// What is told of a row, but for its order's own numbering.
fn told(row: &ResultRow) -> (u64, String, Option<String>, Option<String>, String) {
    let no = row.order.as_ref().map(|order| order.no.as_str().to_owned());
    let status = row.status.to_string();
    (
        row.ordinal,
        status,
        no,
        row.duplicate_of.clone(),
        row.note.clone(),
    )
}

fn tried(
    books: &Books,
    desk: &Desk,
    name: &str,
    rows: &[StagedOrder],
) -> (Accepted, Vec<ResultRow>) {
    let mut scratch = SqliteLedger::scratch().unwrap();
    scratch.stage_clear().unwrap();
    let rows: Vec<StagedRow> = (1..)
        .zip(rows)
        .map(|(ordinal, order)| StagedRow {
            ordinal,
            line: ordinal + 1,
            cells: vec![format!("row {ordinal}")],
            amount: Some(order.content.amount),
            came_back_as: None,
            asked: Ok(order.clone()),
        })
        .collect();
    scratch.stage(&rows).unwrap();
    scratch.learn(&books.path()).unwrap();
    let head = BatchHead {
        digest: [7; 32],
        file: name.into(),
        header: vec!["a".into()],
        delimiter: b',',
    };
    let (batch, accepted) = scratch.accept(&head, desk.now, 40).unwrap();
    let mut shown = Vec::new();
    scratch
        .rows(batch.id, &mut |row| {
            shown.push(row);
            Ok(())
        })
        .unwrap();
    (accepted, shown)
}

/// Tries a file out, accepts it, and compares.
fn compared(books: &Books, desk: &mut Desk, name: &str, rows: Vec<StagedOrder>) -> BatchId {
    let before = std::fs::read(books.path()).unwrap();
    let (foreseen, shown) = tried(books, desk, name, &rows);
    let after = std::fs::read(books.path()).unwrap();
    assert_eq!(before, after, "{name}: only read");
    let (batch, accepted) = desk.file(name, rows);
    assert_eq!(foreseen, accepted, "{name}");
    let came: Vec<_> = desk.rows(batch).iter().map(told).collect();
    let shown: Vec<_> = shown.iter().map(told).collect();
    assert_eq!(shown, came, "{name}");
    batch
}

/// Numbers by chance (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    /// Few numbers and debts, so that they meet.
    fn row(&mut self) -> StagedOrder {
        let account = self.below(12).to_string();
        let fen = 1 + self.below(2);
        let row = match self.below(3) {
            0 => blank(&account, fen),
            _ => numbered(&format!("N{}", self.below(20)), &account, fen),
        };
        match self.below(4) {
            0 => row.back(&format!("N{}", self.below(20))),
            1 => row.failed(&format!("N{}", self.below(20)), Comeback::Mended),
            _ => row,
        }
    }
}

#[test]
fn l2_whatever_came_before_a_file_comes_to_what_was_foreseen() {
    for seed in 1..=6_u64 {
        println!("seed {seed}");
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let books = Books::new();
        let mut desk = Desk::new(&books);
        let first = (0..20)
            .map(|n| numbered(&format!("N{n}"), &(n % 12).to_string(), 1))
            .collect();
        let (mut batch, _) = desk.file("first.csv", first);
        for file in 0..8 {
            for _ in 0..4 {
                let Some(job) = desk.find(batch, &format!("N{}", chance.below(20))) else {
                    continue;
                };
                let came = match chance.below(7) {
                    6 => Came::Refused,
                    0 => Came::Success,
                    1 => Came::Failed,
                    2 => Came::ClosedProven,
                    3 => Came::CloseClaimed,
                    4 => Came::Processing,
                    _ => Came::Lost,
                };
                desk.exchange(&job, Asked::Submission, came);
            }
            if seed > 3 && file == 4 {
                let by = Person::parse("Li Wei").unwrap();
                desk.ledger.restored(desk.now, &by, desk.now).unwrap();
            }
            let rows = (0..6).map(|_| chance.row()).collect();
            batch = compared(&books, &mut desk, &format!("{seed}-{file}.csv"), rows);
        }
    }
}

#[test]
fn l2_what_a_file_comes_to_is_known_before_it_is_accepted() {
    let books = Books::new();
    let mut desk = Desk::new(&books);
    let history: Vec<StagedOrder> = (0..12)
        .map(|n| numbered(&format!("A{n}"), &n.to_string(), 1))
        .chain([blank("b", 5), blank("c", 5)])
        .collect();
    let (batch, _) = desk.file("monday.csv", history.clone());
    for (number, came) in [
        ("A1", Came::Success),
        ("A2", Came::Failed),
        ("A3", Came::ClosedProven),
        ("A4", Came::Lost),
        ("A5", Came::Refused),
        ("A6", Came::CloseClaimed),
    ] {
        let job = desk.find(batch, number).unwrap();
        desk.exchange(&job, Asked::Submission, came);
    }
    // A changed row, whose number nobody gave.
    let replaced = StagedOrder {
        no: None,
        ..numbered("A2", "2", 3).back("A2")
    };
    let frozen = numbered("A7", "7", 2);
    desk.file("tuesday.csv", vec![replaced.clone(), frozen]);
    let files: [Vec<StagedOrder>; 6] = [
        history,
        (0..12)
            .map(|n| numbered(&format!("B{n}"), &n.to_string(), 1))
            .collect(),
        (0..12)
            .map(|n| numbered(&format!("A{n}"), &n.to_string(), 2))
            .collect(),
        (0..12)
            .map(|n| numbered(&format!("A{n}"), &n.to_string(), 9).back(&format!("A{n}")))
            .chain((0..12).map(|n| blank(&n.to_string(), 8).back(&format!("A{n}"))))
            .collect(),
        vec![
            replaced,
            blank("b", 5),
            blank("b", 5),
            blank("z", 1),
            blank("z", 1),
            numbered("Z1", "y", 1).back("NOBODY"),
            numbered("Z2", "y", 1),
            numbered("Z2", "y", 2),
            numbered("A1", "1", 1),
            numbered("A1", "1", 7),
        ],
        vec![
            numbered("C1", "c", 5),
            numbered("C1", "c", 5),
            blank("4", 1),
        ],
    ];
    for (n, rows) in files.into_iter().enumerate() {
        let name = format!("{n}.csv");
        compared(&books, &mut desk, &name, rows);
    }
    let binding = binding("1900000001", Environment::Real);
    let mut reader = SqliteLedger::open_read_only(&books.path(), &binding).unwrap();
    assert_eq!(reader.verify().unwrap(), Vec::<String>::new());
}
