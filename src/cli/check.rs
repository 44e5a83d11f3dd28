//! `levy check`: everything that is wrong with a file, and what it adds up to. It sends nothing, and
//! needs neither keys nor a ledger: the file is taken into one that is thrown away.

use std::io::{BufWriter, Write, stderr, stdout};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::args::CheckArgs;
use super::config::{self, Config};
use super::failure::{Exit, Failure};
use super::store::variables;
use crate::batch::{InputRow, Rules};
use crate::clock::{Clock, SystemClock};
use crate::ledger::SqliteLedger;
use crate::ledger::{Accepted, Ledger};
use crate::order::{ReductionType, Status, yuan};
use crate::report::summary::grouped;
use crate::worker::intake::{Terms, Watcher, take_in};

/// Reads the file, tells its faults and totals.
pub fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let config = match args.sandbox {
        true => config::load_for_sandbox(variables())?,
        false => config::load(args.config.as_deref(), variables())?,
    };
    let mut desk = Desk::new(&args.file, args.json);
    let mut scratch = SqliteLedger::scratch()?;
    let terms = terms(args, &config);
    let taken = take_in(&mut scratch, &args.file, None, &terms, &mut desk);
    let taken = match taken {
        Ok(taken) => taken,
        Err(fault) => {
            let failure = Failure::from(fault);
            if args.json {
                desk.print(&refused(&args.file, &failure));
            }
            desk.flush();
            return Err(failure);
        }
    };
    for warning in &taken.warnings {
        desk.fault(&format!("{}: warning: {warning}", desk.name));
    }
    desk.after(&mut scratch, &taken)?;
    let accepted = taken.accepted;
    let clean = accepted.invalid == 0 && accepted.conflicts == 0 && accepted.held == 0;
    let exit = if clean { Exit::Done } else { Exit::NeedsPerson };
    match (args.json, args.quiet) {
        (true, _) => desk.print(&desk.json(&accepted, exit)),
        (false, false) => desk.print(&desk.totals(&accepted)),
        (false, true) => {}
    }
    desk.flush();
    Ok(exit)
}

fn terms(args: &CheckArgs, config: &Config) -> Terms {
    Terms {
        rules: Rules {
            amount_fen_max: Some(config.amount_fen_max),
            sandbox_scripts_allowed: args.sandbox,
            history_until: None,
        },
        hold_days: args.hold_days.unwrap_or(config.hold_days),
        at: SystemClock::default().wall(),
    }
}

fn refused(file: &Path, failure: &Failure) -> String {
    let object = json!({
        "file": file.display().to_string(),
        "error": failure.to_string(),
        "exit_code": failure.exit().code(),
    });
    object.to_string()
}

/// Rows and fen.
#[derive(Clone, Copy, Default)]
struct Sum {
    rows: u64,
    fen: u128,
}

/// What is told, and where: faults on stdout, or on stderr where stdout is for JSON.
struct Desk {
    name: String,
    faults: BufWriter<Box<dyn Write>>,
    by_type: [Sum; ReductionType::ALL.len()],
    invalid: u64,
    unreadable: u64,
}

impl Watcher for Desk {
    fn row(&mut self, row: &InputRow) {
        match &row.outcome {
            Ok(deduction) => {
                let content = &deduction.content;
                let at = ReductionType::ALL
                    .iter()
                    .position(|t| *t == content.reduction_type);
                if let Some(sum) = at.and_then(|at| self.by_type.get_mut(at)) {
                    sum.rows += 1;
                    sum.fen += u128::from(content.amount.get());
                }
            }
            Err(faults) => {
                self.invalid += 1;
                self.unreadable += u64::from(row.amount.is_none());
                for fault in faults {
                    let line = fault.in_file(&self.name);
                    self.fault(&line);
                }
            }
        }
    }

    fn stopped(&self) -> bool {
        false
    }
}

