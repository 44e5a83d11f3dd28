//! The summary of a run: for people on stderr, as one JSON object for scripts on stdout.
//!
//! Rows add up by status to the input's, money adds up by order. It computes no exit code and no
//! totals; it puts them into words.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::clock::WallMs;
use crate::ledger::{Batch, Expiring, JournalHead, Kept, NeverSent, Tally, Totals};
use crate::order::{NextAction, yuan};
use crate::worker::limits::{WINDOW_MS, WINDOW_WARNED_DAYS};
use crate::worker::{RunReport, Stop};

/// Alerts that a summary for people shows; all of them stand in the result.
const ALERTS_SHOWN_MAX: usize = 20;
/// Files that a summary for people names; `levy status` has the batches.
const FILES_SHOWN_MAX: usize = 5;
/// Stopped lanes that a summary for people shows.
const LANES_SHOWN_MAX: usize = 20;
/// The clock is off by so much that it is worth a warning (section 4 of the specification).
const SKEW_WARNED_MS: i64 = 60_000;

/// What is known of one file's run. Parts that never came to be are `None`.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// The input, as it was named; none of a run without a file.
    pub file: Option<&'a Path>,
    /// Its batch; none of a run over the whole ledger.
    pub batch: Option<&'a Batch>,
    /// The batch's sums, after the run; of a run over the whole ledger those of what it was about.
    pub totals: Option<&'a Totals>,
    /// How the run went, if there was anything to run.
    pub report: Option<&'a RunReport>,
    /// What a rerun has issued again.
    pub reissued: Option<&'a Tally>,
    /// Orders of the ledger whose window comes to its end.
    pub expiring: Option<&'a Expiring>,
    /// Orders of the whole ledger that were never sent, where that was asked for.
    pub never_sent: Option<&'a NeverSent>,
    /// What a person must see.
    pub alerts: &'a [String],
    /// When levy began with this file.
    pub started_at: WallMs,
    /// When it was done with it.
    pub finished_at: WallMs,
    /// Where the journal stands after the run.
    pub journal_head: Option<JournalHead>,
    /// Where the result is, if it was written.
    pub result: Option<&'a Path>,
    /// Where those of its rows are that need somebody, if there are any.
    pub failed: Option<&'a Path>,
    /// What was wrong.
    pub error: Option<&'a str>,
    /// The exit code of this file alone.
    pub exit_code: u8,
}

#[derive(Serialize)]
struct Json<'a> {
    batch: Option<String>,
    file: Option<String>,
    rows: Option<u64>,
    by_status: Option<Map<String, Value>>,
    orders: Option<Orders>,
    repeats: Option<u64>,
    unreadable_amounts: Option<u64>,
    attempts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reissued: Option<Reissued>,
    expiring: Option<Windows>,
    #[serde(skip_serializing_if = "Option::is_none")]
    never_sent: Option<u64>,
    alerts: &'a [String],
    started_at: String,
    finished_at: String,
    journal_head: Option<String>,
    result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Orders {
    count: u64,
    deducted: u128,
    open: u128,
    dead: u128,
}

#[derive(Serialize)]
struct Reissued {
    issued: u64,
    issued_fen: u128,
    held: u64,
    held_fen: u128,
    kept: u64,
}

#[derive(Serialize)]
struct Windows {
    count: u64,
    first: Vec<String>,
}

/// One line of JSON, without its end. `batch` is the batch's number in the ledger, as text; sums of
/// money are fen; what never came to be is null.
pub fn json(summary: &Summary<'_>) -> String {
    let totals = summary.totals;
    let wrong = wrong(summary);
    let by_status = totals.map(|t| {
        let rows = |(status, rows, _): &(crate::order::Status, u64, u128)| {
            (status.as_str().to_owned(), Value::from(*rows))
        };
        t.by_status.iter().map(rows).collect()
    });
    let object = Json {
        batch: summary.batch.map(|b| b.id.to_string()),
        file: summary.file.map(|file| file.display().to_string()),
        rows: totals.map(|t| t.rows),
        by_status,
        orders: totals.map(|t| Orders {
            count: t.orders,
            deducted: t.deducted_fen,
            open: t.open_fen,
            dead: t.dead_fen,
        }),
        repeats: totals.map(|t| t.repeats),
        unreadable_amounts: totals.map(|t| t.unreadable_amounts),
        attempts: totals.map(|t| t.attempts),
        reissued: summary.reissued.map(|tally| Reissued {
            issued: tally.issued,
            issued_fen: tally.issued_fen,
            held: tally.held,
            held_fen: tally.held_fen,
            kept: tally.kept_count,
        }),
        expiring: summary.expiring.map(|windows| Windows {
            count: windows.count,
            first: windows.first.iter().map(|(no, _)| no.to_string()).collect(),
        }),
        never_sent: summary.never_sent.map(|never| never.orders),
        alerts: summary.alerts,
        started_at: summary.started_at.rfc3339(),
        finished_at: summary.finished_at.rfc3339(),
        journal_head: summary.journal_head.map(|head| head.to_string()),
        result: summary.result.map(|p| p.display().to_string()),
        failed: summary.failed.map(|p| p.display().to_string()),
        exit_code: summary.exit_code,
        error: (!wrong.is_empty()).then_some(&wrong),
    };
    serde_json::to_string(&object).expect("texts and numbers")
}

