//! Whole files: every bad input with its exact place, and good ones that come back as they were.

use super::*;
use crate::order::ReductionType;
use proptest::prelude::*;
use std::io::Write;

const HEADER: &str = "out_request_no,mchid,bal_account_no,reduction_type,amount,reason,card_no,sgn_no,req_scene,levy_out_request_no";
const ACCOUNT: &str = "8609cb22e1774a50a930e414cc71eca06121bc";

fn read_with(bytes: &[u8], rules: Rules) -> Result<(Vec<InputRow>, Head), FileFault> {
    let mut reader = Reader::new("batch.csv", bytes, rules)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row()? {
        rows.push(row);
    }
    Ok((rows, reader.finish()?))
}

fn read(text: &str) -> (Vec<InputRow>, Head) {
    read_with(text.as_bytes(), Rules::default()).unwrap()
}

/// The messages of the only row of a file.
fn faults(header: &str, cells: &[&str], rules: Rules) -> Vec<String> {
    let quoted: Vec<String> = cells
        .iter()
        .map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")))
        .collect();
    let text = format!("{header}\n{}\n", quoted.join(","));
    let (mut rows, _) = read_with(text.as_bytes(), rules).unwrap();
    match rows.remove(0).outcome {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(|f| f.in_file("batch.csv")).collect(),
    }
}

/// A valid row but for one cell, by its place in [`HEADER`].
fn row_with(place: usize, cell: &str) -> Vec<String> {
    let good = [
        "N1",
        "1900016681",
        ACCOUNT,
        "JUDICIAL_DEDUCTION",
        "1",
        "案件1",
    ];
    let mut row: Vec<String> = good.iter().map(|c| (*c).to_owned()).collect();
    row.resize(10, String::new());
    row[place] = cell.to_owned();
    row
}

#[test]
fn a_bad_file_is_refused_as_a_whole_with_its_place() {
    let head = "mchid,bal_account_no,reduction_type,amount";
    let row = format!("1900016681,{ACCOUNT},JUDICIAL_DEDUCTION,1");
    let good = format!("{head}\n{row}\n");
    assert!(read_with(good.as_bytes(), Rules::default()).is_ok());
    for (text, want) in [
        (String::new(), "batch.csv: is empty: "),
        ("\u{feff}".into(), "batch.csv: is empty: "),
        ("\r\n\n".into(), "batch.csv: is empty: "),
        (head.into(), "batch.csv: has a header but no rows: "),
        (
            format!("{head}\r\n\r\n"),
            "batch.csv: has a header but no rows: ",
        ),
        (
            format!("\nmchid,bal_acount_no,reduction_type,amount\n{row}\n"),
            "batch.csv:2: missing column bal_account_no: the first line must name the columns; it \
             has: mchid | bal_acount_no | reduction_type | amount; column 2 \"bal_acount_no\" is \
             carried through unread, but is close to bal_account_no",
        ),
        (
            format!("{row}\n{row}\n"),
            "batch.csv:1: missing columns mchid, bal_account_no, reduction_type, amount (fen) or \
             amount_yuan (yuan): the first line must name the columns; it has: 1900016681 | \
             8609…21bc | JUDICIAL_DEDUCTION | 1",
        ),
        (
            format!("{head},levy_status\n{row},SUCCESS\n"),
            "batch.csv:1: missing column levy_out_request_no (a result comes back with it,",
        ),
        (
            format!("{head},商户号\n{row},1\n"),
            "batch.csv:1: columns 1 and 5 are both mchid: ",
        ),
        (
            format!("{head},x,x,AMOUNT\n{row},,,1\n"),
            "batch.csv:1: columns 4 and 7 are both amount: ",
        ),
        (
            format!("{head},levy_note,levy_note\n{row},,\n"),
            "batch.csv:1: columns 5 and 6 are both levy_note: ",
        ),
        (
            format!("{head},减额金额（元）\n{row},1\n"),
            "batch.csv:1: amount (column 4) and amount_yuan (column 5) exclude each other: ",
        ),
        (
            format!("{head}{}\n", ",x".repeat(COLUMNS_MAX)),
            "batch.csv:1: 1004 columns are too many: ",
        ),
        (
            format!("{head}\n{row}\n\n{row},\n{row}\n"),
            "batch.csv:4: the row has 5 fields, the header 4: put a cell",
        ),
        (
            format!("{head}\n{row}\n1,2\n"),
            "batch.csv:3: the row has 2 fields, the header 4: ",
        ),
        (
            format!("{head}\n\"{row}\n{row}\n{row}\",\n"),
            "batch.csv:2: the row has 2 fields, the header 4: the row runs on to line 4: ",
        ),
        (
            format!("{head}\n{row}\n1,\"2,3,4\n{row}\n"),
            "batch.csv:3: a quote opens in column 2 and never closes: ",
        ),
        (
            format!("{good}1,\0,3,4\n"),
            "batch.csv:3: a NUL at byte 116: ",
        ),
        (
            format!("{good}{row}\r{row}"),
            "batch.csv:3: a carriage return alone at byte 184: ",
        ),
    ] {
        let fault = read_with(text.as_bytes(), Rules::default()).unwrap_err();
        assert!(fault.to_string().starts_with(want), "{fault}\nwant {want}");
    }
    let gbk = [good.as_bytes(), b"1,\xb0\xb8,3,4\n"].concat();
    let fault = read_with(&gbk, Rules::default()).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "batch.csv:3: not UTF-8 at byte 116; it seems to be GB18030 (GBK): save it as CSV UTF-8 \
         and run again"
    );
}

