//! Bytes to records with their place: encoding, delimiter, quotes, lines and sizes.
//!
//! The fields are split by the crate `csv`. It is lenient where money is not (a quote may stay open
//! until the file ends, a lone CR ends a row) and loses count of lines over blank ones, so its
//! input passes a filter that walks the same states, refuses these, and hands over one record at a
//! time: when a record comes out, the filter stands exactly behind it. So a line that needs no states
//! may go past both ([`plain`]). It knows no column.

mod plain;

use std::io::{self, Read};

use csv::StringRecord;

use super::encoding::{CHARACTER_BYTES_MAX, Encoding, Text, TextFault};
use super::fault::{FileFault, FileFaultKind, Seems};
use super::{CELL_BYTES_MAX, ROW_BYTES_MAX};

/// Bytes read from the file at once; the header's delimiter is looked for in the first of them.
const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of a result's cell: quotes and an escape may have come around the input's, and every
/// quote in it be doubled.
pub(super) const RETURNED_CELL_BYTES_MAX: usize = 2 * CELL_BYTES_MAX + 4;
/// Bytes of a result's row: the input's, with quotes, and as much again for levy's own cells.
pub(super) const RETURNED_ROW_BYTES_MAX: usize = 3 * ROW_BYTES_MAX;
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why reading stopped, and on which line.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) line: Option<u64>,
    pub(super) kind: FileFaultKind,
}

impl Stop {
    pub(super) fn in_file(self, name: &str) -> FileFault {
        FileFault::new(name, self.line, self.kind)
    }
}

/// The physical lines of a record, from 1, and the row that a spreadsheet would show it in: it counts
/// a record over several lines as one, and a blank line too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) row: u64,
}

/// Reads records, one at a time.
pub(super) struct Decoder<R: Read> {
    csv: csv::Reader<Filter<R>>,
    record: StringRecord,
    /// `csv` has seen the first bytes, of which it would take off a mark.
    begun: bool,
}

impl<R: Read> Decoder<R> {
    /// Reads the first chunk: the delimiter is known after it.
    pub(super) fn new(source: R, encoding: Encoding) -> Result<Self, Stop> {
        let mut filter = Filter::new(Text::new(source, encoding));
        filter.begin()?;
        let csv = csv::ReaderBuilder::new()
            .delimiter(filter.delimiter)
            .terminator(csv::Terminator::Any(b'\n'))
            .has_headers(false)
            .flexible(true)
            .from_reader(filter);
        Ok(Self {
            csv,
            record: StringRecord::new(),
            begun: false,
        })
    }

    /// From the next record on cells and rows may be as long as those of a result: see
    /// [`RETURNED_CELL_BYTES_MAX`].
    pub(super) fn expect_a_result(&mut self) {
        let filter = self.csv.get_mut();
        filter.cell_bytes_max = RETURNED_CELL_BYTES_MAX;
        filter.row_bytes_max = RETURNED_ROW_BYTES_MAX;
    }

    pub(super) fn delimiter(&self) -> u8 {
        self.csv.get_ref().delimiter
    }

    /// The next record, as [`Decoder::record`]; `None` at the end. Not to be called after an error.
    pub(super) fn next(&mut self) -> Result<Option<Lines>, Stop> {
        if self.begun && self.csv.get_mut().plain_record(&mut self.record)? {
            return Ok(Some(self.csv.get_ref().record));
        }
        self.begun = true;
        match self.csv.read_record(&mut self.record) {
            Ok(true) => Ok(Some(self.csv.get_ref().record)),
            Ok(false) => Ok(None),
            Err(error) => {
                let stop = self.csv.get_mut().stop.take();
                Err(stop.unwrap_or_else(|| Stop {
                    line: None,
                    kind: FileFaultKind::Io(error.to_string()),
                }))
            }
        }
    }

    pub(super) fn record(&self) -> &StringRecord {
        &self.record
    }

    /// Gives the record away for another, whose cells are of no account.
    pub(super) fn swap_record(&mut self, other: &mut StringRecord) {
        std::mem::swap(&mut self.record, other);
    }

    /// SHA-256 of the bytes that were read: of the whole file after `next` gave `None`.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.csv.get_ref().source.digest()
    }
}

/// Where the filter stands, named as in `csv_core`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    StartRecord,
    StartField,
    InField,
    InQuotes,
    QuoteInQuotes,
}

enum Step {
    /// The CR of CRLF.
    Drop,
    /// The byte goes on to `csv`.
    Keep,
    /// The byte ends a line that is a record, or a blank one.
    End,
}

struct Filter<R> {
    source: Text<R>,
    chunk: Box<[u8]>,
    /// Next byte of the chunk to look at.
    at: usize,
    /// Bytes of the chunk up to here are UTF-8 whose last character is whole.
    checked: usize,
    filled: usize,
    /// What is wrong with the text at `checked`.
    broken: Option<FileFaultKind>,
    ended: bool,
    /// Bytes of the text before the chunk.
    offset: u64,
    delimiter: u8,
    state: State,
    after_return: bool,
    line: u64,
    record: Lines,
    /// Records and blank lines that have ended.
    ends: u64,
    quote_line: u64,
    position: usize,
    cell_bytes: usize,
    row_bytes: usize,
    cell_bytes_max: usize,
    row_bytes_max: usize,
    stop: Option<Stop>,
}

