//! What `levy check` tells, and where: faults on stdout, or on stderr where stdout is for JSON.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufWriter, Write, stderr, stdout};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Found;
use crate::batch::{Encoding, Form, InputRow, shown_cell};
use crate::cli::failure::Exit;
use crate::ledger::ResultRow;
use crate::order::{Fen, Merchant, NextAction, ReductionType, Status, yuan};
use crate::report::progress::{columns, fitted};
use crate::report::summary::{self, counted, grouped};
use crate::worker::balances::Purses;
use crate::worker::intake::Watcher;

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
pub struct Desk {
    /// The file, as it was named.
    pub name: String,
    faults: BufWriter<Box<dyn Write>>,
    /// Of the terminal, if stdout is one.
    columns: Option<usize>,
    by_type: [Sum; ReductionType::ALL.len()],
    by_merchant: HashMap<Merchant, Sum>,
    /// Rows with faults of their own.
    pub invalid: u64,
    unreadable: u64,
    /// What it is read as.
    pub form: Form,
    /// Rows that are told of already.
    refused: Ordinals,
}

/// Some of a file's rows, a bit for each.
#[derive(Default)]
struct Ordinals(Vec<u64>);

impl Ordinals {
    fn add(&mut self, ordinal: u64) {
        let at = (ordinal / 64) as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        self.0[at] |= 1 << (ordinal % 64);
    }

    fn has(&self, ordinal: u64) -> bool {
        let word = self.0.get((ordinal / 64) as usize);
        word.is_some_and(|word| word & (1 << (ordinal % 64)) != 0)
    }
}

