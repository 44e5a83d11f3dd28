//! A file into the ledger: read whole, staged as it is read, accepted in one commit.
//!
//! Nothing of a file is an order before the whole of it was checked: a fault of the file, a signal
//! or a crash leaves a staging that claims no number, and the next run throws it away. It sends
//! nothing and does not know what the rows are for.

use std::fmt;
use std::fs::File;
use std::path::Path;

use crate::batch::{AddedUp, ControlTotals, Fault, FileFault, Form, InputRow, Reader, Rules};
use crate::clock::WallMs;
use crate::ledger::{
    Accepted, Admit, Batch, BatchHead, Ledger, LedgerError, SentBefore, StagedOrder, StagedRow,
};
use crate::order::yuan;

/// Rows that are staged in one transaction.
pub const STAGED_ROWS_MAX: usize = 1000;
/// Bytes of cells that are staged in one transaction: rows may be long.
pub const STAGED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What became of a file.
#[derive(Debug)]
pub struct Intake {
    /// The batch, accepted.
    pub batch: Batch,
    /// What accepting it did.
    pub accepted: Accepted,
    /// What it was read as.
    pub form: Form,
    /// Columns that come close to a known one, as sentences.
    pub warnings: Vec<String>,
}

/// A file that was staged, and no more.
#[derive(Debug)]
pub struct Staged {
    /// What it would be accepted as.
    pub head: BatchHead,
    /// What it was read as.
    pub form: Form,
    /// Columns that come close to a known one, as sentences.
    pub warnings: Vec<String>,
}

/// Why a file did not become a batch. Nothing of it was or will be sent.
#[derive(Debug)]
pub enum IntakeFault {
    /// The file as a whole is refused.
    File(FileFault),
    /// The file changed between the two times it was read.
    Changed,
    /// The ledger did not take it.
    Ledger(LedgerError),
    /// It does not add up to what its maker told; in words, beginning with the file's name.
    Totals(String),
    /// Its valid rows add up to more than is allowed; in words, beginning with the file's name.
    Ceiling(String),
    /// A signal came.
    Stopped,
}

impl fmt::Display for IntakeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(fault) => fault.fmt(f),
            Self::Changed => f.write_str(
                "the file changed while it was read: nothing of it was sent; \
                 give the command again when it is whole",
            ),
            Self::Ledger(e) => e.fmt(f),
            Self::Totals(words) => write!(
                f,
                "{words}: nothing of it was sent; ask who made it which of them is right"
            ),
            Self::Ceiling(words) => f.write_str(words),
            Self::Stopped => f.write_str("stopped while the file was read; nothing was sent"),
        }
    }
}

impl std::error::Error for IntakeFault {}

impl From<FileFault> for IntakeFault {
    fn from(fault: FileFault) -> Self {
        Self::File(fault)
    }
}

impl From<LedgerError> for IntakeFault {
    fn from(e: LedgerError) -> Self {
        Self::Ledger(e)
    }
}

/// How a file is taken in.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// What is asked of a row beyond the form.
    pub rules: Rules,
    /// What the file must add up to.
    pub expected: ControlTotals,
    /// The most that its valid rows may add up to, in fen.
    pub total_fen_max: Option<u64>,
    /// Whether it may become a batch, by what comes out.
    pub admit: Admit,
    /// Days within which another order for the same debt holds a new one.
    pub hold_days: u32,
    /// Now.
    pub at: WallMs,
}

/// Who watches a file being read.
pub trait Watcher {
    /// A row, as it was read; called for each, in order.
    fn row(&mut self, row: &InputRow);
    /// Whether to give up.
    fn stopped(&self) -> bool;
}

/// Watches nothing.
struct Nobody;

impl Watcher for Nobody {
    fn row(&mut self, _: &InputRow) {}

    fn stopped(&self) -> bool {
        false
    }
}

/// Takes a file in. `digest` is what the file's bytes were a moment ago, when the ledger was asked
/// whether it knows them; a file that differs since is refused, and so is one with any fault of the
/// whole. Rows with faults of their own are taken in, and will be INVALID.
pub fn take_in(
    ledger: &mut dyn Ledger,
    path: &Path,
    digest: Option<[u8; 32]>,
    terms: &Terms,
    watcher: &mut dyn Watcher,
) -> Result<Intake, IntakeFault> {
    ledger.stage_clear()?;
    let staged = stage(ledger, path, digest, terms, watcher);
    let taken = staged.and_then(|staged| {
        let (batch, accepted) =
            ledger.accept_if(&staged.head, terms.at, terms.hold_days, terms.admit)?;
        Ok(Intake {
            batch,
            accepted,
            form: staged.form,
            warnings: staged.warnings,
        })
    });
    if taken.is_err() {
        // The next run clears it too; a second failure would hide the first.
        let _ = ledger.stage_clear();
    }
    taken
}

