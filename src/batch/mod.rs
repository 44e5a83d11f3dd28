//! A batch in: the bytes of a CSV file to checked rows, each with its place, in bounded memory.
//!
//! It does not know the ledger, the time or the network. `docs/FILES.md` describes the format.

mod decode;
mod escape;
mod fault;
mod history;
mod validate;

pub mod columns;

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::clock::WallMs;
use crate::order::{Content, Fen, OrderNo, Resolution};
use columns::Columns;
use decode::{Decoder, Stop};

pub use columns::LEVY_COLUMNS;
pub use escape::{escape_cell, unescape_cell};
pub use fault::{Fault, FileFault, FileFaultKind, SHOWN_CHARS_MAX, Seems};
pub use history::time as read_time;

/// Bytes of a cell as it stands in the file, quotes included.
pub const CELL_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a row as it stands in the file.
pub const ROW_BYTES_MAX: usize = 1024 * 1024;
/// Columns of a file.
pub const COLUMNS_MAX: usize = 1000;
/// Rows of a batch.
pub const ROWS_MAX: u64 = 10_000_000;
/// Bytes that are read at once for a digest.
const DIGEST_CHUNK_BYTES: usize = 64 * 1024;

/// What this run asks of a row beyond the form.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// The configured ceiling of a row's amount, in fen.
    pub amount_fen_max: Option<u64>,
    /// A reason may begin with `#sandbox`: true on the sandbox, a fault in a real run.
    pub sandbox_scripts_allowed: bool,
    /// The file is a history of what another tool has sent: each row has a number and says when that
    /// was first sent, not after this moment.
    pub history_until: Option<WallMs>,
}

/// The first line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The cells as they came, unquoted; without levy's own columns.
    pub cells: Vec<String>,
    /// Comma, semicolon or tab.
    pub delimiter: u8,
    /// The file carries levy's columns: it is a result that comes back.
    pub returned: bool,
}

/// What is known of a file after it was read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// SHA-256 of the file's bytes: the batch's identity.
    pub digest: [u8; 32],
    /// Its header.
    pub header: Header,
    /// Unknown columns that come close to a known one, as sentences.
    pub warnings: Vec<String>,
}

/// One row of the input. Its cells are the input's and may hold an account: they are not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct InputRow {
    /// The row's place among the file's rows, from 1.
    pub ordinal: u64,
    /// Physical line on which the row begins, from 1; the header's is 1.
    pub line: u64,
    /// The cells as they came, unquoted and untrimmed, one for each of [`Header::cells`]; of a
    /// result that comes back, without levy's columns and without the escape.
    pub cells: Vec<String>,
    /// The deduction, or every fault of the row in the order of the ladder.
    pub outcome: Result<Deduction, Vec<Fault>>,
    /// The amount where it could be read, of an invalid row too.
    pub amount: Option<Fen>,
}

impl fmt::Debug for InputRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputRow")
            .field("ordinal", &self.ordinal)
            .field("line", &self.line)
            .field("cells", &self.cells.len())
            .field("outcome", &self.outcome)
            .field("amount", &self.amount)
            .finish()
    }
}

/// A row that is a valid deduction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deduction {
    /// `out_request_no`; blank ones are derived later, since that takes the row's ordinal among
    /// its likes.
    pub no: Option<OrderNo>,
    /// What is deducted from whom.
    pub content: Content,
    /// `levy_out_request_no` of a result that comes back: the order that the row belongs to.
    pub returned: Option<OrderNo>,
    /// What another tool did with the number: of a history alone.
    pub past: Option<Past>,
}

/// What a history says of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// `first_sent_at`
    pub first_sent_at: WallMs,
    /// `outcome`; nothing if it is not known.
    pub outcome: Option<Resolution>,
    /// `quota_change_no`
    pub change_no: Option<String>,
}

/// Reads a file row by row. Nothing of it may be sent before [`Reader::finish`] has said `Ok`: a
/// fault of the file may stand in its last line.
pub struct Reader<R: Read> {
    name: Box<str>,
    decoder: Decoder<R>,
    header: Header,
    columns: Columns,
    rules: Rules,
    rows: u64,
    end: Option<Result<(), FileFault>>,
}

