//! `NAME.failed.csv`: the rows of a result that need somebody, beside it.
//!
//! People mend it and give it back, so it is written anew or removed with every result, and nothing else
//! is ever overwritten or removed: it must be such a file by its header, and its bytes must be those that
//! levy wrote. What a person has changed in it is there nowhere else until it is run.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::result::{Place, ResultFault, is_workbook, write_failed};
use crate::batch::{Reader, Rules, digest_of};
use crate::ledger::{Batch, Ledger, Totals};
use crate::order::NextAction;

/// What became of a result's failed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// No row needs anybody: there is none, or none any more.
    Nobody,
    /// So many rows are in it.
    Written(PathBuf, u64),
    /// Its place is another file's, which was left alone.
    Taken(PathBuf),
    /// Somebody has mended the one that is there, and not run it yet: it was left alone.
    Mended(PathBuf),
}

/// `NAME.failed.csv` beside `NAME.result.csv`, and `.xlsx` beside a workbook.
pub fn beside(result: &Path) -> PathBuf {
    let stem = result.file_stem().unwrap_or_default();
    let of_result = Path::new(stem).extension().is_some_and(|e| e == "result");
    let stem = match of_result {
        true => Path::new(stem).file_stem().unwrap_or_default(),
        false => stem,
    };
    let mut name = OsString::from(stem);
    name.push(match is_workbook(result) {
        true => ".failed.xlsx",
        false => ".failed.csv",
    });
    result.with_file_name(name)
}

/// Writes the rows of a batch that need somebody beside its result, or removes those of an earlier one.
pub fn write(
    ledger: &mut dyn Ledger,
    batch: &Batch,
    totals: &Totals,
    result: &Place,
) -> Result<Failed, ResultFault> {
    let Some(place) = result.failed() else {
        return Ok(Failed::Taken(beside(result.path())));
    };
    let path = place.path();
    let disk = |e| ResultFault::Disk(path.into(), e);
    let there = there(path).map_err(disk)?;
    let needed = totals
        .by_action
        .iter()
        .any(|(action, rows)| action.needs_person() && *rows > 0);
    match (needed, there) {
        (true, There::Another) => return Ok(Failed::Taken(path.into())),
        // Mended in its place and run from there: its own command must find these bytes.
        (_, There::Failed) if is_needed(ledger, path)? => return Ok(Failed::Taken(path.into())),
        (_, There::Failed) if !is_levys(ledger, path)? => return Ok(Failed::Mended(path.into())),
        (true, There::Nothing | There::Failed) => {
            if let Some(rows) = write_failed(ledger, batch, &place)? {
                return Ok(Failed::Written(path.into(), rows));
            }
        }
        (false, _) => {}
    }
    if there == There::Failed {
        fs::remove_file(path).map_err(disk)?;
    }
    Ok(Failed::Nobody)
}

/// Whether what is at a place is a batch of the ledger, and not through: its own command must find it.
fn is_needed(ledger: &mut dyn Ledger, path: &Path) -> Result<bool, ResultFault> {
    let Ok(digest) = digest_of(path) else {
        return Ok(false);
    };
    let batch = ledger.find_batch(&digest).map_err(ResultFault::Ledger)?;
    let Some(batch) = batch else { return Ok(false) };
    let totals = ledger.totals(batch.id).map_err(ResultFault::Ledger)?;
    let again = |(action, rows): &(NextAction, u64)| *action == NextAction::RunAgain && *rows > 0;
    Ok(totals.by_action.iter().any(again))
}

/// Whether what is at a place can be had again: levy wrote these bytes, or has run them.
fn is_levys(ledger: &mut dyn Ledger, path: &Path) -> Result<bool, ResultFault> {
    let Ok(digest) = digest_of(path) else {
        return Ok(false);
    };
    let wrote = ledger.wrote_failed_file(&digest);
    if wrote.map_err(ResultFault::Ledger)? {
        return Ok(true);
    }
    let batch = ledger.find_batch(&digest).map_err(ResultFault::Ledger)?;
    Ok(batch.is_some())
}

/// What is at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Nothing,
    /// A failed file, mended or not.
    Failed,
    /// Anything else.
    Another,
}

fn there(path: &Path) -> io::Result<There> {
    let meta = match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(There::Nothing),
        Err(e) => return Err(e),
        Ok(meta) => meta,
    };
    let ours = meta.is_file()
        && Reader::open(path, Rules::default()).is_ok_and(|reader| reader.head().failed);
    Ok(match ours {
        true => There::Failed,
        false => There::Another,
    })
}

#[cfg(test)]
mod tests;
