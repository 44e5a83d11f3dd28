//! An input with its faults beside it: the file's own cells as they stand in it, all of them, and one
//! column more, so that a person mends the cells right there and gives the file again.
//!
//! Nothing is escaped: what is given again must be what was given before. It does not know what the
//! faults are.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::result::{Draft, Place, ResultFault};
use super::sheet::Plain;
use crate::batch::escape_cell;

/// The column of the faults.
pub const FAULTS_COLUMN: &str = "levy_faults";
/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 256 * 1024;
/// UTF-8's byte order mark: without it Excel takes the file for the machine's old code page.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// A marked file on its way: 0600, whole in the end or not there at all.
pub struct Marked {
    draft: Draft,
    table: Table,
    /// Columns of the input that are carried on: an older column of faults is not.
    carried: Vec<usize>,
}

enum Table {
    Csv(Box<csv::Writer<BufWriter<std::fs::File>>>),
    Sheet(Box<Plain>),
}

impl Marked {
    /// Begins it beside its place, with the input's header and delimiter.
    ///
    /// # Errors
    /// The disk's.
    pub fn begin(place: &Place, header: &[&str], delimiter: u8) -> Result<Self, ResultFault> {
        let ours = |cell: &str| cell.trim().eq_ignore_ascii_case(FAULTS_COLUMN);
        let places = 0..header.len();
        let carried: Vec<usize> = places.filter(|&i| !ours(header[i])).collect();
        let mut names: Vec<&str> = carried.iter().map(|&i| header[i]).collect();
        names.push(FAULTS_COLUMN);
        let draft = Draft::begin(place)?;
        let table = match super::result::is_workbook(place.path()) {
            true => {
                let directory = place.path().parent().filter(|p| !p.as_os_str().is_empty());
                let directory = directory.unwrap_or(Path::new("."));
                Plain::begin(directory, &names).map(|plain| Table::Sheet(Box::new(plain)))
            }
            false => csv_of(&draft, &names, delimiter).map(|csv| Table::Csv(Box::new(csv))),
        };
        Ok(Self {
            table: table.map_err(|e| draft.fault(e))?,
            draft,
            carried,
        })
    }

    /// A row of the input, and what is wrong with it.
    ///
    /// # Errors
    /// The disk's.
    pub fn row(&mut self, cells: &[Cow<'_, str>], faults: &str) -> io::Result<()> {
        let carried = self.carried.iter();
        let mut row: Vec<&str> = carried
            .map(|&i| cells.get(i).map_or("", |cell| &**cell))
            .collect();
        let faults = escape_cell(faults);
        row.push(&faults);
        match &mut self.table {
            Table::Csv(csv) => Ok(csv.write_record(&row)?),
            Table::Sheet(plain) => plain.row(&row),
        }
    }

    /// An error of writing it, with its place.
    pub fn fault(&self, e: io::Error) -> ResultFault {
        self.draft.fault(e)
    }

    /// Puts it into its place, whole.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(self) -> Result<(), ResultFault> {
        let Self { draft, table, .. } = self;
        let written = match table {
            Table::Csv(csv) => csv
                .into_inner()
                .map_err(|e| io::Error::other(e.to_string()))
                .and_then(|mut out| out.flush()),
            Table::Sheet(plain) => plain.finish(BufWriter::new(draft.file())),
        };
        written.map_err(|e| draft.fault(e))?;
        draft.finish()
    }
}

fn csv_of(
    draft: &Draft,
    names: &[&str],
    delimiter: u8,
) -> io::Result<csv::Writer<BufWriter<std::fs::File>>> {
    let builder = |style| {
        let mut builder = csv::WriterBuilder::new();
        builder
            .delimiter(delimiter)
            .terminator(csv::Terminator::CRLF)
            .quote_style(style);
        builder
    };
    // The delimiter is found again by its count in the header, outside of quotes; a byte order mark in
    // a cell is not the file's.
    let others = |cell: &&str| cell.contains([',', ';', '\t', '\u{feff}']);
    let style = match names.iter().any(others) {
        true => csv::QuoteStyle::Always,
        false => csv::QuoteStyle::Necessary,
    };
    let mut first = builder(style).from_writer(Vec::new());
    first.write_record(names)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, draft.file().try_clone()?);
    out.write_all(BOM)?;
    out.write_all(&first.into_inner().map_err(|e| e.into_error())?)?;
    Ok(builder(csv::QuoteStyle::Necessary).from_writer(out))
}
