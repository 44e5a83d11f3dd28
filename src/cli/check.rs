//! `levy check`: everything that is wrong with a file, and what it adds up to. It sends nothing, and
//! needs neither keys nor a ledger: the file is taken into one that is thrown away.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{BufWriter, Write, stderr, stdout};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::args::CheckArgs;
use super::config;
use super::failure::{Exit, Failure};
use super::run_file::{expected, terms};
use super::store::variables;
use crate::batch::{Encoding, Form, InputRow};
use crate::clock::{Clock, SystemClock};
use crate::ledger::SqliteLedger;
use crate::ledger::{Accepted, Environment, Ledger};
use crate::order::{Fen, ReductionType, Status, yuan};
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
    let environment = match args.sandbox {
        true => Environment::Sandbox,
        false => Environment::Real,
    };
    let now = SystemClock::default().wall();
    let terms = Terms {
        expected: expected(&args.file, &args.expect)?,
        ..terms(args.taking, &config, environment, now)
    };
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
    desk.form = taken.form;
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

impl Sum {
    fn and(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            fen: self.fen + other.fen,
        }
    }

    fn add(&mut self, amount: Fen) {
        self.rows += 1;
        self.fen += u128::from(amount.get());
    }
}

/// Merchants that people are told of, those with the greatest sums.
const MERCHANTS_SHOWN_MAX: usize = 10;

/// What is told, and where: faults on stdout, or on stderr where stdout is for JSON.
struct Desk {
    name: String,
    faults: BufWriter<Box<dyn Write>>,
    by_type: [Sum; ReductionType::ALL.len()],
    by_merchant: BTreeMap<String, Sum>,
    invalid: u64,
    unreadable: u64,
    form: Form,
}

impl Watcher for Desk {
    fn row(&mut self, row: &InputRow) {
        for doubt in &row.doubts {
            let line = doubt.in_sheet(&self.name, "warning: ");
            self.fault(&line);
        }
        match &row.outcome {
            Ok(deduction) => {
                let content = &deduction.content;
                let at = ReductionType::ALL
                    .iter()
                    .position(|t| *t == content.reduction_type);
                if let Some(sum) = at.and_then(|at| self.by_type.get_mut(at)) {
                    sum.add(content.amount);
                }
                let merchant = content.merchant.as_str();
                match self.by_merchant.get_mut(merchant) {
                    Some(sum) => sum.add(content.amount),
                    None => {
                        let sum = self.by_merchant.entry(merchant.to_owned()).or_default();
                        sum.add(content.amount);
                    }
                }
            }
            Err(faults) => {
                self.invalid += 1;
                self.unreadable += u64::from(row.amount.is_none());
                for fault in faults {
                    let line = fault.in_sheet(&self.name, "");
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
            by_merchant: BTreeMap::new(),
            invalid: 0,
            unreadable: 0,
            form: Form::Csv(Encoding::Utf8),
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
        self.by_type.into_iter().fold(Sum::default(), Sum::and)
    }

    fn totals(&self, accepted: &Accepted) -> String {
        let all = self.in_all();
        let mut text = format!(
            "{}: {} rows, {} valid, {} invalid; read as {}",
            self.name,
            grouped(accepted.rows),
            grouped(all.rows),
            grouped(self.invalid),
            self.form
        );
        let rows_width = grouped(all.rows).len();
        let yuan_width = yuan(all.fen).len();
        let mut line = |word: &str, sum: Sum| {
            let (rows, fen) = (grouped(sum.rows), yuan(sum.fen));
            text.push_str(&format!(
                "\n  {word:<18}  {rows:>rows_width$} rows  {fen:>yuan_width$} yuan"
            ));
        };
        let kinds = ReductionType::ALL.iter().map(|t| t.as_str());
        for (word, sum) in kinds.zip(self.by_type) {
            line(word, sum);
        }
        let mut merchants: Vec<(&String, &Sum)> = self.by_merchant.iter().collect();
        merchants.sort_by_key(|(merchant, sum)| (Reverse(sum.fen), *merchant));
        let (shown, others) = merchants.split_at(merchants.len().min(MERCHANTS_SHOWN_MAX));
        for (merchant, sum) in shown {
            line(merchant, **sum);
        }
        if !others.is_empty() {
            let sums = others.iter().map(|(_, sum)| **sum);
            let rest = sums.fold(Sum::default(), Sum::and);
            line(&format!("{} others", grouped(others.len() as u64)), rest);
        }
        line("in all", all);
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
        let merchants: Map<String, Value> = self
            .by_merchant
            .iter()
            .map(|(merchant, sum)| {
                let sum = json!({"rows": sum.rows, "amount": fen(sum.fen)});
                (merchant.clone(), sum)
            })
            .collect();
        let object = json!({
            "file": self.name,
            "read_as": self.form.to_string(),
            "rows": accepted.rows,
            "valid": all.rows,
            "invalid": self.invalid,
            "amount_by_type": amounts,
            "by_merchant": merchants,
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
