//! What input methods and spreadsheets do to a cell: full width, groups of three digits, rounding,
//! rows of totals. What is exact is read; what was lost is named and never repaired.

use std::borrow::Cow;

/// Digits that a spreadsheet keeps of a number; it writes zeros for all behind them.
const DIGITS_KEPT: usize = 15;
/// Digits from which on zeros behind the kept ones are no chance any more.
const DIGITS_ROUNDED: usize = 18;

/// A text with full-width forms (`１`, `，`, `Ａ`) as their half-width ones, trimmed.
pub(super) fn half_width(text: &str) -> Cow<'_, str> {
    let text = trimmed(text);
    if text.is_ascii() || !text.contains(is_wide) {
        return Cow::Borrowed(text);
    }
    let narrow = |c: char| match c {
        '\u{3000}' => ' ',
        c if is_wide(c) => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    };
    let narrowed: String = text.chars().map(narrow).collect();
    Cow::Owned(narrowed.trim().to_owned())
}

/// [`str::trim`], at once where there is nothing to trim.
pub(super) fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [] => text,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{ff01}'..='\u{ff5e}' | '\u{3000}')
}

/// An amount without its commas, if they stand before each group of three digits and nowhere else.
pub(super) fn ungrouped(text: &str) -> Cow<'_, str> {
    let (whole, places) = match text.split_once('.') {
        Some((whole, places)) => (whole, Some(places)),
        None => (text, None),
    };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let exact = whole.contains(',')
        && digits(first)
        && first.len() <= 3
        && groups.all(|group| digits(group) && group.len() == 3)
        && places.is_none_or(digits);
    match exact {
        true => Cow::Owned(text.replace(',', "")),
        false => Cow::Borrowed(text),
    }
}

/// Whether a spreadsheet may have rounded a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounded {
    No,
    /// 16 or 17 digits that end in a zero: one in ten is honest.
    Perhaps,
    /// 18 digits or more, and nothing but zeros behind the 15th.
    Surely,
}

/// What the digits of an identifier tell. What has anything but digits was text, and is whole.
pub(super) fn rounded(text: &str) -> Rounded {
    if text.len() <= DIGITS_KEPT || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Rounded::No;
    }
    let lost = text.bytes().skip(DIGITS_KEPT).all(|b| b == b'0');
    match (text.len() >= DIGITS_ROUNDED, lost, text.ends_with('0')) {
        (true, true, _) => Rounded::Surely,
        (false, _, true) => Rounded::Perhaps,
        _ => Rounded::No,
    }
}

/// Whether a cell is an error of a spreadsheet.
pub(super) fn is_error(text: &str) -> bool {
    const ERRORS: [&str; 8] = [
        "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!",
    ];
    text.starts_with('#') && ERRORS.contains(&text)
}

/// What stands before a cell of a workbook that was refused for its kind, wherever it is written again
/// as a text: otherwise a number that had lost its zeros would be a valid text in the result.
pub(super) const UNFIT: &str = "#CELL! ";

/// A cell as it is written again.
pub(super) fn marked(text: &str, unfit: bool) -> Cow<'_, str> {
    match unfit {
        true => Cow::Owned(format!("{UNFIT}{text}")),
        false => Cow::Borrowed(text),
    }
}

/// Whether a cell was written again by levy with [`UNFIT`].
pub(super) fn was_unfit(text: &str) -> bool {
    text.starts_with(UNFIT.trim_end())
}

/// Whether a cell is the label of a row of totals.
pub(super) fn is_total(text: &str) -> bool {
    const LABELS: [&str; 11] = [
        "合计",
        "总计",
        "小计",
        "共计",
        "总额",
        "总金额",
        "total",
        "totals",
        "grand total",
        "subtotal",
        "sum",
    ];
    let text = half_width(text);
    let label = text.trim_end_matches([':', '：']).to_lowercase();
    // A label is spread over its cell: 合　计.
    let chinese = !label.is_ascii();
    let label = match chinese {
        true => label.replace(' ', ""),
        false => label.trim().to_owned(),
    };
    LABELS.contains(&label.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_width_is_read_as_half_width_and_nothing_else_changes() {
        for (text, want) in [
            ("１９００ＡＢ　", "1900AB"),
            (" 1900 ", "1900"),
            ("１，２３４．５０", "1,234.50"),
            ("　x　y ", "x y"),
            ("案①²", "案①²"),
            ("", ""),
        ] {
            assert_eq!(half_width(text), want, "{text}");
        }
    }

    #[test]
    fn commas_are_taken_out_of_an_amount_only_where_every_group_has_three_digits() {
        for (text, want) in [
            ("1,234", "1234"),
            ("1,234,567.89", "1234567.89"),
            ("123,456", "123456"),
            ("12,345.5", "12345.5"),
        ] {
            assert_eq!(ungrouped(text), want, "{text}");
        }
        for text in [
            "",
            ",",
            "1,23",
            "1234,567",
            ",123",
            "1,,234",
            "1,234,",
            "1,2345",
            "1.234,5",
            "1,234.",
            "1,234.5,0",
            "-1,234",
            "1 234",
            "1'234",
            "12,34,567",
            "1,234.5.6",
            "a,123",
        ] {
            assert_eq!(ungrouped(text), text);
        }
    }

    #[test]
    fn rounding_is_told_by_the_digits_behind_the_fifteenth() {
        for (text, want) in [
            ("123456789012345", Rounded::No),
            ("123456789012340", Rounded::No),
            ("1234567890123450", Rounded::Perhaps),
            ("1234567890123456", Rounded::No),
            ("12345678901234500", Rounded::Perhaps),
            ("12345678901234560", Rounded::Perhaps),
            ("12345678901234567", Rounded::No),
            ("123456789012345000", Rounded::Surely),
            ("123456789012345600", Rounded::No),
            ("6222021234567890000", Rounded::Surely),
            ("6222021234567890001", Rounded::No),
            ("A23456789012345000", Rounded::No),
            ("", Rounded::No),
        ] {
            assert_eq!(rounded(text), want, "{text}");
        }
    }

    #[test]
    fn labels_of_totals_are_known_in_both_languages_and_no_case_number_is_one() {
        for label in [
            "合计",
            "合　计",
            " 合计：",
            "总计:",
            "TOTAL",
            "Grand Total",
            "小计",
            "Sum",
        ] {
            assert!(is_total(label), "{label}");
        }
        for other in ["", "合计1", "total 3", "合计案件", "summary", "N1"] {
            assert!(!is_total(other), "{other}");
        }
    }
}
