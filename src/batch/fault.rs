//! What is wrong with a row or with a file: the place, the cause, and what may be done next.
//!
//! Law L8 lives here: a value reaches a fault only through [`shown`]. It does not know the rules
//! that were broken.

use std::fmt;
use std::io;

use super::encoding::Encoding;
use crate::order::mask;

/// Characters of a value that a fault shows.
pub const SHOWN_CHARS_MAX: usize = 64;
/// A run of letters and digits from this length on may be an account or card number that came into
/// the wrong column, and is shown masked in every column.
pub const RUN_CHARS_MASKED: usize = 12;

/// What is wrong with one cell of one row. The row is INVALID; the file goes on.
///
/// Prints as `17: amount: must be above zero, found "-4": hint`; [`Fault::in_file`] puts the
/// file's name before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The row that a spreadsheet shows it in, from 1 for the header.
    pub line: u64,
    /// The column's place in the file, counted from 0.
    pub place: usize,
    /// The header cell of the column, as shown.
    pub column: String,
    /// The value as shown: account and card numbers masked, control characters escaped, cut.
    pub value: String,
    /// What is wrong, as the rest of a sentence that begins with the column's name.
    pub what: String,
    /// What may be done about it.
    pub hint: String,
}

impl Fault {
    /// A fault of a row's number, found by whoever knows which numbers there are.
    pub fn of_number(line: u64, no: &str, what: String, hint: String) -> Self {
        Self {
            line,
            place: 0,
            column: "out_request_no".into(),
            value: shown(no),
            what,
            hint,
        }
    }

    /// The whole message, beginning with the place: `batch.csv:17: amount: …`.
    pub fn in_file(&self, name: &str) -> String {
        format!("{name}:{self}")
    }

    /// The whole message as a spreadsheet's user finds the cell:
    /// `batch.csv:17:E: "-4": amount must be above zero: …`, with a word such as `warning: ` before the
    /// value.
    pub fn in_sheet(&self, name: &str, word: &str) -> String {
        let Self {
            line,
            place,
            column,
            value,
            what,
            hint,
            ..
        } = self;
        let letters = column_letters(*place);
        format!("{name}:{line}:{letters}: {word}\"{value}\": {column} {what}: {hint}")
    }

    /// The message of what is only a doubt: `batch.csv:17: warning: card_no: …`.
    pub fn warning_in_file(&self, name: &str) -> String {
        let whole = self.to_string();
        let words = whole.split_once(' ').map_or("", |(_, words)| words);
        format!("{name}:{}: warning: {words}", self.line)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            value,
            what,
            hint,
            ..
        } = self;
        write!(f, "{line}: {column}: {what}, found \"{value}\": {hint}")
    }
}

/// A column as a spreadsheet names it: A, B … Z, AA, AB ….
fn column_letters(place: usize) -> String {
    let mut letters = Vec::new();
    let mut left = place + 1;
    while left > 0 {
        left -= 1;
        letters.push((b'A' + (left % 26) as u8) as char);
        left /= 26;
    }
    letters.iter().rev().collect()
}

/// Why a file is refused as a whole: nothing of it is sent.
///
/// Prints as `batch.csv:3: what is wrong: what may be done`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    /// The file, as it was named.
    pub file: Box<str>,
    /// Physical line, from 1, where there is one.
    pub line: Option<u64>,
    /// What is wrong.
    pub kind: FileFaultKind,
}

