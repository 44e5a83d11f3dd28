//! `levy ledger verify` and `levy ledger backup`: is the ledger what was written, and a copy of it. The
//! other commands of `levy ledger` have files of their own.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use super::args::{BackupArgs, LedgerArgs, LedgerCommand, UpgradeArgs, VerifyArgs};
use super::failure::{Exit, Failure};
use super::import::import;
use super::moved::move_ledger;
use super::restored::restored;
use super::status::print;
use super::store::{Opening, Store};
use crate::clock::{Clock, SystemClock};
use crate::ledger::{Address, Audit, LedgerError, PostgresLedger, SqliteLedger};
use crate::report::progress::say;
use crate::report::summary::{counted, entries, orders};

/// What SQLite and the run's lock keep beside a ledger.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", ".lock"];

/// What is asked about the ledger's file.
pub fn ledger(args: &LedgerArgs) -> Result<Exit, Failure> {
    match &args.command {
        LedgerCommand::Verify(args) => verify(args),
        LedgerCommand::Backup(args) => backup(args),
        LedgerCommand::Upgrade(args) => upgrade(args),
        LedgerCommand::Import(args) => import(args),
        LedgerCommand::Move(args) => move_ledger(args),
        LedgerCommand::Restored(args) => restored(args),
    }
}