/// What was wrong, and why the run or a merchant of it was stopped, in one line: all that is said
/// where nobody reads a summary. Empty if nothing was.
pub fn wrong(summary: &Summary<'_>) -> String {
    let mut words: Vec<String> = summary.error.map(str::to_owned).into_iter().collect();
    if let Some(report) = summary.report {
        if summary.exit_code != 0 {
            words.extend(report.stop.as_ref().map(|s| format!("stopped: {}", why(s))));
        }
        let lanes = report.stopped_lanes.iter().take(LANES_SHOWN_MAX);
        words.extend(lanes.map(|(merchant, why)| format!("merchant stopped: {merchant}: {why}")));
        if report.stopped_lanes.len() > LANES_SHOWN_MAX {
            let more = report.stopped_lanes.len() - LANES_SHOWN_MAX;
            words.push(format!("merchant stopped: and {more} more"));
        }
    }
    words.join("; ")
}

/// Why a run ended before its time though nothing is left to do, as a worker does that is told to: no error.
pub fn told_to_end(summary: &Summary<'_>) -> Option<String> {
    let stop = summary.report?.stop.as_ref()?;
    (summary.exit_code == 0).then(|| format!("stopped: {}", why(stop)))
}

/// What is left to do, in a line for those who asked for quiet: nothing where all is done.
pub fn left(summary: &Summary<'_>) -> Option<String> {
    let totals = summary.totals?;
    let steps = totals
        .by_action
        .iter()
        .filter(|(action, _)| step(*action).is_some());
    let steps: Vec<String> = steps
        .map(|(action, count)| format!("{} {action}", rows(*count)))
        .collect();
    let mut words = steps.join(", ");
    if let Some(failed) = summary.failed.filter(|_| !steps.is_empty()) {
        let _ = write!(words, ": see {}", failed.display());
    }
    match (summary.exit_code, words.is_empty()) {
        (0, _) => None,
        (exit, true) => Some(format!("exit {exit}")),
        (exit, false) => Some(format!("exit {exit}: {words}")),
    }
}

/// What is known of a batch before its first send: rows and money by status.
pub fn table(totals: &Totals) -> String {
    let mut lines = Vec::with_capacity(totals.by_status.len() + 1);
    for (status, rows, fen) in &totals.by_status {
        lines.push((status.as_str(), *rows, *fen));
    }
    let rows = lines.iter().map(|line| line.1).sum();
    let fen = lines.iter().map(|line| line.2).sum();
    lines.push(("in all", rows, fen));
    let width = |cell: fn(&(&str, u64, u128)) -> usize| lines.iter().map(cell).max().unwrap_or(0);
    let (name, count, money) = (
        width(|line| line.0.len()),
        width(|line| grouped(line.1).len()),
        width(|line| yuan(line.2).len()),
    );
    let mut text = String::new();
    for (word, rows, fen) in &lines {
        let (noun, rows, fen) = (column(*rows, "row"), grouped(*rows), yuan(*fen));
        let _ = writeln!(
            text,
            "  {word:name$}  {rows:>count$} {noun}  {fen:>money$} yuan"
        );
    }
    text
}

/// A summary for people, in lines, the last one ended.
pub fn human(summary: &Summary<'_>) -> String {
    let mut text = String::new();
    let name = name(summary);
    let nothing = summary.totals.is_some_and(|totals| totals.rows == 0);
    let _ = match summary.batch {
        Some(batch) if summary.totals.is_some() => writeln!(text, "{name}: batch {}", batch.id),
        None if nothing => writeln!(text, "{name}: none"),
        Some(_) | None => writeln!(text, "{name}:"),
    };
    if let Some(totals) = summary
        .totals
        .filter(|_| summary.batch.is_some() || !nothing)
    {
        text.push_str(&table(totals));
        money(&mut text, totals);
    }
    if let Some(tally) = summary.reissued {
        text.push_str(&reissues(tally));
    }
    if let Some(error) = summary.error {
        let _ = writeln!(text, "error: {error}");
    }
    listed(&mut text, "alert", summary.alerts, ALERTS_SHOWN_MAX);
    if let Some(report) = summary.report {
        run(&mut text, report);
    }
    if let Some(totals) = summary.totals {
        next(&mut text, totals);
    }
    if let Some(words) = summary.expiring.and_then(windows) {
        let _ = writeln!(text, "{words}");
    }
    if let Some(words) = summary.never_sent.and_then(never_sent) {
        let _ = writeln!(text, "{words}");
    }
    if let Some(head) = summary.journal_head {
        let _ = writeln!(text, "journal: {head}");
    }
    if let Some(result) = summary.result {
        let _ = writeln!(text, "result: {}", result.display());
    }
    if let Some(failed) = summary.failed {
        let _ = writeln!(
            text,
            "to be mended: {}; save it under another name and run that (levy_reissue = yes asks for a new \
             number)",
            failed.display()
        );
    }
    text
}

