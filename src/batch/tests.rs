//! Whole files that are read as they were written; `bad_input` has those that are not.

use super::*;
use crate::order::ReductionType;
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::io::Write;

mod bad_input;

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
fn l7_a_row_of_empty_cells_is_an_invalid_row_unless_nothing_comes_behind_it() {
    let (rows, head) = read(&format!(
        "mchid,bal_account_no,reduction_type,amount\n,,,\n\n1900016681,{ACCOUNT},司法扣划,7\n\
         , ,,\n\n,,,"
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
    assert_eq!(
        head.warnings,
        ["2 blank rows at the end, from row 5 on, are no rows of the batch"]
    );
    let blanks = "mchid,bal_account_no,reduction_type,amount\n,,,\n,,,\n";
    let fault = read_with(blanks.as_bytes(), Rules::default()).unwrap_err();
    assert_eq!(fault.kind, FileFaultKind::NoRows);
}

#[test]
fn blank_rows_in_the_middle_keep_their_cells_and_places() {
    let good = format!("1900016681,{ACCOUNT},司法扣划,7");
    let (rows, head) = read(&format!(
        "mchid,bal_account_no,reduction_type,amount\n{good}\n, ,,\n\n,,,\n{good}\n"
    ));
    let told: Vec<_> = rows
        .iter()
        .map(|r| (r.ordinal, r.line, r.outcome.is_ok()))
        .collect();
    assert_eq!(
        told,
        [(1, 2, true), (2, 3, false), (3, 5, false), (4, 6, true)]
    );
    assert_eq!(rows[1].cells, ["", " ", "", ""]);
    assert_eq!(rows[2].cells, [""; 4]);
    assert_eq!(head.warnings, [""; 0]);
}

#[test]
fn full_width_digits_and_exact_groups_are_read_and_the_cells_stay_as_they_came() {
    let (rows, _) = read(&format!(
        "out_request_no,mchid,bal_account_no,reduction_type,amount_yuan,reason\n\
         Ｎ１,１９００016681,{ACCOUNT},司法扣划,\"１，２３４．５０\",案件１\n"
    ));
    let deduction = rows[0].outcome.as_ref().unwrap();
    assert_eq!(deduction.no.as_ref().unwrap().as_str(), "N1");
    assert_eq!(deduction.content.merchant.as_str(), "1900016681");
    assert_eq!(deduction.content.amount.get(), 123_450);
    let reason = deduction.content.reason.as_ref().unwrap();
    assert_eq!(reason.as_str(), "案件１", "what people read stays as it is");
    assert_eq!(rows[0].cells[4], "１，２３４．５０");
}

#[test]
fn a_number_that_a_spreadsheet_rounded_is_refused_and_a_doubtful_one_told() {
    let file = |account: &str, number: &str| {
        format!(
            "out_request_no,mchid,bal_account_no,reduction_type,amount\n\
             {number},1900016681,{account},司法扣划,7\n"
        )
    };
    let refused = file("6222021234567890000", "N1");
    let (rows, _) = read(&refused);
    let faults = rows[0].outcome.as_ref().unwrap_err();
    assert_eq!(
        faults[0].in_file("batch.csv"),
        "batch.csv:2: bal_account_no: has nothing but zeros behind its 15th digit, as a spreadsheet \
         leaves a number that it has rounded, found \"6222…0000\": compare it with its source, and \
         give it as text; --accept-digits takes it as it is"
    );
    let doubtful = file("8609cb22", "1234567890123450");
    let (rows, _) = read(&doubtful);
    assert!(rows[0].outcome.is_ok());
    let doubts: Vec<_> = rows[0]
        .doubts
        .iter()
        .map(|doubt| doubt.column.as_str())
        .collect();
    assert_eq!(doubts, ["out_request_no"]);
    let rules = Rules {
        accept_digits: true,
        ..Rules::default()
    };
    for text in [refused, doubtful] {
        let (rows, _) = read_with(text.as_bytes(), rules).unwrap();
        assert!(rows[0].outcome.is_ok() && rows[0].doubts.is_empty());
    }
}

#[test]
fn a_row_of_totals_is_named_and_refused() {
    for row in [
        "合计,,,,12345",
        "N1,1900016681,x,,\n,总 计：,,,12345",
        "Total,,,,",
    ] {
        let (rows, _) = read(&format!(
            "out_request_no,mchid,bal_account_no,reduction_type,amount\n{row}\n"
        ));
        let faults = rows.last().unwrap().outcome.as_ref().unwrap_err();
        assert_eq!(faults.len(), 1, "{row}");
        assert_eq!(
            faults[0].what,
            "is the label of a row of totals, not a deduction"
        );
    }
    // What is a whole deduction is one, whatever its number is called.
    let (rows, _) = read(&format!(
        "out_request_no,mchid,bal_account_no,reduction_type,amount\nTotal,1,{ACCOUNT},司法扣划,1\n"
    ));
    assert!(rows[0].outcome.is_ok());
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
        (3, "Ab9"),
        "the row of a spreadsheet, below a cell of two lines"
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
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let (read, head) = read_with(&bytes, Rules::default()).unwrap();
        prop_assert_eq!(head.header.cells, header);
        prop_assert_eq!(head.header.delimiter, delimiter);
        prop_assert_eq!(read.len(), rows.len());
        for ((got, want), line) in read.iter().zip(&rows).zip(2..) {
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

#[test]
fn an_encoding_that_the_files_own_mark_contradicts_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("night.csv");
    let rules = |encoding| Rules {
        encoding: Some(encoding),
        ..Rules::default()
    };
    for (head, marked) in [
        (&b"\xef\xbb\xbf"[..], Encoding::Utf8),
        (b"\xff\xfe", Encoding::Utf16Le),
        (b"\xfe\xff", Encoding::Utf16Be),
    ] {
        std::fs::write(&path, [head, b"mchid"].concat()).unwrap();
        let fault = Reader::open(&path, rules(Encoding::Gb18030)).err().unwrap();
        let asked = Encoding::Gb18030;
        assert_eq!(fault.kind, FileFaultKind::OtherMark { marked, asked });
        let fault = Reader::open(&path, rules(marked)).err().unwrap();
        assert!(!matches!(fault.kind, FileFaultKind::OtherMark { .. }));
    }
}

#[test]
fn blanks_of_blank_rows_are_kept_up_to_a_maximum() {
    let cell = " ".repeat(CELL_BYTES_MAX - 1);
    let row = format!("{cell},{cell},{cell},{cell}\n");
    let rows = BLANK_BYTES_MAX / row.len() + 2;
    let header = "mchid,bal_account_no,reduction_type,amount\n";
    let text = format!("{header}{}", row.repeat(rows));
    let mut reader = Reader::new("a.csv", text.as_bytes(), Rules::default()).unwrap();
    let fault = reader.next_row().unwrap_err();
    assert_eq!(fault.kind, FileFaultKind::TooManyBlanks);
}

#[test]
fn l2_a_cell_that_its_kind_ruled_out_is_no_valid_text_when_it_is_written_again() {
    for name in ["numeric-ids", "percent-amounts", "formula-without-value"] {
        let path = format!(
            "{}/fixtures/files/workbook-{name}.xlsx",
            env!("CARGO_MANIFEST_DIR")
        );
        let mut reader = Reader::open(Path::new(&path), Rules::default()).unwrap();
        let header = reader.head().cells.clone();
        let mut refused = 0;
        while let Some(row) = reader.next_row().unwrap() {
            if row.unfit.is_empty() {
                continue;
            }
            refused += 1;
            let raw: Vec<String> = reader
                .raw(&row)
                .iter()
                .map(|cell| cell.to_string())
                .collect();
            for cells in [&row.cells, &raw] {
                let mut csv = csv::Writer::from_writer(Vec::new());
                csv.write_record(&header).unwrap();
                csv.write_record(cells).unwrap();
                let text = csv.into_inner().unwrap();
                let mut again = Reader::new("a.csv", &text[..], Rules::default()).unwrap();
                let again = again.next_row().unwrap().unwrap();
                let faults = again.outcome.unwrap_err();
                let told = faults
                    .iter()
                    .any(|fault| fault.to_string().contains("was no text"));
                assert!(told, "{name}: {faults:?}");
            }
        }
        assert!(refused > 0, "{name}");
    }
}

#[test]
fn l2_a_reason_that_came_back_rounded_is_a_fault_and_no_other_deduction() {
    let text = |more: &str, cell: &str| {
        format!(
            "mchid,bal_account_no,reduction_type,amount,reason{more}\n\
             1900016681,8609cb22e1774a50a930e414cc71eca06121bc,司法扣划,7,2.02508E+11{cell}\n"
        )
    };
    for (more, cell, valid) in [("", "", true), (",levy_out_request_no", ",N1", false)] {
        let text = text(more, cell);
        let mut reader = Reader::new("a.csv", text.as_bytes(), Rules::default()).unwrap();
        let row = reader.next_row().unwrap().unwrap();
        assert_eq!(
            (row.outcome.is_ok(), row.doubts.len()),
            (valid, usize::from(valid))
        );
    }
}

#[test]
fn levy_reissue_takes_yes_in_any_width_and_case_and_refuses_every_other_word() {
    use crate::order::Comeback;
    let read = |cell: &str, number: &str| {
        let text = format!(
            "mchid,bal_account_no,reduction_type,amount,levy_reissue,levy_out_request_no\n\
             1900016681,8609cb22e1774a50a930e414cc71eca06121bc,司法扣划,7,{cell},{number}\n"
        );
        let mut reader = Reader::new("f.csv", text.as_bytes(), Rules::default()).unwrap();
        assert!(reader.head().failed && reader.head().returned);
        let row = reader.next_row().unwrap().unwrap();
        let named = (!number.is_empty()).then(|| number.to_owned());
        assert_eq!(row.came_back_as, named, "{cell}");
        let fault = |faults: Vec<Fault>| faults[0].to_string();
        row.outcome
            .map(|deduction| deduction.comeback)
            .map_err(fault)
    };
    for yes in [
        "yes",
        "Yes",
        " YES ",
        "ｙｅｓ",
        "y",
        "Y",
        "是",
        "\u{3000}是",
    ] {
        assert_eq!(read(yes, "N1"), Ok(Comeback::Reissue), "{yes}");
        let fault = read(yes, "").unwrap_err();
        assert!(
            fault.contains("names no order in levy_out_request_no"),
            "{fault}"
        );
    }
    assert_eq!(read(" ", "N1"), Ok(Comeback::Mended));
    assert_eq!(read("", ""), Ok(Comeback::Mended));
    for no in ["no", "否", "x", "1", "TRUE", "yes!", "'yes"] {
        let fault = read(no, "N1").unwrap_err();
        assert!(
            fault.starts_with("2: levy_reissue: is neither yes nor empty"),
            "{fault}"
        );
    }
}
