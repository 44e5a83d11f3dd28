//! What the template is filled with: every number as people read it, every word in the page's language.

use askama::Template;
use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::gather::{Gathered, Money};
use super::line::{Line, kind_word};
use super::plot::{Bar, Drawn, Frame, Plot, curve, elapsed, latency, shares};
use super::traffic::{PER_MERCHANT_A_SECOND, Run, Traffic};
use super::{Ask, local};
use crate::batch::{Language, shown_text};
use crate::clock::WallMs;
use crate::ledger::{Batch, Environment, ReportHead};
use crate::order::{NextAction, ReductionType, Status, yuan};
use crate::report::status::span;
use crate::report::summary::grouped;

mod words;

use words::{action_words, meaning, tone};

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

/// Puts numbers into words of one language.
#[derive(Clone, Copy)]
struct Say(Language);

impl Say {
    fn t<'w>(self, english: &'w str, chinese: &'w str) -> &'w str {
        match self.0 {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }

    fn status(self, status: Status) -> &'static str {
        self.t(status.as_str(), status.chinese())
    }

    fn action(self, action: NextAction) -> &'static str {
        self.t(action.as_str(), action.chinese())
    }

    fn kind(self, kind: ReductionType) -> &'static str {
        match self.0 {
            Language::English => kind.as_str(),
            Language::Chinese => kind_word(kind, self.0),
        }
    }

    fn verdict(self, head: &ReportHead) -> (&'static str, String) {
        let of = |wanted: fn(NextAction) -> bool| -> u64 {
            let by = head.totals.by_action.iter();
            by.filter(|(action, _)| wanted(*action))
                .map(|(_, rows)| rows)
                .sum()
        };
        let person = of(NextAction::needs_person);
        let again = of(|action| action == NextAction::RunAgain);
        let (p, a) = (grouped(person), grouped(again));
        match (person, again) {
            (0, 0) => (
                "ok",
                self.t(
                    "Every row is done; nothing is left to do.",
                    "所有行均已办结，无需任何操作。",
                )
                .to_owned(),
            ),
            (0, _) => (
                "wait",
                match self.0 {
                    Language::English => format!(
                        "Not finished: {a} of the rows go on when the same command is given again."
                    ),
                    Language::Chinese => format!("尚未完成：{a} 行需再次运行同一命令。"),
                },
            ),
            (_, 0) => (
                "look",
                match self.0 {
                    Language::English => format!("Finished; rows that need a person: {p}."),
                    Language::Chinese => format!("已完成；需人工处理 {p} 行。"),
                },
            ),
            (_, _) => (
                "look",
                match self.0 {
                    Language::English => format!(
                        "Not finished: rows that need a person: {p}; rows that go on when the same command is given again: {a}."
                    ),
                    Language::Chinese => {
                        format!("尚未完成：需人工处理 {p} 行，需再次运行同一命令 {a} 行。")
                    }
                },
            ),
        }
    }

    fn tiles(self, head: &ReportHead) -> Vec<Tile> {
        let totals = &head.totals;
        let (yuan_word, rows_word) = (self.t("yuan", "元"), self.t("rows", "行"));
        let tile = |name, value: String, unit, tone| Tile {
            name,
            value,
            unit,
            tone,
        };
        let person = totals.by_action.iter();
        let person = person.filter(|(action, _)| action.needs_person());
        let person: u64 = person.map(|(_, rows)| rows).sum();
        vec![
            tile(
                self.t("Deducted", "已扣减"),
                yuan(totals.deducted_fen),
                yuan_word,
                "ok",
            ),
            tile(
                self.t("May still be deducted", "仍可能扣减"),
                yuan(totals.open_fen),
                yuan_word,
                "wait",
            ),
            tile(
                self.t("Not deducted", "未扣减"),
                yuan(totals.dead_fen),
                yuan_word,
                "dead",
            ),
            tile(
                self.t("In the file", "文件行数"),
                grouped(totals.rows),
                rows_word,
                "",
            ),
            tile(
                self.t("Need a person", "需人工处理"),
                grouped(person),
                rows_word,
                if person > 0 { "look" } else { "" },
            ),
        ]
    }

    fn causes(self, got: &Gathered) -> (Vec<CauseLine>, Vec<CauseLine>) {
        let (mut people, mut going) = (Vec::new(), Vec::new());
        for ((action, status, word), cause) in &got.causes {
            let (action, status) = (NextAction::ALL[*action], Status::ALL[*status]);
            let line = CauseLine {
                status: self.status(status),
                tone: tone(status),
                why: meaning(status, self.0),
                cause: word.clone(),
                rows: grouped(cause.rows),
                yuan: yuan(cause.fen),
                places: cause.places(),
                action: self.action(action),
                next: action_words(action, status, self.0),
            };
            match action.needs_person() {
                true => people.push(line),
                false => going.push(line),
            }
        }
        (people, going)
    }

    fn closing(self, got: &Gathered, now: WallMs) -> Vec<ClosingLine> {
        let lines = got.closing.iter();
        lines
            .map(|((ends, number), closing)| ClosingLine {
                line: closing.line,
                number: number.clone(),
                status: self.status(closing.status),
                tone: tone(closing.status),
                ends: local(WallMs(*ends)),
                left: match (ends - now.0, self.0) {
                    (..=0, _) => self.t("its window is over", "窗口已过").to_owned(),
                    (left, Language::English) => span(left),
                    (left, Language::Chinese) => chinese_span(left),
                },
            })
            .collect()
    }

    fn merchants(self, got: &Gathered) -> Vec<MoneyLine> {
        let mut all: Vec<_> = got.merchants.iter().collect();
        all.sort_by_key(|(_, money)| std::cmp::Reverse(money.asked));
        let rest = all.split_off(all.len().min(MERCHANTS_SHOWN_MAX));
        let lanes = &got.traffic.lanes;
        let mut lines: Vec<MoneyLine> = all
            .into_iter()
            .map(|(merchant, money)| {
                let lane = lanes.get(merchant).map(|lane| (lane.requests, lane.most));
                money_line(merchant.as_str().to_owned(), money, lane)
            })
            .collect();
        if !rest.is_empty() {
            let sum = rest
                .iter()
                .fold(Money::default(), |sum, (_, of)| sum.plus(of));
            let lane = rest.iter().filter_map(|(merchant, _)| lanes.get(*merchant));
            let lane = lane.fold((0, 0), |(requests, most), lane| {
                (requests + lane.requests, lane.most.max(most))
            });
            let count = grouped(rest.len() as u64);
            let name = match self.0 {
                Language::English => format!("and {count} more"),
                Language::Chinese => format!("其余 {count} 个"),
            };
            lines.push(money_line(name, &sum, Some(lane)));
        }
        lines
    }

    fn pace(self, traffic: &Traffic) -> Option<Pace> {
        let run = traffic.busiest.as_ref()?;
        let seconds = (run.sum.to.0 - run.sum.from.0) / 1000;
        let most = traffic
            .lanes
            .values()
            .map(|lane| lane.most)
            .max()
            .unwrap_or(0);
        let mut all = curve(&run.all, Drawn::Mean, Frame::WIDE, seconds, None);
        all.title = self.t("All merchants together", "全部商户合计").to_owned();
        all.note = self.t("requests a second", "每秒请求数").to_owned();
        all.words = format!("{}: {}", all.title, all.note);
        Some(Pace {
            run: format!("{} · {}", run.sum.run, local(run.sum.from)),
            all,
            watched: self.watched(run, seconds, traffic),
            runs: traffic
                .runs
                .iter()
                .map(|sum| {
                    let ms = (sum.to.0 - sum.from.0).max(0);
                    RunLine {
                        run: sum.run.to_string(),
                        from: local(sum.from),
                        took: elapsed(ms.div_euclid(1000) as u64),
                        requests: grouped(sum.requests),
                        mean: match ms {
                            0..1000 => "—".into(),
                            _ => format!("{:.1}", sum.requests as f64 * 1000.0 / ms as f64),
                        },
                        most: sum.most.to_string(),
                    }
                })
                .collect(),
            more: traffic.runs_in_all - traffic.runs.len() as u64,
            most,
            over: most > PER_MERCHANT_A_SECOND,
        })
    }

    fn watched(self, run: &Run, seconds: i64, traffic: &Traffic) -> Vec<Plot> {
        let some = run.watched.iter().filter(|(_, c)| !c.points.is_empty());
        some.map(|(merchant, of)| {
            let limit = Some(PER_MERCHANT_A_SECOND);
            let mut plot = curve(of, Drawn::Most, Frame::SMALL, seconds, limit);
            let most = traffic.lanes.get(merchant).map_or(0, |lane| lane.most);
            plot.title = merchant.as_str().to_owned();
            plot.note = match self.0 {
                Language::English => format!("at most {most} in a second"),
                Language::Chinese => format!("任一秒内最多 {most} 次"),
            };
            plot.words = format!("{}: {}", plot.title, plot.note);
            plot
        })
        .collect()
    }

    fn latency(self, traffic: &Traffic) -> Vec<LatencyLine> {
        let names = [self.t("submissions", "提交"), self.t("queries", "查询")];
        let both = names.into_iter().zip(&traffic.latency);
        both.filter(|(_, of)| of.replies + of.silent > 0)
            .map(|(name, of)| LatencyLine {
                name,
                replies: grouped(of.replies),
                silent: grouped(of.silent),
                times: PERCENTILES
                    .iter()
                    .map(|(_, permille)| of.within(*permille).map_or("—".into(), grouped))
                    .collect(),
            })
            .collect()
    }

    fn latency_plot(self, traffic: &Traffic) -> Option<Plot> {
        let of = &traffic.latency[0];
        if of.replies == 0 {
            return None;
        }
        let marks = [("p50", 500), ("p95", 950), ("p99", 990)];
        let marks = marks.map(|(name, permille)| (name, of.within(permille).unwrap_or(0)));
        let mut plot = latency(of, &marks);
        plot.title = self
            .t("Submissions by latency", "提交请求耗时分布")
            .to_owned();
        plot.note = self
            .t(
                "replies; the last bar has the slower ones",
                "响应数；最后一柱含更慢者",
            )
            .to_owned();
        plot.words = format!("{}: {}", plot.title, plot.note);
        Some(plot)
    }
}

fn money_line(name: String, money: &Money, lane: Option<(u64, u32)>) -> MoneyLine {
    let (requests, most) = match lane {
        Some((requests, most)) => (grouped(requests), most.to_string()),
        None => ("0".into(), "0".into()),
    };
    MoneyLine {
        name,
        orders: grouped(money.orders),
        asked: yuan(money.asked),
        deducted: yuan(money.deducted),
        open: yuan(money.open),
        dead: yuan(money.dead),
        requests,
        most,
    }
}

fn some(count: u64) -> Option<String> {
    (count > 0).then(|| grouped(count))
}

/// `12.3 %`; what is not nothing does not read as nothing.
fn share(part: u64, all: u64) -> String {
    let permille = u128::from(part) * 1000 / u128::from(all.max(1));
    match permille {
        0 if part > 0 => "< 0.1 %".into(),
        _ => format!("{}.{} %", permille / 10, permille % 10),
    }
}

fn chinese_span(ms: i64) -> String {
    let hours = ms.max(0) / 3_600_000;
    match (hours / 24, hours % 24) {
        (0, 0) => "不足 1 小时".into(),
        (0, hours) => format!("{hours} 小时"),
        (days, hours) => format!("{days} 天 {hours} 小时"),
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