/// What is wrong with a file. Positions of columns are counted from 1, offsets of bytes from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFaultKind {
    /// The system could not open or read it; in the system's words.
    Io(String),
    /// A directory, pipe or device.
    NotAFile,
    /// No byte, or nothing but blank lines.
    Empty,
    /// A header and nothing below it.
    NoRows,
    /// Columns that must be there are not.
    MissingColumns {
        /// What is missing.
        missing: Vec<&'static str>,
        /// The header's cells, as shown.
        found: String,
        /// Cells that come close to a known name, as sentences.
        near: Vec<String>,
    },
    /// Two header cells mean the same column.
    DoubleColumn {
        /// The column that both mean.
        name: &'static str,
        /// Position of the first.
        first: usize,
        /// Position of the second.
        second: usize,
    },
    /// Fen and yuan side by side: which of them holds?
    BothAmounts {
        /// Position of `amount`.
        fen: usize,
        /// Position of `amount_yuan`.
        yuan: usize,
    },
    /// More columns than levy carries.
    TooManyColumns(usize),
    /// Not in the encoding that it was read in.
    Encoding {
        /// What it was read as.
        read_as: Encoding,
        /// Where the first byte is that is not.
        offset: u64,
        /// What it seems to be instead.
        seems: Seems,
    },
    /// A NUL byte.
    Nul {
        /// Where it is, in a file in UTF-8.
        offset: Option<u64>,
    },
    /// A carriage return that no line feed follows, outside of quotes.
    BareReturn {
        /// Where it is, in a file in UTF-8.
        offset: Option<u64>,
    },
    /// A quote that does not close before the file or the longest cell ends.
    OpenQuote {
        /// Position of the cell that it opens.
        position: usize,
    },
    /// A cell above [`super::CELL_BYTES_MAX`].
    CellTooLong {
        /// Position of the cell.
        position: usize,
    },
    /// A row above [`super::ROW_BYTES_MAX`].
    RowTooLong,
    /// A row with another number of fields than the header.
    FieldCount {
        /// Fields of the row.
        found: usize,
        /// Fields of the header.
        wanted: usize,
        /// Physical line on which the row ends.
        last_line: u64,
    },
    /// More rows than [`super::ROWS_MAX`].
    TooManyRows,
    /// More blank rows on end than a spreadsheet has rows, or more than 64 MiB of blanks in them.
    TooManyBlanks,
    /// A workbook that can't be read; why.
    Workbook(String),
    /// A workbook whose texts and styles unpack to more than 512 MiB, which would be held in memory.
    TextsTooLarge,
    /// It was written to while it was read.
    Changed,
    /// It has no byte order mark, and is as well UTF-8 (Greek, Cyrillic and the like, no ideograph) as
    /// GB18030 (ideographs of every day).
    Ambiguous,
    /// Its byte order mark says another encoding than the one that was asked for.
    OtherMark {
        /// What the mark says.
        marked: Encoding,
        /// What was asked for.
        asked: Encoding,
    },
    /// A workbook above [`super::WORKBOOK_BYTES_MAX`], or that unpacks to more than 4 GiB; at least so many
    /// bytes.
    WorkbookTooLarge(u64),
    /// More than one sheet has the columns of a batch; their names.
    TwoSheets(String),
    /// A cell to the right of the header's last.
    StrayCell {
        /// Position of the cell.
        position: usize,
    },
    /// A file with levy's own columns was given as a history of another tool's.
    ResultAsHistory,
}

/// What a file that is not UTF-8 seems to be, by its first bytes or by the bytes at the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seems {
    /// Its byte order mark says UTF-16.
    Utf16,
    /// Its byte order mark says UTF-32.
    Utf32,
    /// The first bytes of an Excel workbook; of one of the old form, where a file was opened by its name.
    Workbook,
    /// The bytes at the fault are a character of GB18030 (GBK, GB2312).
    Gb18030,
    /// Nothing that is known.
    Other,
}

impl Seems {
    fn words(self) -> &'static str {
        match self {
            Self::Utf16 => "its mark says UTF-16",
            Self::Utf32 => "it seems to be UTF-32",
            Self::Workbook => "it seems to be an Excel workbook of the old form (.xls)",
            Self::Gb18030 => "it seems to be GB18030 (GBK)",
            Self::Other => "its encoding is not known, or it is damaged",
        }
    }
}

impl FileFault {
    pub(super) fn new(file: &str, line: Option<u64>, kind: FileFaultKind) -> Self {
        Self {
            file: file.into(),
            line,
            kind,
        }
    }