/// What a summary is about, in a word: the input, the batch's file, or the ledger's open orders.
pub fn name(summary: &Summary<'_>) -> String {
    match (summary.file, summary.batch) {
        (Some(file), _) => file.display().to_string(),
        (None, Some(batch)) => batch.head.file.clone(),
        (None, None) => "open orders".into(),
    }
}

/// What was issued again and what was not, in lines.
pub fn reissues(tally: &Tally) -> String {
    let mut text = format!(
        "{} issued again under new numbers, {} yuan\n",
        grouped(tally.issued),
        yuan(tally.issued_fen)
    );
    if tally.held > 0 {
        let _ = writeln!(
            text,
            "{} more held, {} yuan: they look like other orders for the same debts; levy_note names \
             them",
            grouped(tally.held),
            yuan(tally.held_fen)
        );
    }
    for (no, why) in &tally.kept {
        let why = match why {
            Kept::NoProof(state) => format!("is {state}, and no verified answer proves it dead"),
            Kept::IssuedBefore(child) => format!("was issued again already, as {child}"),
            Kept::Superseded => "was replaced by another deduction".into(),
            Kept::NumberTaken(child) => {
                format!("would get the number {child}, which is another order's")
            }
        };
        let _ = writeln!(text, "not issued again: {no} {why}");
    }
    let more = tally.kept_count.saturating_sub(tally.kept.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "not issued again: and {} more", grouped(more));
    }
    text
}

/// A line about orders whose window comes to its end, if there are any.
pub fn windows(expiring: &Expiring) -> Option<String> {
    if expiring.count == 0 {
        return None;
    }
    let ends = |(no, sent): &(crate::order::OrderNo, WallMs)| {
        format!("{no} (until {})", sent.plus_ms(WINDOW_MS).rfc3339())
    };
    let named: Vec<String> = expiring.first.iter().map(ends).collect();
    let more = expiring.count.saturating_sub(named.len() as u64);
    let more = match more {
        0 => String::new(),
        more => format!(", and {} more", grouped(more)),
    };
    Some(format!(
        "window: {} within {WINDOW_WARNED_DAYS} days of the time after which a number can only be \
         queried, or past it: {}{more}: `levy resume` asks for them",
        match expiring.count {
            1 => "1 open order is".into(),
            count => format!("{} open orders are", grouped(count)),
        },
        named.join(", ")
    ))
}

/// A line about orders that no `levy resume` sends, if there are any.
pub fn never_sent(never: &NeverSent) -> Option<String> {
    if never.orders == 0 {
        return None;
    }
    Some(format!(
        "never sent: {}, which no resume sends: {}",
        orders(never.orders),
        own_file(never)
    ))
}

/// The command for what was never sent, with the files that are to be given again.
pub fn own_file(never: &NeverSent) -> String {
    let named = never.of.iter().take(FILES_SHOWN_MAX);
    let mut named: Vec<String> = named
        .map(|(batch, file)| format!("{file} (batch {batch})"))
        .collect();
    if never.of.len() > FILES_SHOWN_MAX {
        named.push(format!("and {} more", never.of.len() - FILES_SHOWN_MAX));
    }
    match named.is_empty() {
        true => "`levy run` with their own file".into(),
        false => format!("`levy run` with their own file: {}", named.join(", ")),
    }
}

fn money(text: &mut String, totals: &Totals) {
    let _ = writeln!(
        text,
        "{}, each once: {} yuan deducted, {} open, {} dead",
        orders(totals.orders),
        yuan(totals.deducted_fen),
        yuan(totals.open_fen),
        yuan(totals.dead_fen)
    );
    if totals.repeats > 0 {
        let _ = writeln!(
            text,
            "repeated: {}, whose order was there already; nothing is added by that",
            rows(totals.repeats)
        );
    }
    if totals.unreadable_amounts > 0 {
        let _ = writeln!(
            text,
            "{} with an amount that cannot be read, counted as 0.00",
            rows(totals.unreadable_amounts)
        );
    }
}