impl<R: Read> Filter<R> {
    fn new(source: Text<R>) -> Self {
        Self {
            source,
            chunk: vec![0; CHUNK_BYTES].into_boxed_slice(),
            at: 0,
            checked: 0,
            filled: 0,
            broken: None,
            ended: false,
            offset: 0,
            delimiter: b',',
            state: State::StartRecord,
            after_return: false,
            line: 1,
            record: Lines {
                first: 1,
                last: 1,
                row: 1,
            },
            ends: 0,
            quote_line: 1,
            position: 1,
            cell_bytes: 0,
            row_bytes: 0,
            cell_bytes_max: CELL_BYTES_MAX,
            row_bytes_max: ROW_BYTES_MAX,
            stop: None,
        }
    }

    fn begin(&mut self) -> Result<(), Stop> {
        while self.chunk.len() - self.filled >= CHARACTER_BYTES_MAX && !self.ended {
            self.fill()?;
        }
        let head = &self.chunk[..self.filled];
        if let Some(seems) = foreign(head) {
            return Err(self.stopped(self.not_text(0, seems)));
        }
        // Tools that each mark a file leave several; the crate `csv` would take off one more.
        let marks = head.chunks(UTF8_MARK.len());
        let mark = UTF8_MARK.len() * marks.take_while(|chunk| *chunk == UTF8_MARK).count();
        self.check();
        self.at = mark;
        self.delimiter = delimiter_of(&self.chunk[mark..self.checked]);
        Ok(())
    }

    /// Reads once into the free end of the chunk.
    fn fill(&mut self) -> Result<(), Stop> {
        match self.source.read(&mut self.chunk[self.filled..]) {
            Ok(count) => {
                self.filled += count;
                self.ended = count == 0;
            }
            // Told behind the text before it.
            Err(TextFault::Malformed(offset)) => {
                self.ended = true;
                self.broken = Some(self.not_text(offset, Seems::Other));
            }
            Err(TextFault::Io(error)) => {
                let kind = FileFaultKind::Io(error.to_string());
                return Err(Stop { line: None, kind });
            }
        }
        Ok(())
    }

    fn check(&mut self) {
        match std::str::from_utf8(&self.chunk[self.checked..self.filled]) {
            Ok(_) => self.checked = self.filled,
            Err(error) => {
                self.checked += error.valid_up_to();
                if error.error_len().is_some() || self.ended {
                    let offset = self.offset + self.checked as u64;
                    let seems = seems(&self.chunk[self.checked..self.filled]);
                    self.broken = Some(self.not_text(offset, seems));
                }
            }
        }
    }

    fn not_text(&self, offset: u64, seems: Seems) -> FileFaultKind {
        FileFaultKind::Encoding {
            read_as: self.source.encoding(),
            offset,
            seems,
        }
    }

    /// The place of a byte of the text in the file; unknown where the file was decoded.
    fn place(&self, offset: u64) -> Option<u64> {
        (self.source.encoding() == Encoding::Utf8).then_some(offset)
    }

    /// Makes at least one more byte readable; false at the end of the file.
    fn more(&mut self) -> Result<bool, Stop> {
        while self.at == self.checked {
            if let Some(kind) = &self.broken {
                return Err(self.stopped(kind.clone()));
            }
            if self.ended {
                return Ok(false);
            }
            self.refill()?;
        }
        Ok(true)
    }

    /// Moves what nobody has looked at to the front and reads once behind it.
    fn refill(&mut self) -> Result<(), Stop> {
        self.chunk.copy_within(self.at..self.filled, 0);
        self.offset += self.at as u64;
        self.filled -= self.at;
        self.checked -= self.at;
        self.at = 0;
        self.fill()?;
        self.check();
        Ok(())
    }

    fn pass(&mut self, out: &mut [u8]) -> Result<usize, Stop> {
        let mut written = 0;
        while written < out.len() {
            if self.at == self.checked && !self.more()? {
                self.end_of_file()?;
                break;
            }
            let byte = self.chunk[self.at];
            self.at += 1;
            match self.step(byte)? {
                Step::Drop => {}
                Step::Keep => {
                    out[written] = byte;
                    written += 1;
                }
                Step::End => {
                    out[written] = b'\n';
                    written += 1;
                    break;
                }
            }
        }
        Ok(written)
    }