    pub(super) fn io(file: &str, error: &io::Error) -> Self {
        Self::new(file, None, FileFaultKind::Io(error.to_string()))
    }

    /// What may be done about it.
    fn hint(&self) -> String {
        use FileFaultKind::*;
        match &self.kind {
            Io(_) => "check the path and who may read it".into(),
            NotAFile => "name a file; it is read more than once".into(),
            Empty | NoRows => {
                "was it exported whole? A batch has a header and at least one row".into()
            }
            MissingColumns { found, near, .. } => {
                let mut hint = format!("the first line must name the columns; it has: {found}");
                for sentence in near {
                    hint.push_str("; ");
                    hint.push_str(sentence);
                }
                hint
            }
            DoubleColumn { .. } => "keep one of them, or rename the other".into(),
            BothAmounts { .. } => "keep the one that holds, and remove or rename the other".into(),
            TooManyColumns(_) => format!("levy carries at most {}", super::COLUMNS_MAX),
            Encoding {
                seems: Seems::Gb18030,
                ..
            } => "save it as CSV UTF-8, or say --encoding gb18030 if you know that it is".into(),
            Encoding { .. } => "save it as CSV UTF-8 or as .xlsx, and give it again".into(),
            Nul { .. } => {
                "if it was saved as UTF-16, save it as CSV UTF-8; else it is damaged".into()
            }
            BareReturn { .. } => "end lines with LF or CRLF".into(),
            OpenQuote { .. } => format!(
                "close it (a cell has at most {} bytes), or double a quote that belongs to the text",
                super::CELL_BYTES_MAX
            ),
            CellTooLong { .. } => format!("a cell has at most {} bytes", super::CELL_BYTES_MAX),
            RowTooLong => format!("a row has at most {} bytes", super::ROW_BYTES_MAX),
            FieldCount { last_line, .. } if self.line != Some(*last_line) => {
                format!("the row runs on to line {last_line}: is a quote not closed?")
            }
            FieldCount { .. } => {
                "put a cell that holds the delimiter between quotes; fill up a short row".into()
            }
            ResultAsHistory => {
                "if another ledger of levy's sent these, take out every levy_ column, and put \
                 levy_out_request_no, levy_first_sent_at and levy_status under the names \
                 out_request_no, first_sent_at and outcome"
                    .into()
            }
            TooManyBlanks => "remove them; was the file exported whole?".into(),
            TooManyRows => format!("split it: a batch has at most {} rows", super::ROWS_MAX),
            Workbook(_) => {
                "open it in a spreadsheet and save it as .xlsx anew, or as CSV UTF-8".into()
            }
            TextsTooLarge => "save it as CSV UTF-8, or split it".into(),
            Changed => {
                "nothing of it was sent; give the command again when whoever writes to it has finished"
                    .into()
            }
            Ambiguous => {
                "say --encoding gb18030 if a spreadsheet on a Chinese Windows saved it, --encoding utf-8 \
                 if it is that; or save it as CSV UTF-8, with its mark, or as .xlsx"
                    .into()
            }
            OtherMark { .. } => "leave --encoding out, and the mark decides".into(),
            WorkbookTooLarge(_) => format!(
                "save it as CSV UTF-8; a workbook has at most {} bytes",
                super::WORKBOOK_BYTES_MAX
            ),
            TwoSheets(_) => "give each of them in a file of its own".into(),
            StrayCell { .. } => "name its column in the header, or clear it".into(),
        }
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use FileFaultKind::*;
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        f.write_str(": ")?;
        match &self.kind {
            Io(words) => write!(f, "can't be read: {words}")?,
            NotAFile => f.write_str("is not a regular file")?,
            Empty => f.write_str("is empty")?,
            NoRows => f.write_str("has a header but no rows")?,
            MissingColumns { missing, .. } => {
                let s = if missing.len() == 1 { "" } else { "s" };
                write!(f, "missing column{s} {}", missing.join(", "))?;
            }
            DoubleColumn {
                name,
                first,
                second,
            } => write!(f, "columns {first} and {second} are both {name}")?,
            BothAmounts { fen, yuan } => write!(
                f,
                "amount (column {fen}) and amount_yuan (column {yuan}) exclude each other"
            )?,
            TooManyColumns(found) => write!(f, "{found} columns are too many")?,
            Encoding {
                read_as,
                offset,
                seems,
            } => write!(f, "not {read_as} at byte {offset}; {}", seems.words())?,
            Nul { offset } => write!(f, "a NUL{}", at_byte(*offset))?,
            BareReturn { offset } => write!(f, "a carriage return alone{}", at_byte(*offset))?,
            OpenQuote { position } => {
                write!(f, "a quote opens in column {position} and never closes")?;
            }
            CellTooLong { position } => write!(f, "the cell in column {position} is too long")?,
            RowTooLong => f.write_str("the row is too long")?,
            FieldCount { found, wanted, .. } => {
                write!(f, "the row has {found} fields, the header {wanted}")?;
            }
            TooManyRows => f.write_str("too many rows")?,
            TooManyBlanks => f.write_str("too many blank rows on end")?,
            Workbook(words) => write!(f, "can't be read as a workbook: {words}")?,
            WorkbookTooLarge(bytes) => {
                write!(f, "a workbook of {bytes} bytes or more is too large")?
            }
            TextsTooLarge => write!(
                f,
                "the workbook's texts are too large: they unpack to more than {} bytes",
                super::workbook::TEXTS_BYTES_MAX
            )?,
            Changed => f.write_str("changed while it was read")?,
            Ambiguous => f.write_str(
                "may be GB18030 (GBK) or UTF-8: every character of it makes sense in both",
            )?,
            OtherMark { marked, asked } => write!(
                f,
                "begins with the byte order mark of {marked}, and --encoding says {asked}"
            )?,
            TwoSheets(names) => write!(f, "several sheets have the columns of a batch: {names}")?,
            StrayCell { position } => {
                write!(f, "a cell in column {position}, to the right of the header")?;
            }
            ResultAsHistory => f.write_str("is a result of levy's, no history")?,
        }
        write!(f, ": {}", self.hint())
    }
}

