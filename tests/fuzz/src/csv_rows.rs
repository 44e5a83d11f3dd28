//! Bytes as a file: every row once, in order, on its line, or a fault that says a place in the file.

use std::io::Read;

use levy::batch::columns::{Language, levy_columns, reissue_column};
use levy::batch::{
    Deduction, Encoding, FileFault, FileFaultKind, Head, Header, InputRow, Reader, Rules,
    unescape_cell,
};
use levy::order::{
    AMOUNT_FEN_MAX, Account, CardNo, Fen, Merchant, OrderNo, REASON_CHARS_MAX, Reason, SgnNo,
};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use super::shows_an_account;

/// What a row may ask for where a ceiling is set.
const CEILING_FEN: u64 = 500;

/// A file that was read to its end, or why it is refused.
type Whole = Result<(Vec<InputRow>, Head), FileFault>;

/// Every row is seen once and in order, its line and cells are those of a count of our own, a valid
/// row keeps to the rules, and a refusal names a place inside the file and no account.
pub fn property(bytes: &[u8]) {
    let rules = Rules {
        amount_fen_max: bytes.len().is_multiple_of(3).then_some(CEILING_FEN),
        sandbox_scripts_allowed: bytes.len().is_multiple_of(2),
        accept_digits: bytes.len().is_multiple_of(7),
        encoding: None,
        history_until: None,
    };
    let whole = read(bytes, rules);
    if bytes.len().is_multiple_of(11) {
        other_encodings(bytes, rules, &whole);
    }
    // The way in which the bytes come changes nothing. Seldom: half of the time goes into readers.
    if bytes.len().is_multiple_of(5) {
        let step = bytes.len() % 7 + 1;
        let dribble = Dribble { bytes, step };
        assert_eq!(whole, read(dribble, rules), "read {step} at once");
    }
    match &whole {
        Ok((rows, head)) => accepted(bytes, rules, rows, head),
        Err(fault) => refused(bytes, fault),
    }
}

fn read(source: impl Read, rules: Rules) -> Whole {
    let mut reader = Reader::new("batch.csv", source, rules)?;
    let mut rows = Vec::new();
    loop {
        match reader.next_row() {
            Ok(Some(row)) => rows.push(row),
            Ok(None) => return Ok((rows, reader.finish()?)),
            Err(fault) => {
                assert_eq!(reader.next_row().as_ref(), Err(&fault), "a fault is final");
                assert_eq!(reader.finish().as_ref(), Err(&fault), "a fault is final");
                return Err(fault);
            }
        }
    }
}

/// Any bytes may be said to be in any encoding; and a text is the same batch in UTF-16, but for the
/// bytes themselves.
fn other_encodings(bytes: &[u8], rules: Rules, whole: &Whole) {
    for encoding in Encoding::ALL {
        let encoding = Some(encoding);
        let _ = read(bytes, Rules { encoding, ..rules });
    }
    let (Ok(text), Ok((rows, head))) = (std::str::from_utf8(bytes), whole) else {
        return;
    };
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let encoding = Some(Encoding::Utf16Le);
    let (same, other) = read(&wide[..], Rules { encoding, ..rules }).expect("the same text");
    assert_eq!(&same, rows);
    assert_eq!(
        (&other.header, &other.warnings),
        (&head.header, &head.warnings)
    );
}

struct Dribble<'a> {
    bytes: &'a [u8],
    step: usize,
}

impl Read for Dribble<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.step.min(self.bytes.len()).min(out.len());
        out[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

fn accepted(bytes: &[u8], rules: Rules, rows: &[InputRow], head: &Head) {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    assert_eq!(head.digest, digest, "the batch is its bytes");
    let text = std::str::from_utf8(bytes).expect("only UTF-8 is accepted");
    let text = text.trim_start_matches('\u{feff}');
    let mut records = records(text, head.header.delimiter as char).into_iter();
    let (_, names) = records.next().expect("a header");
    let width = names.len();
    let own: Vec<bool> = names.iter().map(|name| is_levys(name)).collect();
    let returned = own.contains(&true);
    assert_eq!(head.header.returned, returned);
    let carried = |cells: &[String]| -> Vec<String> {
        let kept = cells.iter().zip(&own).filter(|(_, own)| !**own);
        kept.map(|(cell, _)| came(cell, returned).to_owned())
            .collect()
    };
    assert_eq!(head.header.cells, carried(&names));
    for warning in &head.warnings {
        assert_eq!(shows_an_account(warning, text), None);
    }
    let mut records: Vec<_> = records.collect();
    let blank = |cells: &[String]| cells.iter().all(|cell| cell.trim().is_empty());
    while records.last().is_some_and(|(_, cells)| blank(cells)) {
        records.pop();
    }
    assert_eq!(rows.len(), records.len(), "every row is seen once");
    let mut last = 1;
    for ((row, (line, cells)), ordinal) in rows.iter().zip(&records).zip(1..) {
        assert_eq!(row.ordinal, ordinal);
        assert_eq!(row.line, *line);
        assert!(row.line > last, "rows rise");
        last = row.line;
        assert_eq!(cells.len(), width);
        assert_eq!(row.cells, carried(cells));
        let columns = Columns {
            names: &names,
            cells,
            header: &head.header,
        };
        if let Ok(deduction) = &row.outcome {
            let reason = deduction.content.reason.as_ref().map_or("", Reason::as_str);
            assert!(rules.sandbox_scripts_allowed || !reason.starts_with("#sandbox"));
            let fen_max = rules.amount_fen_max.unwrap_or(AMOUNT_FEN_MAX);
            assert!(deduction.content.amount.get() <= fen_max);
        }
        checked(row, &columns);
    }
}

struct Columns<'a> {
    names: &'a [String],
    cells: &'a [String],
    header: &'a Header,
}

