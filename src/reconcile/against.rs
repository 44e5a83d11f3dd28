//! A list (the court's, the finance system's, a result of levy's) against the ledger.
//!
//! The list is staged in the ledger's temporary tables, so that neither its size nor the ledger's
//! counts; the ledger says which order each row means ([`Ledger::beside`]), `fields` whether the two
//! agree, `words` puts what came of it into a summary. Nothing is sent and nothing is written but the
//! differences.

mod fields;
pub mod words;

use std::fmt;
use std::io;
use std::path::Path;

use super::difference::{Counts, Difference, Kind, Paper};
use crate::batch::{Fault, FileFault, InputRow, ListReader, ListedCells, Outcome};
use crate::ledger::{
    Beside, Booked, Found, Ledger, LedgerError, ListScope, ListedRow, StagedOrder, StagedRow, Sum,
};
use crate::order::{Comeback, Fate, Order, Status};
use crate::worker::intake::{STAGED_BYTES_MAX, STAGED_ROWS_MAX};
use fields::Columns;

/// Differences that are told in words; all of them are in their file.
pub const SHOWN_MAX: usize = 10;

/// What came of a comparison. Sums are fen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Rows of the list; each is in one of the next six.
    pub rows: u64,
    /// Rows that agree with their order.
    pub agreed: u64,
    /// Rows of a result that say themselves that they have no order (INVALID, CONFLICT).
    pub no_order: u64,
    /// Rows that the ledger has no order for.
    pub missing: u64,
    /// Rows that say something else than their order.
    pub different: u64,
    /// Rows whose order another row has too, or whose debt the ledger has twice.
    pub double: u64,
    /// Rows that are no deductions.
    pub invalid: u64,
    /// The rows that agree, by the status of their orders, in the order of [`Status::ALL`].
    pub agreed_by: [u64; Status::ALL.len()],
    /// The amounts of all rows that have one.
    pub list_fen: u128,
    /// Those of rows that stand for an amount that was deducted; repeats within a result apart.
    pub list_deducted_fen: u128,
    /// Rows whose amount can't be read.
    pub unreadable_amounts: u64,
    /// Orders that stand for a row, were told beside one, or that no row names; each once.
    pub orders: u64,
    /// What of them was deducted.
    pub ledger_deducted_fen: u128,
    /// Orders in question that no row names and that are no deductions: never sent, or dead.
    pub not_deducted: Sum,
    /// The columns of the list that were compared beyond the content's own.
    pub compared: Vec<&'static str>,
    /// Differences by kind.
    pub counts: Counts,
    /// The first [`SHOWN_MAX`] of them.
    pub first: Vec<Difference>,
    /// Columns of the list that come close to a known one.
    pub warnings: Vec<String>,
}

/// Why a list was not compared.
#[derive(Debug)]
pub enum AgainstFault {
    /// The list as a whole.
    List(FileFault),
    /// The ledger.
    Ledger(LedgerError),
    /// The file of the differences.
    Differences(io::Error),
}