/// Why an order would be closed, if it would.
fn short(row: &ResultRow, purses: Option<&Purses>) -> Option<String> {
    let no = row.order.as_ref()?.no.as_str();
    let left = purses?.left.get(no)?;
    let sign = if *left < 0 { "-" } else { "" };
    let asked = u128::from(row.amount?.get());
    Some(format!(
        "would be closed for lack of balance: its account has {sign}{} yuan left when its turn comes, and \
         it asks for {}; a closed order's number is used up",
        yuan(left.unsigned_abs()),
        yuan(asked)
    ))
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
                match self.by_merchant.get_mut(&content.merchant) {
                    Some(sum) => sum.add(content.amount),
                    None => {
                        let merchant = content.merchant.clone();
                        self.by_merchant
                            .entry(merchant)
                            .or_default()
                            .add(content.amount);
                    }
                }
            }
            Err(faults) => {
                self.invalid += 1;
                self.refused.add(row.ordinal);
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
    /// Nothing is told yet.
    pub fn new(file: &Path, json: bool) -> Self {
        let faults: Box<dyn Write> = match json {
            true => Box::new(stderr()),
            false => Box::new(stdout()),
        };
        Self {
            name: file.display().to_string(),
            faults: BufWriter::new(faults),
            columns: columns(&stdout()),
            by_type: Default::default(),
            by_merchant: HashMap::new(),
            invalid: 0,
            unreadable: 0,
            form: Form::Csv(Encoding::Utf8),
            refused: Ordinals::default(),
        }
    }

    /// A line of its own. A reader that has seen enough (`| head`) is no reason to fail.
    pub fn fault(&mut self, line: &str) {
        let _ = writeln!(self.faults, "{}", fitted(line, self.columns));
    }

    /// What goes to stdout, behind the faults that were told.
    pub fn print(&mut self, text: &str) {
        self.flush();
        let _ = writeln!(stdout(), "{}", fitted(text, self.columns));
    }

    /// Lets everything out that was told.
    pub fn flush(&mut self) {
        let _ = self.faults.flush();
    }

    /// A row beside the others and what is known of earlier files. Tells what was not told of it by
    /// itself; what is wrong with it, in all, is handed back.
    pub fn after(&mut self, row: &ResultRow, purses: Option<&Purses>) -> String {
        let place = format!("{}:{}", self.name, row.line);
        let words = match (row.status, &row.duplicate_of) {
            (Status::Invalid, _) if self.refused.has(row.ordinal) => return row.note.clone(),
            (Status::Invalid | Status::Conflict | Status::Held, _) => {
                format!("{}: {}", row.status, row.note)
            }
            (status, Some(first)) => {
                let no = row.order.as_ref().map_or("", |order| order.no.as_str());
                let asks = row.note.contains("levy_reissue: ");
                match (asks, row.next_action) {
                    (true, NextAction::Reissue) => format!(
                        "levy_reissue: {no} in {first}, {status}: `levy run` issues it again under a new \
                         number"
                    ),
                    (true, _) => format!("repeat of {no} in {first}, {status}: {}", row.note),
                    (false, _) => format!(
                        "repeat of {no} in {first}, {status}: adds nothing; to deduct again give it a number \
                     of its own"
                    ),
                }
            }
            (Status::Pending, None) => match short(row, purses) {
                Some(words) => words,
                None => return String::new(),
            },
            (Status::Success | Status::Processing | Status::Unknown | Status::Failed, None)
            | (Status::Closed | Status::Rejected | Status::Cancelled | Status::Expired, None) => {
                return String::new();
            }
        };
        self.fault(&format!("{place}: {words}"));
        words
    }

    /// What must be known even where the sums are not asked for: the exit code follows from it.
    pub fn unanswered(&mut self, found: &Found) {
        let purses = found.purses.as_ref();
        if let Some(purses) = purses.filter(|purses| purses.unknown > 0) {
            let words = balances(purses);
            self.fault(&format!("{}: {words}", self.name));
        }
    }

    /// Valid rows.
    pub fn valid(&self) -> u64 {
        self.in_all().rows
    }

    /// As they are shown: an account in the wrong column looks like a merchant's number, but for its
    /// length.
    fn by_merchant(&self) -> BTreeMap<String, Sum> {
        let mut shown = BTreeMap::new();
        for (merchant, sum) in &self.by_merchant {
            let all: &mut Sum = shown.entry(shown_cell(merchant.as_str())).or_default();
            *all = all.and(*sum);
        }
        shown
    }

    fn in_all(&self) -> Sum {
        self.by_type.into_iter().fold(Sum::default(), Sum::and)
    }

    /// What the file adds up to, for people.
    pub fn totals(&self, found: &Found) -> String {
        let (all, accepted) = (self.in_all(), &found.accepted);
        let mut text = format!(
            "{}: {}, {} valid, {} invalid; read as {}",
            self.name,
            summary::rows(accepted.rows),
            grouped(all.rows),
            grouped(self.invalid),
            self.form
        );
        let rows_width = grouped(all.rows).len();
        let yuan_width = yuan(all.fen).len();
        let mut line = |word: &str, sum: Sum| {
            let (rows, fen) = (grouped(sum.rows), yuan(sum.fen));
            let noun = summary::column(sum.rows, "row");
            text.push_str(&format!(
                "\n  {word:<18}  {rows:>rows_width$} {noun}  {fen:>yuan_width$} yuan"
            ));
        };
        let kinds = ReductionType::ALL.iter().map(|t| t.as_str());
        for (word, sum) in kinds.zip(self.by_type) {
            line(word, sum);
        }
        let by_merchant = self.by_merchant();
        let mut merchants: Vec<(&String, &Sum)> = by_merchant.iter().collect();
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
            "\n{}, {} in conflict, {} held",
            counted(accepted.repeats, "repeat"),
            grouped(accepted.conflicts),
            grouped(accepted.held)
        ));
        if self.unreadable > 0 {
            let rows = grouped(self.unreadable);
            text.push_str(&format!(", {rows} with an amount that cannot be read"));
        }
        text.push_str(&format!("\n{}", known(found)));
        if let Some(words) = &found.approval {
            text.push_str(&format!("\n{words}"));
        }
        if let Some(purses) = &found.purses {
            text.push_str(&format!("\n{}", balances(purses)));
        }
        if let Some(marked) = &found.marked {
            text.push_str(&format!(
                "\nthe faults stand beside the rows in {}",
                marked.display()
            ));
        }
        text
    }

    /// The same, for programs.
    pub fn json(&self, found: &Found, exit: Exit) -> String {
        let (all, accepted) = (self.in_all(), &found.accepted);
        let mut amounts = Map::new();
        for (kind, sum) in ReductionType::ALL.iter().zip(self.by_type) {
            amounts.insert(kind.as_str().into(), fen(sum.fen));
        }
        let merchants: Map<String, Value> = self
            .by_merchant()
            .into_iter()
            .map(|(merchant, sum)| {
                let sum = json!({"rows": sum.rows, "amount": fen(sum.fen)});
                (merchant, sum)
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
            "ledger": found.known.as_ref().ok().map(ToString::to_string),
            "approval": found.approval,
            "batch": found.before.as_ref().map(|batch| batch.id.to_string()),
            "balances": found.purses.as_ref().map(|purses| json!({
                "accounts": purses.answered,
                "not_answered": purses.unanswered,
                "in_transit": purses.in_transit,
                "short": purses.short,
                "short_amount": fen(purses.short_fen),
                "not_known": purses.unknown,
                "why": purses.why,
            })),
            "result": found.marked.as_ref().map(|path| path.display().to_string()),
            "exit_code": exit.code(),
        });
        object.to_string()
    }
}

/// What was looked at beside the file.
fn known(found: &Found) -> String {
    match (&found.known, &found.before) {
        (Err(why), _) => format!("the ledger was not looked at: {why}"),
        (Ok(path), None) => format!("beside what the ledger {} has", path),
        (Ok(path), Some(batch)) => format!(
            "the ledger {} has this very file as batch {}, accepted at {}: `levy run` continues it",
            path,
            batch.id,
            batch.accepted_at.rfc3339()
        ),
    }
}

fn balances(purses: &Purses) -> String {
    let mut text = format!(
        "balances of {}: {} ({} yuan) would be closed for lack of it",
        summary::counted(purses.answered, "account"),
        summary::rows(purses.short),
        yuan(purses.short_fen)
    );
    if purses.in_transit > 0 {
        let accounts = grouped(purses.in_transit);
        text.push_str(&format!(
            "; a deduction is under way on {accounts} of them, which may take of it yet"
        ));
    }
    if purses.unanswered > 0 {
        text.push_str(&format!(
            "; {} gave no answer ({}), and nothing is known of {}",
            summary::counted(purses.unanswered, "account"),
            purses.why.as_deref().unwrap_or("levy failed"),
            summary::rows(purses.unknown)
        ));
    }
    text
}

/// At most 10^7 rows of 10^13 fen: sums need more than 64 bits only in theory.
fn fen(sum: u128) -> Value {
    u64::try_from(sum).map_or_else(|_| Value::from(sum.to_string()), Value::from)
}
