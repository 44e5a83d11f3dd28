//! An Excel workbook (.xlsx) as records, with the kind of each cell.
//!
//! A spreadsheet stores what looks like a number as one, keeps 15 digits of it and drops zeros in
//! front; so the kind of a cell is told with its text. The sheet is read by the crate `calamine`, in a
//! thread of its own since its reader borrows from the workbook: a few rows are held, and what the
//! workbook itself keeps apart, its table of texts.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use calamine::{
    DataRef, Reader as _, SheetType, SheetVisible, Style, Xlsx, XlsxCellReader, XlsxError,
    XlsxFormulaMetadata,
};
use csv::StringRecord;

use super::columns::Columns;
use super::decode::{Lines, RETURNED_CELL_BYTES_MAX, RETURNED_ROW_BYTES_MAX, Stop};
use super::digest::digest_of_bytes;
use super::fault::{FileFaultKind, shown};

/// The first bytes of a ZIP archive, which a workbook is.
const ZIP_MARK: &[u8] = b"PK\x03\x04";
/// Bytes of a workbook.
pub const WORKBOOK_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes, unpacked, of what a workbook keeps beside its sheets: its table of texts, which is held in
/// memory, and its styles.
pub(super) const TEXTS_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Where the sheets lie in a workbook; they are read a row at a time.
const SHEETS_DIRECTORY: &str = "xl/worksheets/";
/// Bytes of all parts of a workbook, unpacked.
const UNPACKED_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Rows that wait to be taken.
const ROWS_AHEAD: usize = 64;
/// Significant digits that a spreadsheet keeps and shows of a number.
const DIGITS_KEPT: usize = 15;
/// Cells that are shown as percentages; their places are held in memory.
const PERCENTS_MAX: usize = 4_000_000;
/// Columns of a sheet that are looked at.
const COLUMNS_READ_MAX: usize = 16_384;

/// What a cell is to a spreadsheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text, or nothing. Every cell of a CSV.
    Text,
    Number,
    /// A number that is shown as a percentage: a hundred times what is stored.
    Percent,
    /// A date, a time or a duration.
    Date,
    /// TRUE or FALSE.
    Truth,
    /// `#N/A` and its like.
    Error,
    /// A formula whose value nobody has stored: what it comes to is not in the file.
    Formula,
}

/// Whether a file is a workbook, by its first bytes. Reads from the beginning, and goes back there.
pub(super) fn is_workbook(file: &mut File) -> std::io::Result<bool> {
    let mut head = Vec::new();
    let mut begin = file.take(ZIP_MARK.len() as u64);
    begin.read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head == ZIP_MARK)
}

type Book = Xlsx<BufReader<File>>;

struct Row {
    /// As the spreadsheet counts, from 1.
    number: u64,
    cells: StringRecord,
    kinds: Vec<Kind>,
}

enum Message {
    Row(Row),
    End,
    Stop(Stop),
}

/// Reads records, one at a time.
pub(super) struct Workbook {
    file: File,
    messages: Receiver<Message>,
    row: Row,
    digest: [u8; 32],
    /// Sheets that are not read, as sentences.
    pub(super) warnings: Vec<String>,
}

impl Workbook {
    /// Opens a workbook at its one sheet that has the columns of a batch, or of a history.
    pub(super) fn open(mut file: File, history: bool) -> Result<Self, Stop> {
        let refused = |kind| Stop { line: None, kind };
        let io = |error: std::io::Error| refused(FileFaultKind::Io(error.to_string()));
        let bytes = file.metadata().map_err(io)?.len();
        if bytes > WORKBOOK_BYTES_MAX {
            return Err(refused(FileFaultKind::WorkbookTooLarge(bytes)));
        }
        let digest = digest_of_bytes(&mut file).map_err(io)?;
        let again = file.try_clone().map_err(io)?;
        whole(&file).map_err(refused)?;
        file.rewind().map_err(io)?;
        let mut book: Book = Xlsx::new(BufReader::new(file)).map_err(|e| refused(broken(&e)))?;
        let (sheet, warnings) = batch_sheet(&mut book, history).map_err(refused)?;
        let (sender, messages) = sync_channel(ROWS_AHEAD);
        std::thread::spawn(move || send(&mut book, &sheet, &sender));
        Ok(Self {
            file: again,
            messages,
            row: Row {
                number: 0,
                cells: StringRecord::new(),
                kinds: Vec::new(),
            },
            digest,
            warnings,
        })
    }

