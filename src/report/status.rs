//! How a ledger stands, for people as a table and for scripts as one JSON object, and what to do
//! next in words. It works nothing out but days and sums of what the ledger counted.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::plan;
use super::summary::{column, grouped, orders as counted_orders, own_file, table};
use crate::clock::WallMs;
use crate::ledger::{BatchLine, ByStatus, FilePlan, OpenOrder, Overview, Totals};
use crate::order::{OrderNo, State, Status as Word, yuan};
use crate::worker::limits::WINDOW_MS;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// Days before its window's end in which an open order is named.
pub const CLOSING_DAYS: i64 = 5;
/// Batches that are shown to people; the newest.
const BATCHES_SHOWN_MAX: usize = 20;
/// Orders near their window's end that are shown to people.
const CLOSING_SHOWN_MAX: usize = 20;
/// Plans that are shown to people; the newest.
const PLANS_SHOWN_MAX: usize = 20;
/// Orders that are not submitted until a person has seen to them: so many are named to people.
const STOPPED_SHOWN_MAX: usize = 5;
/// What is to be done about orders that are held.
pub(super) const HELD_STEP: &str =
    "`levy show NO` says what each looks like; release or `levy cancel` it";
/// What is to be done about orders that no run can bring to an end.
pub(super) const RESOLVE_STEP: &str =
    "beyond what asking can settle: find out elsewhere, then `levy resolve NO`";

/// What is told.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// The ledger, or one batch of it.
    pub overview: &'a Overview,
    /// The batch's rows added up, if one was asked for.
    pub totals: Option<&'a Totals>,
    /// Plans whose file is no batch yet; of one batch, the plan that it came in by.
    pub plans: &'a [FilePlan],
    /// Now, by the window's clock.
    pub now: WallMs,
}

