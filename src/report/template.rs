//! An empty batch with its header, for people to fill in.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use super::result::is_workbook;
use super::sheet;
use crate::batch::Language;

/// Writes an empty batch of this header: a workbook if the name ends in `.xlsx`, else a CSV that a
/// spreadsheet opens as UTF-8.
///
/// # Errors
/// What is there already is never overwritten (`AlreadyExists`).
pub fn write(path: &Path, header: &[&str], language: Language) -> io::Result<()> {
    let bytes = match is_workbook(path) {
        true => sheet::template(header, types(language))?,
        false => format!("\u{feff}{}\r\n", header.join(",")).into_bytes(),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(&bytes)?;
    file.sync_all()
}

/// What may stand in the column of the type.
fn types(language: Language) -> [&'static str; 2] {
    match language {
        Language::English => ["JUDICIAL_DEDUCTION", "FINANCIAL_PENALTY"],
        Language::Chinese => ["司法扣划", "金融惩戒"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{FileFaultKind, Reader, Rules, template};

    #[test]
    fn an_empty_batch_lacks_nothing_but_rows() {
        let dir = tempfile::tempdir().unwrap();
        for language in [Language::English, Language::Chinese] {
            for yuan in [false, true] {
                for form in ["csv", "xlsx"] {
                    let path = dir.path().join(format!("{language:?}{yuan}.{form}"));
                    write(&path, &template(language, yuan), language).unwrap();
                    let mut reader = Reader::open(&path, Rules::default()).unwrap();
                    assert_eq!(reader.head().cells, template(language, yuan));
                    assert!(reader.warnings().is_empty());
                    assert_eq!(reader.next_row().unwrap_err().kind, FileFaultKind::NoRows);
                    let again = write(&path, &["x"], language).unwrap_err();
                    assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
                }
            }
        }
    }
}
