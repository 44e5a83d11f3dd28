//! Records and lines, and that the filter agrees with the crate that splits the fields.

use super::*;
use sha2::{Digest, Sha256};

use proptest::prelude::*;

type Read1 = Result<Vec<(u64, u64, Vec<String>)>, (Option<u64>, FileFaultKind)>;

/// A source that gives a few bytes at a time, so that characters and CRLF are torn apart.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(self.0.len()).min(out.len());
        out[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

fn read(bytes: &[u8]) -> Read1 {
    read_as(bytes, Encoding::Utf8)
}

/// Lines are whole when the bytes come at once, and torn when they drip: what is read is the same.
fn read_as(bytes: &[u8], encoding: Encoding) -> Read1 {
    let whole = read_by(bytes, encoding, usize::MAX);
    assert_eq!(whole, read_by(bytes, encoding, 3), "{encoding}");
    whole
}

fn read_by(bytes: &[u8], encoding: Encoding, step: usize) -> Read1 {
    let stopped = |stop: Stop| (stop.line, stop.kind);
    let mut decoder = Decoder::new(Drip(bytes, step), encoding).map_err(stopped)?;
    let mut records = Vec::new();
    while let Some(lines) = decoder.next().map_err(stopped)? {
        let cells = decoder.record().iter().map(str::to_owned).collect();
        records.push((lines.first, lines.last, cells));
    }
    let whole: [u8; 32] = Sha256::digest(bytes).into();
    assert_eq!(decoder.digest(), whole);
    Ok(records)
}

fn record(first: u64, last: u64, cells: &[&str]) -> (u64, u64, Vec<String>) {
    let cells = cells.iter().map(|cell| (*cell).to_owned()).collect();
    (first, last, cells)
}

#[test]
fn records_know_their_physical_lines_over_blank_lines_crlf_and_quoted_breaks() {
    let want = vec![
        record(1, 1, &["a", "b"]),
        record(2, 4, &["1\r\n\r\n", "x"]),
        record(7, 7, &["2", ""]),
        record(8, 9, &["3", "\"\n"]),
    ];
    let crlf = b"a,b\r\n\"1\r\n\r\n\",x\r\n\r\n\r\n2,\r\n3,\"\"\"\n\"\r\n\r\n";
    assert_eq!(read(crlf).unwrap(), want);
    let mixed = b"\xef\xbb\xbfa,b\n\"1\r\n\r\n\",x\n\n\n2,\n3,\"\"\"\n\"";
    assert_eq!(read(mixed).unwrap(), want);
}

#[test]
fn a_row_of_empty_cells_is_a_row_and_a_blank_line_is_none() {
    let rows = read(b"\n\na,b\n,\n\n \n\"\"\n").unwrap();
    let want = [
        record(3, 3, &["a", "b"]),
        record(4, 4, &["", ""]),
        record(6, 6, &[" "]),
        record(7, 7, &[""]),
    ];
    assert_eq!(rows, want);
}

#[test]
fn the_delimiter_is_the_one_that_the_header_holds_most_of_outside_of_quotes() {
    for (header, want) in [
        ("a,b,c", b','),
        ("a;b;c", b';'),
        ("a\tb\tc", b'\t'),
        ("a", b','),
        ("", b','),
        ("a,b;c", b','),
        ("a;b\tc", b','),
        ("\n\r\na;b\nc,d,e,f", b';'),
        ("\"a,b,c,d\";e;f", b';'),
        ("\"a\"\",,,\n,,\";e;f", b';'),
        ("a\",\",\";b;c;d\"", b';'),
    ] {
        assert_eq!(delimiter_of(header.as_bytes()), want, "{header:?}");
    }
}

#[test]
fn what_is_no_text_is_refused_with_its_line_and_offset() {
    use FileFaultKind::{BareReturn, CellTooLong, Nul, OpenQuote, RowTooLong};
    let encoding = |offset, seems| FileFaultKind::Encoding {
        read_as: super::Encoding::Utf8,
        offset,
        seems,
    };
    let long_cell = [b"a\n".to_vec(), vec![b'x'; CELL_BYTES_MAX + 1]].concat();
    let long_quote = [b"a\nb\n\"".to_vec(), vec![b'\n'; CELL_BYTES_MAX]].concat();
    let long_row = [b"a\n".to_vec(), vec![b','; ROW_BYTES_MAX + 1]].concat();
    let late = [
        vec![b'x'; CELL_BYTES_MAX - 1],
        b"\n\xe6\xa1\x88\xff".to_vec(),
    ]
    .concat();
    let cases: &[(&[u8], Option<u64>, FileFaultKind)] = &[
        (b"\xff\xfea\0", Some(1), encoding(0, Seems::Utf16)),
        (b"\xfe\xff\0a", Some(1), encoding(0, Seems::Utf16)),
        (b"\xff\xfe\0\0", Some(1), encoding(0, Seems::Utf32)),
        (b"PK\x03\x04...", Some(1), encoding(0, Seems::Workbook)),
        (b"a,b\n1,\xb0\xb8", Some(2), encoding(6, Seems::Gb18030)),
        (b"a,b\n1,\xff", Some(2), encoding(6, Seems::Other)),
        (b"a\n\xe6\xa1", Some(2), encoding(2, Seems::Gb18030)),
        (
            &late,
            Some(2),
            encoding(CELL_BYTES_MAX as u64 + 3, Seems::Other),
        ),
        (b"a\0", Some(1), Nul { offset: Some(1) }),
        (b"a\n\n\"\n\0", Some(4), Nul { offset: Some(5) }),
        (b"a\rb\r", Some(1), BareReturn { offset: Some(1) }),
        (b"a\nb\r", Some(2), BareReturn { offset: Some(3) }),
        (b"a\nb,\"c\nd\n", Some(2), OpenQuote { position: 2 }),
        (b"a\n\"b\"\"", Some(2), OpenQuote { position: 1 }),
        (b"a\n\"b\n\",\"", Some(3), OpenQuote { position: 2 }),
        (&long_quote, Some(3), OpenQuote { position: 1 }),
        (&long_cell, Some(2), CellTooLong { position: 1 }),
        (&long_row, Some(2), RowTooLong),
    ];
    for (bytes, line, kind) in cases {
        let head = &bytes[..bytes.len().min(12)];
        assert_eq!(read(bytes), Err((*line, kind.clone())), "{head:?}");
    }
}

#[test]
fn a_cell_and_a_row_of_the_greatest_length_are_read() {
    let cell = "x".repeat(CELL_BYTES_MAX - 1); // the delimiter counts
    let line = [cell.as_str(); ROW_BYTES_MAX / CELL_BYTES_MAX].join(",");
    let rows = read(line.as_bytes()).unwrap();
    assert_eq!(rows[0].2.len(), ROW_BYTES_MAX / CELL_BYTES_MAX);
    assert!(rows[0].2.iter().all(|c| *c == cell));
}

#[test]
fn a_disk_that_fails_in_the_middle_is_a_fault_and_not_an_end() {
    struct Failing(bool);
    impl Read for Failing {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("disk on fire"));
            }
            out[..4].copy_from_slice(b"a\nb\n");
            Ok(4)
        }
    }
    let stop = Decoder::new(Failing(false), Encoding::Utf8).err().unwrap();
    assert_eq!(stop.kind, FileFaultKind::Io("disk on fire".into()));
}