impl Status<'_> {
    /// For people, in lines.
    pub fn human(&self) -> String {
        let overview = self.overview;
        let mut text = String::new();
        if let Some(frozen) = &overview.frozen {
            let _ = writeln!(text, "FROZEN: {frozen}\n");
        }
        batches(&mut text, &overview.batches);
        match self.totals {
            Some(totals) => {
                let _ = writeln!(text, "\nrows by status:");
                text.push_str(&table(totals));
            }
            None => orders(&mut text, &overview.by_status),
        }
        self.open(&mut text);
        self.plans(&mut text);
        let at = |at: Option<WallMs>| at.map_or("never".into(), WallMs::rfc3339);
        let _ = writeln!(
            text,
            "\nlast run:     {}\nlast success: {}",
            at(overview.last_run_at),
            at(overview.last_success_at)
        );
        if let Some(head) = overview.head {
            let _ = writeln!(text, "journal: {head}");
        }
        for step in self.next() {
            let _ = writeln!(text, "next: {step}");
        }
        text
    }

    /// Orders that were sent and are not final.
    fn open(&self, text: &mut String) {
        let overview = self.overview;
        let sent = sent(&overview.by_status);
        let _ = writeln!(
            text,
            "\nopen: {} sent and not final, {} never sent",
            counted_orders(sent),
            counted_orders(overview.by_status.of(Word::Pending).orders)
        );
        if let Some(oldest) = &overview.oldest_unknown {
            let _ = writeln!(
                text,
                "oldest unknown: {}, first sent {} ({} ago)",
                oldest.no,
                oldest.first_sent_at.rfc3339(),
                span(self.now.0 - oldest.first_sent_at.0)
            );
        }
        if overview.closing == 0 {
            return;
        }
        let _ = writeln!(
            text,
            "within {CLOSING_DAYS} days of their window's end: {}",
            counted_orders(overview.closing)
        );
        let shown = overview.closing_first.iter().take(CLOSING_SHOWN_MAX);
        for order in shown {
            let _ = writeln!(
                text,
                "  {:<32}  {:<10}  first sent {}  {}",
                order.no.as_str(),
                order.state.as_str(),
                order.first_sent_at.rfc3339(),
                left(order, self.now)
            );
        }
        if overview.closing > CLOSING_SHOWN_MAX as u64 {
            let more = grouped(overview.closing - CLOSING_SHOWN_MAX as u64);
            let _ = writeln!(text, "  and {more} more");
        }
    }

    /// Plans that wait to be approved or to be run; or the batch's own.
    fn plans(&self, text: &mut String) {
        if self.plans.is_empty() {
            return;
        }
        let earlier = self.plans.len().saturating_sub(PLANS_SHOWN_MAX);
        let title = match self.totals {
            Some(_) => "taken in by its plan:",
            None => "plans that were not run:",
        };
        let _ = writeln!(text, "\n{title}");
        for plan in &self.plans[earlier..] {
            let _ = writeln!(text, "  {}", plan::line(plan));
        }
        if earlier > 0 {
            let _ = writeln!(text, "  and {} earlier ones", grouped(earlier as u64));
        }
    }

    /// What a person may do, the most pressing first.
    fn next(&self) -> Vec<String> {
        let overview = self.overview;
        let of = |status| overview.by_status.of(status).orders;
        let mut steps = Vec::new();
        let mut step = |orders: u64, words: &str| {
            if orders > 0 {
                steps.push(format!("{} {words}", counted_orders(orders)));
            }
        };
        step(
            overview.closing,
            "must be settled before the window's end: `levy resume` now",
        );
        step(
            sent(&overview.by_status)
                .saturating_sub(overview.unproven)
                .saturating_sub(overview.stopped_sent),
            "sent and not final: `levy resume`, or `levy run` with their file again",
        );
        let never = overview.never_sent();
        step(never.orders, &format!("never sent: {}", own_file(&never)));
        step(
            overview.stopped_unsent + overview.stopped_sent,
            &format!(
                "not submitted, since an earlier number of theirs was paid or may be: {}; `levy show NO` \
                 says which, `levy cancel NO` withdraws what was never sent",
                named(&overview.stopped_first)
            ),
        );
        step(
            overview.reissuable,
            "dead, with nothing in their place: `levy rerun` gives them a new number where there is \
             proof",
        );
        step(of(Word::Held), &format!("held: {HELD_STEP}"));
        step(
            of(Word::Conflict),
            "frozen, since their number was given with another content: mend the files, `levy \
             cancel NO`",
        );
        step(of(Word::Rejected), "rejected: mend the row, or the setting");
        step(of(Word::Expired) + overview.unproven, RESOLVE_STEP);
        let waits = self.plans.iter().filter(|plan| plan.batch.is_none());
        let (approved, bare): (Vec<_>, Vec<_>) = waits.partition(|plan| plan.approval.is_some());
        let mut step = |plans: usize, words: &str| {
            if plans > 0 {
                steps.push(format!(
                    "{plans} {} {words}",
                    if plans == 1 { "plan" } else { "plans" }
                ));
            }
        };
        step(
            bare.len(),
            "not approved: `levy approve ID --by NAME`, by somebody other than its maker",
        );
        step(approved.len(), "approved and not run: `levy run --plan ID`");
        if let Some(frozen) = &overview.frozen {
            let step = match frozen.is_moved() {
                true => frozen.moved_words(),
                false => "`levy unfreeze --by NAME` lets the ledger send again".into(),
            };
            steps.insert(0, step);
        }
        steps
    }

    /// For scripts: one line, without its end. Sums of money are fen.
    pub fn json(&self) -> String {
        let overview = self.overview;
        let at = |at: Option<WallMs>| at.map(WallMs::rfc3339);
        let batches: Vec<Value> = overview.batches.iter().map(batch_json).collect();
        let closing: Vec<Value> = overview
            .closing_first
            .iter()
            .map(|order| open_json(order, self.now))
            .collect();
        let rows = self.totals.map(|totals| {
            let rows = totals.by_status.iter();
            let rows: Map<String, Value> = rows
                .map(|(status, rows, fen)| {
                    (
                        status.to_string(),
                        json!({"rows": rows, "fen": fen_of(*fen)}),
                    )
                })
                .collect();
            rows
        });
        json!({
            "frozen": overview.frozen.as_ref().map(|frozen| json!({
                "by": frozen.by, "at": frozen.at.rfc3339(), "reason": frozen.reason,
            })),
            "batches": batches,
            "by_status": sums(&overview.by_status),
            "rows_by_status": rows,
            "sent_and_not_final": sent(&overview.by_status),
            "never_sent": overview.by_status.of(Word::Pending).orders,
            "held": overview.by_status.of(Word::Held).orders,
            "conflict": overview.by_status.of(Word::Conflict).orders,
            "stopped": overview.stopped_unsent + overview.stopped_sent,
            "reissuable": overview.reissuable,
            "resolved": overview.resolved,
            "oldest_unknown": overview.oldest_unknown.as_ref().map(|o| open_json(o, self.now)),
            "window_ends_within_days": CLOSING_DAYS,
            "window_ends": overview.closing,
            "window_ends_first": closing,
            "last_run_at": at(overview.last_run_at),
            "last_success_at": at(overview.last_success_at),
            "plans": self.plans.iter().map(plan::json).collect::<Vec<_>>(),
            "journal_head": overview.head.map(|head| head.to_string()),
            "next": self.next(),
        })
        .to_string()
    }
}

/// A time in China to the minute: a line must fit into 80 columns.
fn minute(at: WallMs) -> String {
    let full = at.rfc3339();
    full.get(..16)
        .map_or(full.clone(), |at| at.replace('T', " "))
}