    fn step(&mut self, byte: u8) -> Result<Step, Stop> {
        if byte == 0 {
            let offset = self.place(self.offset + self.at as u64 - 1);
            return Err(self.stopped(FileFaultKind::Nul { offset }));
        }
        if self.state != State::InQuotes {
            if byte == b'\n' {
                self.after_return = false;
                return Ok(self.end_of_line());
            }
            if self.after_return {
                return Err(self.bare_return(2));
            }
            if byte == b'\r' {
                self.after_return = true;
                return Ok(Step::Drop);
            }
        }
        if self.state == State::StartRecord {
            self.record.first = self.line;
            self.record.row = self.ends + 1;
            self.row_bytes = 0;
            self.position = 1;
            self.cell_bytes = 0;
            self.state = State::StartField;
        }
        self.count()?;
        self.state = match self.state {
            State::StartRecord | State::StartField if byte == b'"' => {
                self.quote_line = self.line;
                State::InQuotes
            }
            State::QuoteInQuotes if byte == b'"' => State::InQuotes,
            State::StartRecord | State::StartField | State::InField | State::QuoteInQuotes => {
                if byte == self.delimiter {
                    self.position += 1;
                    self.cell_bytes = 0;
                    State::StartField
                } else {
                    State::InField
                }
            }
            State::InQuotes if byte == b'"' => State::QuoteInQuotes,
            State::InQuotes => {
                self.line += u64::from(byte == b'\n');
                State::InQuotes
            }
        };
        Ok(Step::Keep)
    }

    /// Of a blank line too: `csv` skips those.
    fn end_of_line(&mut self) -> Step {
        self.record.last = self.line;
        self.line += 1;
        self.ends += 1;
        self.state = State::StartRecord;
        Step::End
    }

    fn end_of_file(&mut self) -> Result<(), Stop> {
        if self.state == State::InQuotes {
            return Err(self.open_quote());
        }
        if self.after_return {
            return Err(self.bare_return(1));
        }
        if self.state != State::StartRecord {
            self.record.last = self.line;
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Stop> {
        self.cell_bytes += 1;
        self.row_bytes += 1;
        if self.cell_bytes > self.cell_bytes_max {
            if self.state == State::InQuotes {
                return Err(self.open_quote());
            }
            let position = self.position;
            return Err(self.stopped(FileFaultKind::CellTooLong { position }));
        }
        if self.row_bytes > self.row_bytes_max {
            return Err(Stop {
                line: Some(self.record.first),
                kind: FileFaultKind::RowTooLong,
            });
        }
        Ok(())
    }

    fn stopped(&self, kind: FileFaultKind) -> Stop {
        Stop {
            line: Some(self.line),
            kind,
        }
    }

    fn open_quote(&self) -> Stop {
        Stop {
            line: Some(self.quote_line),
            kind: FileFaultKind::OpenQuote {
                position: self.position,
            },
        }
    }

    /// `back`: how many bytes before the next one the CR was.
    fn bare_return(&self, back: u64) -> Stop {
        let offset = self.place(self.offset + self.at as u64 - back);
        self.stopped(FileFaultKind::BareReturn { offset })
    }
}

impl<R: Read> Read for Filter<R> {
    /// Never gives bytes of two records at once.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.pass(out).map_err(|stop| {
            self.stop = Some(stop);
            io::Error::other("the file is refused")
        })
    }
}

/// First bytes that are certainly not those of a CSV in UTF-8.
fn foreign(head: &[u8]) -> Option<Seems> {
    const MARKS: [(&[u8], Seems); 6] = [
        (b"\xff\xfe\0\0", Seems::Utf32),
        (b"\0\0\xfe\xff", Seems::Utf32),
        (b"\xff\xfe", Seems::Utf16),
        (b"\xfe\xff", Seems::Utf16),
        (b"PK\x03\x04", Seems::Workbook),
        (b"\xd0\xcf\x11\xe0", Seems::Workbook),
    ];
    let mark = MARKS.iter().find(|(mark, _)| head.starts_with(mark));
    mark.map(|(_, seems)| *seems)
}

/// A hint for a person, never a ground to decode by.
fn seems(bytes: &[u8]) -> Seems {
    match bytes {
        [0x81..=0xfe, 0x40..=0x7e | 0x80..=0xfe, ..] => Seems::Gb18030,
        [0x81..=0xfe, 0x30..=0x39, 0x81..=0xfe, 0x30..=0x39, ..] => Seems::Gb18030,
        _ => Seems::Other,
    }
}

/// The delimiter that occurs most in the first line that is not blank, outside of quotes; a comma
/// when two of them are even.
fn delimiter_of(head: &[u8]) -> u8 {
    let (mut commas, mut semicolons, mut tabs) = (0_usize, 0_usize, 0_usize);
    let (mut quoted, mut may_open, mut seen) = (false, true, false);
    for &byte in head {
        if quoted {
            quoted = byte != b'"';
            may_open = !quoted; // a doubled quote opens again
            continue;
        }
        match byte {
            b'\n' if seen => break,
            b'\n' | b'\r' => continue,
            b'"' if may_open => quoted = true,
            b',' => commas += 1,
            b';' => semicolons += 1,
            b'\t' => tabs += 1,
            _ => {}
        }
        seen = true;
        may_open = matches!(byte, b',' | b';' | b'\t');
    }
    if semicolons > commas.max(tabs) {
        b';'
    } else if tabs > commas.max(semicolons) {
        b'\t'
    } else {
        b','
    }
}

#[cfg(test)]
mod tests;