impl fmt::Display for AgainstFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(fault) => fault.fmt(f),
            Self::Ledger(e) => e.fmt(f),
            Self::Differences(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for AgainstFault {}

impl From<FileFault> for AgainstFault {
    fn from(fault: FileFault) -> Self {
        Self::List(fault)
    }
}

impl From<LedgerError> for AgainstFault {
    fn from(e: LedgerError) -> Self {
        Self::Ledger(e)
    }
}

/// Compares a list with the orders of a scope and writes every difference.
///
/// # Errors
/// A list that can't be read to its end is not compared at all.
pub fn compare(
    ledger: &mut dyn Ledger,
    list: &Path,
    scope: &ListScope,
    paper: &mut Paper,
) -> Result<Told, AgainstFault> {
    ledger.stage_clear()?;
    let mut reader = ListReader::open(list)?;
    let mut told = Told {
        warnings: reader.warnings().to_vec(),
        ..Told::default()
    };
    let columns = Columns::of(&reader);
    told.compared = columns.named();
    let mut chunk = Vec::with_capacity(STAGED_ROWS_MAX);
    let mut bytes = 0;
    while let Some((row, cells)) = reader.next_row()? {
        told.rows += 1;
        let no_order = reader.is_no_order(&row, &cells);
        let Some(staged) = told.listed(row, cells, no_order) else {
            continue;
        };
        bytes += staged.cells.iter().map(String::len).sum::<usize>();
        chunk.push(staged);
        if chunk.len() == STAGED_ROWS_MAX || bytes >= STAGED_BYTES_MAX {
            ledger.stage(&chunk)?;
            chunk.clear();
            bytes = 0;
        }
    }
    ledger.stage(&chunk)?;
    reader.finish()?;
    let mut desk = Desk {
        name: list.display().to_string(),
        columns,
        told,
        paper,
        failed: None,
    };
    let compared = ledger.beside(scope, &mut |beside| desk.tell(beside));
    if let Some(e) = desk.failed {
        return Err(AgainstFault::Differences(e));
    }
    desk.told.not_deducted = compared?;
    Ok(desk.told)
}

impl Told {
    /// Counts a row as it was read. None if it says itself that it has no order: then there is
    /// nothing to compare, and both sides agree.
    fn listed(&mut self, row: InputRow, cells: ListedCells, no_order: bool) -> Option<StagedRow> {
        let fen = row.amount.map_or(0, |fen| u128::from(fen.get()));
        self.list_fen += fen;
        self.unreadable_amounts += u64::from(row.amount.is_none());
        if no_order {
            self.no_order += 1;
            return None;
        }
        let state = &cells[Outcome::State as usize];
        let repeat = !cells[Outcome::DuplicateOf as usize].is_empty();
        if row.outcome.is_ok() && !repeat && fields::says_deducted(state) {
            self.list_deducted_fen += fen;
        }
        Some(StagedRow {
            ordinal: row.ordinal,
            line: row.line,
            cells: cells.to_vec(),
            amount: row.amount,
            came_back_as: None,
            asked: match row.outcome {
                Ok(deduction) => Ok(StagedOrder {
                    no: deduction.no,
                    content: deduction.content,
                    returned: deduction.returned,
                    comeback: Comeback::Result,
                    past: None,
                }),
                Err(faults) => Err(in_words(&faults)),
            },
        })
    }

    /// Counts an order that has its part in the comparison.
    fn order(&mut self, booked: &Booked) {
        self.orders += 1;
        if booked.fate() == Fate::Deducted {
            self.ledger_deducted_fen += u128::from(booked.order.content.amount.get());
        }
    }
}

fn in_words(faults: &[Fault]) -> String {
    let each = faults.iter();
    let words: Vec<String> = each
        .map(|f| {
            format!(
                "{}: {}, found \"{}\": {}",
                f.column, f.what, f.value, f.hint
            )
        })
        .collect();
    words.join("; ")
}

/// Where the ledger's answers come together.
struct Desk<'p> {
    /// The list, as it was named.
    name: String,
    columns: Columns,
    told: Told,
    paper: &'p mut Paper,
    /// The ledger gives its own word to an error of ours: the first one is kept as it was.
    failed: Option<io::Error>,
}