/// Stages a file and no more. The caller empties the staging again.
pub fn stage(
    ledger: &mut dyn Ledger,
    path: &Path,
    digest: Option<[u8; 32]>,
    terms: &Terms,
    watcher: &mut dyn Watcher,
) -> Result<Staged, IntakeFault> {
    let mut chunk: Vec<StagedRow> = Vec::with_capacity(STAGED_ROWS_MAX);
    let mut bytes = 0;
    let reader = Reader::open(path, terms.rules)?;
    let staged = read_through(reader, path, digest, terms, watcher, &mut |row| {
        bytes += row.cells.iter().map(String::len).sum::<usize>();
        chunk.push(staged_row(row));
        if chunk.len() == STAGED_ROWS_MAX || bytes >= STAGED_BYTES_MAX {
            ledger.stage(&chunk)?;
            chunk.clear();
            bytes = 0;
        }
        Ok(())
    })?;
    if !chunk.is_empty() {
        ledger.stage(&chunk)?;
    }
    Ok(staged)
}

/// Stages the rows that are `wanted`, as if they were the whole file: each keeps its line, and gets an
/// ordinal among them.
pub fn stage_some(
    ledger: &mut dyn Ledger,
    path: &Path,
    digest: [u8; 32],
    terms: &Terms,
    wanted: &mut dyn FnMut(&InputRow) -> bool,
) -> Result<Staged, IntakeFault> {
    let mut chunk: Vec<StagedRow> = Vec::with_capacity(STAGED_ROWS_MAX);
    let mut reader = Reader::open(path, terms.rules)?;
    reader.skip_cells();
    let mut ordinal = 0;
    let staged = read_through(reader, path, Some(digest), terms, &mut Nobody, &mut |row| {
        if !wanted(&row) {
            return Ok(());
        }
        ordinal += 1;
        chunk.push(StagedRow {
            ordinal,
            ..staged_row(row)
        });
        if chunk.len() == STAGED_ROWS_MAX {
            ledger.stage(&chunk)?;
            chunk.clear();
        }
        Ok(())
    })?;
    if !chunk.is_empty() {
        ledger.stage(&chunk)?;
    }
    Ok(staged)
}

/// Reads a file that was opened to its end, and looks at it as a whole.
pub fn read_through(
    mut reader: Reader<File>,
    path: &Path,
    digest: Option<[u8; 32]>,
    terms: &Terms,
    watcher: &mut dyn Watcher,
    each: &mut dyn FnMut(InputRow) -> Result<(), IntakeFault>,
) -> Result<Staged, IntakeFault> {
    let form = reader.form();
    let mut added_up = AddedUp::default();
    let mut valid_fen = 0_u128;
    while let Some(row) = reader.next_row()? {
        watcher.row(&row);
        added_up.rows += 1;
        match row.amount {
            Some(amount) => added_up.amount_fen += u128::from(amount.get()),
            None => added_up.unreadable += 1,
        }
        if let Ok(deduction) = &row.outcome {
            valid_fen += u128::from(deduction.content.amount.get());
        }
        each(row)?;
        if added_up.rows % STAGED_ROWS_MAX as u64 == 0 && watcher.stopped() {
            return Err(IntakeFault::Stopped);
        }
    }
    let head = reader.finish()?;
    if digest.is_some_and(|digest| digest != head.digest) {
        return Err(IntakeFault::Changed);
    }
    if let Some(words) = terms.expected.differ(&added_up, &head.digest) {
        return Err(IntakeFault::Totals(format!("{}: {words}", path.display())));
    }
    if let Some(most) = terms
        .total_fen_max
        .filter(|most| valid_fen > u128::from(*most))
    {
        return Err(IntakeFault::Ceiling(format!(
            "{}: its valid rows add up to {} yuan, and a file may ask for {} at most ([limits] \
             total_fen_max): nothing of it was sent; split it, or have the ceiling raised",
            path.display(),
            yuan(valid_fen),
            yuan(u128::from(most))
        )));
    }
    if watcher.stopped() {
        return Err(IntakeFault::Stopped);
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(Staged {
        head: BatchHead {
            digest: head.digest,
            file: name.to_string_lossy().into_owned(),
            header: head.header.cells,
            delimiter: head.header.delimiter,
        },
        form,
        warnings: head.warnings,
    })
}

fn staged_row(row: InputRow) -> StagedRow {
    StagedRow {
        ordinal: row.ordinal,
        line: row.line,
        cells: row.cells,
        amount: row.amount,
        came_back_as: row.came_back_as,
        asked: match row.outcome {
            Ok(deduction) => Ok(StagedOrder {
                no: deduction.no,
                content: deduction.content,
                returned: deduction.returned,
                comeback: deduction.comeback,
                past: deduction.past.map(|past| SentBefore {
                    first_sent_at: past.first_sent_at,
                    outcome: past.outcome,
                    change_no: past.change_no,
                }),
            }),
            Err(faults) => Err(note(&faults)),
        },
    }
}

/// A row's faults as its note. The line stands in a column of its own.
fn note(faults: &[Fault]) -> String {
    let words: Vec<String> = faults
        .iter()
        .map(|f| {
            format!(
                "{}: {}, found \"{}\": {}",
                f.column, f.what, f.value, f.hint
            )
        })
        .collect();
    words.join("; ")
}

#[cfg(test)]
mod tests;
