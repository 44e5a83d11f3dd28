//! `levy export`: a batch's result again, from the ledger, while a run may be going on.

use std::path::{Path, PathBuf};

use super::args::ExportArgs;
use super::failure::{Exit, Failure};
use super::run_file::{mended, not_ours};
use super::store::{self, Store};
use super::target;
use crate::report::failed::{self, Failed};
use crate::report::progress::say;
use crate::report::result::{self, Place};
use crate::report::summary::{self, grouped};

/// Writes it; 0 if it was written, whatever its rows say.
pub fn export(args: &ExportArgs) -> Result<Exit, Failure> {
    let store = match args.sandbox {
        true => Store::sandbox(&args.at, &sandbox_directory(&args.batch))?,
        false => Store::real(&args.at)?,
    };
    let mut ledger = store.look()?;
    let found = target::batch(&mut *ledger, &args.batch)?;
    let path = match (&args.out, &found.input) {
        (Some(out), _) => out.clone(),
        (None, Some(input)) => result::beside(input),
        (None, None) => result::beside(Path::new(&found.batch.head.file)),
    };
    let mut taken: Vec<&Path> = store.address.file().into_iter().collect();
    taken.extend(found.input.as_deref());
    taken.extend(store.config.file.as_deref());
    let place = Place::look(&path, &taken)?.styled(args.result.style(store.config.result));
    let rows = result::write(&mut *ledger, &found.batch, &place)?;
    let totals = ledger.totals(found.batch.id)?;
    let failed = failed::write(&mut *ledger, &found.batch, &totals, &place)?;
    if !args.quiet {
        say(&format!(
            "batch {}: {} in {}",
            found.batch.id,
            summary::rows(rows),
            path.display()
        ));
    }
    match failed {
        Failed::Written(path, rows) if !args.quiet => {
            let path = path.display();
            say(&format!("{} of them need somebody: {path}", grouped(rows)));
        }
        Failed::Taken(path) => say(&not_ours(&path)),
        Failed::Mended(path) => say(&mended(&path)),
        Failed::Nobody | Failed::Written(..) => {}
    }
    Ok(Exit::Done)
}

/// Beside the input file if that was given, else here.
pub fn sandbox_directory(target: &str) -> PathBuf {
    let path = Path::new(target);
    match path.is_file() {
        true => store::sandbox_beside(path),
        false => PathBuf::from(store::SANDBOX_DIR),
    }
}