impl Reader<File> {
    /// Opens a file and reads its header.
    pub fn open(path: &Path, rules: Rules) -> Result<Self, FileFault> {
        let (name, file) = open_file(path)?;
        Self::new(&name, file, rules)
    }
}

impl<R: Read> Reader<R> {
    /// Reads the header of any source of bytes; `name` stands in messages.
    pub fn new(name: &str, source: R, rules: Rules) -> Result<Self, FileFault> {
        let refused = |stop: Stop| FileFault::new(name, stop.line, stop.kind);
        let mut decoder = Decoder::new(source).map_err(refused)?;
        let Some(lines) = decoder.next().map_err(refused)? else {
            return Err(FileFault::new(name, None, FileFaultKind::Empty));
        };
        let columns = Columns::read(decoder.record(), rules.history_until.is_some())
            .map_err(|kind| FileFault::new(name, Some(lines.first), kind))?;
        if columns.returned {
            decoder.expect_a_result();
        }
        let header = Header {
            cells: columns.carried_cells(decoder.record()),
            delimiter: decoder.delimiter(),
            returned: columns.returned,
        };
        Ok(Self {
            name: name.into(),
            decoder,
            header,
            columns,
            rules,
            rows: 0,
            end: None,
        })
    }

    /// The header.
    pub fn head(&self) -> &Header {
        &self.header
    }

    /// Unknown columns that come close to a known one, as sentences.
    pub fn warnings(&self) -> &[String] {
        &self.columns.warnings
    }

    /// The next row; `None` at the end. A fault of the file is given again by every later call.
    pub fn next_row(&mut self) -> Result<Option<InputRow>, FileFault> {
        if let Some(end) = &self.end {
            return end.clone().map(|()| None);
        }
        let row = self.read_row();
        match &row {
            Ok(Some(_)) => {}
            Ok(None) => self.end = Some(Ok(())),
            Err(fault) => self.end = Some(Err(fault.clone())),
        }
        row
    }

    /// Reads what is left and gives the digest of the whole file; a fault of the file, if there was
    /// or is one.
    pub fn finish(mut self) -> Result<Head, FileFault> {
        while self.next_row()?.is_some() {}
        Ok(Head {
            digest: self.decoder.digest(),
            header: self.header,
            warnings: self.columns.warnings,
        })
    }

    fn read_row(&mut self) -> Result<Option<InputRow>, FileFault> {
        let name = &*self.name;
        let refused = |stop: Stop| FileFault::new(name, stop.line, stop.kind);
        let Some(lines) = self.decoder.next().map_err(refused)? else {
            if self.rows == 0 {
                return Err(FileFault::new(name, None, FileFaultKind::NoRows));
            }
            return Ok(None);
        };
        let record = self.decoder.record();
        let at_row = |kind| FileFault::new(name, Some(lines.first), kind);
        if record.len() != self.columns.width() {
            return Err(at_row(FileFaultKind::FieldCount {
                found: record.len(),
                wanted: self.columns.width(),
                last_line: lines.last,
            }));
        }
        if self.rows == ROWS_MAX {
            return Err(at_row(FileFaultKind::TooManyRows));
        }
        self.rows += 1;
        let checked = validate::check(record, &self.columns, &self.rules, lines.first);
        Ok(Some(InputRow {
            ordinal: self.rows,
            line: lines.first,
            cells: self.columns.carried_cells(record),
            outcome: checked.outcome,
            amount: checked.amount,
        }))
    }
}

/// SHA-256 of a file's bytes, in bounded memory: the batch's identity before anything else is known.
pub fn digest_of(path: &Path) -> Result<[u8; 32], FileFault> {
    let (name, mut file) = open_file(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; DIGEST_CHUNK_BYTES];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(count) => hash.update(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FileFault::io(&name, &error)),
        }
    }
}

/// Only regular files: a pipe gives its bytes once and would block before that, a directory none.
fn open_file(path: &Path) -> Result<(String, File), FileFault> {
    let name = path.display().to_string();
    let meta = std::fs::metadata(path).map_err(|error| FileFault::io(&name, &error))?;
    if !meta.is_file() {
        return Err(FileFault::new(&name, None, FileFaultKind::NotAFile));
    }
    let file = File::open(path).map_err(|error| FileFault::io(&name, &error))?;
    Ok((name, file))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
