//! A result as a workbook (.xlsx): every cell a text, so that no spreadsheet rounds a number.
//!
//! The same cells as in the CSV, escape included: either comes back as the other would. A second sheet
//! has the totals. Rows go through a temporary file beside the result, not through memory.

mod plain;

use std::io::{self, Write};
use std::path::Path;

use rust_xlsxwriter::{
    Color, DataValidation, DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError,
};

use crate::batch::{LEVY_COLUMNS, escape_cell};
use crate::clock::WallMs;
use crate::ledger::Totals;
use crate::order::{Status, yuan};

pub(super) use plain::Plain;

/// Rows of a sheet, the header's included.
pub(super) const SHEET_ROWS_MAX: u64 = 1_048_576;
/// The sheet of the rows.
const ROWS_SHEET: &str = "result";
/// The sheet of the sums.
const TOTALS_SHEET: &str = "totals";
/// Where `levy_status` stands among levy's columns.
const STATUS_PLACE: u16 = 1;
/// The third column of a template.
const TYPE_COLUMN: u16 = 2;
/// Width of a column, in characters.
const COLUMN_WIDTH: f64 = 18.0;

/// A workbook that is being written.
pub(super) struct Sheet {
    book: Workbook,
    text: Format,
    by_status: Vec<Format>,
    row: u32,
    columns: u16,
    /// Where `levy_status` stands.
    status_column: u16,
}

impl Sheet {
    /// Begins with the header: the input's own cells, then levy's. `made_at` stands in the workbook's
    /// properties: the same bytes for the same state.
    pub(super) fn begin(directory: &Path, header: &[String], made_at: WallMs) -> io::Result<Self> {
        let mut book = Workbook::new();
        book.set_tempdir(directory).map_err(fault)?;
        let made_at = ExcelDateTime::from_timestamp(made_at.0.div_euclid(1000)).map_err(fault)?;
        book.set_properties(&DocProperties::new().set_creation_datetime(&made_at));
        let text = Format::new().set_num_format("@");
        let coloured = |status: &Status| text.clone().set_background_color(color(*status));
        let by_status = Status::ALL.iter().map(coloured).collect();
        let columns = header.len() + LEVY_COLUMNS.len();
        let columns = u16::try_from(columns).map_err(|_| io::Error::other("too many columns"))?;
        let rows = book.add_worksheet_with_constant_memory().map_err(fault)?;
        rows.set_name(ROWS_SHEET).map_err(fault)?;
        rows.set_freeze_panes(1, 0).map_err(fault)?;
        for column in 0..columns {
            rows.set_column_width(column, COLUMN_WIDTH).map_err(fault)?;
        }
        let bold = text.clone().set_bold();
        let names = header.iter().map(String::as_str).chain(LEVY_COLUMNS);
        for (column, name) in (0..).zip(names) {
            write(rows, 0, column, name, &bold)?;
        }
        Ok(Self {
            book,
            text,
            by_status,
            row: 0,
            columns,
            status_column: columns - LEVY_COLUMNS.len() as u16 + STATUS_PLACE,
        })
    }

    /// Writes a row's cells; those of its status are coloured by it.
    pub(super) fn row<'a>(
        &mut self,
        status: Status,
        cells: impl Iterator<Item = &'a str>,
    ) -> io::Result<()> {
        self.row += 1;
        if u64::from(self.row) >= SHEET_ROWS_MAX {
            return Err(io::Error::other(format!(
                "a sheet has at most {SHEET_ROWS_MAX} rows; name a .csv with --out"
            )));
        }
        let place = Status::ALL.iter().position(|known| *known == status);
        let coloured = place.map_or(&self.text, |place| &self.by_status[place]);
        let rows = self.book.worksheet_from_index(0).map_err(fault)?;
        for (column, cell) in (0..).zip(cells) {
            let format = match column == self.status_column {
                true => coloured,
                false => &self.text,
            };
            write(rows, self.row, column, cell, format)?;
        }
        Ok(())
    }

    /// Adds the sums, and writes the whole.
    pub(super) fn finish(
        mut self,
        totals: Option<&Totals>,
        mut to: impl Write + Send,
    ) -> io::Result<()> {
        let rows = self.book.worksheet_from_index(0).map_err(fault)?;
        rows.autofilter(0, 0, self.row, self.columns - 1)
            .map_err(fault)?;
        if let Some(totals) = totals {
            let sheet = self.book.add_worksheet();
            sheet.set_name(TOTALS_SHEET).map_err(fault)?;
            sheet.set_column_width(0, COLUMN_WIDTH).map_err(fault)?;
            for (row, line) in (0..).zip(sums(totals)) {
                for (column, cell) in (0..).zip(&line) {
                    write(sheet, row, column, cell, &self.text)?;
                }
            }
        }
        self.book.save_to_writer(&mut to).map_err(fault)?;
        to.flush()
    }
}