#[test]
fn a_file_that_is_not_there_or_no_file_is_refused_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("no.csv");
    for (path, want) in [
        (&*missing, "can't be read: "),
        (dir.path(), "is not a regular file: "),
    ] {
        let want = format!("{}: {want}", path.display());
        let opened = Reader::open(path, Rules::default()).err().unwrap();
        let digested = digest_of(path).unwrap_err();
        assert!(opened.to_string().starts_with(&want), "{opened}");
        assert_eq!(opened, digested);
    }
}

#[test]
fn a_bad_cell_is_a_fault_of_its_row_with_line_column_value_and_hint() {
    let n33 = "1".repeat(33);
    let reason513 = "案".repeat(513);
    let shown513 = format!("\"{}…\"", "案".repeat(63));
    let account215 = "a".repeat(215);
    for (place, cell, want) in [
        (
            0,
            "a-b",
            "out_request_no: must be digits and letters only (0-9, a-z, A-Z), found \"a-b\": give",
        ),
        (
            0,
            &*n33,
            "out_request_no: must have at most 32 characters, found \"1111…1111\": give",
        ),
        (
            0,
            "1.9E+09",
            "out_request_no: is a number that a spreadsheet has rounded; take",
        ),
        (
            1,
            "",
            "mchid: must be given, found \"\": give the target merchant's number",
        ),
        (
            1,
            "1.9E+09",
            "mchid: is a number that a spreadsheet has rounded; take it from its source, as text, found \"1.9E+09\": ",
        ),
        (
            1,
            "19000a",
            "mchid: must be 1 to 32 digits, found \"19000a\": ",
        ),
        (
            1,
            &*n33,
            "mchid: must be 1 to 32 digits, found \"1111…1111\": ",
        ),
        (
            1,
            "１９",
            "mchid: must be 1 to 32 digits, found \"１９\": write the digits 0-9 in half width",
        ),
        (2, " ", "bal_account_no: must be given, found \"\": "),
        (
            2,
            &*account215,
            "bal_account_no: must have at most 214 bytes, found \"aaaa…aaaa\": ",
        ),
        (
            2,
            "8609cb22e1774\u{200b}",
            "bal_account_no: must not contain control or invisible characters, found \"8609…774\\u{200b}\": ",
        ),
        (
            3,
            "",
            "reduction_type: must be given, found \"\": give JUDICIAL_DEDUCTION (司法扣划) or FINANCIAL_PENALTY (金融惩戒)",
        ),
        (
            3,
            "FINE",
            "reduction_type: is no known type, found \"FINE\": give JUDICIAL_DEDUCTION (司法扣划) or",
        ),
        (
            4,
            "",
            "amount: must be given, found \"\": give the amount in fen",
        ),
        (
            4,
            "0",
            "amount: must be above zero, found \"0\": nothing would be deducted",
        ),
        (
            4,
            "-1",
            "amount: must be above zero, found \"-1\": a deduction is positive",
        ),
        (
            4,
            "1.5",
            "amount: must be a whole number in plain digits, found \"1.5\": fen are whole (1 yuan is 100); for yuan name the column amount_yuan",
        ),
        (
            4,
            "1e3",
            "amount: must be a whole number in plain digits, found \"1e3\": a spreadsheet may",
        ),
        (
            4,
            "1,000",
            "amount: must be a whole number in plain digits, found \"1,000\": write it without thousands",
        ),
        (
            4,
            "１",
            "amount: must be a whole number in plain digits, found \"１\": write the digits 0-9 in half width",
        ),
        (
            4,
            "+1",
            "amount: must be a whole number in plain digits, found \"+1\": write fen in the digits",
        ),
        (
            4,
            "99999999999999999999",
            "amount: must be at most 10000000000000 fen (100 billion yuan), found \"9999…9999\": check the amount",
        ),
        (
            5,
            &*reason513,
            &*format!("reason: must have at most 512 characters, found {shown513}: shorten"),
        ),
        (
            5,
            "a\u{7}b",
            "reason: must not contain control or invisible characters, found \"a\\u{7}b\": ",
        ),
        (
            5,
            "a\nb",
            "reason: must not contain control or invisible characters, found \"a\\nb\": ",
        ),
        (
            5,
            "😀",
            "reason: must not contain characters of four bytes (emoji, rare ideographs), found \"😀\": ",
        ),
        (
            5,
            " #sandbox post=success",
            "reason: is a sandbox script, found \"#sandbox post=success\": give the real",
        ),
        (
            6,
            "6222020212345678\u{0007}",
            "card_no: must not contain control or invisible characters, found \"6222…678\\u{7}\": ",
        ),
        (
            7,
            "a\tb",
            "sgn_no: must not contain control or invisible characters, found \"a\\tb\": ",
        ),
        (
            8,
            "SHOP",
            "req_scene: is no known scene, found \"SHOP\": give SJT_CONVENIENT",
        ),
        (
            9,
            "a-b",
            "levy_out_request_no: must be digits and letters only (0-9, a-z, A-Z), found \"a-b\": take it",
        ),
    ] {
        let row = row_with(place, cell);
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        let faults = faults(HEADER, &cells, Rules::default());
        assert_eq!(faults.len(), 1, "{faults:?}");
        let want = format!("batch.csv:2: {want}");
        assert!(faults[0].starts_with(&want), "{}\nwant {want}", faults[0]);
    }
}

