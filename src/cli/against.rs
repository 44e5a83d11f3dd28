//! `levy reconcile --against`: a list beside the ledger. Takes no lock, sends nothing, and needs of
//! the settings only what leads to the ledger.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::ReconcileArgs;
use super::failure::{Exit, Failure};
use super::reconcile::period;
use super::status::print;
use super::store::{Store, sandbox_beside};
use super::target;
use crate::ledger::ListScope;
use crate::reconcile::against::{AgainstFault, compare, words};
use crate::reconcile::difference::Paper;
use crate::report::progress::say;
use crate::report::result::{Place, ResultFault};

/// Compares the list; 0 only if everything agrees.
pub fn against(args: &ReconcileArgs, list: &Path) -> Result<Exit, Failure> {
    let done = compared(args, list);
    if let Err(failure) = &done
        && args.drive.json
    {
        let object = json!({
            "against": list.display().to_string(),
            "error": failure.to_string(),
            "exit_code": failure.exit().code(),
        });
        print(&object.to_string());
    }
    done
}

fn compared(args: &ReconcileArgs, list: &Path) -> Result<Exit, Failure> {
    let drive = &args.drive;
    let ((since, before), no_send_after) = period(args)?;
    if no_send_after.is_some() {
        let words =
            "--against sends nothing, so that --until takes a date with it, not a time of day";
        return Err(Failure::Usage(words.into()));
    }
    let store = match drive.sandbox {
        true => Store::sandbox(&drive.at, &sandbox_beside(list))?,
        false => Store::real(&drive.at)?,
    };
    let mut ledger = store.look()?;
    let batch = match &args.batch {
        Some(text) => Some(target::batch(&mut *ledger, text)?),
        None => None,
    };
    let mut taken = vec![list];
    taken.extend(store.address.file());
    taken.extend(store.config.file.as_deref());
    taken.extend(batch.as_ref().and_then(|found| found.input.as_deref()));
    let path = args.out.clone().unwrap_or_else(|| beside(list));
    let place = Place::look(&path, &taken)?;
    let scope = ListScope {
        since,
        before,
        batch: batch.as_ref().map(|found| found.batch.id),
        twin_days: store.config.hold_days,
    };
    let mut paper = Paper::begin(&place)?;
    let told = compare(&mut *ledger, list, &scope, &mut paper).map_err(|fault| match fault {
        AgainstFault::List(fault) => Failure::File(fault),
        AgainstFault::Ledger(e) => Failure::Ledger(e),
        AgainstFault::Differences(e) => Failure::Result(ResultFault::Disk(path.clone(), e)),
    })?;
    let exit = match paper.finish()?.differences() {
        0 => Exit::Done,
        _ => Exit::NeedsPerson,
    };
    let summary = words::Summary {
        against: list,
        batch: batch.as_ref().map(|found| &found.batch),
        scope: &scope,
        told: &told,
        result: &path,
        exit_code: exit.code(),
    };
    if !drive.quiet {
        say(words::human(&summary).trim_end());
    }
    if drive.json {
        print(&words::json(&summary));
    }
    Ok(exit)
}

/// `NAME.diff.csv` beside the list.
fn beside(list: &Path) -> PathBuf {
    let mut name = list.file_stem().unwrap_or_default().to_owned();
    name.push(".diff.csv");
    list.with_file_name(name)
}
