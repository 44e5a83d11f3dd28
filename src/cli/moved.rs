//! `levy ledger move`: from a file to a server, or back. The steps are `ledger::moved`'s; here it is said what
//! is where, and who may not be sending meanwhile.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::json;

use super::args::{MoveArgs, Where};
use super::failure::{Exit, Failure};
use super::status::print;
use super::store::{Opening, Store};
use crate::clock::{Clock, SystemClock, WallMs};
use crate::ledger::moved::{self, Shelf, Standing};
use crate::ledger::{
    Address, Audit, JournalHead, LedgerError, PostgresLedger, SqliteLedger, Typed,
};
use crate::report::progress::say;
use crate::report::summary::{entries, orders};

/// Moves it, or goes on with a move that did not come to its end.
pub fn move_ledger(args: &MoveArgs) -> Result<Exit, Failure> {
    // Before the settings, which a ledger that is not there needs none of.
    if let Ok(Address::File(path)) = args.from.address()
        && path
            .symlink_metadata()
            .is_err_and(|e| e.kind() == ErrorKind::NotFound)
    {
        return Err(not_there(&path));
    }
    let from_store = store(args, "FROM", &args.from)?;
    let to_store = store(args, "TO", &args.to)?;
    if let (Address::File(_), Address::File(to)) = (&from_store.address, &to_store.address) {
        return Err(Failure::Usage(format!(
            "both are files: with nobody running, a file moves with `mv`, together with its -wal; {} \
             was not made",
            to.display()
        )));
    }
    let _holds = (from_store.hold()?, to_store.hold()?);
    let mut from = shelf(&from_store, false)?;
    let before = from.audit(None)?;
    sound(&from_store.address, &before)?;
    let now = SystemClock::default().wall();
    let names = (name(&from_store.address), name(&to_store.address));
    moved::one_way(&mut from, &names.1)?;
    let was_whole = from
        .ledger()
        .frozen()?
        .is_some_and(|by| by.moved_at().is_some());
    let mut to = match shelf(&to_store, !was_whole) {
        Err(Failure::Ledger(LedgerError::Missing(_))) if was_whole => {
            return Err(lost(&mut from, &names));
        }
        opened => opened?,
    };
    let standing = moved::standing(&mut from, &mut to, &names.1)?;
    match standing {
        Standing::Another => return Err(another(&mut from, &mut to, &names)),
        Standing::Lost => return Err(lost(&mut from, &names)),
        Standing::NotBegun => copied(args, &mut from, &mut to, &names, now)?,
        Standing::Unsure if !args.never_opened => return Err(unsure(&mut from, &names)),
        Standing::Copied | Standing::Unsure | Standing::Done => {}
    }
    match standing {
        Standing::Done => moved::was_opened(&mut from, &args.by, &names.1, now)?,
        _ => arrived(args, &mut from, &mut to, &names, now)?,
    }
    let audit = to.audit(None)?;
    sound(&to_store.address, &audit)?;
    tell(args, &names, standing, &audit);
    Ok(Exit::Done)
}

fn not_there(path: &Path) -> Failure {
    Failure::Ledger(LedgerError::Missing(format!(
        "{}: there is no such file, so that nothing moves; name the ledger that there is",
        path.display()
    )))
}

fn store(args: &MoveArgs, name: &str, typed: &Typed) -> Result<Store, Failure> {
    let at = Where {
        config: args.config.clone(),
        ledger: None,
        force_network_file_system: args.force_network_file_system,
    };
    let address = typed
        .address()
        .map_err(|words| Failure::Usage(format!("{name} {words}")))?;
    let store = match args.sandbox {
        true => Store::sandbox(&at, Path::new(super::store::SANDBOX_DIR))?,
        false => Store::real(&at)?,
    };
    Ok(store.with(address))
}

/// What the journals say, wherever they are read.
fn name(address: &Address) -> String {
    match address.file().map(std::path::absolute) {
        Some(Ok(path)) => path.display().to_string(),
        Some(Err(_)) | None => address.to_string(),
    }
}

fn shelf(store: &Store, create: bool) -> Result<Shelf, Failure> {
    Ok(match store.opening(create)? {
        Opening::File(options) => Shelf::File(Box::new(SqliteLedger::open(&options)?)),
        Opening::Postgres(options) => Shelf::Server(Box::new(PostgresLedger::open(&options)?)),
    })
}