    /// The next record that is not missing in the sheet; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Lines>, Stop> {
        match self.messages.recv() {
            Ok(Message::Row(row)) => {
                self.row = row;
                Ok(Some(Lines {
                    first: self.row.number,
                    last: self.row.number,
                    row: self.row.number,
                }))
            }
            Ok(Message::End) => self.unchanged().map(|()| None),
            Ok(Message::Stop(stop)) => Err(stop),
            // The thread is gone without a word: it has panicked.
            Err(_) => Err(Stop {
                line: None,
                kind: FileFaultKind::Workbook("its contents make no sense".into()),
            }),
        }
    }

    /// The rows were read after the bytes were hashed: whoever wrote to the file in between would have
    /// them go under the other's digest.
    fn unchanged(&self) -> Result<(), Stop> {
        let mut whole = Again {
            file: &self.file,
            at: 0,
        };
        let kind = match digest_of_bytes(&mut whole) {
            Ok(digest) if digest == self.digest => return Ok(()),
            Ok(_) => FileFaultKind::Changed,
            Err(error) => FileFaultKind::Io(error.to_string()),
        };
        Err(Stop { line: None, kind })
    }

    pub(super) fn record(&self) -> &StringRecord {
        &self.row.cells
    }

    pub(super) fn swap(&mut self, record: &mut StringRecord, kinds: &mut Vec<Kind>) {
        std::mem::swap(&mut self.row.cells, record);
        std::mem::swap(&mut self.row.kinds, kinds);
    }

    /// SHA-256 of the file's bytes.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

/// A file from its beginning, wherever other readers of it stand.
struct Again<'f> {
    file: &'f File,
    at: u64,
}

impl Read for Again<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(out, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Reads every part to its end, where its checksum is compared: whoever reads a sheet stops at its
/// last row, and a digit that was damaged before it would be believed.
fn whole(file: &File) -> Result<(), FileFaultKind> {
    let broken = |error: &dyn std::fmt::Display| FileFaultKind::Workbook(shown(&error.to_string()));
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|e| broken(&e))?;
    let (mut left, mut texts_left) = (UNPACKED_BYTES_MAX, TEXTS_BYTES_MAX);
    for part in 0..archive.len() {
        let part = archive.by_index(part).map_err(|e| broken(&e))?;
        let name = part.name().map_err(|e| broken(&e))?;
        let in_memory = !name.starts_with(SHEETS_DIRECTORY);
        let read = io::copy(&mut part.take(left + 1), &mut io::sink()).map_err(|e| broken(&e))?;
        left = left
            .checked_sub(read)
            .ok_or(FileFaultKind::WorkbookTooLarge(UNPACKED_BYTES_MAX))?;
        if in_memory {
            texts_left = texts_left
                .checked_sub(read)
                .ok_or(FileFaultKind::TextsTooLarge)?;
        }
    }
    Ok(())
}

fn broken(error: &XlsxError) -> FileFaultKind {
    FileFaultKind::Workbook(shown(&error.to_string()))
}

/// The sheet whose first row names the columns of a batch. Without one the first sheet that holds
/// anything, so that its own fault is told; two of them are one too many.
fn batch_sheet(book: &mut Book, history: bool) -> Result<(String, Vec<String>), FileFaultKind> {
    let sheets = book.sheets_metadata().iter();
    let names: Vec<String> = sheets
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        // What nobody sees, nobody has asked for.
        .filter(|sheet| sheet.visible == SheetVisible::Visible)
        .map(|sheet| sheet.name.clone())
        .collect();
    let (mut batches, mut others) = (Vec::new(), Vec::new());
    let mut returned = false;
    for name in names {
        let mut cells = book.worksheet_cells_reader(&name).map_err(|e| broken(&e))?;
        let mut rows = Rows::new(None);
        let header = rows.next(&mut cells).map_err(|stop| stop.kind)?;
        match header {
            None => {}
            Some(header) => match Columns::read(&header.cells, history) {
                Ok(columns) => {
                    returned = columns.returned;
                    batches.push(name);
                }
                Err(_) => others.push(name),
            },
        }
    }
    if batches.len() > 1 {
        let names: Vec<String> = batches.iter().map(|name| shown(name)).collect();
        return Err(FileFaultKind::TwoSheets(names.join(", ")));
    }
    let sheet = match batches.pop() {
        Some(batch) => batch,
        None if others.is_empty() => return Err(FileFaultKind::Empty),
        None => others.remove(0),
    };
    // A result has its totals on a sheet of their own.
    if returned {
        others.clear();
    }
    let unread = others.iter().map(|name| {
        format!(
            "sheet \"{}\" has not the columns of a batch, and is not read",
            shown(name)
        )
    });
    Ok((sheet, unread.collect()))
}