fn run(text: &mut String, report: &RunReport) {
    let lanes: Vec<String> = report
        .stopped_lanes
        .iter()
        .map(|(merchant, why)| format!("{merchant}: {why}"))
        .collect();
    listed(text, "merchant stopped", &lanes, LANES_SHOWN_MAX);
    if let Some(skew) = report.clock_skew_ms
        && skew.abs() > SKEW_WARNED_MS
    {
        let _ = writeln!(
            text,
            "warning: this machine's clock is {} s {} the gateway's; from 300 s on every reply \
             counts as stale",
            skew.abs() / 1000,
            if skew > 0 { "behind" } else { "ahead of" }
        );
    }
    if let Some(stop) = &report.stop {
        let _ = writeln!(text, "stopped: {}", why(stop));
    }
}

/// Why a run ended early, and which setting to look at.
pub fn why(stop: &Stop) -> String {
    match stop {
        Stop::Asked => "by a signal; nothing that was sent is lost".into(),
        Stop::Until => "the time of --until has come".into(),
        Stop::Frozen => "the ledger was frozen; nothing is sent on it until `levy unfreeze` \
                         (`levy status` says who froze it and why)"
            .into(),
        Stop::Unauthorized(words) => format!(
            "the gateway refused our signature (401) three times. Is this machine's clock right \
             (`levy doctor` compares it)? Else look at [merchant] mchid, serial_no or certificate, and \
             private_key: do they belong together? {words}"
        ),
        Stop::Refusals(code) => format!(
            "ten orders in a row were refused with {code} and none was accepted: that is not the \
             rows' fault. Look at [platform] public_key_id and public_key (accounts are sealed with \
             them), and at what this merchant is allowed to do"
        ),
        Stop::Stale(seconds) => format!(
            "three replies in a row were signed {} s {}: set this machine's clock",
            seconds.unsigned_abs(),
            if *seconds > 0 {
                "ahead of our clock"
            } else {
                "behind our clock"
            }
        ),
        Stop::Canary(words) => format!(
            "the first order got no verified reply, so no other was sent. Look at the network and at \
             [gateway] base_url, proxy and ca_file; where replies do come, at [platform] public_key_id \
             and public_key. The last thing that came: {words}"
        ),
        Stop::Outage(words) => format!(
            "the gateway could not be reached, or failed, for longer than --outage-wait. Look at \
             the network and at [gateway] base_url, standby_url and proxy. The last thing that \
             came: {words}"
        ),
    }
}

fn next(text: &mut String, totals: &Totals) {
    for (action, count) in &totals.by_action {
        let Some(words) = step(*action) else { continue };
        let _ = writeln!(text, "next: {} {action}: {words}", rows(*count));
    }
}

/// What is to be done about a row, if anything.
pub fn step(action: NextAction) -> Option<&'static str> {
    match action {
        NextAction::None => None,
        NextAction::RunAgain => Some("give the same command again; nothing is sent twice"),
        NextAction::Reissue => {
            Some("proven dead, nothing deducted: `levy rerun` asks for it under a new number")
        }
        NextAction::FixRow => {
            Some("mend the row as levy_note or levy_message says, and give it in a file")
        }
        NextAction::Review => Some("a person must look: levy_note says why"),
    }
}

fn listed(text: &mut String, head: &str, items: &[String], max: usize) {
    for item in items.iter().take(max) {
        let _ = writeln!(text, "{head}: {item}");
    }
    if items.len() > max {
        let _ = writeln!(text, "{head}: and {} more", items.len() - max);
    }
}

/// `1 row`, `1,234 rows`.
pub fn rows(count: u64) -> String {
    counted(count, "row")
}

/// `1 order`, `1,234 orders`.
pub fn orders(count: u64) -> String {
    counted(count, "order")
}

/// `1 entry`, `1,234 entries`.
pub fn entries(count: u64) -> String {
    match count {
        1 => "1 entry".into(),
        _ => format!("{} entries", grouped(count)),
    }
}

/// A count with its noun, which is regular: `1 lane`, `1,234 lanes`.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// The noun behind a count in a column: as wide for one as for many.
pub fn column(count: u64, noun: &str) -> String {
    let plural = if count == 1 { " " } else { "s" };
    format!("{noun}{plural}")
}

/// `1234567` is `1,234,567`.
pub fn grouped(count: u64) -> String {
    let yuan = yuan(u128::from(count) * 100);
    yuan.strip_suffix(".00").unwrap_or(&yuan).to_owned()
}

#[cfg(test)]
mod tests;
