//! Rows with arbitrary cells, into a result and back: a result can be given back as input.
//!
//! The first byte chooses the delimiter, or that the rest is a file as it is, and which result is written:
//! for Excel or plain, English or Chinese, whole or the failed file. Then header cells and rows of cells
//! follow, divided by the control characters that are made for it. Faults of the form
//! (a row of another length) are mended, so that any bytes are a file.

use levy::batch::{Head, InputRow, LEVY_COLUMNS, Language, Reader, Rules};
use levy::clock::WallMs;
use levy::ledger::{ReplyFacts, ResultRow, RowOrder, Trust};
use levy::order::{NextAction, OrderNo, Status};
use levy::report::layout::{Ends, Layout, Part, Style};
use levy::report::result::Table;

/// Divides cells.
const UNIT: char = '\u{1f}';
/// Divides rows; the first of them is the header.
const RECORD: char = '\u{1e}';
/// Rows and columns that are looked at.
const ROWS_MAX: usize = 8;
const COLUMNS_MAX: usize = 16;
/// What levy says of such a reason: a warning in a file that is new, a fault in one that came back, where it
/// would be another deduction in place of its row's own.
const ROUNDED_REASON: &str = "looks like a number that a spreadsheet has rounded";
/// What it says of a row of totals, in place of all else.
const TOTAL: &str = "is the label of a row of totals, not a deduction";
const KNOWN: [&str; 4] = ["mchid", "bal_account_no", "reduction_type", "amount"];

/// The header, cells, lines, contents and digests that come back are those that were written, each
/// row belongs to the order that it was written with, and once more gives the same bytes.
pub fn property(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let file = match kind % 4 {
        3 => rest.to_vec(),
        delimiter => written(
            &String::from_utf8_lossy(rest),
            [b',', b';', b'\t'][delimiter as usize],
        ),
    };
    let Some((rows, head)) = read(&file) else {
        return;
    };
    let salt = rest.len();
    let (style, part) = (style(*kind), part(*kind));
    let result = result(&rows, &head, salt, (style, part));
    let (back, back_head) = read(&result).expect("a result can be given back");
    assert!(back_head.header.returned);
    assert_eq!(back_head.header.failed, part == Part::Failed);
    assert_eq!(back_head.header.cells, head.header.cells);
    assert_eq!(back_head.header.delimiter, head.header.delimiter);
    assert_eq!(back.len(), rows.len(), "every row once");
    for (row, was) in back.iter().zip(&rows) {
        assert_eq!((row.ordinal, &row.cells), (was.ordinal, &was.cells));
        assert_eq!(row.amount, was.amount);
        let harder = becomes_a_fault(was);
        match (&row.outcome, &was.outcome) {
            (Ok(_), _) if harder => panic!("a rounded reason came back and is no fault"),
            (Ok(row), Ok(was)) => {
                assert_eq!((&row.no, &row.content), (&was.no, &was.content));
                assert_eq!(row.content.digest(), was.content.digest());
            }
            (Err(faults), Err(were)) if !head.header.returned => {
                let more = usize::from(harder && were[0].what != TOTAL);
                assert_eq!(faults.len(), were.len() + more);
            }
            // What was no number in its `levy_out_request_no` was not written again.
            (Ok(_) | Err(_), Err(_)) => assert!(head.header.returned),
            (Err(faults), Ok(_)) if harder => assert_eq!(faults.len(), 1, "{faults:?}"),
            (Err(faults), Ok(_)) => panic!("a valid row came back with {faults:?}"),
        }
        if let Ok(deduction) = &row.outcome {
            assert_eq!(deduction.returned, number(was, salt));
        }
    }
    // A number that was cleared stands in other cells too, where they are made of the row's own.
    if salt.is_multiple_of(5) && part == Part::Whole {
        let again = self::result(&back_as(&rows, &back), &back_head, salt, (style, part));
        assert_eq!(result, again, "the same bytes");
    }
}

/// Whether a warning of the row is a fault once it comes back.
fn becomes_a_fault(was: &InputRow) -> bool {
    was.doubts.iter().any(|doubt| doubt.what == ROUNDED_REASON)
}