/// Sends every row of a sheet, and how it ended; stops when nobody listens any more.
fn send(book: &mut Book, sheet: &str, to: &SyncSender<Message>) {
    let percents = percents(book, sheet);
    let opened = percents.and_then(|percents| {
        let cells = book.worksheet_cells_reader(sheet);
        Ok((percents, cells.map_err(|error| broken(&error))?))
    });
    let (percents, mut cells) = match opened {
        Ok(opened) => opened,
        Err(kind) => {
            let _ = to.send(Message::Stop(Stop { line: None, kind }));
            return;
        }
    };
    let mut rows = Rows {
        percents,
        ..Rows::new(None)
    };
    loop {
        let message = match rows.next(&mut cells) {
            Ok(Some(row)) => {
                rows.width.get_or_insert(row.cells.len());
                Message::Row(row)
            }
            Ok(None) => Message::End,
            Err(stop) => Message::Stop(stop),
        };
        let last = !matches!(message, Message::Row(_));
        if to.send(message).is_err() || last {
            return;
        }
    }
}

/// The places of cells that are shown as percentages, in the sheet's order. Looked for in a reading of
/// its own, and only where a format of the workbook is one: no reader tells formats and formulas both.
fn percents(book: &mut Book, sheet: &str) -> Result<VecDeque<(u32, u32)>, FileFaultKind> {
    let mut cells = book.worksheet_cells_reader(sheet).map_err(|e| broken(&e))?;
    let shows = |style: &Style| {
        let format = style.number_format.as_ref();
        format.is_some_and(|format| format.format_code.contains('%'))
    };
    let styles: Vec<bool> = cells.styles().iter().map(shows).collect();
    let mut found = VecDeque::new();
    if !styles.contains(&true) {
        return Ok(found);
    }
    while let Some((row, column, style)) = cells.next_style_id().map_err(|e| broken(&e))? {
        if !styles.get(style).copied().unwrap_or(false) {
            continue;
        }
        if found.len() == PERCENTS_MAX {
            let words = format!("more than {PERCENTS_MAX} cells are shown as percentages");
            return Err(FileFaultKind::Workbook(words));
        }
        found.push_back((row, column));
    }
    Ok(found)
}

/// Cells, which come one by one, as rows.
struct Rows {
    /// Cells of the header: every row has as many.
    width: Option<usize>,
    /// Cells that are shown as percentages and still to come.
    percents: VecDeque<(u32, u32)>,
    /// The first cell of the row after.
    ahead: Option<(u32, u32, String, Kind)>,
    last: u64,
    ended: bool,
}

impl Rows {
    fn new(width: Option<usize>) -> Self {
        Self {
            width,
            percents: VecDeque::new(),
            ahead: None,
            last: 0,
            ended: false,
        }
    }

    /// The next row that has a cell with something in it or, below the header, any cell at all.
    fn next<RS: Read + Seek>(
        &mut self,
        from: &mut XlsxCellReader<'_, RS>,
    ) -> Result<Option<Row>, Stop> {
        loop {
            let Some((number, cells)) = self.gather(from)? else {
                return Ok(None);
            };
            let blank = cells.iter().all(|(text, _)| text.is_empty());
            if blank && self.width.is_none() {
                continue;
            }
            return self.row(number, cells).map(Some);
        }
    }

