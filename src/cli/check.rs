//! `levy check`: everything that is wrong with a file, and what it adds up to. It deducts nothing: the
//! file is taken into a ledger that is thrown away, which is taught before what the real one has for
//! its rows. The real one is only read, and needs no lock. Where there is none, only rows that have to do
//! with each other go there (`alone`).

mod alone;
mod balances;
mod desk;
mod shared;

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
use crate::ledger::{
    Accepted, Address, Batch, BatchHead, Environment, Ledger, LedgerError, LedgerResult, ResultRow,
    SqliteLedger, Totals,
};
use crate::order::Status;
use crate::report::marked::Marked;
use crate::report::result::Place;
use crate::worker::balances::Purses;
use crate::worker::intake::{IntakeFault, Staged, Terms, stage};
use desk::Desk;
use shared::shared;

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
    let mut taken = vec![args.file.as_path()];
    taken.extend(store.address.file());
    taken.extend(store.config.file.as_deref());
    Ok(Some(Place::look(out, &taken)?))
}

/// What is done with each row.
type EachRow<'e> = &'e mut dyn FnMut(ResultRow) -> io::Result<()>;

/// What is known of earlier files.
enum Known {
    /// A ledger's file, and where it is.
    File(SqliteLedger, PathBuf),
    /// A ledger on a server, and where it is.
    Shared(Box<dyn Ledger>, Address),
    /// Nothing; why.
    Nothing(String),
}

impl Known {
    /// A ledger that was named must be there; one that the settings lead to by themselves need not.
    fn of(args: &CheckArgs, store: &Store) -> Result<Self, Failure> {
        let address = &store.address;
        let missing = || Self::Nothing(format!("there is none at {address}"));
        if args.ledger.is_none() {
            if address.file().is_some_and(|path| !path.exists()) {
                return Ok(missing());
            }
            let nobodys = store.environment == Environment::Real && store.config.caller().is_err();
            if nobodys {
                let words = "no setting says whose it is ([merchant] mchid)";
                return Ok(Self::Nothing(format!("{address}: {words}")));
            }
        }
        match address {
            Address::File(path) => Ok(Self::File(store.look_at_copy(path)?, path.clone())),
            Address::Postgres(_) => match store.look() {
                Ok(ledger) => Ok(Self::Shared(ledger, address.clone())),
                Err(Failure::Ledger(LedgerError::Missing(_))) if args.ledger.is_none() => {
                    Ok(missing())
                }
                Err(failure) => Err(failure),
            },
        }
    }

    fn ledger(&mut self) -> Option<&mut dyn Ledger> {
        match self {
            Self::File(ledger, _) => Some(ledger),
            Self::Shared(ledger, _) => Some(&mut **ledger),
            Self::Nothing(_) => None,
        }
    }
}

/// What a file comes to.
struct Found {
    accepted: Accepted,
    /// The batch that these bytes are in the ledger already.
    before: Option<Batch>,
    /// The ledger that was looked at, or why none was.
    known: Result<Address, String>,
    purses: Option<Purses>,
    /// What it needs before it is run, where approval is required.
    approval: Option<String>,
    /// Where the faults were written.
    marked: Option<PathBuf>,
}

impl Found {
    fn beside(known: Result<Address, String>, accepted: Accepted, before: Option<Batch>) -> Self {
        Self {
            accepted,
            before,
            known,
            purses: None,
            approval: None,
            marked: None,
        }
    }