/// The rows that came back, on the lines where they stood first.
fn back_as(rows: &[InputRow], back: &[InputRow]) -> Vec<InputRow> {
    let moved = |(row, was): (&InputRow, &InputRow)| InputRow {
        line: was.line,
        outcome: was.outcome.clone(),
        ..row.clone()
    };
    back.iter().zip(rows).map(moved).collect()
}

/// A file with the columns that must be there, and whatever the text has.
fn written(text: &str, delimiter: u8) -> Vec<u8> {
    let text = text.replace('\0', "");
    let mut records = text.split(RECORD).take(ROWS_MAX + 1).map(|record| {
        let cells = record.split(UNIT).take(COLUMNS_MAX);
        cells.collect::<Vec<_>>()
    });
    let mut header = records.next().unwrap_or_default();
    for name in KNOWN {
        if !header.iter().any(|cell| cell.trim() == name) {
            header.push(name);
        }
    }
    let mut csv = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .quote_style(csv::QuoteStyle::Always)
        .from_writer(Vec::new());
    csv.write_record(&header).expect("memory is enough");
    for mut record in records {
        record.resize(header.len(), "1");
        csv.write_record(record).expect("memory is enough");
    }
    csv.into_inner().expect("memory is enough")
}

fn read(bytes: &[u8]) -> Option<(Vec<InputRow>, Head)> {
    let rules = Rules {
        sandbox_scripts_allowed: true,
        ..Rules::default()
    };
    let mut reader = Reader::new("night.csv", bytes, rules).ok()?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row().ok()? {
        rows.push(row);
    }
    Some((rows, reader.finish().ok()?))
}

/// What the result looks like.
fn style(kind: u8) -> Style {
    Style {
        language: match kind & 4 {
            0 => Language::English,
            _ => Language::Chinese,
        },
        ends: match kind & 8 {
            0 => Ends::Excel,
            _ => Ends::Plain,
        },
    }
}

fn part(kind: u8) -> Part {
    match kind & 16 {
        0 => Part::Whole,
        _ => Part::Failed,
    }
}

fn status(row: &InputRow, salt: usize) -> Status {
    Status::ALL[(row.ordinal as usize + salt) % Status::ALL.len()]
}

fn result(rows: &[InputRow], head: &Head, salt: usize, (style, part): (Style, Part)) -> Vec<u8> {
    let header = &head.header;
    let layout = Layout::new(&header.cells, style, part);
    let mut table = Table::begin(Vec::new(), layout, header.delimiter).expect("memory");
    for row in rows {
        table.row(&told(row, salt)).expect("memory is enough");
    }
    table.finish().expect("memory is enough")
}

/// The number that a row is written with.
fn number(row: &InputRow, salt: usize) -> Option<OrderNo> {
    let deduction = row.outcome.as_ref().ok()?;
    let ordinal = (row.ordinal as usize).wrapping_add(salt) as u32;
    let asked = deduction.no.clone();
    Some(asked.unwrap_or_else(|| deduction.content.digest().derived_no(ordinal)))
}

/// What the ledger would tell of a row; its texts are the row's own cells, as odd as those are.
fn told(row: &InputRow, salt: usize) -> ResultRow {
    let odd = |n: usize| {
        let cells = row.cells.iter().cycle().skip((n + salt) % row.cells.len());
        cells.take(1).next().cloned()
    };
    let mut reply = ReplyFacts::bare(Trust::Verified, odd(0));
    reply.http_status = Some(200);
    reply.code = odd(1);
    reply.request_id = odd(2);
    reply.state = odd(3);
    reply.fail_reason = odd(4);
    reply.quota_change_no = odd(5);
    ResultRow {
        ordinal: row.ordinal,
        line: row.line,
        cells: row.cells.clone(),
        amount: row.amount,
        status: status(row, salt),
        came_back_as: None,
        undecided: false,
        next_action: NextAction::Review,
        duplicate_of: odd(6),
        order: number(row, salt).map(|no| RowOrder {
            no,
            reply: Some(reply),
            attempts: 7,
            first_sent_at: Some(WallMs(1_769_817_600_000)),
            settled_at: None,
        }),
        note: odd(LEVY_COLUMNS.len()).unwrap_or_default(),
    }
}