    #[allow(clippy::type_complexity)]
    fn gather<RS: Read + Seek>(
        &mut self,
        from: &mut XlsxCellReader<'_, RS>,
    ) -> Result<Option<(u64, Vec<(String, Kind)>)>, Stop> {
        let mut cells: Vec<(String, Kind)> = Vec::new();
        let (mut number, mut bytes) = (None, 0);
        loop {
            let (row, column, text, kind) = match self.ahead.take() {
                Some(cell) => cell,
                None if self.ended => return Ok(number.map(|number| (number, cells))),
                None => match from.next_cell_with_formula_metadata() {
                    Ok(Some(cell)) => {
                        let (row, column) = cell.pos;
                        let (text, kind) = match (&cell.value, &cell.formula) {
                            (DataRef::Empty, Some(formula)) => unvalued(formula),
                            (value, _) => text_of(value),
                        };
                        let kind = match kind {
                            Kind::Number if self.is_percent((row, column)) => Kind::Percent,
                            kind => kind,
                        };
                        (row, column, text, kind)
                    }
                    // It may not be asked again.
                    Ok(None) => {
                        self.ended = true;
                        continue;
                    }
                    Err(error) => return Err(self.stop(broken(&error))),
                },
            };
            let at = u64::from(row) + 1;
            if *number.get_or_insert(at) != at {
                self.ahead = Some((row, column, text, kind));
                return Ok(number.map(|number| (number, cells)));
            }
            let column = column as usize;
            if at <= self.last || column < cells.len() || column >= COLUMNS_READ_MAX {
                let words = "its cells are not in order";
                return Err(self.stop(FileFaultKind::Workbook(words.into())));
            }
            cells.resize(column, (String::new(), Kind::Text));
            bytes += text.len();
            if text.len() > RETURNED_CELL_BYTES_MAX {
                self.last = at;
                let position = column + 1;
                return Err(self.stop(FileFaultKind::CellTooLong { position }));
            }
            if bytes > RETURNED_ROW_BYTES_MAX {
                self.last = at;
                return Err(self.stop(FileFaultKind::RowTooLong));
            }
            cells.push((text, kind));
        }
    }

    /// Asked of each cell in the sheet's order.
    fn is_percent(&mut self, place: (u32, u32)) -> bool {
        while self.percents.front().is_some_and(|first| *first < place) {
            self.percents.pop_front();
        }
        self.percents.front() == Some(&place)
    }

    fn row(&mut self, number: u64, mut cells: Vec<(String, Kind)>) -> Result<Row, Stop> {
        self.last = number;
        let filled = cells.iter().rposition(|(text, _)| !text.is_empty());
        let filled = filled.map_or(0, |last| last + 1);
        let width = self.width.unwrap_or(filled);
        if filled > width {
            return Err(self.stop(FileFaultKind::StrayCell { position: filled }));
        }
        cells.resize(width, (String::new(), Kind::Text));
        Ok(Row {
            number,
            cells: cells.iter().map(|(text, _)| text.as_str()).collect(),
            kinds: cells.iter().map(|(_, kind)| *kind).collect(),
        })
    }

    fn stop(&self, kind: FileFaultKind) -> Stop {
        let line = (self.last > 0).then_some(self.last);
        Stop { line, kind }
    }
}

/// A formula of which no value is known, as what it is: it must not pass for a blank cell.
fn unvalued(formula: &XlsxFormulaMetadata) -> (String, Kind) {
    let text = match formula {
        XlsxFormulaMetadata::Normal { formula } => formula.as_str(),
        XlsxFormulaMetadata::Shared { formula, .. } => formula.as_str(),
        // Written down in another cell.
        _ => "…",
    };
    (format!("={text}"), Kind::Formula)
}

fn text_of(value: &DataRef<'_>) -> (String, Kind) {
    match value {
        DataRef::Empty => (String::new(), Kind::Text),
        DataRef::String(text) => (text.clone(), Kind::Text),
        DataRef::SharedString(text) => ((*text).to_owned(), Kind::Text),
        DataRef::Int(number) => (number.to_string(), Kind::Number),
        DataRef::Float(number) => (number_as_shown(*number), Kind::Number),
        DataRef::Bool(truth) => (if *truth { "TRUE" } else { "FALSE" }.into(), Kind::Truth),
        DataRef::Error(error) => (error.to_string(), Kind::Error),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => (text.clone(), Kind::Date),
        DataRef::DateTime(date) if date.is_duration() => {
            (number_as_shown(date.as_f64()), Kind::Date)
        }
        DataRef::DateTime(date) => {
            let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
            let mut text = format!("{year:04}-{month:02}-{day:02}");
            if (hour, minute, second) != (0, 0, 0) {
                text.push_str(&format!(" {hour:02}:{minute:02}:{second:02}"));
            }
            (text, Kind::Date)
        }
    }
}

/// A number in plain decimal digits, as many as a spreadsheet keeps: 0.28999999999999998 is 0.29.
fn number_as_shown(number: f64) -> String {
    let rounded: f64 = format!("{number:.*e}", DIGITS_KEPT - 1)
        .parse()
        .unwrap_or(number);
    // Display writes the shortest digits that mean this number, and never an exponent.
    rounded.to_string()
}

#[cfg(test)]
mod tests;
