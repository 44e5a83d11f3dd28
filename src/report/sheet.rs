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

use super::layout::Layout;
use crate::batch::{Language, escape_cell};
use crate::clock::WallMs;
use crate::ledger::{ResultRow, Totals};
use crate::order::{Status, yuan};

pub(super) use plain::Plain;

/// Rows of a sheet, the header's included.
pub(super) const SHEET_ROWS_MAX: u64 = 1_048_576;
/// The sheet of the rows.
const ROWS_SHEET: &str = "result";
/// The sheet of the sums.
const TOTALS_SHEET: &str = "totals";
/// The third column of a template.
const TYPE_COLUMN: u16 = 2;
/// Width of a column, in characters.
const COLUMN_WIDTH: f64 = 18.0;

/// A workbook that is being written.
pub(super) struct Sheet<'h> {
    book: Workbook,
    layout: Layout<'h>,
    text: Format,
    by_status: Vec<Format>,
    row: u32,
    columns: u16,
}

impl<'h> Sheet<'h> {
    /// Begins with the header. `made_at` stands in the workbook's properties: the same bytes for the
    /// same state.
    pub(super) fn begin(directory: &Path, layout: Layout<'h>, made_at: WallMs) -> io::Result<Self> {
        let mut book = Workbook::new();
        book.set_tempdir(directory).map_err(fault)?;
        let made_at = ExcelDateTime::from_timestamp(made_at.0.div_euclid(1000)).map_err(fault)?;
        book.set_properties(&DocProperties::new().set_creation_datetime(&made_at));
        let text = Format::new().set_num_format("@");
        let coloured = |status: &Status| text.clone().set_background_color(color(*status));
        let by_status = Status::ALL.iter().map(coloured).collect();
        let columns =
            u16::try_from(layout.width()).map_err(|_| io::Error::other("too many columns"))?;
        let rows = book.add_worksheet_with_constant_memory().map_err(fault)?;
        rows.set_name(ROWS_SHEET).map_err(fault)?;
        rows.set_freeze_panes(1, 0).map_err(fault)?;
        for column in 0..columns {
            rows.set_column_width(column, COLUMN_WIDTH).map_err(fault)?;
        }
        let bold = text.clone().set_bold();
        for (column, name) in (0..).zip(layout.names()) {
            write(rows, 0, column, name, &bold)?;
        }
        Ok(Self {
            book,
            layout,
            text,
            by_status,
            row: 0,
            columns,
        })
    }

    /// Writes a row's cells; that of its status is coloured by it.
    pub(super) fn row(&mut self, row: &ResultRow) -> io::Result<()> {
        self.row += 1;
        if u64::from(self.row) >= SHEET_ROWS_MAX {
            return Err(io::Error::other(format!(
                "a sheet has at most {SHEET_ROWS_MAX} rows; name a .csv with --out"
            )));
        }
        let place = Status::ALL.iter().position(|known| *known == row.status);
        let coloured = place.map_or(&self.text, |place| &self.by_status[place]);
        let rows = self.book.worksheet_from_index(0).map_err(fault)?;
        let status = self.layout.status_place();
        let mut column = 0;
        self.layout.cells(row, &mut |cell| {
            let format = match usize::from(column) == status {
                true => coloured,
                false => &self.text,
            };
            write(rows, self.row, column, cell, format)?;
            column += 1;
            Ok(())
        })
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
            let language = self.layout.style().language;
            for (row, line) in (0..).zip(sums(totals, language)) {
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

/// The words of the second sheet.
struct Words {
    head: [&'static str; 3],
    in_all: &'static str,
    orders: &'static str,
    deducted: &'static str,
    open: &'static str,
    dead: &'static str,
    once: &'static str,
}

fn words(language: Language) -> Words {
    match language {
        Language::English => Words {
            head: ["status", "rows", "yuan"],
            in_all: "in all",
            orders: "orders",
            deducted: "deducted",
            open: "open",
            dead: "dead",
            once: "each order once",
        },
        Language::Chinese => Words {
            head: ["状态", "行数", "金额(元)"],
            in_all: "合计",
            orders: "单数",
            deducted: "已扣划",
            open: "未完结",
            dead: "未扣划",
            once: "每单计一次",
        },
    }
}

/// What the second sheet says.
fn sums(totals: &Totals, language: Language) -> Vec<[String; 3]> {
    let words = words(language);
    let line = |word: &str, rows: String, fen: u128| [word.to_owned(), rows, yuan(fen)];
    let mut lines = vec![words.head.map(str::to_owned)];
    for (status, rows, fen) in &totals.by_status {
        let word = match language {
            Language::English => status.as_str(),
            Language::Chinese => status.chinese(),
        };
        lines.push(line(word, rows.to_string(), *fen));
    }
    let all = totals.by_status.iter().map(|(_, _, fen)| fen).sum();
    lines.push(line(words.in_all, totals.rows.to_string(), all));
    lines.push(["".into(), words.orders.into(), words.head[2].into()]);
    for (word, fen) in [
        (words.deducted, totals.deducted_fen),
        (words.open, totals.open_fen),
        (words.dead, totals.dead_fen),
    ] {
        lines.push(line(word, String::new(), fen));
    }
    let orders = totals.deducted_fen + totals.open_fen + totals.dead_fen;
    lines.push(line(words.once, totals.orders.to_string(), orders));
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
        XlsxError::MaxStringLengthExceeded => io::Error::new(
            io::ErrorKind::InvalidData,
            "a sheet's cell has at most 32,767 characters, and one is longer; name a .csv with --out",
        ),
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