impl Columns<'_> {
    /// The trimmed cell below a header cell of exactly this name; full width as half width, but for
    /// what people read.
    fn under(&self, name: &str) -> Option<String> {
        let place = self.names.iter().position(|held| held == name)?;
        let cell = came(&self.cells[place], self.header.returned).trim();
        if name == "reason" {
            return Some(cell.to_owned());
        }
        let narrow = |c: char| match c as u32 {
            0x3000 => ' ',
            wide @ 0xff01..=0xff5e => char::from((wide - 0xff01) as u8 + b'!'),
            _ => c,
        };
        let narrowed: String = cell.chars().map(narrow).collect();
        Some(narrowed.trim().to_owned())
    }
}

fn checked(row: &InputRow, columns: &Columns) {
    for doubt in &row.doubts {
        assert_eq!(doubt.line, row.line);
        for cell in columns.cells {
            assert_eq!(shows_an_account(&doubt.to_string(), cell), None);
        }
    }
    match &row.outcome {
        Ok(deduction) => {
            assert_eq!(row.amount, Some(deduction.content.amount));
            valid(deduction, columns);
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert_eq!(fault.line, row.line);
                assert!(!fault.what.is_empty() && !fault.hint.is_empty());
                assert!(!fault.to_string().chars().any(char::is_control));
                // An amount that could be read is no account, and is shown.
                let amount = fault.what.contains("ceiling");
                let value = if amount { "" } else { &fault.value };
                for cell in columns.cells.iter().chain(columns.names) {
                    assert_eq!(shows_an_account(value, cell), None);
                    assert_eq!(shows_an_account(&fault.column, cell), None);
                }
            }
        }
    }
}

/// An amount without commas, each of which must stand before a whole group.
fn without_groups(text: &str) -> String {
    let whole = text.split('.').next().unwrap_or_default();
    if whole.contains(',') {
        for (from_the_end, c) in whole.chars().rev().enumerate() {
            assert_eq!(c == ',', from_the_end % 4 == 3, "{text}");
        }
    }
    text.replace(',', "")
}

