//! `levy check`: everything that is wrong with a file, and what it adds up to. It deducts nothing: the
//! file is taken into a ledger that is thrown away, which is taught before what the real one has for
//! its rows. The real one is only read, and needs no lock.

mod balances;
mod desk;

use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::approval;
use super::args::{CheckArgs, Where};
use super::failure::{Exit, Failure};
use super::plan::options;
use super::run_file::{expected, terms};
use super::store::{Store, sandbox_beside};
use crate::batch::{Reader, Rules};
use crate::clock::{Clock, SystemClock};
use crate::ledger::{Accepted, Batch, Environment, Ledger, LedgerResult, SqliteLedger, Totals};
use crate::order::Status;
use crate::report::marked::Marked;
use crate::report::result::Place;
use crate::worker::balances::Purses;
use crate::worker::intake::{IntakeFault, Staged, Terms, stage};
use desk::Desk;

/// Reads the file, tells its faults and totals.
pub fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let store = store(args)?;
    let known = Known::of(args, &store)?;
    let place = place(args, &store)?;
    let asker = match args.balances {
        true => Some(balances::Asking::open(args, &store)?),
        false => None,
    };
    let mut desk = Desk::new(&args.file, args.json);
    let done = checked(args, &store, known, asker, place.as_ref(), &mut desk);
    if let Err(failure) = &done
        && args.json
    {
        desk.print(&refused(&args.file, failure));
    }
    desk.flush();
    done
}

/// Settings, and the ledger that they lead to.
fn store(args: &CheckArgs) -> Result<Store, Failure> {
    let at = at(args);
    match args.sandbox {
        true => Store::sandbox(&at, &sandbox_beside(&args.file)),
        false => Store::real(&at),
    }
}

fn at(args: &CheckArgs) -> Where {
    Where {
        config: args.config.clone(),
        ledger: args.ledger.clone(),
        force_network_file_system: false,
    }
}

fn place(args: &CheckArgs, store: &Store) -> Result<Option<Place>, Failure> {
    let Some(out) = &args.out else {
        return Ok(None);
    };
    let mut taken = vec![args.file.as_path(), store.path.as_path()];
    taken.extend(store.config.file.as_deref());
    Ok(Some(Place::look(out, &taken)?))
}

/// What is known of earlier files.
enum Known {
    /// A ledger, and where it is.
    Ledger(SqliteLedger, PathBuf),
    /// Nothing; why.
    Nothing(String),
}

impl Known {
    /// A ledger that was named must be there; one that the settings lead to by themselves need not.
    fn of(args: &CheckArgs, store: &Store) -> Result<Self, Failure> {
        let path = &store.path;
        if args.ledger.is_none() {
            if !path.exists() {
                return Ok(Self::Nothing(format!(
                    "there is none at {}",
                    path.display()
                )));
            }
            let nobodys = store.environment == Environment::Real && store.config.caller().is_err();
            if nobodys {
                let words = "no setting says whose it is ([merchant] mchid)";
                return Ok(Self::Nothing(format!("{}: {words}", path.display())));
            }
        }
        let ledger = store.look_at_file()?;
        Ok(Self::Ledger(ledger, path.clone()))
    }
}

/// What a file comes to.
struct Found {
    batch: Batch,
    accepted: Accepted,
    /// The ledger has these bytes as a batch already.
    before: bool,
    /// The ledger that was looked at, or why none was.
    known: Result<PathBuf, String>,
    purses: Option<Purses>,
    /// What it needs before it is run, where approval is required.
    approval: Option<String>,
    /// Where the faults were written.
    marked: Option<PathBuf>,
}

impl Found {
    /// Every row would be a deduction of its own.
    fn is_whole(&self) -> bool {
        let accepted = &self.accepted;
        let rows = accepted.invalid + accepted.conflicts + accepted.held + accepted.repeats;
        let purses = self.purses.as_ref();
        rows == 0 && purses.is_none_or(|purses| purses.short + purses.unknown == 0)
    }
}

fn checked(
    args: &CheckArgs,
    store: &Store,
    known: Known,
    asking: Option<balances::Asking>,
    place: Option<&Place>,
    desk: &mut Desk,
) -> Result<Exit, Failure> {
    let mut scratch = SqliteLedger::scratch()?;
    let now = SystemClock::default().wall();
    let terms = Terms {
        expected: expected(&args.file, &args.expect)?,
        ..terms(args.taking, &store.config, store.environment, now)
    };
    scratch.stage_clear()?;
    let staged = stage(&mut scratch, &args.file, None, &terms, desk)?;
    desk.form = staged.form;
    for warning in &staged.warnings {
        desk.fault(&format!("{}: warning: {warning}", desk.name));
    }
    let approval = match store.config.require_approval {
        true => Some(standing(args, store, &known, &staged.head.digest)?),
        false => None,
    };
    let (mut ledger, mut found) = taken(known, scratch, &staged, &terms)?;
    found.approval = approval;
    if let Some(asking) = asking {
        found.purses = Some(asking.ask(&mut ledger, found.batch.id)?);
    }
    match place {
        Some(place) => {
            place.hold(found.batch.rows)?;
            mark(args, terms.rules, place, &mut ledger, &mut found, desk)?;
        }
        None if found.is_whole() => {}
        None => ledger.rows(found.batch.id, &mut |row| {
            desk.after(&row, found.purses.as_ref());
            Ok(())
        })?,
    }
    let exit = match found.is_whole() {
        true => Exit::Done,
        false => Exit::NeedsPerson,
    };
    match (args.json, args.quiet) {
        (true, _) => desk.print(&desk.json(&found, exit)),
        (false, false) => desk.print(&desk.totals(&found)),
        (false, true) => desk.unanswered(&found),
    }
    Ok(exit)
}

