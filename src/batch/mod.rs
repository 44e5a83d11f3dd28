//! A batch in: the bytes of a CSV file to checked rows, each with its place, in bounded memory.
//!
//! It does not know the ledger, the time or the network. `docs/FILES.md` describes the format.

mod alike;
mod cell;
mod control;
mod decode;
mod digest;
mod encoding;
mod escape;
mod fault;
mod history;
mod list;
mod validate;
mod workbook;

pub mod columns;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use csv::StringRecord;

use crate::clock::WallMs;
use crate::order::{Comeback, Content, Fen, OrderNo, Resolution};
use columns::Columns;
use decode::{Decoder, Lines, Stop};
use digest::open_file;
use workbook::{Kind, Workbook};

pub use alike::{Alike, Shared};
pub use columns::{
    LEVY_COLUMNS, Language, ShownColumns, levy_columns, reissue_column, shown_columns, template,
};
pub use control::{AddedUp, ControlTotals};
pub use digest::digest_of;
pub use encoding::{Encoding, Form};
pub use escape::{escape_cell, unescape_cell};
pub use fault::{
    Fault, FileFault, FileFaultKind, RUN_CHARS_MASKED, SHOWN_CHARS_MAX, Seems, shown_text,
};
pub use history::time as read_time;
pub use list::{ListReader, ListedCells, Outcome, shown_cell};
pub use workbook::WORKBOOK_BYTES_MAX;

/// Bytes of a cell as it stands in the file, quotes included.
pub const CELL_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a row as it stands in the file.
pub const ROW_BYTES_MAX: usize = 1024 * 1024;
/// Columns of a file.
pub const COLUMNS_MAX: usize = 1000;
/// Rows of a batch.
pub const ROWS_MAX: u64 = 10_000_000;
/// Blank rows on end: as many as a spreadsheet has rows.
const BLANK_ROWS_MAX: usize = 1_048_576;
/// Bytes of blanks in such rows, which are kept until it is known what comes behind them.
const BLANK_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What this run asks of a row beyond the form.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// The configured ceiling of a row's amount, in fen.
    pub amount_fen_max: Option<u64>,
    /// A reason may begin with `#sandbox`: true on the sandbox, a fault in a real run.
    pub sandbox_scripts_allowed: bool,
    /// Identifiers that a spreadsheet may have rounded are taken as they are.
    pub accept_digits: bool,
    /// What the file is in; recognised from its bytes unless given.
    pub encoding: Option<Encoding>,
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
    /// It also has the column `levy_reissue`: rows that needed somebody come back.
    pub failed: bool,
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
    /// The row that a spreadsheet shows it in, from 1; the header's is 1. Every message about a row names
    /// it so: cells of several lines move the lines of the file.
    pub line: u64,
    /// The cells as they came, unquoted and untrimmed, one for each of [`Header::cells`]; of a
    /// result that comes back, without levy's columns and without the escape. None after
    /// [`Reader::skip_cells`].
    pub cells: Vec<String>,
    /// The deduction, or every fault of the row in the order of the ladder.
    pub outcome: Result<Deduction, Vec<Fault>>,
    /// The amount where it could be read, of an invalid row too.
    pub amount: Option<Fen>,
    /// What stands in `levy_out_request_no`, of an invalid row too.
    pub came_back_as: Option<String>,
    /// The places, from 0, of cells that their kind in a workbook rules out.
    pub unfit: Vec<usize>,
    /// What may be wrong with it, and is not for levy to tell: the row goes on.
    pub doubts: Vec<Fault>,
}

impl fmt::Debug for InputRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputRow")
            .field("ordinal", &self.ordinal)
            .field("line", &self.line)
            .field("cells", &self.cells.len())
            .field("outcome", &self.outcome)
            .field("amount", &self.amount)
            .field("doubts", &self.doubts)
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
    /// What such a row asks for.
    pub comeback: Comeback,
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
    records: Records<R>,
    header: Header,
    raw_header: Vec<String>,
    columns: Columns,
    rules: Rules,
    rows: u64,
    /// Rows of blank cells: no rows of the batch, unless another comes behind them.
    blanks: VecDeque<Blank>,
    /// Bytes of their cells.
    blank_bytes: usize,
    /// The line of the row behind `blanks`, which are rows then, and its cells.
    behind: Option<Lines>,
    record: StringRecord,
    kinds: Vec<Kind>,
    without_cells: bool,
    end: Option<Result<(), FileFault>>,
}

/// Where records come from.
enum Records<R: Read> {
    Csv(Box<Decoder<R>>),
    Workbook(Workbook),
}

