//! What the template is filled with: every number as people read it, every word in the page's language.

use askama::Template;
use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::gather::{Gathered, Money};
use super::line::Line;
use super::plot::{Bar, Plot, shares};
use super::traffic::PER_MERCHANT_A_SECOND;
use super::{Ask, local};
use crate::batch::{Language, shown_text};
use crate::ledger::{Batch, Environment, ReportHead};
use crate::order::{NextAction, ReductionType, Status, yuan};
use crate::report::summary::grouped;

mod say;
mod words;

use say::{Say, money_line, share, some};
use words::{meaning, tone};

const CSS: &str = include_str!("page.css");
const JS: &str = include_str!("page.js");
/// Merchants that are told one by one: those with the most money asked for.
const MERCHANTS_SHOWN_MAX: usize = 30;
/// Characters of a file's name.
const NAME_CHARS_MAX: usize = 120;

/// The whole page.
#[derive(Template)]
#[template(path = "page.html", whitespace = "preserve")]
pub(super) struct Page {
    language: Language,
    policy: String,
    css: &'static str,
    js: &'static str,
    sandbox: bool,
    file: String,
    batch: String,
    sha256: String,
    accepted: String,
    made: String,
    journal: String,
    version: &'static str,
    verdict: (&'static str, String),
    tiles: Vec<Tile>,
    band: Vec<Bar>,
    statuses: Vec<StatusLine>,
    in_all: StatusLine,
    unreadable: Option<String>,
    repeats: Option<String>,
    people: Vec<CauseLine>,
    going: Vec<CauseLine>,
    closing: Vec<ClosingLine>,
    closing_rows: u64,
    merchants: Vec<MoneyLine>,
    types: Vec<MoneyLine>,
    sum: MoneyLine,
    pace: Option<Pace>,
    latency: Vec<LatencyLine>,
    latency_plot: Option<Plot>,
    lines: Vec<Line>,
    rows: String,
    shown: String,
    left_out: bool,
}

struct Tile {
    name: &'static str,
    value: String,
    unit: &'static str,
    tone: &'static str,
}

struct StatusLine {
    word: &'static str,
    tone: &'static str,
    meaning: &'static str,
    rows: String,
    share: String,
    yuan: String,
}

struct CauseLine {
    status: &'static str,
    tone: &'static str,
    why: &'static str,
    cause: String,
    rows: String,
    yuan: String,
    places: String,
    action: &'static str,
    next: &'static str,
}

struct ClosingLine {
    line: u64,
    number: String,
    status: &'static str,
    tone: &'static str,
    ends: String,
    left: String,
}

struct MoneyLine {
    name: String,
    orders: String,
    asked: String,
    deducted: String,
    open: String,
    dead: String,
    requests: String,
    most: String,
}

struct Pace {
    run: String,
    all: Plot,
    watched: Vec<Plot>,
    runs: Vec<RunLine>,
    more: u64,
    most: u32,
    over: bool,
}

struct RunLine {
    run: String,
    from: String,
    took: String,
    requests: String,
    mean: String,
    most: String,
}

struct LatencyLine {
    name: &'static str,
    replies: String,
    silent: String,
    times: Vec<String>,
}

/// Thousandths of the replies that are told, and their names.
const PERCENTILES: [(&str, u64); 5] = [
    ("p50", 500),
    ("p90", 900),
    ("p95", 950),
    ("p99", 990),
    ("max", 1000),
];

impl Page {
    pub(super) fn new(batch: &Batch, ask: &Ask, head: &ReportHead, mut got: Gathered) -> Self {
        got.traffic.end_run();
        let lines = got.take_lines();
        let totals = &head.totals;
        let say = Say(ask.language);
        let parts: Vec<(u64, &'static str, String)> = totals
            .by_status
            .iter()
            .map(|(status, rows, _)| {
                let word = say.status(*status);
                (*rows, tone(*status), format!("{word}: {}", grouped(*rows)))
            })
            .collect();
        let fen = totals.by_status.iter().map(|line| line.2).sum();
        let (people, going) = say.causes(&got);
        let sum = got
            .types
            .iter()
            .fold(Money::default(), |sum, of| sum.plus(of));
        Self {
            language: ask.language,
            policy: policy(),
            css: CSS,
            js: JS,
            sandbox: ask.environment == Environment::Sandbox,
            file: shown_text(&batch.head.file, usize::MAX, NAME_CHARS_MAX),
            batch: batch.id.to_string(),
            sha256: data_encoding::HEXLOWER.encode(&batch.head.digest),
            accepted: local(batch.accepted_at),
            made: local(ask.now),
            journal: head.journal.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            verdict: say.verdict(head),
            tiles: say.tiles(head),
            band: shares(&parts),
            statuses: totals
                .by_status
                .iter()
                .map(|(status, rows, fen)| StatusLine {
                    word: say.status(*status),
                    tone: tone(*status),
                    meaning: meaning(*status, ask.language),
                    rows: grouped(*rows),
                    share: share(*rows, totals.rows),
                    yuan: yuan(*fen),
                })
                .collect(),
            in_all: StatusLine {
                word: say.t("in all", "合计"),
                tone: "",
                meaning: "",
                rows: grouped(totals.rows),
                share: String::new(),
                yuan: yuan(fen),
            },
            unreadable: some(totals.unreadable_amounts),
            repeats: some(totals.repeats),
            people,
            going,
            closing: say.closing(&got, ask.now),
            closing_rows: got.closing_rows,
            merchants: say.merchants(&got),
            types: ReductionType::ALL
                .iter()
                .zip(&got.types)
                .filter(|(_, money)| money.orders > 0)
                .map(|(kind, money)| money_line(say.kind(*kind).to_owned(), money, None))
                .collect(),
            sum: money_line(say.t("in all", "合计").to_owned(), &sum, None),
            pace: say.pace(&got.traffic),
            latency: say.latency(&got.traffic),
            latency_plot: say.latency_plot(&got.traffic),
            rows: grouped(batch.rows),
            shown: grouped(lines.len() as u64),
            left_out: (lines.len() as u64) < batch.rows,
            lines,
        }
    }

    /// A word of the page.
    fn t<'w>(&self, english: &'w str, chinese: &'w str) -> &'w str {
        Say(self.language).t(english, chinese)
    }

    fn tag(&self) -> &'static str {
        self.t("en", "zh-CN")
    }

    fn status(&self, status: &Status) -> &'static str {
        Say(self.language).status(*status)
    }

    fn action(&self, action: &NextAction) -> &'static str {
        Say(self.language).action(*action)
    }

    fn tone(&self, status: &Status) -> &'static str {
        tone(*status)
    }

    fn yuan_of(&self, fen: &Option<u64>) -> String {
        fen.map_or("—".into(), |fen| yuan(u128::from(fen)))
    }

    fn percentiles(&self) -> impl Iterator<Item = &'static str> {
        PERCENTILES.iter().map(|(name, _)| *name)
    }

    fn limit(&self) -> u32 {
        PER_MERCHANT_A_SECOND
    }
}

/// Allows the page's own style and script by their digests, and nothing else at all.
fn policy() -> String {
    let digest = |text: &str| BASE64.encode(&Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        digest(CSS),
        digest(JS)
    )
}