fn valid(deduction: &Deduction, columns: &Columns) {
    let content = &deduction.content;
    let fen = content.amount.get();
    assert!((1..=AMOUNT_FEN_MAX).contains(&fen));
    if let Some(text) = columns.under("amount") {
        let text = without_groups(&text);
        assert_eq!(text.trim_start_matches('0'), fen.to_string());
        assert_eq!(Fen::parse(&text), Ok(content.amount));
    }
    if let Some(text) = columns.under("amount_yuan") {
        let text = without_groups(&text);
        let (yuan, places) = text.split_once('.').unwrap_or((&text, ""));
        let digits = format!("{yuan}{places:0<2}");
        assert_eq!(digits.trim_start_matches('0'), fen.to_string());
    }
    for no in [&deduction.no, &deduction.returned].into_iter().flatten() {
        let no = no.as_str();
        assert!((1..=32).contains(&no.len()) && no.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!(OrderNo::parse(no).is_ok());
    }
    let merchant = content.merchant.as_str();
    assert!((1..=32).contains(&merchant.len()) && merchant.bytes().all(|b| b.is_ascii_digit()));
    assert!(Merchant::parse(merchant).is_ok());
    let texts = [
        (Some(content.account.reveal()), "bal_account_no", 214),
        (
            content.reason.as_ref().map(Reason::as_str),
            "reason",
            REASON_CHARS_MAX,
        ),
        (content.card_no.as_ref().map(CardNo::reveal), "card_no", 214),
        (content.sgn_no.as_ref().map(SgnNo::as_str), "sgn_no", 64),
    ];
    for (text, name, chars_max) in texts {
        if let Some(cell) = columns.under(name) {
            assert_eq!(text.unwrap_or(""), cell, "{name}");
        }
        let Some(text) = text else { continue };
        assert_eq!(text, text.trim());
        assert!((1..=chars_max).contains(&text.chars().count()));
        assert!(text.chars().all(|c| !c.is_control() && c.len_utf8() < 4));
    }
    assert!(Account::parse(content.account.reveal()).is_ok());
    let no = content.digest().derived_no(1);
    assert!(no.as_str().len() == 32 && no.as_str().starts_with("LV"));
}

fn refused(bytes: &[u8], fault: &FileFault) {
    let words = fault.to_string();
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(shows_an_account(&words, &text), None, "{words}");
    let lines = text.matches('\n').count() as u64 + 1;
    if let Some(line) = fault.line {
        assert!((1..=lines).contains(&line), "{words}");
    }
    let inside = |offset: u64| assert!(offset < bytes.len().max(1) as u64, "{words}");
    match &fault.kind {
        FileFaultKind::Nul { offset } => {
            let offset = offset.expect("known in UTF-8");
            inside(offset);
            assert_eq!(bytes[offset as usize], 0);
        }
        FileFaultKind::BareReturn { offset } => {
            let offset = offset.expect("known in UTF-8");
            inside(offset);
            assert_eq!(bytes[offset as usize], b'\r');
            assert_ne!(bytes.get(offset as usize + 1), Some(&b'\n'));
        }
        FileFaultKind::Encoding { offset, .. } => {
            inside(*offset);
            if *offset > 0 {
                let valid = std::str::from_utf8(bytes).map_err(|e| e.valid_up_to() as u64);
                assert_eq!(valid, Err(*offset));
            }
        }
        FileFaultKind::FieldCount {
            found,
            wanted,
            last_line,
        } => {
            assert_ne!(found, wanted);
            let line = fault.line.expect("a row has a line");
            assert!((line..=lines).contains(last_line));
        }
        FileFaultKind::OpenQuote { position } | FileFaultKind::CellTooLong { position } => {
            assert!(*position >= 1 && fault.line.is_some());
        }
        FileFaultKind::DoubleColumn { first, second, .. } => assert!(1 <= *first && first < second),
        FileFaultKind::BothAmounts { fen, yuan } => assert!(*fen >= 1 && *yuan >= 1 && fen != yuan),
        FileFaultKind::MissingColumns { missing, .. } => assert!(!missing.is_empty()),
        FileFaultKind::Empty => {
            assert!(text.chars().all(|c| matches!(c, '\r' | '\n' | '\u{feff}')));
        }
        FileFaultKind::NoRows | FileFaultKind::RowTooLong => {}
        FileFaultKind::TooManyColumns(_) | FileFaultKind::TooManyRows => {}
        FileFaultKind::TooManyBlanks => {}
        FileFaultKind::Ambiguous | FileFaultKind::OtherMark { .. } => {
            panic!("its encoding was told: {words}")
        }
        FileFaultKind::Io(_) | FileFaultKind::NotAFile => panic!("no disk was there: {words}"),
        FileFaultKind::Workbook(_)
        | FileFaultKind::WorkbookTooLarge(_)
        | FileFaultKind::TextsTooLarge
        | FileFaultKind::Changed
        | FileFaultKind::TwoSheets(_)
        | FileFaultKind::StrayCell { .. } => panic!("no workbook was there: {words}"),
        FileFaultKind::ResultAsHistory => panic!("it was given as no history: {words}"),
    }
}

/// Case, width and outer blanks aside, a header cell is one of levy's own.
fn is_levys(cell: &str) -> bool {
    let folded: String = cell.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    [Language::English, Language::Chinese]
        .into_iter()
        .flat_map(|language| {
            let own = levy_columns(language).into_iter();
            own.chain([reissue_column(language)])
        })
        .any(|name| name == folded.trim())
}

fn came(cell: &str, returned: bool) -> &str {
    if returned { unescape_cell(cell) } else { cell }
}

/// RFC 4180 as `docs/FILES.md` has it, read slowly: each record's row and cells. For files that
/// levy accepted only.
fn records(text: &str, delimiter: char) -> Vec<(u64, Vec<String>)> {
    let mut records = Vec::new();
    let mut row = 0;
    let mut rest = text;
    while !rest.is_empty() {
        row += 1;
        let blank = rest.strip_prefix("\r\n").or(rest.strip_prefix('\n'));
        if let Some(after) = blank {
            rest = after;
            continue;
        }
        let mut cells = Vec::new();
        loop {
            let (cell, after) = cell(rest, delimiter);
            cells.push(cell);
            rest = after;
            if let Some(after) = rest.strip_prefix(delimiter) {
                rest = after;
                continue;
            }
            break;
        }
        if let Some(after) = rest.strip_prefix("\r\n").or(rest.strip_prefix('\n')) {
            rest = after;
        }
        records.push((row, cells));
    }
    records
}

/// A cell, and what is behind it.
fn cell(text: &str, delimiter: char) -> (String, &str) {
    let mut cell = String::new();
    let mut rest = text;
    if let Some(quoted) = text.strip_prefix('"') {
        rest = quoted;
        loop {
            let end = rest.find('"').expect("every quote closes");
            cell.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                Some(after) => {
                    cell.push('"');
                    rest = after;
                }
                None => break,
            }
        }
    }
    let ends = |c: char| c == delimiter || c == '\n' || c == '\r';
    let end = rest.find(ends).unwrap_or(rest.len());
    cell.push_str(&rest[..end]);
    (cell, &rest[end..])
}