impl<R: Read> Records<R> {
    fn next(&mut self) -> Result<Option<Lines>, Stop> {
        match self {
            Self::Csv(decoder) => decoder.next(),
            Self::Workbook(book) => book.next(),
        }
    }

    fn record(&self) -> &StringRecord {
        match self {
            Self::Csv(decoder) => decoder.record(),
            Self::Workbook(book) => book.record(),
        }
    }

    /// Gives the record away for another, whose cells are of no account.
    fn swap(&mut self, record: &mut StringRecord, kinds: &mut Vec<Kind>) {
        match self {
            Self::Csv(decoder) => decoder.swap_record(record),
            Self::Workbook(book) => book.swap(record, kinds),
        }
    }

    fn digest(&self) -> [u8; 32] {
        match self {
            Self::Csv(decoder) => decoder.digest(),
            Self::Workbook(book) => book.digest(),
        }
    }
}

/// A row of blank cells.
struct Blank {
    lines: Lines,
    /// Its cells, where one holds blanks.
    cells: Option<Box<StringRecord>>,
}

impl Reader<File> {
    /// Opens a file, recognises its encoding, which takes a reading of its own, and reads its header.
    pub fn open(path: &Path, rules: Rules) -> Result<Self, FileFault> {
        let (name, mut file) = open_file(path)?;
        if workbook::is_workbook(&mut file).map_err(|error| FileFault::io(&name, &error))? {
            let book = Workbook::open(file, rules.history_until.is_some())
                .map_err(|stop| stop.in_file(&name))?;
            return Self::of(&name, Records::Workbook(book), rules);
        }
        let mut recognised = || -> io::Result<Option<Encoding>> {
            let encoding = encoding::recognise(&mut file)?;
            file.rewind()?;
            Ok(encoding)
        };
        let encoding = match rules.encoding {
            Some(asked) => {
                let marked = encoding::mark_of(&mut file);
                let marked = marked.map_err(|error| FileFault::io(&name, &error))?;
                if let Some(marked) = marked.filter(|marked| *marked != asked) {
                    let kind = FileFaultKind::OtherMark { marked, asked };
                    return Err(FileFault::new(&name, Some(1), kind));
                }
                asked
            }
            None => recognised()
                .map_err(|error| FileFault::io(&name, &error))?
                .ok_or_else(|| FileFault::new(&name, None, FileFaultKind::Ambiguous))?,
        };
        let rules = Rules {
            encoding: Some(encoding),
            ..rules
        };
        Self::new(&name, file, rules)
    }
}

impl<R: Read> Reader<R> {
    /// Reads the header of any source of bytes, which is in UTF-8 unless the rules say otherwise;
    /// `name` stands in messages.
    pub fn new(name: &str, source: R, rules: Rules) -> Result<Self, FileFault> {
        let encoding = rules.encoding.unwrap_or(Encoding::Utf8);
        let decoder = Decoder::new(source, encoding).map_err(|stop| stop.in_file(name))?;
        Self::of(name, Records::Csv(Box::new(decoder)), rules)
    }

    fn of(name: &str, mut records: Records<R>, rules: Rules) -> Result<Self, FileFault> {
        let Some(lines) = records.next().map_err(|stop| stop.in_file(name))? else {
            return Err(FileFault::new(name, None, FileFaultKind::Empty));
        };
        let mut columns = Columns::read(records.record(), rules.history_until.is_some())
            .map_err(|kind| FileFault::new(name, Some(lines.first), kind))?;
        let delimiter = match &mut records {
            Records::Csv(decoder) => {
                if columns.returned {
                    decoder.expect_a_result();
                }
                decoder.delimiter()
            }
            Records::Workbook(book) => {
                columns.warnings.append(&mut book.warnings);
                b','
            }
        };
        let header = Header {
            cells: columns.carried_cells(records.record(), &[]),
            delimiter,
            returned: columns.returned,
            failed: columns.failed(),
        };
        let raw_header = records.record().iter().map(str::to_owned).collect();
        Ok(Self {
            name: name.into(),
            raw_header,
            records,
            header,
            columns,
            rules,
            rows: 0,
            blanks: VecDeque::new(),
            blank_bytes: 0,
            behind: None,
            record: StringRecord::new(),
            kinds: Vec::new(),
            without_cells: false,
            end: None,
        })
    }

    /// What the file is read as.
    pub fn form(&self) -> Form {
        match self.records {
            Records::Csv(_) => Form::Csv(self.rules.encoding.unwrap_or(Encoding::Utf8)),
            Records::Workbook(_) => Form::Workbook,
        }
    }