impl Desk {
    fn new(file: &Path, json: bool) -> Self {
        let faults: Box<dyn Write> = match json {
            true => Box::new(stderr()),
            false => Box::new(stdout()),
        };
        Self {
            name: file.display().to_string(),
            faults: BufWriter::new(faults),
            by_type: Default::default(),
            invalid: 0,
            unreadable: 0,
        }
    }

    // A reader that has seen enough (`| head`) is no reason to fail.
    fn fault(&mut self, line: &str) {
        let _ = writeln!(self.faults, "{line}");
    }

    fn print(&mut self, text: &str) {
        self.flush();
        let _ = writeln!(stdout(), "{text}");
    }

    fn flush(&mut self) {
        let _ = self.faults.flush();
    }

    /// Rows that are right by themselves and not beside the others.
    fn after(
        &mut self,
        scratch: &mut SqliteLedger,
        taken: &crate::worker::intake::Intake,
    ) -> Result<(), Failure> {
        let accepted = &taken.accepted;
        if accepted.conflicts + accepted.held + accepted.repeats == 0 {
            return Ok(());
        }
        scratch.rows(taken.batch.id, &mut |row| {
            let place = format!("{}:{}", self.name, row.line);
            match row.status {
                Status::Conflict | Status::Held => {
                    self.fault(&format!("{place}: {}: {}", row.status, row.note));
                }
                Status::Pending
                | Status::Success
                | Status::Processing
                | Status::Unknown
                | Status::Failed
                | Status::Closed
                | Status::Rejected
                | Status::Invalid
                | Status::Cancelled
                | Status::Expired => {
                    if let Some(first) = &row.duplicate_of {
                        self.fault(&format!("{place}: repeat of {first}: adds nothing"));
                    }
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    fn in_all(&self) -> Sum {
        self.by_type.iter().fold(Sum::default(), |all, one| Sum {
            rows: all.rows + one.rows,
            fen: all.fen + one.fen,
        })
    }

    fn totals(&self, accepted: &Accepted) -> String {
        let all = self.in_all();
        let mut text = format!(
            "{}: {} rows, {} valid, {} invalid",
            self.name,
            grouped(accepted.rows),
            grouped(all.rows),
            grouped(self.invalid)
        );
        let kinds = ReductionType::ALL.iter().map(|t| t.as_str());
        let lines: Vec<(&str, Sum)> = kinds.zip(self.by_type).chain([("in all", all)]).collect();
        let rows_width = grouped(all.rows).len();
        let yuan_width = yuan(all.fen).len();
        for (word, sum) in lines {
            let (rows, fen) = (grouped(sum.rows), yuan(sum.fen));
            text.push_str(&format!(
                "\n  {word:<18}  {rows:>rows_width$} rows  {fen:>yuan_width$} yuan"
            ));
        }
        text.push_str(&format!(
            "\n{} repeats, {} in conflict, {} held",
            grouped(accepted.repeats),
            grouped(accepted.conflicts),
            grouped(accepted.held)
        ));
        if self.unreadable > 0 {
            let rows = grouped(self.unreadable);
            text.push_str(&format!(", {rows} with an amount that cannot be read"));
        }
        text
    }

    fn json(&self, accepted: &Accepted, exit: Exit) -> String {
        let all = self.in_all();
        let mut amounts = Map::new();
        for (kind, sum) in ReductionType::ALL.iter().zip(self.by_type) {
            amounts.insert(kind.as_str().into(), fen(sum.fen));
        }
        let object = json!({
            "file": self.name,
            "rows": accepted.rows,
            "valid": all.rows,
            "invalid": self.invalid,
            "amount_by_type": amounts,
            "amount": fen(all.fen),
            "unreadable_amounts": self.unreadable,
            "repeats": accepted.repeats,
            "conflicts": accepted.conflicts,
            "held": accepted.held,
            "exit_code": exit.code(),
        });
        object.to_string()
    }
}

/// At most 10^7 rows of 10^13 fen: sums need more than 64 bits only in theory.
fn fen(sum: u128) -> Value {
    u64::try_from(sum).map_or_else(|_| Value::from(sum.to_string()), Value::from)
}