    /// What was found where there was no ledger to look at.
    fn beside_nothing(accepted: Accepted, why: String) -> Self {
        Self::beside(Err(why), accepted, None)
    }

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
    let now = SystemClock::default().wall();
    let terms = Terms {
        expected: expected(&args.file, &args.expect)?,
        ..terms(args.taking, &store.config, store.environment, now)
    };
    let found = match (known, asking, place) {
        (Known::Shared(ledger, address), None, place) => {
            shared(args, store, (ledger, address), place, &terms, desk)?
        }
        (Known::Shared(..), Some(_), _) => {
            let words = "--balances does not look at a ledger on a server: give it without --balances, \
                         and once more as `LEVY_LEDGER_URL=none.db levy check FILE --balances`, which \
                         looks at no ledger";
            return Err(Failure::Usage(words.into()));
        }
        (Known::Nothing(why), None, None) => {
            let reader = Reader::open(&args.file, terms.rules)?;
            match reader.head().returned {
                true => beside(args, store, Known::Nothing(why), None, None, &terms, desk)?,
                false => alone::alone(args, store, reader, &terms, why, desk)?,
            }
        }
        (known, asking, place) => beside(args, store, known, asking, place, &terms, desk)?,
    };
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

/// Takes the whole file into a ledger, beside what is known.
fn beside(
    args: &CheckArgs,
    store: &Store,
    mut known: Known,
    asking: Option<balances::Asking>,
    place: Option<&Place>,
    terms: &Terms,
    desk: &mut Desk,
) -> Result<Found, Failure> {
    let mut scratch = SqliteLedger::scratch()?;
    scratch.stage_clear()?;
    let staged = stage(&mut scratch, &args.file, None, terms, desk)?;
    warned(&staged, desk);
    let approval = standing(args, store, known.ledger(), &staged.head.digest)?;
    let (mut ledger, batch, mut found) = taken(known, scratch, &staged, terms)?;
    found.approval = approval;
    if let Some(asking) = asking {
        found.purses = Some(asking.ask(&mut ledger, batch.id)?);
    }
    match place {
        Some(place) => {
            place.hold(batch.rows)?;
            let mut rows = |each: EachRow<'_>| ledger.rows(batch.id, each);
            let (head, purses) = (&batch.head, found.purses.as_ref());
            mark(args, terms.rules, place, &mut rows, head, purses, desk)?;
            found.marked = Some(place.path().to_path_buf());
        }
        None if found.is_whole() => {}
        None => ledger.rows(batch.id, &mut |row| {
            desk.after(&row, found.purses.as_ref());
            Ok(())
        })?,
    }
    Ok(found)
}

/// What was read tells of itself.
fn warned(staged: &Staged, desk: &mut Desk) {
    desk.form = staged.form;
    for warning in &staged.warnings {
        desk.fault(&format!("{}: warning: {warning}", desk.name));
    }
}

/// Whether the file has a plan that somebody has approved, where approval is required.
fn standing(
    args: &CheckArgs,
    store: &Store,
    ledger: Option<&mut dyn Ledger>,
    digest: &[u8; 32],
) -> Result<Option<String>, Failure> {
    if !store.config.require_approval {
        return Ok(None);
    }
    let options = options(&at(args), args.sandbox, &store.address);
    let words = approval::standing(ledger, &args.file, digest, &options)?;
    Ok(Some(words))
}

/// The staged file as a batch: the one that its bytes are already, or one that a run would make of it
/// now. In the ledger that is handed back it may be looked at.
fn taken(
    known: Known,
    mut scratch: SqliteLedger,
    staged: &Staged,
    terms: &Terms,
) -> LedgerResult<(SqliteLedger, Batch, Found)> {
    let known = match known {
        Known::Nothing(why) => Err(why),
        Known::Shared(..) => unreachable!("it is tried out on the server"),
        Known::File(mut ledger, path) => {
            if let Some(batch) = ledger.find_batch(&staged.head.digest)? {
                let accepted = of_totals(&ledger.totals(batch.id)?);
                let found = Found::beside(Ok(Address::File(path)), accepted, Some(batch.clone()));
                return Ok((ledger, batch, found));
            }
            scratch.learn(&path)?;
            Ok(Address::File(path))
        }
    };
    let (batch, accepted) = scratch.accept(&staged.head, terms.at, terms.hold_days)?;
    Ok((scratch, batch, Found::beside(known, accepted, None)))
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
    rows: &mut dyn FnMut(EachRow<'_>) -> LedgerResult<()>,
    head: &BatchHead,
    purses: Option<&Purses>,
    desk: &mut Desk,
) -> Result<(), Failure> {
    let mut reader = Reader::open(&args.file, rules)?;
    let header: Vec<&str> = reader.raw_header().iter().map(String::as_str).collect();
    let mut marked = Marked::begin(place, &header, head.delimiter)?;
    let mut failed: Option<Failure> = None;
    let told = rows(&mut |row| {
        let words = desk.after(&row, purses);
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
    if reader.finish()?.digest != head.digest {
        return Err(IntakeFault::Changed.into());
    }
    Ok(marked.finish()?)
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
