//! Cells that a spreadsheet would take for a formula: a `'` before them, and off again.
//!
//! The result writer escapes every cell, header cells too; a result that comes back is read through
//! the inverse. It does not know which files those are.

use std::borrow::Cow;

/// First characters that a spreadsheet may act upon, and the escape itself.
const ESCAPED: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// The cell as a result carries it: with a `'` before it if it begins with `=`, `+`, `-`, `@`, tab,
/// CR or `'`.
pub fn escape_cell(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(ESCAPED) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// The inverse of [`escape_cell`]: takes exactly one `'` off, where the rest needs one.
pub fn unescape_cell(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(ESCAPED) => rest,
        Some(_) | None => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_quote_goes_on_and_exactly_one_comes_off() {
        for (cell, escaped) in [
            ("", ""),
            ("案件", "案件"),
            ("=1+1", "'=1+1"),
            ("-4", "'-4"),
            ("+4", "'+4"),
            ("@a", "'@a"),
            ("\ta", "'\ta"),
            ("\ra", "'\ra"),
            ("'a", "''a"),
            ("'=1", "''=1"),
            ("'", "''"),
            (" =1", " =1"),
        ] {
            assert_eq!(escape_cell(cell), escaped);
            assert_eq!(unescape_cell(escaped), cell);
        }
        assert_eq!(
            unescape_cell("'a"),
            "'a",
            "levy never wrote this: left alone"
        );
    }

    proptest! {
        #[test]
        fn every_cell_comes_back_as_it_was(cell in "[-=+@\t\r'a案 ]{0,6}") {
            let escaped = escape_cell(&cell);
            prop_assert_eq!(unescape_cell(&escaped), &*cell);
            let once_more = escape_cell(&escaped);
            prop_assert_eq!(unescape_cell(&once_more), &*escaped);
        }
    }
}