proptest! {
    /// The filter walks the states of `csv_core` by its own steps: were they to disagree, a row
    /// would get another row's line, or two rows become one.
    #[test]
    fn the_filter_and_the_crate_agree_on_every_record(
        text in "([,\"\n]|[,\"\n]|a|案|\r\n){0,40}",
    ) {
        let mut plain = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter_of(text.as_bytes()))
            .from_reader(text.as_bytes());
        let want: Vec<Vec<String>> = plain
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect();
        match read(text.as_bytes()) {
            Ok(got) => {
                let lines = text.matches('\n').count() as u64 + 1;
                let mut last = 0;
                for (first, end, _) in &got {
                    prop_assert!(last < *first && first <= end && *end <= lines);
                    last = *end;
                }
                prop_assert_eq!(got.into_iter().map(|r| r.2).collect::<Vec<_>>(), want);
            }
            Err((line, kind)) => {
                // The one thing in this alphabet that may be refused: a quote that the end closes.
                let open = matches!(kind, FileFaultKind::OpenQuote { .. });
                prop_assert!(open && line.is_some(), "{kind:?}");
                let closed = read(format!("{text}\"").as_bytes()).unwrap();
                prop_assert_eq!(closed.into_iter().map(|r| r.2).collect::<Vec<_>>(), want);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }
}
