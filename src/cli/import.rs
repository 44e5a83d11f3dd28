//! `levy ledger import`: numbers that another tool has used, so that the first night knows the past.

use std::path::Path;

use super::approval;
use super::args::ImportArgs;
use super::failure::{Exit, Failure};
use super::store::{Store, sandbox_beside};
use crate::batch::{ControlTotals, Deduction, Fault, InputRow, Rules, digest_of};
use crate::clock::{Clock, SystemClock};
use crate::ledger::{Admit, Environment, Imported};
use crate::order::yuan;
use crate::report::progress::say;
use crate::report::summary::{counted, grouped};
use crate::worker::intake::{Terms, Watcher, stage};

/// Takes a history over, whole or not at all.
pub fn import(args: &ImportArgs) -> Result<Exit, Failure> {
    let store = match args.sandbox {
        true => Store::sandbox(&args.at, &sandbox_beside(&args.file))?,
        false => Store::real(&args.at)?,
    };
    let by = approval::two(&store.config, &args.by, args.approved_by.as_deref())?;
    let digest = digest_of(&args.file)?;
    let _hold = store.hold()?;
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
        amount_fen_max: store.config.amount_fen_max,
        unknown_fen: 0,
        above: 0,
    };
    ledger.stage_clear()?;
    let staged = stage(&mut *ledger, &args.file, Some(digest), &terms, &mut desk);
    let imported = match staged {
        Ok(staged) => {
            for warning in staged.warnings {
                say(&format!("{}: warning: {warning}", desk.name));
            }
            if let Err(failure) = desk.ceilings(store.config.total_fen_max) {
                let _ = ledger.stage_clear();
                return Err(failure);
            }
            ledger.import(&staged.head, &*by, at, terms.hold_days)?
        }
        Err(fault) => {
            let _ = ledger.stage_clear();
            return Err(fault.into());
        }
    };
    desk.ledgers(&imported);
    if desk.faults > 0 {
        return Err(desk.refusal());
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
    amount_fen_max: u64,
    /// What would be submitted, since the other tool does not know what became of it: a number that was
    /// never sent is a deduction then.
    unknown_fen: u128,
    /// Rows of that kind above the ceiling.
    above: u64,
}

impl Watcher for Desk {
    fn row(&mut self, row: &InputRow) {
        for fault in row.outcome.as_ref().err().into_iter().flatten() {
            self.fault(fault);
        }
        if let Ok(deduction) = &row.outcome
            && deduction
                .past
                .as_ref()
                .is_some_and(|past| past.outcome.is_none())
        {
            self.unknown(row.line, deduction);
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

    fn unknown(&mut self, line: u64, deduction: &Deduction) {
        let fen = deduction.content.amount.get();
        self.unknown_fen += u128::from(fen);
        if fen <= self.amount_fen_max {
            return;
        }
        self.above += 1;
        let no = deduction.no.as_ref().map_or("", |no| no.as_str());
        let what = format!(
            "asks for {fen} fen and its end is not known, so that it is submitted; the configured ceiling is \
             {} fen",
            self.amount_fen_max
        );
        let hint = "find out what became of it, or have the ceiling raised";
        self.fault(&Fault::of_number(line, no, what, hint.into()));
    }

    /// The ceilings of new deductions, for what is submitted: a person's word is none less to ask of.
    fn ceilings(&self, total_fen_max: Option<u64>) -> Result<(), Failure> {
        if self.above > 0 {
            return Err(self.refusal());
        }
        match total_fen_max {
            Some(most) if self.unknown_fen > u128::from(most) => Err(Failure::Usage(format!(
                "{}: its rows whose end is not known add up to {} yuan, and a file may ask for {} at most \
                 ([limits] total_fen_max): nothing was taken over; split it, or have the ceiling raised",
                self.name,
                yuan(self.unknown_fen),
                yuan(u128::from(most))
            ))),
            Some(_) | None => Ok(()),
        }
    }

    fn refusal(&self) -> Failure {
        Failure::Usage(format!(
            "{}: {} faults; nothing was taken over. Mend the rows and give the file again",
            self.name,
            grouped(self.faults)
        ))
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
         it; this ledger knew {} already",
        grouped(imported.succeeded),
        grouped(imported.failed),
        grouped(imported.unknown),
        counted(imported.repeats, "number")
    );
    if imported.unknown > 0 {
        text.push_str("\n`levy resume` asks for what is unknown, under its own numbers");
    }
    text
}