#[test]
fn yuan_faults_name_the_header_cell_and_speak_of_yuan() {
    let header = "商户号,额度台账号,类型, 减额金额（元）";
    for (cell, want) in [
        (
            "1.234",
            "must be yuan with at most two places, such as 12.34, found \"1.234\": there",
        ),
        ("-0.5", "must be above zero, found \"-0.5\": "),
        (
            "1,000.00",
            "must be a whole number in plain digits, found \"1,000.00\": write it without",
        ),
        (
            "12元",
            "must be a whole number in plain digits, found \"12元\": write yuan such as",
        ),
    ] {
        let row = ["1900016681", ACCOUNT, "司法扣划", cell];
        let faults = faults(header, &row, Rules::default());
        let want = format!("batch.csv:2: 减额金额（元）: {want}");
        assert!(
            faults.len() == 1 && faults[0].starts_with(&want),
            "{faults:?}"
        );
    }
}

#[test]
fn every_fault_of_a_row_is_told_once_for_each_column_in_the_order_of_the_ladder() {
    let header = "levy_out_request_no,req_scene,sgn_no,card_no,reason,amount,reduction_type,bal_account_no,mchid,out_request_no";
    let bad = "\u{7}";
    let told = |cells: &[&str]| -> Vec<String> {
        let messages = faults(header, cells, Rules::default());
        let column = |m: &String| m.split(": ").nth(1).unwrap().to_owned();
        messages.iter().map(column).collect()
    };
    assert_eq!(told(&[bad; 10]).join(","), HEADER);
    assert_eq!(
        told(&[" "; 10]).join(","),
        "mchid,bal_account_no,reduction_type,amount"
    );
}

#[test]
fn l7_a_row_of_empty_cells_is_an_invalid_row_and_never_dropped() {
    let (rows, _) = read(&format!(
        "mchid,bal_account_no,reduction_type,amount\n,,,\n\n1900016681,{ACCOUNT},司法扣划,7\n"
    ));
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].ordinal, rows[0].line), (1, 2));
    assert_eq!((rows[1].ordinal, rows[1].line), (2, 4));
    let faults = rows[0].outcome.as_ref().unwrap_err();
    assert_eq!(faults.len(), 4);
    assert!(
        faults
            .iter()
            .all(|f| f.hint.starts_with("the whole row is blank"))
    );
    assert!(rows[1].outcome.is_ok());
}