impl Desk<'_> {
    fn tell(&mut self, beside: Beside) -> io::Result<()> {
        let found = match beside {
            Beside::Row(row) => self.row(&row),
            Beside::Extra(booked) => {
                self.told.order(&booked);
                vec![self.extra(&booked)]
            }
        };
        for difference in found {
            if let Err(e) = self.paper.add(&difference) {
                let kind = e.kind();
                self.failed.get_or_insert(e);
                return Err(kind.into());
            }
            self.told.counts.add(difference.kind);
            if self.told.first.len() < SHOWN_MAX {
                self.told.first.push(difference);
            }
        }
        Ok(())
    }

    /// What is wrong with a row; it is counted once, under the first of these that holds.
    fn row(&mut self, row: &ListedRow) -> Vec<Difference> {
        let place = format!("{}:{}", self.name, row.line);
        match &row.found {
            Found::Faulty(words) => {
                self.told.invalid += 1;
                vec![Difference {
                    place,
                    note: words.clone(),
                    ..Difference::of(Kind::Invalid, "")
                }]
            }
            Found::Nothing {
                row: asked,
                same_debt,
            } => {
                self.told.missing += 1;
                if let Some(booked) = same_debt {
                    self.told.order(booked);
                }
                vec![missing(asked, same_debt.as_deref(), place)]
            }
            Found::Order {
                row: asked,
                booked,
                first_line,
                twins,
            } => {
                let mut found = fields::differences(asked, &row.cells, booked, &self.columns);
                let repeat = !row.cells[Outcome::DuplicateOf as usize].is_empty();
                let again = first_line.filter(|_| !repeat);
                found.extend(self.doubles(booked, again, twins));
                if first_line.is_none() {
                    self.told.order(booked);
                }
                match (again.is_some() || !twins.is_empty(), found.is_empty()) {
                    (true, _) => self.told.double += 1,
                    (false, false) => self.told.different += 1,
                    (false, true) => {
                        self.told.agreed += 1;
                        self.told.agreed_by[booked.status() as usize] += 1;
                    }
                }
                for difference in &mut found {
                    difference.place.clone_from(&place);
                }
                found
            }
        }
    }

    /// What is there twice: the order of an earlier line `again`, or the row's debt in the ledger.
    fn doubles(
        &mut self,
        booked: &Booked,
        again: Option<u64>,
        twins: &[Booked],
    ) -> Vec<Difference> {
        let again = again.map(|line| Difference {
            note: format!("row {line} of the list names this order too"),
            ..about(Kind::Double, &booked.order)
        });
        let mut found: Vec<Difference> = again.into_iter().collect();
        for twin in twins {
            self.told.order(twin);
            found.push(second(booked, twin));
        }
        found
    }

    fn extra(&self, booked: &Booked) -> Difference {
        Difference {
            field: "amount",
            ours: booked.order.content.amount.to_string(),
            place: booked.place.clone().unwrap_or_default(),
            note: format!("{}, and no row of {} names it", booked.status(), self.name),
            ..about(Kind::Extra, &booked.order)
        }
    }
}

/// A difference about an order or a row.
fn about(kind: Kind, order: &Order) -> Difference {
    Difference {
        merchant: order.content.merchant.to_string(),
        account: order.content.account.to_string(),
        ..Difference::of(kind, order.no.as_str())
    }
}

fn missing(asked: &Order, same_debt: Option<&Booked>, place: String) -> Difference {
    let note = match same_debt {
        None => "the ledger has no order for this row".into(),
        Some(booked) => format!(
            "the ledger does not have this number, but the same debt under {}",
            named(booked)
        ),
    };
    Difference {
        field: "amount",
        theirs: asked.content.amount.to_string(),
        place,
        note,
        ..about(Kind::Missing, asked)
    }
}

fn second(booked: &Booked, twin: &Booked) -> Difference {
    Difference {
        field: "amount",
        ours: twin.order.content.amount.to_string(),
        note: format!(
            "the ledger has the debt of this row twice: {} ({}) and {}, which no row names",
            booked.order.no,
            booked.status(),
            named(twin)
        ),
        ..about(Kind::Double, &twin.order)
    }
}

/// Number, status and place of an order.
fn named(booked: &Booked) -> String {
    let place = booked.place.as_deref().unwrap_or("an unknown place");
    format!("{} ({}) of {place}", booked.order.no, booked.status())
}

#[cfg(test)]
mod tests;
