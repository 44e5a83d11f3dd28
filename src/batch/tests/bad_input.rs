//! Every bad input, with the exact place that is told of it.

use super::*;

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
        "batch.csv:3: not UTF-8 at byte 116; it seems to be GB18030 (GBK): save it as CSV UTF-8, \
         or say --encoding gb18030 if you know that it is"
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
            "1,00",
            "amount: must be a whole number in plain digits, found \"1,00\": write it without thousands",
        ),
        (
            4,
            "１.５",
            "amount: must be a whole number in plain digits, found \"1.5\": fen are whole (1 yuan is 100); for yuan name the column amount_yuan",
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
            "1000,000.00",
            "must be a whole number in plain digits, found \"1000,000.00\": write it without",
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
    let mut bare = [" "; 10];
    bare[4] = "案件1";
    assert_eq!(
        told(&bare).join(","),
        "mchid,bal_account_no,reduction_type,amount"
    );
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