fn at_byte(offset: Option<u64>) -> String {
    offset.map_or_else(String::new, |offset| format!(" at byte {offset}"))
}

impl std::error::Error for FileFault {}

/// A text as a fault may show it: every run of letters and digits that is long enough to be an
/// account or a card masked, cut to [`SHOWN_CHARS_MAX`], control and invisible characters escaped.
///
/// Masked in every column, since a file with shifted or swapped columns brings accounts under the
/// wrong header.
pub(super) fn shown(text: &str) -> String {
    escaped(&mask_runs(text, RUN_CHARS_MASKED))
}

/// A value of a secret column: masked as a whole.
pub(super) fn shown_secret(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    escaped(&mask(text))
}

/// A value that is known to be no secret, such as an amount that could be read.
pub(super) fn escaped(text: &str) -> String {
    escaped_to(text, SHOWN_CHARS_MAX, &['\''])
}

/// A text as a page shows it: every run of so many letters and digits masked, cut to so many
/// characters, control and invisible characters escaped.
pub fn shown_text(text: &str, run_chars_masked: usize, chars_max: usize) -> String {
    // What is cut off anyway is not gone through; what is left of a run that is cut is left out.
    let Some((end, _)) = text.char_indices().nth(2 * chars_max) else {
        return escaped_to(&mask_runs(text, run_chars_masked), chars_max, &QUOTES);
    };
    let whole = text[..end].trim_end_matches(|c| in_run(c) || matches!(c, ' ' | '-'));
    let masked = mask_runs(whole, run_chars_masked);
    escaped_to(&format!("{masked}…"), chars_max, &QUOTES)
}

