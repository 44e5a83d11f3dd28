//! `levy report`: a batch as one page, from the ledger, while a run may be going on.

use std::path::Path;

use super::args::ReportArgs;
use super::export::sandbox_directory;
use super::failure::{Exit, Failure};
use super::status::later;
use super::store::Store;
use super::target;
use crate::report::page::{self, Ask};
use crate::report::progress::say;
use crate::report::result::Place;
use crate::report::summary::{self, grouped};

/// Writes it; 0 if it was written, whatever its rows say.
pub fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let store = match args.sandbox {
        true => Store::sandbox(&args.at, &sandbox_directory(&args.batch))?,
        false => Store::real(&args.at)?,
    };
    let mut ledger = store.look()?;
    let found = target::batch(&mut *ledger, &args.batch)?;
    let path = match (&args.out, &found.input) {
        (Some(out), _) => out.clone(),
        (None, Some(input)) => page::beside(input),
        (None, None) => page::beside(Path::new(&found.batch.head.file)),
    };
    let is_page = path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("html") || extension.eq_ignore_ascii_case("htm")
    });
    if !is_page {
        return Err(Failure::Usage(format!(
            "--out {}: a report is a page: name a .html",
            path.display()
        )));
    }
    let mut taken: Vec<&Path> = store.address.file().into_iter().collect();
    taken.extend(found.input.as_deref());
    taken.extend(store.config.file.as_deref());
    let place = Place::look(&path, &taken)?;
    let ask = Ask {
        language: match args.lang {
            Some(lang) => lang.into(),
            None => store.config.result.language,
        },
        now: later(ledger.latest_signed_at()?),
        environment: store.environment,
    };
    let shown = page::write(&mut *ledger, &found.batch, &place, &ask)?;
    if !args.quiet {
        let (rows, path) = (summary::rows(shown.rows), path.display());
        let id = found.batch.id;
        say(&match shown.in_table as u64 == shown.rows {
            true => format!("batch {id}: {rows} in {path}"),
            false => format!(
                "batch {id}: sums of {rows} in {path}; its table has {} of them, those that need \
                 a person first (`levy export {id}` has all)",
                grouped(shown.in_table as u64)
            ),
        });
    }
    Ok(Exit::Done)
}