/// Whether the file has a plan that somebody has approved.
fn standing(
    args: &CheckArgs,
    store: &Store,
    known: &Known,
    digest: &[u8; 32],
) -> Result<String, Failure> {
    let options = options(&at(args), args.sandbox, &store.path);
    let mut ledger = match known {
        Known::Ledger(..) => Some(store.look()?),
        Known::Nothing(_) => None,
    };
    let ledger = ledger
        .as_deref_mut()
        .map(|ledger| ledger as &mut dyn Ledger);
    Ok(approval::standing(ledger, &args.file, digest, &options)?)
}

/// The staged file as a batch: the one that its bytes are already, or one that a run would make of it
/// now. In the ledger that is handed back it may be looked at.
fn taken(
    known: Known,
    mut scratch: SqliteLedger,
    staged: &Staged,
    terms: &Terms,
) -> LedgerResult<(SqliteLedger, Found)> {
    let found = |batch, accepted, before, known| Found {
        batch,
        accepted,
        before,
        known,
        purses: None,
        approval: None,
        marked: None,
    };
    let known = match known {
        Known::Nothing(why) => Err(why),
        Known::Ledger(mut ledger, path) => {
            if let Some(batch) = ledger.find_batch(&staged.head.digest)? {
                let accepted = of_totals(&ledger.totals(batch.id)?);
                return Ok((ledger, found(batch, accepted, true, Ok(path))));
            }
            scratch.learn(&path)?;
            Ok(path)
        }
    };
    let (batch, accepted) = scratch.accept(&staged.head, terms.at, terms.hold_days)?;
    Ok((scratch, found(batch, accepted, false, known)))
}

/// What accepting a batch did, as it stands now.
fn of_totals(totals: &Totals) -> Accepted {
    let of = |wanted: Status| {
        let mut by_status = totals.by_status.iter();
        let found = by_status.find(|(status, _, _)| *status == wanted);
        found.map_or(0, |(_, rows, _)| *rows)
    };
    Accepted {
        rows: totals.rows,
        orders: totals.orders,
        repeats: totals.repeats,
        conflicts: of(Status::Conflict),
        held: of(Status::Held),
        invalid: of(Status::Invalid),
    }
}

/// Writes the file once more, with its faults beside its cells, and tells them on the way.
fn mark(
    args: &CheckArgs,
    rules: Rules,
    place: &Place,
    ledger: &mut dyn Ledger,
    found: &mut Found,
    desk: &mut Desk,
) -> Result<(), Failure> {
    let mut reader = Reader::open(&args.file, rules)?;
    let header: Vec<&str> = reader.raw_header().iter().map(String::as_str).collect();
    let mut marked = Marked::begin(place, &header, found.batch.head.delimiter)?;
    let mut failed: Option<Failure> = None;
    let told = ledger.rows(found.batch.id, &mut |row| {
        let words = desk.after(&row, found.purses.as_ref());
        let written = match reader.next_row() {
            Ok(Some(row)) => marked.row(&reader.raw(&row), &words),
            Ok(None) => Err(changed(&mut failed)),
            Err(fault) => {
                failed.get_or_insert(fault.into());
                Err(io::ErrorKind::Other.into())
            }
        };
        let Err(e) = written else { return Ok(()) };
        let kind = e.kind();
        failed.get_or_insert_with(|| marked.fault(e).into());
        Err(kind.into())
    });
    if let Some(failure) = failed {
        return Err(failure);
    }
    told?;
    if reader.finish()?.digest != found.batch.head.digest {
        return Err(IntakeFault::Changed.into());
    }
    marked.finish()?;
    found.marked = Some(place.path().to_path_buf());
    Ok(())
}

fn changed(failed: &mut Option<Failure>) -> io::Error {
    failed.get_or_insert(IntakeFault::Changed.into());
    io::ErrorKind::Other.into()
}

fn refused(file: &Path, failure: &Failure) -> String {
    let object = json!({
        "file": file.display().to_string(),
        "error": failure.to_string(),
        "exit_code": failure.exit().code(),
    });
    object.to_string()
}