/// On a page nothing is put between quotes.
const QUOTES: [char; 3] = ['\'', '"', '\\'];

fn escaped_to(text: &str, chars_max: usize, kept: &[char]) -> String {
    let mut shown = String::with_capacity(text.len().min(4 * chars_max));
    let mut chars = 0;
    for c in text.chars() {
        let escape = c.escape_debug();
        let plain = kept.contains(&c) || escape.len() == 1;
        let length = if plain { 1 } else { escape.len() };
        if chars + length >= chars_max {
            shown.push('…');
            break;
        }
        chars += length;
        if plain {
            shown.push(c);
        } else {
            shown.extend(escape);
        }
    }
    shown
}

fn mask_runs(text: &str, run_chars_masked: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = run_end(&chars, at);
        if end == at {
            masked.push(chars[at]);
            at += 1;
            continue;
        }
        let run = &chars[at..end];
        let long = run.iter().filter(|c| in_run(**c)).count() >= run_chars_masked;
        if long && run.iter().any(|c| c.is_numeric()) {
            masked.push_str(&mask(&run.iter().collect::<String>()));
        } else {
            masked.extend(run);
        }
        at = end;
    }
    masked
}

/// Where a run of letters and digits ends; one blank or dash between two digits belongs to it, as
/// in `6222 0212 3456 7890`.
fn run_end(chars: &[char], start: usize) -> usize {
    let mut end = start;
    while end < chars.len() {
        let joins = matches!(chars[end], ' ' | '-')
            && end > start
            && chars[end - 1].is_numeric()
            && chars.get(end + 1).is_some_and(|c| c.is_numeric());
        if !joins && !in_run(chars[end]) {
            break;
        }
        end += 1;
    }
    end
}

/// ASCII or full-width letters, and digits of any kind; ideographs are words.
fn in_run(c: char) -> bool {
    c.is_ascii_alphanumeric() || c.is_numeric() || matches!(c, 'Ａ'..='Ｚ' | 'ａ'..='ｚ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_a_spreadsheet_names_them() {
        for (place, letters) in [
            (0, "A"),
            (25, "Z"),
            (26, "AA"),
            (51, "AZ"),
            (52, "BA"),
            (701, "ZZ"),
            (702, "AAA"),
        ] {
            assert_eq!(column_letters(place), letters);
        }
    }

    #[test]
    fn l8_a_long_run_of_letters_and_digits_is_masked_wherever_it_stands() {
        for (text, want) in [
            ("", ""),
            ("-4", "-4"),
            ("1.9E+09", "1.9E+09"),
            ("1900016681", "1900016681"),
            ("2025-08-08", "2025-08-08"),
            ("1,000,000,000,000.00", "1,000,000,000,000.00"),
            ("REDUCTION_TYPE_UNKNOWN", "REDUCTION_TYPE_UNKNOWN"),
            ("8609cb22e1774a50a930e414cc71eca06121bc", "8609…21bc"),
            (
                "账号8609cb22e1774a50a930e414cc71eca06121bc，",
                "账号8609…21bc，",
            ),
            ("6222 0212 3456 7890", "6222…7890"),
            ("6222-0212-3456-7890 x", "6222…7890 x"),
            ("６２２２０２１２３４５６７８９０", "６２２２…７８９０"),
            ("a\tb\u{200b}\"'", "a\\tb\\u{200b}\\\"'"),
        ] {
            assert_eq!(shown(text), want, "{text}");
        }
        let long = shown(&format!("{}8609cb22e1774a50a930e41bc", "案".repeat(57)));
        assert_eq!(
            long,
            format!("{}8609…4…", "案".repeat(57)),
            "masked before it is cut"
        );
        assert_eq!(shown(&"案".repeat(63)), "案".repeat(63));
        assert_eq!(shown(&"案".repeat(64)).chars().count(), SHOWN_CHARS_MAX);
        assert_eq!(shown_secret("6222021"), "…");
        assert_eq!(shown_secret(""), "");
    }
}