fn verify(args: &VerifyArgs) -> Result<Exit, Failure> {
    let store = Store::here(&args.at, args.sandbox)?;
    let audit = store.audit(args.expect)?;
    match args.json {
        true => print(&audit_json(&audit).to_string()),
        false => print(&told(&store.address, &audit)),
    }
    Ok(match audit.wrong.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

fn told(path: &Address, audit: &Audit) -> String {
    if audit.wrong.is_empty() {
        return format!(
            "{path}: all is well: {}, {} in the journal of {}\nhead: {}",
            orders(audit.orders),
            entries(audit.head.entries),
            counted(audit.lanes.len() as u64, "lane"),
            audit.head
        );
    }
    let mut text = format!("{path}: this is not what was written:");
    for wrong in &audit.wrong {
        text.push_str(&format!("\n  {wrong}"));
    }
    text.push_str(
        "\nSend nothing on it (`levy freeze`), keep the file as it is for whoever looks into it, and \
         compare it with the last backup that verifies",
    );
    text
}

fn audit_json(audit: &Audit) -> serde_json::Value {
    let bad = audit.bad.as_ref().map(|bad| {
        json!({
            "entry": bad.entry,
            "lane": bad.lane,
            "kind": bad.kind,
            "out_request_no": bad.order,
            "wrong": bad.wrong,
        })
    });
    let lanes: Vec<serde_json::Value> = audit
        .lanes
        .iter()
        .map(|lane| {
            json!({
                "lane": lane.lane,
                "entries": lane.entries,
                "head": data_encoding::HEXLOWER.encode(&lane.link),
            })
        })
        .collect();
    json!({
        "ok": audit.wrong.is_empty(),
        "journal_head": audit.head.to_string(),
        "orders": audit.orders,
        "first_bad_entry": bad,
        "wrong": audit.wrong,
        "lanes": lanes,
    })
}

/// Opening it with the lock is all that there is to do.
fn upgrade(args: &UpgradeArgs) -> Result<Exit, Failure> {
    let store = Store::here(&args.at, args.sandbox)?;
    let _hold = store.hold()?;
    if let Opening::Postgres(options) = store.opening(false)? {
        PostgresLedger::upgrade(&options)?;
    }
    store.open(false)?;
    if !args.quiet {
        say(&format!(
            "{}: up to date with this levy; nothing was sent. If it is a backup that was put back, `levy \
             ledger restored` comes before any run",
            store.address
        ));
    }
    Ok(Exit::Done)
}

fn backup(args: &BackupArgs) -> Result<Exit, Failure> {
    let store = Store::here(&args.at, args.sandbox)?;
    let Address::File(path) = &store.address else {
        return Err(Failure::Usage(on_server(&store.address)));
    };
    let from = store.look_at_copy(path)?;
    place(&args.file, path, args.force)?;
    let temporary = Temporary::beside(&args.file)?;
    // Before the first page is read: what is sent from now on may be missing from the copy.
    let since = SystemClock::default().wall().rfc3339();
    let audit = copy(&store, &from, &temporary)?;
    if !audit.wrong.is_empty() {
        return Err(Failure::Ledger(LedgerError::Broken(format!(
            "the copy does not verify, and so was not kept: {}. `levy ledger verify` says more",
            audit.wrong.join("; ")
        ))));
    }
    temporary.becomes(&args.file, args.force)?;
    if args.json {
        let mut object = audit_json(&audit);
        object["file"] = json!(args.file.display().to_string());
        object["since"] = json!(since);
        print(&object.to_string());
    } else {
        say(&format!(
            "{}: {}, {} in the journal; verified",
            args.file.display(),
            orders(audit.orders),
            entries(audit.head.entries)
        ));
        print(&format!("head: {}", audit.head));
        print(&format!("since: {since}"));
    }
    Ok(Exit::Done)
}

/// A server's own tools copy what is on it: a copy by levy would be of one moment, and no more.
fn on_server(address: &Address) -> String {
    format!(
        "{address}: is on a server, whose own tools back it up: `pg_dump --schema=levy`, or better base \
         backups with archived logs, which lose nothing. Note `levy ledger verify`'s head with each; if one \
         is ever put back, `levy ledger restored --since TIME` comes before any run"
    )
}

fn copy(store: &Store, from: &SqliteLedger, to: &Temporary) -> Result<Audit, Failure> {
    from.copy_to(&to.path)?;
    let audit = store.look_at_copy(&to.path)?.audit(None)?;
    File::open(&to.path)
        .and_then(|file| file.sync_all())
        .map_err(|e| disk(&to.path, e))?;
    Ok(audit)
}

/// Refuses what is no place for a copy.
fn place(path: &Path, ledger: &Path, force: bool) -> Result<(), Failure> {
    let refuse = |words: &str| Err(Failure::Usage(format!("{}: {words}", path.display())));
    if path.file_name().is_none() {
        return refuse("is no name of a file");
    }
    if !directory_of(path).is_dir() {
        return refuse("its directory does not exist");
    }
    let real = fs::canonicalize(ledger).unwrap_or_else(|_| ledger.to_path_buf());
    let companion = |suffix: &str| {
        let mut name = OsString::from(real.as_os_str());
        name.push(suffix);
        PathBuf::from(name)
    };
    let here = fs::canonicalize(directory_of(path))
        .map(|directory| directory.join(path.file_name().unwrap_or_default()))
        .map_err(|e| disk(path, e))?;
    if here == real || COMPANIONS.iter().any(|suffix| here == companion(suffix)) {
        return refuse("is the ledger itself, or belongs to it");
    }
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(disk(path, e)),
        Ok(meta) if meta.is_symlink() => refuse("is a symbolic link; name the file itself"),
        Ok(meta) if !meta.is_file() => refuse("is no ordinary file"),
        Ok(meta) => match fs::metadata(&real) {
            Ok(own) if own.dev() == meta.dev() && own.ino() == meta.ino() => {
                refuse("is the ledger itself under another name")
            }
            Ok(_) | Err(_) if force => Ok(()),
            Ok(_) | Err(_) => refuse("is there already; --force takes its place"),
        },
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn disk(path: &Path, e: io::Error) -> Failure {
    anyhow::Error::new(e)
        .context(format!("{}: the copy could not be written", path.display()))
        .into()
}

/// A file that is gone unless it becomes the copy.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn beside(path: &Path) -> Result<Self, Failure> {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}.tmp", std::process::id()));
        let path = directory_of(path).join(name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| disk(&path, e))?;
        Ok(Self { path })
    }

    /// Gets its name in one step, for good.
    fn becomes(self, path: &Path, force: bool) -> Result<(), Failure> {
        let flags = match force {
            true => RenameFlags::empty(),
            false => RenameFlags::NOREPLACE,
        };
        match renameat_with(CWD, &self.path, CWD, path, flags) {
            Ok(()) => {}
            Err(rustix::io::Errno::EXIST) => {
                let words = "appeared while the copy was made; --force takes its place";
                return Err(Failure::Usage(format!("{}: {words}", path.display())));
            }
            // Not every file system knows how to refuse; it was looked at before.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                fs::rename(&self.path, path).map_err(|e| disk(path, e))?;
            }
            Err(e) => return Err(disk(path, e.into())),
        }
        File::open(directory_of(path))
            .and_then(|directory| directory.sync_all())
            .map_err(|e| disk(path, e))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        for suffix in COMPANIONS {
            let mut name = OsString::from(self.path.as_os_str());
            name.push(suffix);
            let _ = fs::remove_file(PathBuf::from(name));
        }
    }
}
