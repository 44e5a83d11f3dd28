//! The ledger: whether it is there and whose it is, whether it is whole, what it stands on, who has it,
//! and when it last saw a success. It is only read.

mod server;

use std::path::Path;

use crate::cli::args::DoctorArgs;
use crate::cli::config::Config;
use crate::cli::store::Store;
use crate::clock::{Clock, SystemClock};
use crate::doctor::{Area, Check, Findings, judge};
use crate::ledger::lock::RunLock;
use crate::ledger::{
    Address, Ledger, LedgerError, LedgerResult, Overview, OverviewAsk, SqliteLedger, ground,
};
use crate::report::status::{CLOSING_DAYS, DAY_MS};
use crate::worker::limits::WINDOW_MS;

const LEDGER: Area = Area::Ledger;
/// Faults of a ledger that are told; more are counted.
const FAULTS_TOLD_MAX: usize = 3;

/// Looks at it.
pub fn look(config: &Config, args: &DoctorArgs, findings: &mut Findings) {
    if config.caller().is_err() {
        let found = "a ledger is a merchant's, and [merchant] mchid is not set";
        return findings.push(Check::skip(LEDGER, "all of it", found));
    }
    let store = match Store::real(&args.at) {
        Ok(store) => store,
        Err(failure) => return findings.push(Check::fail(LEDGER, "file", failure.to_string())),
    };
    match &store.address {
        Address::File(path) => file(&store, path, args, findings),
        Address::Postgres(url) => server::look(&store, url, args, findings),
    }
}

fn file(store: &Store, path: &Path, args: &DoctorArgs, findings: &mut Findings) {
    match store.look_at_copy(path) {
        Ok(mut ledger) => {
            schema(store, path, &ledger, findings);
            let checked = match args.full {
                true => ledger.verify(),
                false => ledger.quick_check(),
            };
            let quick = "SQLite's quick check; --full verifies journal and books too";
            integrity(checked, args.full, quick, findings);
            past(&mut ledger, findings);
        }
        Err(failure) => findings.push(Check::fail(LEDGER, "file", failure.to_string())),
    }
    place(path, args.at.force_network_file_system, findings);
    lock(path, findings);
}

fn broken(name: &str, e: &LedgerError) -> Check {
    Check::fail(LEDGER, name, e.to_string())
}

fn schema(store: &Store, path: &Path, ledger: &SqliteLedger, findings: &mut Findings) {
    let caller = store
        .config
        .caller()
        .map(|caller| caller.as_str().to_owned());
    findings.push(match ledger.schema_version() {
        Ok(version) => {
            let caller = caller.unwrap_or_default();
            let path = path.display();
            let found = format!("{path}: merchant {caller}'s, schema {version}");
            Check::ok(LEDGER, "file", found)
        }
        Err(e) => broken("file", &e),
    });
}

fn integrity(wrong: LedgerResult<Vec<String>>, full: bool, quick: &str, findings: &mut Findings) {
    const NAME: &str = "integrity";
    let how = match full {
        true => "the whole of it was verified",
        false => quick,
    };
    findings.push(match wrong {
        Ok(wrong) if wrong.is_empty() => Check::ok(LEDGER, NAME, format!("no fault ({how})")),
        Ok(wrong) => {
            let told = &wrong[..wrong.len().min(FAULTS_TOLD_MAX)];
            let found = format!("{} faults ({how}): {}", wrong.len(), told.join("; "));
            Check::fail(LEDGER, NAME, found).advise(
                "send nothing on it (`levy freeze`), and compare it with the last backup that verifies \
                 (`levy ledger verify`)",
            )
        }
        Err(e) => broken(NAME, &e),
    });
}

fn past(ledger: &mut dyn Ledger, findings: &mut Findings) {
    let now = SystemClock::default().wall();
    let ask = OverviewAsk {
        batch: None,
        closing_since: now.plus_ms(CLOSING_DAYS * DAY_MS - WINDOW_MS),
    };
    match ledger.overview(&ask) {
        Ok(overview) => told(&overview, findings),
        Err(e) => findings.push(broken("runs", &e)),
    }
}

fn told(overview: &Overview, findings: &mut Findings) {
    let found = match (overview.last_success_at, overview.last_run_at) {
        (None, None) => "no run yet".into(),
        (None, Some(run)) => format!(
            "no order has succeeded yet; the last run began {}",
            run.rfc3339()
        ),
        (Some(success), run) => {
            let run = run.map_or("never".into(), |run| run.rfc3339());
            format!(
                "the last success came {}; the last run began {run}",
                success.rfc3339()
            )
        }
    };
    findings.push(Check::ok(LEDGER, "runs", found));
    if let Some(frozen) = &overview.frozen {
        let found = format!(
            "frozen by {} since {}: {}",
            frozen.by,
            frozen.at.rfc3339(),
            frozen.reason
        );
        let check = Check::fail(LEDGER, "frozen", found);
        findings.push(check.advise(match frozen.is_moved() {
            true => frozen.moved_words(),
            false => "no run begins until `levy unfreeze`: ask whoever froze it".into(),
        }));
    }
    if overview.closing > 0 {
        let found = format!(
            "{} open orders come to the end of their window within {CLOSING_DAYS} days",
            overview.closing
        );
        let check = Check::warn(LEDGER, "windows", found);
        findings.push(check.advise("`levy resume` asks for them; `levy status` names them"));
    }
}

fn place(path: &Path, is_forced: bool, findings: &mut Findings) {
    const FILE_SYSTEM: &str = "file system";
    let ground = match ground(path) {
        Ok(ground) => ground,
        // That it is not there was told before.
        Err(LedgerError::Missing(_)) => return,
        Err(e) => return findings.push(broken(FILE_SYSTEM, &e)),
    };
    let name = ground.file_system;
    findings.push(match ground.doubt {
        None => Check::ok(LEDGER, FILE_SYSTEM, name),
        Some(doubt) if ground.is_network && !is_forced => {
            Check::fail(LEDGER, FILE_SYSTEM, format!("{name}: {doubt}"))
                .advise("put the ledger on a local disk; no run opens it there")
        }
        Some(doubt) => Check::warn(LEDGER, FILE_SYSTEM, format!("{name}: {doubt}"))
            .advise("put the ledger on a local disk, or a volume that outlives the machine"),
    });
    findings.push(judge::free_space(ground.free_bytes));
    if !ground.is_writable {
        let found = format!(
            "{}: this user may not write to it or beside it",
            path.display()
        );
        let check = Check::fail(LEDGER, "access", found);
        findings.push(
            check.advise("give levy doctor as the user who runs levy, or chown the directory"),
        );
    }
}

fn lock(path: &Path, findings: &mut Findings) {
    findings.push(match RunLock::holder(path) {
        Ok(None) => Check::ok(LEDGER, "lock", "nobody holds it"),
        Ok(Some(holder)) => Check::warn(LEDGER, "lock", format!("a run is going on: {holder}"))
            .advise("another run would end with exit 75 until that one is through"),
        Err(e) => broken("lock", &e),
    });
}
