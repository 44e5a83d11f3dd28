//! The report of a batch: one HTML page that needs nothing but itself, for a screen or for A4.
//!
//! Read in one pass over the ledger; what it keeps does not grow with the rows. It decides nothing and
//! knows neither why a run ended nor what the gateway is.

mod gather;
mod line;
mod plot;
mod traffic;
mod view;

use std::io::Write;

use askama::Template;

use super::result::{Draft, Place, ResultFault};
use crate::batch::Language;
use crate::clock::WallMs;
use crate::ledger::{Batch, Environment, Ledger, LedgerError};
use gather::Gathered;

/// Rows that the page's table has.
pub const ROWS_SHOWN_MAX: usize = 2_000;

/// What the page is to be.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// Its language.
    pub language: Language,
    /// Now, by the window's clock.
    pub now: WallMs,
    /// Whether money was at stake.
    pub environment: Environment,
}

/// What is on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Rows of the batch.
    pub rows: u64,
    /// Those in the page's table.
    pub in_table: usize,
}

/// `NAME.report.html` beside a file.
pub fn beside(input: &std::path::Path) -> std::path::PathBuf {
    let mut name = input.file_stem().unwrap_or_default().to_owned();
    name.push(".report.html");
    input.with_file_name(name)
}

/// Writes a batch's report, 0600, whole or not at all.
///
/// # Errors
/// As for a result.
pub fn write(
    ledger: &mut dyn Ledger,
    batch: &Batch,
    place: &Place,
    ask: &Ask,
) -> Result<Shown, ResultFault> {
    let (page, shown) = page(ledger, batch, ask).map_err(ResultFault::Ledger)?;
    let draft = Draft::begin(place)?;
    let mut file = draft.file();
    file.write_all(page.as_bytes())
        .map_err(|e| draft.fault(e))?;
    draft.finish()?;
    Ok(shown)
}

/// The page itself.
///
/// # Errors
/// Those of the ledger.
pub fn page(
    ledger: &mut dyn Ledger,
    batch: &Batch,
    ask: &Ask,
) -> Result<(String, Shown), LedgerError> {
    let mut gathered = Gathered::new(&batch.head.header, ask);
    let head = ledger.report(batch.id, &mut |piece| gathered.piece(piece))?;
    let shown = Shown {
        rows: batch.rows,
        in_table: gathered.lines_kept(),
    };
    let page = view::Page::new(batch, ask, &head, gathered);
    let html = page
        .render()
        .map_err(|e| LedgerError::Broken(format!("the page could not be made: {e}")))?;
    Ok((html, shown))
}

/// A time for people: `2026-01-31 08:00:00`, China's.
fn local(at: WallMs) -> String {
    let full = at.rfc3339();
    match (full.get(..10), full.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time}"),
        _ => full,
    }
}

#[cfg(test)]
mod tests;
