//! A table of texts as a workbook: the cells as they are given, and nothing of levy's own. No cell
//! is a formula, whatever it begins with.

use std::io::{self, Write};
use std::path::Path;

use rust_xlsxwriter::{Format, Workbook};

use super::{COLUMN_WIDTH, SHEET_ROWS_MAX, fault};

/// A table that is being written, through a temporary file and not through memory.
pub(in crate::report) struct Plain {
    book: Workbook,
    text: Format,
    row: u32,
    columns: u16,
}

impl Plain {
    /// Begins with the header.
    pub(in crate::report) fn begin(directory: &Path, header: &[&str]) -> io::Result<Self> {
        let mut book = Workbook::new();
        book.set_tempdir(directory).map_err(fault)?;
        let text = Format::new().set_num_format("@");
        let bold = text.clone().set_bold();
        let columns =
            u16::try_from(header.len()).map_err(|_| io::Error::other("too many columns"))?;
        let sheet = book.add_worksheet_with_constant_memory().map_err(fault)?;
        sheet.set_freeze_panes(1, 0).map_err(fault)?;
        for (column, name) in (0..).zip(header) {
            sheet
                .set_column_width(column, COLUMN_WIDTH)
                .map_err(fault)?;
            sheet
                .write_string_with_format(0, column, *name, &bold)
                .map_err(fault)?;
        }
        Ok(Self {
            book,
            text,
            row: 0,
            columns,
        })
    }

    /// One row more.
    pub(in crate::report) fn row(&mut self, cells: &[&str]) -> io::Result<()> {
        self.row += 1;
        if u64::from(self.row) >= SHEET_ROWS_MAX {
            return Err(io::Error::other(format!(
                "a sheet has at most {SHEET_ROWS_MAX} rows; name a .csv with --out"
            )));
        }
        let sheet = self.book.worksheet_from_index(0).map_err(fault)?;
        for (column, cell) in (0..).zip(cells) {
            sheet
                .write_string_with_format(self.row, column, *cell, &self.text)
                .map_err(fault)?;
        }
        Ok(())
    }

    /// Writes the whole.
    pub(in crate::report) fn finish(mut self, mut to: impl Write + Send) -> io::Result<()> {
        let sheet = self.book.worksheet_from_index(0).map_err(fault)?;
        let last = self.columns.saturating_sub(1);
        sheet.autofilter(0, 0, self.row, last).map_err(fault)?;
        self.book.save_to_writer(&mut to).map_err(fault)?;
        to.flush()
    }
}