/// What is not what was written goes nowhere.
fn sound(address: &Address, audit: &Audit) -> Result<(), Failure> {
    if audit.wrong.is_empty() {
        return Ok(());
    }
    let words = audit.wrong.join("; ");
    Err(Failure::Ledger(LedgerError::Broken(format!(
        "{address} does not verify, and neither ledger sends from now on: {words}"
    ))))
}

/// The new one is not empty, and has not this past.
fn another(from: &mut Shelf, to: &mut Shelf, names: &(String, String)) -> Failure {
    match (from.ledger().frozen(), to.ledger().frozen()) {
        (Ok(old), Ok(Some(new))) if new.is_moved_to(&names.1) => {
            match old.and_then(|old| old.moved_at()) {
                // An earlier copy, that was never opened.
                None => differs(names, "the old one was written to since it was copied"),
                Some(head) => other_copy(names, head),
            }
        }
        // It goes nowhere else any more.
        (Ok(Some(_)), Ok(_)) => in_use(names),
        (Ok(None), Ok(_)) => Failure::Usage(format!(
            "{}: is no empty ledger: it has a past of its own, and two pasts can't become one; name another \
             database or file",
            names.1
        )),
        (Err(e), _) | (_, Err(e)) => e.into(),
    }
}

/// It may be what the old one became, and have sent: nobody is told to empty that.
fn in_use((from, to): &(String, String)) -> Failure {
    Failure::Ledger(LedgerError::Broken(format!(
        "{to} does not verify, or has another past than {from}, which moved there: nothing was changed. If it is \
         the ledger that is in use, freeze it (`levy freeze`), and empty nothing: what it has sent would be sent \
         again; `levy ledger verify` in it says what is wrong. If it is another one, name the right one"
    )))
}

/// The one that is opened stands elsewhere.
fn other_copy((from, to): &(String, String), head: JournalHead) -> Failure {
    Failure::Ledger(LedgerError::Refused(format!(
        "{to}: is a copy that was never opened, and is not the one that is: {from} has moved whole to the one \
         that had the head {head}. Nothing was changed, and this one stays closed. Name that one: it may be on \
         another host. If its ledger was lost, {}",
        ways_out(from)
    )))
}

/// The new one is as it was just before it was opened, and the old one can't tell whether it was.
fn unsure(from: &mut Shelf, names: &(String, String)) -> Failure {
    let since = match moved_since(from) {
        Ok(since) => since,
        Err(e) => return e.into(),
    };
    Failure::Ledger(LedgerError::Refused(format!(
        "{1}: is as it was before it was opened, and {0} says since {since} that it may be. Nothing was changed. If \
         a move was killed just then and nobody ever sent on it (no host has named it in its settings, no run or \
         worker has written of it), give the same command again with --never-opened. If it was opened and was put \
         back (a copy of the file, a snapshot of the server), what it has sent since is not in it, and would be sent \
         again: {2}",
        names.0,
        names.1,
        ways_out(&names.0)
    )))
}

fn moved_since(from: &mut Shelf) -> Result<String, LedgerError> {
    let frozen = from.ledger().frozen()?;
    Ok(frozen.map_or_else(|| "then".into(), |frozen| frozen.at.rfc3339()))
}

/// How a new ledger comes back that was lost with what it had sent.
fn ways_out(from: &str) -> String {
    format!(
        "put it back from a backup of its own, made since (`levy ledger restored` comes before anything is sent). \
         If it has none, put back a backup of {from} from before the move, under another name; `levy ledger \
         restored --since TIME --by NAME` in it, with the time of that backup; then move that one, to an empty place"
    )
}

/// The new one was there, may have sent, and is empty now: the old past is not the newest any more.
fn lost(from: &mut Shelf, names: &(String, String)) -> Failure {
    let since = match moved_since(from) {
        Ok(since) => since,
        Err(e) => return e.into(),
    };
    Failure::Ledger(LedgerError::Refused(format!(
        "{1}: nothing is there, and {0} had moved there whole at {since}. What was sent there since is in neither, and \
         would be sent again; nothing was copied. If that is another server or database of the same name, name the \
         right one. If its ledger was lost, {2}",
        names.0,
        names.1,
        ways_out(&names.0)
    )))
}

