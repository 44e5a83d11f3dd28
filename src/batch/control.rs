//! Control totals: what a file's maker says it adds up to, typed or in a file beside it.
//!
//! A file that was cut short, doubled or mixed up on its way is a good file by itself; only who made it
//! knows how many rows it had.

use std::fmt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;

use crate::order::yuan;

/// Bytes of a side file.
const SIDE_FILE_BYTES_MAX: u64 = 64 * 1024;

/// What a file must add up to; what is not told is not asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ControlTotals {
    /// Data rows, faulty ones too.
    pub rows: Option<u64>,
    /// Fen of all rows.
    pub amount_fen: Option<u64>,
    /// SHA-256 of the file's bytes.
    pub sha256: Option<[u8; 32]>,
}

/// What a file adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddedUp {
    /// Data rows, faulty ones too.
    pub rows: u64,
    /// Fen of the rows whose amount could be read.
    pub amount_fen: u128,
    /// Rows whose amount could not be read.
    pub unreadable: u64,
}

/// A side file as it is written: `rows = 3`, `amount = 123456` (fen), `sha256 = "…"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SideFile {
    rows: Option<u64>,
    amount: Option<u64>,
    sha256: Option<String>,
}

impl ControlTotals {
    /// The file beside `input` that tells its totals: `night.csv.ok` or `night.ok`. One belongs to one
    /// file: that of `night.csv` is not that of `night.csv.csv`.
    pub fn side_file(input: &Path) -> Option<PathBuf> {
        let mut appended = input.as_os_str().to_owned();
        appended.push(".ok");
        let appended = PathBuf::from(appended);
        if appended.exists() {
            return Some(appended);
        }
        // `night.csv.ok` is that of `night.csv`, and not of `night.csv.csv` as well.
        let short = input.with_extension("ok");
        let stem = Path::new(input.file_stem()?);
        let another = stem.extension().is_some_and(|end| {
            ["csv", "xlsx"]
                .iter()
                .any(|one| end.eq_ignore_ascii_case(one))
        });
        (!another && short.exists()).then_some(short)
    }

    /// Reads a side file.
    ///
    /// # Errors
    /// In words, beginning with the file's name.
    pub fn read(path: &Path) -> Result<Self, String> {
        let fault = |words: &dyn fmt::Display| format!("{}: {words}", path.display());
        let meta = std::fs::metadata(path).map_err(|e| fault(&e))?;
        if !meta.is_file() || meta.len() > SIDE_FILE_BYTES_MAX {
            return Err(fault(&"is no file of control totals"));
        }
        let text = std::fs::read_to_string(path).map_err(|e| fault(&e))?;
        Self::parse(text.trim_start_matches('\u{feff}')).map_err(|words| fault(&words))
    }

    fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "give at least one of rows = 3, amount = 123456 (in fen) and \
                            sha256 = \"…\", a line each";
        let told: SideFile =
            toml::from_str(text).map_err(|error| format!("{}: {FORM}", error.message()))?;
        let sha256 = match told.sha256 {
            None => None,
            Some(hex) => {
                let bytes = HEXLOWER_PERMISSIVE.decode(hex.trim().as_bytes()).ok();
                let digest = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                Some(digest.ok_or("sha256 must be 64 hexadecimal digits")?)
            }
        };
        let totals = Self {
            rows: told.rows,
            amount_fen: told.amount,
            sha256,
        };
        match totals == Self::default() {
            true => Err(format!("it tells nothing: {FORM}")),
            false => Ok(totals),
        }
    }

    /// Whether a file's rows must be added up to tell whether it agrees.
    pub fn asks_for_sums(&self) -> bool {
        self.rows.is_some() || self.amount_fen.is_some()
    }

    /// What does not agree, in words; nothing if all does.
    pub fn differ(&self, added_up: &AddedUp, digest: &[u8; 32]) -> Option<String> {
        let mut words = Vec::new();
        if self.sha256.is_some_and(|want| want != *digest) {
            words.push("its bytes are not those whose SHA-256 was told".to_owned());
        }
        if let Some(want) = self.rows.filter(|want| *want != added_up.rows) {
            words.push(format!(
                "{want} rows were told, and it has {}",
                added_up.rows
            ));
        }
        let amount = self.amount_fen.map(u128::from);
        if let Some(want) = amount.filter(|want| *want != added_up.amount_fen) {
            words.push(format!(
                "{} yuan were told, and it has {}",
                yuan(want),
                yuan(added_up.amount_fen)
            ));
        }
        if self.amount_fen.is_some() && added_up.unreadable > 0 {
            words.push(format!("{} amounts can't be read", added_up.unreadable));
        }
        (!words.is_empty()).then(|| words.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDED_UP: AddedUp = AddedUp {
        rows: 3,
        amount_fen: 123_456,
        unreadable: 0,
    };

    #[test]
    fn a_side_file_tells_what_it_tells_and_nothing_else() {
        let hex = "0f".repeat(32);
        let text = format!(
            "rows = 3\namount = 123456\nsha256 = \"{}\"\n",
            hex.to_uppercase()
        );
        let want = ControlTotals {
            rows: Some(3),
            amount_fen: Some(123_456),
            sha256: Some([15; 32]),
        };
        assert_eq!(ControlTotals::parse(&text), Ok(want));
        assert_eq!(ControlTotals::parse("rows = 3").unwrap().rows, Some(3));
        for bad in [
            "",
            "rows = -3",
            "rows = 3.0",
            "row = 3",
            "amount = \"1,234.56\"",
            "sha256 = \"0f\"",
            "3",
            "rows = 3\nrows = 4",
        ] {
            assert!(ControlTotals::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_total_that_was_told_must_agree() {
        let told = |rows, amount_fen, sha256| ControlTotals {
            rows,
            amount_fen,
            sha256,
        };
        let digest = [7; 32];
        for (totals, agrees) in [
            (told(None, None, None), true),
            (told(Some(3), Some(123_456), Some(digest)), true),
            (told(Some(4), None, None), false),
            (told(None, Some(123_457), None), false),
            (told(None, None, Some([8; 32])), false),
        ] {
            assert_eq!(
                totals.differ(&ADDED_UP, &digest).is_none(),
                agrees,
                "{totals:?}"
            );
        }
        let unreadable = AddedUp {
            unreadable: 1,
            ..ADDED_UP
        };
        let amount = told(None, Some(123_456), None);
        assert!(
            amount.differ(&unreadable, &digest).is_some(),
            "what is not known agrees with nothing"
        );
        assert_eq!(told(Some(3), None, None).differ(&unreadable, &digest), None);
    }
}
