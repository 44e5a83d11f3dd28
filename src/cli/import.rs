//! `levy ledger import`: numbers that another tool has used, so that the first night knows the past.

use std::path::Path;

use super::args::ImportArgs;
use super::failure::{Exit, Failure};
use super::freeze::person;
use super::store::{Store, sandbox_beside};
use crate::batch::{ControlTotals, Fault, InputRow, Rules, digest_of};
use crate::clock::{Clock, SystemClock};
use crate::ledger::lock::RunLock;
use crate::ledger::{Admit, Environment, Imported};
use crate::report::progress::say;
use crate::report::summary::grouped;
use crate::worker::intake::{Terms, Watcher, stage};

/// Takes a history over, whole or not at all.
pub fn import(args: &ImportArgs) -> Result<Exit, Failure> {
    let by = person(&args.by)?;
    let store = match args.sandbox {
        true => Store::sandbox(&args.at, &sandbox_beside(&args.file))?,
        false => Store::real(&args.at)?,
    };
    let digest = digest_of(&args.file)?;
    let _lock = RunLock::take(&store.path)?;
    let mut ledger = store.open(false)?;
    let at = SystemClock::default().wall();
    let terms = Terms {
        rules: Rules {
            // What was deducted was deducted, whatever the ceiling is today.
            amount_fen_max: None,
            sandbox_scripts_allowed: store.environment == Environment::Sandbox,
            history_until: Some(at),
            accept_digits: args.accept_digits,
            ..Rules::default()
        },
        expected: ControlTotals::default(),
        total_fen_max: None,
        admit: Admit::Any,
        hold_days: store.config.hold_days,
        at,
    };
    let mut desk = Desk {
        name: args.file.display().to_string(),
        faults: 0,
    };
    ledger.stage_clear()?;
    let staged = stage(&mut *ledger, &args.file, Some(digest), &terms, &mut desk);
    let imported = match staged {
        Ok(staged) => {
            for warning in staged.warnings {
                say(&format!("{}: warning: {warning}", desk.name));
            }
            ledger.import(&staged.head, &by, at, terms.hold_days)?
        }
        Err(fault) => {
            let _ = ledger.stage_clear();
            return Err(fault.into());
        }
    };
    desk.ledgers(&imported);
    if desk.faults > 0 {
        return Err(Failure::Usage(format!(
            "{}: {} faults; nothing was taken over. Mend the rows and give the file again",
            desk.name,
            grouped(desk.faults)
        )));
    }
    if !args.quiet {
        say(&told(&args.file, &imported));
    }
    Ok(Exit::Done)
}

/// Tells every fault, and counts them.
struct Desk {
    name: String,
    faults: u64,
}

impl Watcher for Desk {
    fn row(&mut self, row: &InputRow) {
        for fault in row.outcome.as_ref().err().into_iter().flatten() {
            self.fault(fault);
        }
    }

    fn stopped(&self) -> bool {
        false
    }
}

impl Desk {
    fn fault(&mut self, fault: &Fault) {
        self.faults += 1;
        say(&fault.in_file(&self.name));
    }

    /// What only the ledger knows.
    fn ledgers(&mut self, imported: &Imported) {
        for fault in &imported.faults {
            let (what, hint) = (fault.what.clone(), fault.hint.clone());
            let fault = Fault::of_number(fault.line, fault.no.as_str(), what, hint);
            self.fault(&fault);
        }
    }
}

fn told(file: &Path, imported: &Imported) -> String {
    let file = file.display();
    let batch = imported.batch.as_ref();
    let batch = batch.map(|batch| batch.id.to_string()).unwrap_or_default();
    if imported.known {
        return format!("{file}: taken over before, as batch {batch}; nothing was added");
    }
    let mut text = format!(
        "{file}: taken over as batch {batch}: {} deducted, {} failed, {} unknown, as another tool has \
         it; {} numbers were this ledger's already",
        grouped(imported.succeeded),
        grouped(imported.failed),
        grouped(imported.unknown),
        grouped(imported.repeats)
    );
    if imported.unknown > 0 {
        text.push_str("\n`levy resume` asks for what is unknown, under its own numbers");
    }
    text
}