/// Two that should be one are not, and the new one was never opened.
fn differs(names: &(String, String), wrong: &str) -> Failure {
    Failure::Ledger(LedgerError::Broken(format!(
        "{} is not what {} is, and was not opened: {wrong}. Empty it (on a server: DROP SCHEMA levy CASCADE; a \
         file: remove it with its -wal), and give the same command again",
        names.1, names.0
    )))
}

/// Closes the old one and copies it. Where nothing was copied, the old one is opened again.
fn copied(
    args: &MoveArgs,
    from: &mut Shelf,
    to: &mut Shelf,
    names: &(String, String),
    now: WallMs,
) -> Result<(), Failure> {
    moved::await_it(to, &args.by, &names.1, now)?;
    moved::leave(from, &args.by, &names.1, now)?;
    let senders = moved::senders(from)?;
    if !senders.is_empty() {
        return Err(Failure::Ledger(LedgerError::Held(format!(
            "{}: is closed from now on, and lanes of it are held still ({}): what is on the wire comes to \
             its end first. Give the same command again in a minute",
            names.0,
            senders.join(", ")
        ))));
    }
    let Err(e) = moved::copy(from, to, &names.1) else {
        return Ok(());
    };
    // Only where it is certain that nothing of it counts.
    match moved::standing(from, to, &names.1) {
        Ok(Standing::NotBegun) if moved::stay(from, &args.by, &names.1, now).is_ok() => {
            say(&format!(
                "{}: nothing was copied; it is as it was, and may be used",
                names.0
            ))
        }
        Ok(_) | Err(_) => say(&format!(
            "{}: whether it was copied is not known: give the same command again, it says where the move stands",
            names.0
        )),
    }
    Err(e.into())
}

/// Opens the new one, once both are known to be one.
fn arrived(
    args: &MoveArgs,
    from: &mut Shelf,
    to: &mut Shelf,
    names: &(String, String),
    now: WallMs,
) -> Result<(), Failure> {
    let whole = from.ledger().frozen()?.and_then(|by| by.moved_at());
    if whole.is_some() && !args.never_opened {
        // Somebody else opens it at this moment.
        return Err(moved::between().into());
    }
    let old = from.audit(None)?;
    // With a person's word too it becomes one of its own: a third that stands where it stood is not opened.
    let copied = whole.unwrap_or(old.head);
    let head = moved::own(to, &args.by, &names.1, copied, now)?;
    let new = to.audit(Some(copied))?;
    let same = new.head == head && head.entries == copied.entries + 1 && old.orders == new.orders;
    let wrong: Vec<String> = old.wrong.into_iter().chain(new.wrong).collect();
    if !same || !wrong.is_empty() {
        let is = from.ledger().frozen()?.and_then(|by| by.moved_at());
        return Err(match whole {
            // Somebody else was faster, and opens it.
            _ if is != whole => moved::between().into(),
            None => differs(names, &wrong.join("; ")),
            Some(_) => in_use(names),
        });
    }
    moved::whole(from, &args.by, &names.1, (old.head, head), now)?;
    Ok(moved::arrive(
        from,
        to,
        &args.by,
        (&names.0, &names.1),
        new.head,
        now,
    )?)
}

fn tell(args: &MoveArgs, names: &(String, String), standing: Standing, audit: &Audit) {
    let (from, to) = names;
    if args.json {
        let object = json!({
            "from": from,
            "to": to,
            "orders": audit.orders,
            "journal_head": audit.head.to_string(),
            "was_done": standing == Standing::Done,
        });
        return print(&object.to_string());
    }
    if args.quiet {
        return;
    }
    let what = match standing {
        Standing::Done => "had moved here before",
        Standing::NotBegun
        | Standing::Copied
        | Standing::Unsure
        | Standing::Lost
        | Standing::Another => "moved here, and verified",
    };
    say(&format!(
        "{to}: {}, {} in the journal {what}\nhead: {}\n{from}: closed for good; it can be \
         looked at, and nothing is sent on it any more\nnext: name the new one under [ledger] url in every \
         host's settings, then `levy doctor`",
        orders(audit.orders),
        entries(audit.head.entries),
        audit.head
    ));
}
