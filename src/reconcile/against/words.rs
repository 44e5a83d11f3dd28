//! What came of a comparison: for people in lines, for scripts as one JSON object.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Told;
use crate::clock::WallMs;
use crate::ledger::{Batch, ListScope};
use crate::order::{Status, yuan};
use crate::reconcile::difference::{Difference, Kind};
use crate::report::summary::{grouped, rows};

/// What is told.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// The list.
    pub against: &'a Path,
    /// The one batch that it was compared with.
    pub batch: Option<&'a Batch>,
    /// The orders in question.
    pub scope: &'a ListScope,
    /// What came of it.
    pub told: &'a Told,
    /// Where the differences are.
    pub result: &'a Path,
    /// The exit code.
    pub exit_code: u8,
}

/// One line of JSON.
pub fn json(summary: &Summary<'_>) -> String {
    let told = summary.told;
    let counts = |each: &mut dyn Iterator<Item = (&'static str, u64)>| {
        let mut by = Map::new();
        let mut count = 0;
        for (word, n) in each {
            count += n;
            by.insert(word.into(), n.into());
        }
        json!({ "count": count, "by": by })
    };
    let time = |at: Option<WallMs>| at.map(WallMs::rfc3339);
    let object = json!({
        "against": summary.against.display().to_string(),
        "batch": summary.batch.map(|batch| batch.id.to_string()),
        "since": time(summary.scope.since),
        "until": time(summary.scope.before),
        "compared": told.compared,
        "rows": told.rows,
        "agreed": counts(&mut agreed(told)),
        "no_order": told.no_order,
        "missing": told.missing,
        "different": told.different,
        "double": told.double,
        "invalid": told.invalid,
        "extra": told.counts.of(Kind::Extra),
        "differences": counts(&mut told.counts.each().map(|(kind, n)| (kind.as_str(), n))),
        "list": {
            "fen": fen(told.list_fen),
            "deducted": fen(told.list_deducted_fen),
            "unreadable_amounts": told.unreadable_amounts,
        },
        "ledger": {
            "orders": told.orders,
            "deducted": fen(told.ledger_deducted_fen),
            "not_named_not_deducted": {
                "orders": told.not_deducted.orders,
                "fen": fen(told.not_deducted.fen),
            },
        },
        "result": summary.result.display().to_string(),
        "exit_code": summary.exit_code,
    });
    object.to_string()
}

/// Sums need more than 64 bits only in theory.
fn fen(sum: u128) -> Value {
    u64::try_from(sum).map_or_else(|_| Value::from(sum.to_string()), Value::from)
}

fn agreed(told: &Told) -> impl Iterator<Item = (&'static str, u64)> {
    let by = Status::ALL.iter().zip(told.agreed_by);
    by.filter(|(_, n)| *n > 0)
        .map(|(status, n)| (status.as_str(), n))
}

/// For people, in lines, the last one ended.
pub fn human(summary: &Summary<'_>) -> String {
    let told = summary.told;
    let mut text = String::new();
    for warning in &told.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    for difference in &told.first {
        let _ = writeln!(text, "{}", in_words(difference));
    }
    let more = told.counts.differences() - told.first.len() as u64;
    if more > 0 {
        let _ = writeln!(text, "and {} more differences", grouped(more));
    }
    let listed = |each: &mut dyn Iterator<Item = (&'static str, u64)>| {
        let each: Vec<String> = each
            .map(|(word, n)| format!("{word} {}", grouped(n)))
            .collect();
        match each.is_empty() {
            true => String::new(),
            false => format!(" ({})", each.join(", ")),
        }
    };
    let _ = writeln!(
        text,
        "{}: {}, {} agree{}",
        summary.against.display(),
        rows(told.rows),
        grouped(told.agreed),
        listed(&mut agreed(told))
    );
    let extra = told.counts.of(Kind::Extra);
    for (count, words) in [
        (told.missing, "rows that the ledger does not have"),
        (
            told.different,
            "rows that say something else than their orders",
        ),
        (
            told.double,
            "rows that are double, on one side or the other",
        ),
        (
            told.invalid,
            "rows that are no deductions, and were not compared",
        ),
        (
            told.no_order,
            "rows without an order, as the list says itself",
        ),
        (extra, "orders that no row names"),
        (
            told.not_deducted.orders,
            "orders that no row names and that are no deductions (never sent, or dead)",
        ),
    ] {
        if count > 0 {
            let _ = writeln!(text, "  {words}: {}", grouped(count));
        }
    }
    let compared = match told.compared.is_empty() {
        true => "its number and content alone; each row stands for a deduction".into(),
        false => told.compared.join(", "),
    };
    let _ = writeln!(text, "compared besides: {compared}");
    let _ = writeln!(
        text,
        "the list: {} yuan, {} of them deducted; the ledger: {} yuan deducted",
        yuan(told.list_fen),
        yuan(told.list_deducted_fen),
        yuan(told.ledger_deducted_fen)
    );
    if told.unreadable_amounts > 0 {
        let _ = writeln!(
            text,
            "  rows with an amount that cannot be read: {}",
            grouped(told.unreadable_amounts)
        );
    }
    let found = told.counts.differences();
    let by = listed(&mut told.counts.each().map(|(kind, n)| (kind.as_str(), n)));
    let _ = writeln!(
        text,
        "differences: {}{by}, in {}",
        grouped(found),
        summary.result.display()
    );
    text
}

/// `court.csv:17: N1: amount: the ledger has 100, the list 200: …`
fn in_words(difference: &Difference) -> String {
    let mut text = format!("{}: {}", difference.place, difference.kind);
    if !difference.no.is_empty() {
        let _ = write!(text, " {}", difference.no);
    }
    let side = |value: &str| match value.is_empty() {
        true => "nothing".to_owned(),
        false => format!("\"{value}\""),
    };
    if !difference.field.is_empty() {
        let _ = write!(
            text,
            ": {}: the ledger has {}, the list {}",
            difference.field,
            side(&difference.ours),
            side(&difference.theirs)
        );
    }
    if !difference.note.is_empty() {
        let _ = write!(text, ": {}", difference.note);
    }
    text
}
