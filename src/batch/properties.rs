//! One deduction in two files: what names it does not depend on how the file is laid out.

use super::*;
use proptest::prelude::*;

/// Every column with two of its names; the amount is written as the layout says.
const COLUMNS: [[&str; 2]; 8] = [
    ["mchid", "目标商户号"],
    ["bal_account_no", "ＢＡＬ_account_no "],
    ["reduction_type", "特殊减额类型"],
    ["amount", "amount_yuan"],
    ["reason", "原因"],
    ["card_no", " Card_No"],
    ["sgn_no", "SGN_NO"],
    ["req_scene", "req_scene"],
];

/// How a file is written: everything that must not matter.
#[derive(Clone, Debug)]
struct Layout {
    order: Vec<usize>,
    other_names: bool,
    yuan: bool,
    padding: String,
    delimiter: char,
    line_end: &'static str,
    more: Vec<String>,
    returned: bool,
}

fn layout() -> impl Strategy<Value = Layout> {
    (
        Just((0..COLUMNS.len()).collect::<Vec<_>>()).prop_shuffle(),
        any::<(bool, bool, bool)>(),
        "[ \u{3000}\u{a0}]{0,2}",
        prop::sample::select(vec![',', ';', '\t']),
        prop::sample::select(vec!["\n", "\r\n"]),
        prop::collection::vec("[a-z=' ,;]{0,5}", 0..3),
    )
        .prop_map(
            |(order, flags, padding, delimiter, line_end, more)| Layout {
                order,
                other_names: flags.0,
                yuan: flags.1,
                padding,
                delimiter,
                line_end,
                more,
                returned: flags.2,
            },
        )
}

/// Merchant, account, type, fen, reason, card, agreement, scene.
fn fields() -> impl Strategy<Value = [String; 8]> {
    let scene = prop::sample::select(vec!["", "SJT_MICRO_MERCHANT"]);
    (
        "[0-9]{1,32}",
        "[a-z0-9]{1,40}",
        prop::sample::select(vec!["JUDICIAL_DEDUCTION", "FINANCIAL_PENALTY"]),
        1..=crate::order::AMOUNT_FEN_MAX,
        "(|[a-z案0-9][a-z案0-9:-]{0,12}[a-z案0-9])",
        "(|[0-9]{4,19})",
        "(|[a-z0-9]{1,8})",
        scene,
    )
        .prop_map(|(a, b, c, fen, d, e, f, g)| [a, b, c.into(), fen.to_string(), d, e, f, g.into()])
}

fn file(fields: &[String; 8], layout: &Layout) -> String {
    let (mut header, mut row) = (Vec::new(), Vec::new());
    for &column in &layout.order {
        let amount = column == 3;
        let other = if amount {
            layout.yuan
        } else {
            layout.other_names
        };
        header.push(COLUMNS[column][usize::from(other)].to_owned());
        let field = match fields[column].parse::<u64>() {
            Ok(fen) if amount && layout.yuan => format!("{}.{:02}", fen / 100, fen % 100),
            _ => fields[column].clone(),
        };
        row.push(format!("{0}{field}{0}", layout.padding));
    }
    for (n, cell) in layout.more.iter().enumerate() {
        header.push(format!("other column {n}"));
        row.push(cell.clone());
    }
    if layout.returned {
        header.extend(["levy_out_request_no".into(), "levy_note".into()]);
        row.extend([String::new(), "a note".into()]);
    }
    let line = |cells: &[String]| {
        let quoted: Vec<String> = cells.iter().map(|cell| format!("\"{cell}\"")).collect();
        quoted.join(&layout.delimiter.to_string()) + layout.line_end
    };
    line(&header) + &line(&row)
}

proptest! {
    #[test]
    fn l2_a_deduction_is_the_same_in_every_layout_and_its_number_with_it(
        fields in fields(),
        layouts in (layout(), layout()),
    ) {
        // A card of 18 digits that ends in zeros looks rounded.
        let rules = Rules { accept_digits: true, ..Rules::default() };
        let read = |layout: &Layout| {
            let text = file(&fields, layout);
            let mut reader = Reader::new("b.csv", text.as_bytes(), rules).unwrap();
            reader.next_row().unwrap().unwrap().outcome.unwrap()
        };
        let (one, two) = (read(&layouts.0), read(&layouts.1));
        prop_assert_eq!(&one.content, &two.content);
        prop_assert_eq!(one.content.digest(), two.content.digest());
        prop_assert_eq!(one.content.digest().derived_no(1), two.content.digest().derived_no(1));
        prop_assert_eq!(one.content.amount.to_string(), fields[3].as_str());
        prop_assert_eq!(one.content.account.reveal(), fields[1].as_str());
    }
}
