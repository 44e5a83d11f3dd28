//! What came of a reconciliation: for people on stderr, as one JSON object for scripts on stdout.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::difference::{Counts, Kind};
use crate::clock::WallMs;
use crate::ledger::{Batch, JournalHead};
use crate::report::summary::{grouped, why};
use crate::worker::RunReport;

/// Alerts and stopped merchants that are shown to people.
const SHOWN_MAX: usize = 20;

/// What is known. Parts that never came to be are `None`.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// The list that was compared; none if the gateway was asked.
    pub against: Option<&'a Path>,
    /// The one batch that it was about.
    pub batch: Option<&'a Batch>,
    /// The period of first sends: from this moment on.
    pub since: Option<WallMs>,
    /// The period of first sends: before this moment.
    pub until: Option<WallMs>,
    /// Orders that were compared and agree, by status, in the order of `Status::ALL`.
    pub agreed: &'a [(&'static str, u64)],
    /// What was found.
    pub counts: &'a Counts,
    /// Orders that the ledger called unfinished and that were settled on the way.
    pub settled: Option<u64>,
    /// Orders that are unfinished still.
    pub open: Option<u64>,
    /// How the runs went, if anything was sent.
    pub report: Option<&'a RunReport>,
    /// What a person must see.
    pub alerts: &'a [String],
    /// When levy began.
    pub started_at: WallMs,
    /// When it was done.
    pub finished_at: WallMs,
    /// Where the journal stands afterwards.
    pub journal_head: Option<JournalHead>,
    /// Where the differences are, if they were written.
    pub result: Option<&'a Path>,
    /// What was wrong.
    pub error: Option<&'a str>,
    /// The exit code.
    pub exit_code: u8,
}

#[derive(Serialize)]
struct Json<'a> {
    against: Option<String>,
    batch: Option<String>,
    since: Option<String>,
    until: Option<String>,
    agreed: Counted,
    differences: Counted,
    not_answered: u64,
    not_compared: u64,
    settled: Option<u64>,
    open: Option<u64>,
    attempts: Option<u64>,
    alerts: &'a [String],
    started_at: String,
    finished_at: String,
    journal_head: Option<String>,
    result: Option<String>,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// A number and what it is made up of.
#[derive(Serialize)]
struct Counted {
    count: u64,
    by: Map<String, Value>,
}

impl Counted {
    fn of(each: impl Iterator<Item = (&'static str, u64)>) -> Self {
        let mut counted = Self {
            count: 0,
            by: Map::new(),
        };
        for (word, count) in each {
            counted.count += count;
            counted.by.insert(word.into(), count.into());
        }
        counted
    }
}

fn differences(counts: &Counts) -> impl Iterator<Item = (&'static str, u64)> {
    let differences = counts.each().filter(|(kind, _)| kind.is_difference());
    differences.map(|(kind, count)| (kind.as_str(), count))
}

/// One line of JSON, without its end. What never came to be is null.
pub fn json(summary: &Summary<'_>) -> String {
    let path = |path: &Path| path.display().to_string();
    let wrong = wrong(summary);
    let object = Json {
        against: summary.against.map(path),
        batch: summary.batch.map(|batch| batch.id.to_string()),
        since: summary.since.map(WallMs::rfc3339),
        until: summary.until.map(WallMs::rfc3339),
        agreed: Counted::of(summary.agreed.iter().copied()),
        differences: Counted::of(differences(summary.counts)),
        not_answered: summary.counts.of(Kind::NotAnswered),
        not_compared: summary.counts.of(Kind::NotCompared),
        settled: summary.settled,
        open: summary.open,
        attempts: summary.report.map(|report| report.attempts),
        alerts: summary.alerts,
        started_at: summary.started_at.rfc3339(),
        finished_at: summary.finished_at.rfc3339(),
        journal_head: summary.journal_head.map(|head| head.to_string()),
        result: summary.result.map(path),
        exit_code: summary.exit_code,
        error: (!wrong.is_empty()).then_some(&wrong),
    };
    serde_json::to_string(&object).expect("texts and numbers")
}

/// What was wrong, and why a run or a merchant of it was stopped, in one line; empty if nothing was.
pub fn wrong(summary: &Summary<'_>) -> String {
    let mut words: Vec<String> = summary.error.map(str::to_owned).into_iter().collect();
    if let Some(report) = summary.report {
        words.extend(report.stop.as_ref().map(|s| format!("stopped: {}", why(s))));
        let lanes = report.stopped_lanes.iter().take(SHOWN_MAX);
        words.extend(lanes.map(|(merchant, why)| format!("merchant stopped: {merchant}: {why}")));
        if report.stopped_lanes.len() > SHOWN_MAX {
            let more = report.stopped_lanes.len() - SHOWN_MAX;
            words.push(format!("merchant stopped: and {more} more"));
        }
    }
    words.join("; ")
}

/// For people, in lines, the last one ended.
pub fn human(summary: &Summary<'_>) -> String {
    let mut text = String::new();
    let sum = |each: &[(&str, u64)]| each.iter().map(|(_, count)| count).sum::<u64>();
    let listed = |each: &[(&'static str, u64)]| {
        let each = each.iter();
        let each: Vec<String> = each
            .map(|(word, n)| format!("{word} {}", grouped(*n)))
            .collect();
        match each.is_empty() {
            true => String::new(),
            false => format!(" ({})", each.join(", ")),
        }
    };
    let found: Vec<(&'static str, u64)> = differences(summary.counts).collect();
    let _ = writeln!(
        text,
        "agree: {}{}",
        grouped(sum(summary.agreed)),
        listed(summary.agreed)
    );
    let _ = writeln!(text, "differ: {}{}", grouped(sum(&found)), listed(&found));
    for (count, words) in [
        (
            summary.counts.of(Kind::NotAnswered),
            "not answered: nothing came that can be believed; give the same command again",
        ),
        (
            summary.counts.of(Kind::NotCompared),
            "not compared, since they may not be asked for yet: the note of each says why",
        ),
        (
            summary.settled.unwrap_or(0),
            "were unfinished, and are settled now",
        ),
        (
            summary.open.unwrap_or(0),
            "are unfinished: `levy resume`, or the same command again",
        ),
    ] {
        if count > 0 {
            let _ = writeln!(text, "{} {words}", grouped(count));
        }
    }
    for alert in summary.alerts.iter().take(SHOWN_MAX) {
        let _ = writeln!(text, "alert: {alert}");
    }
    if summary.alerts.len() > SHOWN_MAX {
        let _ = writeln!(text, "alert: and {} more", summary.alerts.len() - SHOWN_MAX);
    }
    let wrong = wrong(summary);
    if !wrong.is_empty() {
        let _ = writeln!(text, "error: {wrong}");
    }
    if let Some(head) = summary.journal_head {
        let _ = writeln!(text, "journal: {head}");
    }
    if let Some(result) = summary.result {
        let _ = writeln!(text, "differences: {}", result.display());
    }
    text
}