#[test]
fn the_amount_of_an_invalid_row_is_still_told_where_it_can_be_read() {
    let rules = Rules {
        amount_fen_max: Some(500),
        ..Rules::default()
    };
    let text = format!(
        "mchid,bal_account_no,reduction_type,amount\n,{ACCOUNT},司法扣划,12\n\
         1,{ACCOUNT},司法扣划,500\n1,{ACCOUNT},司法扣划,123456789012\n1,{ACCOUNT},司法扣划,x\n"
    );
    let (rows, _) = read_with(text.as_bytes(), rules).unwrap();
    let amounts: Vec<_> = rows
        .iter()
        .map(|r| (r.outcome.is_ok(), r.amount.map(Fen::get)))
        .collect();
    assert_eq!(
        amounts,
        [
            (false, Some(12)),
            (true, Some(500)),
            (false, Some(123_456_789_012)),
            (false, None)
        ]
    );
    assert!(rows[2].outcome.as_ref().unwrap_err()[0].in_file("b.csv").starts_with(
        "b.csv:4: amount: is above the configured ceiling of 500 fen, found \"123456789012\": "
    ));
}

#[test]
fn a_sandbox_script_is_taken_only_where_it_is_allowed() {
    let row = row_with(5, "#sandbox post=success");
    let cells: Vec<&str> = row.iter().map(String::as_str).collect();
    let allowed = Rules {
        sandbox_scripts_allowed: true,
        ..Rules::default()
    };
    assert_eq!(faults(HEADER, &cells, allowed), Vec::<String>::new());
    assert_eq!(faults(HEADER, &cells, Rules::default()).len(), 1);
}

#[test]
fn a_good_row_is_read_trimmed_and_its_cells_are_kept_as_they_came() {
    let (rows, head) = read(&format!(
        "\u{feff}原因;类型; 商户号 ;额度台账号;减额金额(元);备注;单号\r\n\
         \" 案\"\"1\u{3000}\";金融惩戒; 1900016681;{ACCOUNT}\u{a0};12.3;\"a\r\nb\"; \r\n\
         ;司法扣划;1;x;1;;Ab9\r\n"
    ));
    assert_eq!(head.header.delimiter, b';');
    assert_eq!(head.header.cells[2], " 商户号 ");
    assert!(!head.header.returned);
    let first = rows[0].outcome.as_ref().unwrap();
    assert_eq!(first.no, None);
    assert_eq!(first.returned, None);
    assert_eq!(first.content.reason.as_ref().unwrap().as_str(), "案\"1");
    assert_eq!(
        first.content.reduction_type,
        ReductionType::FinancialPenalty
    );
    assert_eq!(first.content.account.reveal(), ACCOUNT);
    assert_eq!(first.content.amount.get(), 1230);
    assert_eq!(rows[0].cells[0], " 案\"1\u{3000}");
    assert_eq!(rows[0].cells[5], "a\r\nb");
    let second = rows[1].outcome.as_ref().unwrap();
    assert_eq!(
        (rows[1].line, second.no.as_ref().unwrap().as_str()),
        (4, "Ab9")
    );
    assert_eq!(second.content.reason, None);
}

#[test]
fn a_result_that_comes_back_loses_levys_columns_and_one_quote_and_keeps_its_number() {
    let text = format!(
        "'=x,mchid,levy_line,bal_account_no,reduction_type,amount,reason,Levy_Out_Request_No,levy_note\n\
         '=1,1900016681,2,{ACCOUNT},JUDICIAL_DEDUCTION,7,''a,LVABC,=note\n\
         'b,1900016681,3,{ACCOUNT},JUDICIAL_DEDUCTION,'-7,'@a, ,\n"
    );
    let (rows, head) = read(&text);
    assert!(head.header.returned);
    let kept = [
        "=x",
        "mchid",
        "bal_account_no",
        "reduction_type",
        "amount",
        "reason",
    ];
    assert_eq!(head.header.cells, kept);
    assert_eq!(
        rows[0].cells,
        ["=1", "1900016681", ACCOUNT, "JUDICIAL_DEDUCTION", "7", "'a"]
    );
    let first = rows[0].outcome.as_ref().unwrap();
    assert_eq!(first.returned.as_ref().unwrap().as_str(), "LVABC");
    assert_eq!(first.content.reason.as_ref().unwrap().as_str(), "'a");
    assert_eq!(rows[1].cells[0], "'b");
    assert_eq!(rows[1].outcome.as_ref().unwrap_err()[0].value, "-7");

    let plain = text
        .replace("levy_line", "x")
        .replace("levy_note", "y")
        .replace("Levy_Out_", "z_");
    let (rows, head) = read(&plain);
    assert!(!head.header.returned);
    assert_eq!(rows[0].cells[0], "'=1", "not ours: taken as it is");
    assert_eq!(rows[0].cells.len(), 9);
}