    /// The header.
    pub fn head(&self) -> &Header {
        &self.header
    }

    /// Unknown columns that come close to a known one, as sentences.
    pub fn warnings(&self) -> &[String] {
        &self.columns.warnings
    }

    /// From now on rows come without their cells, which take most of the time that a row takes.
    pub fn skip_cells(&mut self) {
        self.without_cells = true;
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
            digest: self.records.digest(),
            header: self.header,
            warnings: self.columns.warnings,
        })
    }

    fn read_row(&mut self) -> Result<Option<InputRow>, FileFault> {
        if self.behind.is_none() && !self.look_ahead()? {
            return self.ended();
        }
        if self.rows == ROWS_MAX {
            return Err(FileFault::new(
                &self.name,
                self.behind.map(|lines| lines.first),
                FileFaultKind::TooManyRows,
            ));
        }
        self.rows += 1;
        if let Some(blank) = self.blanks.pop_front() {
            let cells = blank.cells.map_or_else(
                || StringRecord::from(vec![""; self.columns.width()]),
                |cells| *cells,
            );
            return Ok(Some(self.row(&cells, &[], blank.lines)));
        }
        Ok(self
            .behind
            .take()
            .map(|lines| self.row(&self.record, &self.kinds, lines)))
    }

    /// Every header cell as it stands in the file, levy's own among them.
    pub fn raw_header(&self) -> &[String] {
        &self.raw_header
    }

    /// Every cell of the row that was given last, as it stands in the file; empty ones of a blank row.
    /// A cell that its kind rules out is marked, so that as a text it is a fault still.
    pub fn raw(&self, row: &InputRow) -> Vec<Cow<'_, str>> {
        let cells = self.record.iter().enumerate();
        match self.behind {
            Some(_) => vec!["".into(); self.columns.width()],
            None => cells
                .map(|(place, cell)| cell::marked(cell, row.unfit.contains(&place)))
                .collect(),
        }
    }

    /// A cell of the row that was given last.
    fn cell(&self, place: usize) -> &str {
        // A blank one is given while the row behind it waits.
        match self.behind {
            Some(_) => "",
            None => self.columns.cell(&self.record, place),
        }
    }

    /// Reads on to the next row that is not blank; false at the end.
    fn look_ahead(&mut self) -> Result<bool, FileFault> {
        let name = &*self.name;
        while let Some(lines) = self.records.next().map_err(|stop| stop.in_file(name))? {
            let record = self.records.record();
            let at_row = |kind| FileFault::new(name, Some(lines.first), kind);
            if record.len() != self.columns.width() {
                return Err(at_row(FileFaultKind::FieldCount {
                    found: record.len(),
                    wanted: self.columns.width(),
                    last_line: lines.last,
                }));
            }
            if !record.iter().all(|cell| cell.trim().is_empty()) {
                self.behind = Some(lines);
                self.blank_bytes = 0;
                self.records.swap(&mut self.record, &mut self.kinds);
                return Ok(true);
            }
            self.blank_bytes += record.as_slice().len();
            if self.blanks.len() == BLANK_ROWS_MAX || self.blank_bytes > BLANK_BYTES_MAX {
                return Err(at_row(FileFaultKind::TooManyBlanks));
            }
            let empty = record.iter().all(str::is_empty);
            self.blanks.push_back(Blank {
                lines,
                cells: (!empty).then(|| Box::new(record.clone())),
            });
        }
        Ok(false)
    }

    fn ended(&mut self) -> Result<Option<InputRow>, FileFault> {
        if self.rows == 0 {
            return Err(FileFault::new(&self.name, None, FileFaultKind::NoRows));
        }
        if let Some(first) = self.blanks.front() {
            self.columns.warnings.push(format!(
                "{} blank rows at the end, from row {} on, are no rows of the batch",
                self.blanks.len(),
                first.lines.row
            ));
            self.blanks.clear();
        }
        Ok(None)
    }

    fn row(&self, record: &StringRecord, kinds: &[Kind], lines: Lines) -> InputRow {
        let row = validate::Row {
            record,
            kinds,
            line: lines.row,
        };
        let checked = validate::check(row, &self.columns, &self.rules);
        let cells = match self.without_cells {
            true => Vec::new(),
            false => self.columns.carried_cells(record, &checked.unfit),
        };
        InputRow {
            ordinal: self.rows,
            line: lines.row,
            cells,
            unfit: checked.unfit,
            outcome: checked.outcome,
            amount: checked.amount,
            came_back_as: checked.came_back_as,
            doubts: checked.doubts,
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
