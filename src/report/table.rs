//! A result as a CSV: its bytes, row by row. It does not know where they go.

use std::io::{self, Write};

use super::layout::{Ends, Layout};
use super::result::BUFFER_BYTES;
use crate::batch::escape_cell;
use crate::ledger::ResultRow;

/// UTF-8's byte order mark: without it Excel takes the file for the machine's old code page.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// A result's bytes, row by row, into any writer. It does not count its rows.
pub struct Table<'h, W: Write> {
    csv: csv::Writer<W>,
    layout: Layout<'h>,
}

impl<'h, W: Write> Table<'h, W> {
    /// Writes the byte order mark, unless it is to be plain, and the header.
    pub fn begin(mut out: W, layout: Layout<'h>, delimiter: u8) -> io::Result<Self> {
        let builder = |style| {
            let mut builder = csv::WriterBuilder::new();
            builder
                .delimiter(delimiter)
                .terminator(match layout.style().ends {
                    Ends::Excel => csv::Terminator::CRLF,
                    Ends::Plain => csv::Terminator::Any(b'\n'),
                })
                .quote_style(style);
            builder
        };
        // The delimiter is found again by its count in the header, outside of quotes: another one
        // in a header cell must not outnumber it. A byte order mark in a cell is not the file's.
        let others = |cell: &str| cell.contains([',', ';', '\t', '\u{feff}']);
        let style = match layout.names().any(others) {
            true => csv::QuoteStyle::Always,
            false => csv::QuoteStyle::Necessary,
        };
        let mut first = builder(style).from_writer(Vec::new());
        write_cells(&mut first, layout.names())?;
        first.write_record(None::<&[u8]>)?;
        match layout.style().ends {
            Ends::Excel => out.write_all(BOM)?,
            Ends::Plain => {}
        }
        out.write_all(&first.into_inner().map_err(|e| e.into_error())?)?;
        let csv = builder(csv::QuoteStyle::Necessary)
            .buffer_capacity(BUFFER_BYTES)
            .from_writer(out);
        Ok(Self { csv, layout })
    }

    /// Writes a row: its cells as they came, then levy's.
    pub fn row(&mut self, row: &ResultRow) -> io::Result<()> {
        let csv = &mut self.csv;
        self.layout
            .cells(row, &mut |cell| write_cells(csv, [cell]))?;
        self.csv.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Hands everything on to the writer, and the writer back.
    pub fn finish(self) -> io::Result<W> {
        let mut out = self.csv.into_inner().map_err(|e| e.into_error())?;
        out.flush()?;
        Ok(out)
    }
}

/// Writes cells of a row, each so that no spreadsheet takes it for a formula.
pub fn write_cells<'a, W: Write>(
    csv: &mut csv::Writer<W>,
    cells: impl IntoIterator<Item = &'a str>,
) -> io::Result<()> {
    for cell in cells {
        csv.write_field(escape_cell(cell).as_bytes())?;
    }
    Ok(())
}