#[test]
fn the_digest_is_that_of_the_whole_file_and_is_given_only_for_a_good_one() {
    let head = "mchid,bal_account_no,reduction_type,amount\n";
    let text = format!("{head}1,x,司法扣划,1\n2,x,司法扣划,1\n\n");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let whole: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    assert_eq!(digest_of(file.path()).unwrap(), whole);
    let mut reader = Reader::open(file.path(), Rules::default()).unwrap();
    assert_eq!(reader.next_row().unwrap().unwrap().ordinal, 1);
    assert_eq!(
        reader.finish().unwrap().digest,
        whole,
        "finish reads the rest"
    );

    let broken = format!("{text}1,2\n{head}");
    let mut reader = Reader::new("b", broken.as_bytes(), Rules::default()).unwrap();
    assert!(reader.next_row().unwrap().is_some());
    assert!(reader.next_row().unwrap().is_some());
    let fault = reader.next_row().unwrap_err();
    assert_eq!(
        reader.next_row().unwrap_err(),
        fault,
        "a refused file does not go on"
    );
    assert_eq!(reader.finish().unwrap_err(), fault);
    let unread = Reader::new("b", broken.as_bytes(), Rules::default()).unwrap();
    assert_eq!(unread.finish().unwrap_err(), fault);
}

#[test]
fn l8_an_account_shows_in_no_fault_whatever_column_it_came_into() {
    let columns = HEADER.split(',').count();
    for shift in 0..columns {
        let mut row = row_with(9, "");
        row.rotate_right(shift);
        let text = format!("{HEADER}\n{}\n", row.join(","));
        let (rows, _) = read(&text);
        let mut said = format!("{:?}", rows[0]);
        for fault in rows[0].outcome.as_ref().err().into_iter().flatten() {
            said.push_str(&fault.in_file("batch.csv"));
        }
        let headless = format!("{}\n{text}", row.join(","));
        let refused = read_with(headless.as_bytes(), Rules::default()).unwrap_err();
        said.push_str(&format!("{refused}{refused:?}"));
        for piece in ACCOUNT.as_bytes().windows(9) {
            let piece = std::str::from_utf8(piece).unwrap();
            assert!(!said.contains(piece), "shift {shift}: {said}");
        }
    }
}

/// What a valid row is made of, with the blanks and breaks that a file may carry.
fn cells() -> impl Strategy<Value = [String; 6]> {
    (
        "[ \u{3000}]?[0-9]{1,32} ?",
        "[0-9a-z]{1,40}",
        "(JUDICIAL_DEDUCTION|金融惩戒) ?",
        "[1-9][0-9]{0,12}",
        "( |案件|[a-z0-9\",;'=-]|案){0,20}",
        "[\r\n\t\",;'= a-c案]{0,8}",
    )
        .prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f])
}

proptest! {
    #[test]
    fn any_bytes_behind_a_good_header_are_rows_or_a_fault(
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        text in "[,\"\n\r\u{feff}a1 案=-]{0,60}",
    ) {
        let head = b"mchid,bal_account_no,reduction_type,amount,levy_out_request_no\n";
        for tail in [&*bytes, text.as_bytes()] {
            let _ = read_with(tail, Rules::default());
            let _ = read_with(&[head, tail].concat(), Rules::default());
        }
    }

    #[test]
    fn a_file_that_was_written_well_is_read_as_it_was_written(
        rows in prop::collection::vec(cells(), 1..8),
        delimiter in prop::sample::select(vec![b',', b';', b'\t']),
        crlf: bool,
        mark: bool,
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new()
            .delimiter(delimiter)
            .terminator(terminator)
            .from_writer(if mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() });
        let header = ["mchid", "额度台账号", "reduction_type", "amount", "reason", "remark"];
        writer.write_record(header).unwrap();
        let mut lines = vec![2];
        for row in &rows {
            writer.write_record(row).unwrap();
            let breaks = row[5].matches('\n').count() as u64;
            lines.push(lines.last().unwrap() + 1 + breaks);
        }
        let bytes = writer.into_inner().unwrap();
        let (read, head) = read_with(&bytes, Rules::default()).unwrap();
        prop_assert_eq!(head.header.cells, header);
        prop_assert_eq!(head.header.delimiter, delimiter);
        prop_assert_eq!(read.len(), rows.len());
        for ((got, want), line) in read.iter().zip(&rows).zip(lines) {
            prop_assert_eq!(&got.cells, want);
            prop_assert_eq!(got.line, line);
            let content = &got.outcome.as_ref().unwrap().content;
            prop_assert_eq!(content.merchant.as_str(), want[0].trim());
            prop_assert_eq!(content.amount.to_string(), want[3].as_str());
            let reason = content.reason.as_ref().map_or("", |r| r.as_str());
            prop_assert_eq!(reason, want[4].trim());
        }
    }
}
