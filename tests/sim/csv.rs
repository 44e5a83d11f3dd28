//! A CSV reader of the auditor's own, for results.

/// All records. Panics at what no result may have.
pub fn read(bytes: &[u8], delimiter: u8) -> Vec<Vec<String>> {
    let bytes = bytes
        .strip_prefix(b"\xEF\xBB\xBF")
        .expect("L7: no byte order mark");
    let (mut table, mut record, mut cell) = (Vec::new(), Vec::new(), Vec::new());
    let (mut quoted, mut at) = (false, 0);
    while at < bytes.len() {
        let byte = bytes[at];
        at += 1;
        match (quoted, byte) {
            (true, b'"') if bytes.get(at) == Some(&b'"') => {
                cell.push(b'"');
                at += 1;
            }
            (true, b'"') => quoted = false,
            (true, _) => cell.push(byte),
            (false, b'"') => {
                assert!(cell.is_empty(), "L7: a quote inside a cell");
                quoted = true;
            }
            (false, b'\r') => assert_eq!(bytes.get(at), Some(&b'\n'), "L7: a bare CR"),
            (false, b'\n') => {
                record.push(text(&mut cell));
                table.push(std::mem::take(&mut record));
            }
            (false, _) if byte == delimiter => record.push(text(&mut cell)),
            (false, _) => cell.push(byte),
        }
    }
    assert!(
        !quoted && record.is_empty() && cell.is_empty(),
        "L7: the result is cut off"
    );
    table
}

fn text(cell: &mut Vec<u8>) -> String {
    String::from_utf8(std::mem::take(cell)).expect("L7: no UTF-8")
}

/// A cell as a result has it: one that a spreadsheet would take for a formula has a leading `'`.
pub fn escaped(cell: &str) -> String {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\'') => format!("'{cell}"),
        _ => cell.into(),
    }
}

#[test]
fn the_auditors_own_reader_reads_quotes_line_feeds_and_empty_cells() {
    let table = read("\u{feff}a;\"b\"\"\n;\";\r\n;;\r\n".as_bytes(), b';');
    assert_eq!(table, [["a", "b\"\n;", ""], ["", "", ""]]);
}