/// The first few.
fn named(numbers: &[OrderNo]) -> String {
    let shown = numbers.iter().take(STOPPED_SHOWN_MAX).map(OrderNo::as_str);
    let shown = shown.collect::<Vec<_>>().join(", ");
    match numbers.len() > STOPPED_SHOWN_MAX {
        true => format!("{shown}, …"),
        false => shown,
    }
}

fn sent(by_status: &ByStatus) -> u64 {
    let open = [State::Unknown, State::Processing, State::Closed];
    let shown = open.map(|state| match state {
        // CLOSED is proven or not; what is proven is counted apart.
        State::Closed => by_status.unproven_closed,
        other => by_status.of(Word::of(other)).orders,
    });
    shown.iter().sum()
}

fn batches(text: &mut String, batches: &[BatchLine]) {
    let earlier = batches.len().saturating_sub(BATCHES_SHOWN_MAX);
    if batches.is_empty() {
        text.push_str("no batch was accepted yet\n");
        return;
    }
    let head = [
        "batch", "accepted", "rows", "orders", "deducted", "open", "dead", "file",
    ];
    let mut lines: Vec<[String; 8]> = vec![head.map(str::to_owned)];
    for line in &batches[earlier..] {
        lines.push([
            line.batch.id.to_string(),
            minute(line.batch.accepted_at),
            grouped(line.batch.rows),
            grouped(line.by_status.orders()),
            yuan(line.by_status.deducted_fen),
            yuan(line.by_status.open_fen),
            yuan(line.by_status.dead_fen),
            line.batch.head.file.clone(),
        ]);
    }
    // The file's name stands last, so that its width does not matter.
    let width = |column: usize| lines.iter().map(|l| l[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..7).map(width).collect();
    for line in &lines {
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(text, "{cell:>width$}  ");
        }
        let _ = writeln!(text, "{}", line[7]);
    }
    if earlier > 0 {
        let _ = writeln!(text, "and {} earlier ones", grouped(earlier as u64));
    }
}

fn orders(text: &mut String, by_status: &ByStatus) {
    let _ = writeln!(text, "\norders by status, the newest of each deduction:");
    let lines: Vec<[String; 4]> = by_status
        .some()
        .map(|(status, sum)| {
            let noun = column(sum.orders, "order");
            [status.to_string(), grouped(sum.orders), yuan(sum.fen), noun]
        })
        .collect();
    let width = |cell: usize| lines.iter().map(|line| line[cell].len()).max().unwrap_or(0);
    let (name, count, money) = (width(0), width(1), width(2));
    for [status, orders, fen, noun] in &lines {
        let _ = writeln!(
            text,
            "  {status:name$}  {orders:>count$} {noun}  {fen:>money$} yuan"
        );
    }
    if lines.is_empty() {
        text.push_str("  none\n");
    }
}

/// How long until the order's window ends.
fn left(order: &OpenOrder, now: WallMs) -> String {
    let left = order.first_sent_at.0 + WINDOW_MS - now.0;
    match left > 0 {
        true => format!("{} left", span(left)),
        false => "its window is over".into(),
    }
}

/// Milliseconds as days and hours.
pub(super) fn span(ms: i64) -> String {
    let hours = ms.max(0) / 3_600_000;
    match (hours / 24, hours % 24) {
        (0, 0) => "less than an hour".into(),
        (0, hours) => format!("{hours} h"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}

fn open_json(order: &OpenOrder, now: WallMs) -> Value {
    let ends = order.first_sent_at.plus_ms(WINDOW_MS);
    json!({
        "out_request_no": order.no.as_str(),
        "state": order.state.as_str(),
        "first_sent_at": order.first_sent_at.rfc3339(),
        "age_seconds": (now.0 - order.first_sent_at.0).max(0) / 1000,
        "window_ends_at": ends.rfc3339(),
        "days_left": (ends.0 - now.0).div_euclid(DAY_MS),
    })
}

fn batch_json(line: &BatchLine) -> Value {
    json!({
        "batch": line.batch.id.to_string(),
        "file": line.batch.head.file,
        "accepted_at": line.batch.accepted_at.rfc3339(),
        "rows": line.batch.rows,
        "orders": line.by_status.orders(),
        "by_status": sums(&line.by_status),
        "deducted": fen_of(line.by_status.deducted_fen),
        "open": fen_of(line.by_status.open_fen),
        "dead": fen_of(line.by_status.dead_fen),
    })
}

fn sums(by_status: &ByStatus) -> Map<String, Value> {
    let sums = by_status.some();
    sums.map(|(status, sum)| {
        let value = json!({"orders": sum.orders, "fen": fen_of(sum.fen)});
        (status.as_str().to_owned(), value)
    })
    .collect()
}

/// Fen as a number; beyond 64 bits there is no money.
fn fen_of(fen: u128) -> u64 {
    u64::try_from(fen).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