/// An empty batch: a header, and columns of text below it; the third column takes `types` alone.
pub(super) fn template(header: &[&str], types: [&str; 2]) -> io::Result<Vec<u8>> {
    let mut book = Workbook::new();
    let text = Format::new().set_num_format("@");
    let bold = text.clone().set_bold();
    let sheet = book.add_worksheet();
    sheet.set_freeze_panes(1, 0).map_err(fault)?;
    for (column, name) in (0..).zip(header) {
        sheet
            .set_column_width(column, 2.0 * COLUMN_WIDTH)
            .map_err(fault)?;
        sheet.set_column_format(column, &text).map_err(fault)?;
        write(sheet, 0, column, name, &bold)?;
    }
    let choice = DataValidation::new()
        .allow_list_strings(&types)
        .map_err(fault)?;
    let last = SHEET_ROWS_MAX as u32 - 1;
    sheet
        .add_data_validation(1, TYPE_COLUMN, last, TYPE_COLUMN, &choice)
        .map_err(fault)?;
    book.save_to_buffer().map_err(fault)
}

/// What the second sheet says.
fn sums(totals: &Totals) -> Vec<[String; 3]> {
    let line = |word: &str, rows: String, fen: u128| [word.to_owned(), rows, yuan(fen)];
    let mut lines = vec![["status".into(), "rows".into(), "yuan".into()]];
    for (status, rows, fen) in &totals.by_status {
        lines.push(line(status.as_str(), rows.to_string(), *fen));
    }
    let all = totals.by_status.iter().map(|(_, _, fen)| fen).sum();
    lines.push(line("in all", totals.rows.to_string(), all));
    lines.push(["".into(), "orders".into(), "yuan".into()]);
    for (word, fen) in [
        ("deducted", totals.deducted_fen),
        ("open", totals.open_fen),
        ("dead", totals.dead_fen),
    ] {
        lines.push(line(word, String::new(), fen));
    }
    let orders = totals.deducted_fen + totals.open_fen + totals.dead_fen;
    lines.push(line("each order once", totals.orders.to_string(), orders));
    lines
}

fn write(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &str,
    format: &Format,
) -> io::Result<()> {
    sheet
        .write_string_with_format(row, column, escape_cell(cell), format)
        .map_err(fault)?;
    Ok(())
}

fn color(status: Status) -> Color {
    Color::RGB(match status {
        Status::Success => 0xc6_efce,
        Status::Processing | Status::Unknown | Status::Pending => 0xff_eb9c,
        Status::Failed | Status::Closed | Status::Rejected | Status::Invalid => 0xff_c7ce,
        Status::Conflict | Status::Held | Status::Expired => 0xf8_cbad,
        Status::Cancelled => 0xd9_d9d9,
    })
}

/// A full disk stays a full disk.
fn fault(error: XlsxError) -> io::Error {
    match error {
        XlsxError::IoError(error) => error,
        XlsxError::ZipError(zip::result::ZipError::Io(error)) => error,
        XlsxError::MaxStringLengthExceeded => io::Error::other(
            "a sheet's cell has at most 32,767 characters, and one is longer; name a .csv with --out",
        ),
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
