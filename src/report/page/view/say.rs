//! Numbers of a batch in words of one language, part by part of the page.

use super::super::gather::{Gathered, Money};
use super::super::line::kind_word;
use super::super::local;
use super::super::plot::{Drawn, Frame, Plot, curve, elapsed, latency};
use super::super::traffic::{PER_MERCHANT_A_SECOND, Run, Traffic};
use super::words::{action_words, meaning, tone};
use super::{
    CauseLine, ClosingLine, LatencyLine, MERCHANTS_SHOWN_MAX, MoneyLine, PERCENTILES, Pace,
    RunLine, Tile,
};
use crate::batch::Language;
use crate::clock::WallMs;
use crate::ledger::ReportHead;
use crate::order::{NextAction, ReductionType, Status, yuan};
use crate::report::status::span;
use crate::report::summary::grouped;

/// Puts numbers into words of one language.
#[derive(Clone, Copy)]
pub(super) struct Say(pub Language);

impl Say {
    pub(super) fn t<'w>(self, english: &'w str, chinese: &'w str) -> &'w str {
        match self.0 {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }

    pub(super) fn status(self, status: Status) -> &'static str {
        self.t(status.as_str(), status.chinese())
    }

    pub(super) fn action(self, action: NextAction) -> &'static str {
        self.t(action.as_str(), action.chinese())
    }

    pub(super) fn kind(self, kind: ReductionType) -> &'static str {
        match self.0 {
            Language::English => kind.as_str(),
            Language::Chinese => kind_word(kind, self.0),
        }
    }

    pub(super) fn verdict(self, head: &ReportHead) -> (&'static str, String) {
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

    pub(super) fn tiles(self, head: &ReportHead) -> Vec<Tile> {
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

    pub(super) fn causes(self, got: &Gathered) -> (Vec<CauseLine>, Vec<CauseLine>) {
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

    pub(super) fn closing(self, got: &Gathered, now: WallMs) -> Vec<ClosingLine> {
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

    pub(super) fn merchants(self, got: &Gathered) -> Vec<MoneyLine> {
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

    pub(super) fn pace(self, traffic: &Traffic) -> Option<Pace> {
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

    pub(super) fn latency(self, traffic: &Traffic) -> Vec<LatencyLine> {
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

    pub(super) fn latency_plot(self, traffic: &Traffic) -> Option<Plot> {
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

pub(super) fn money_line(name: String, money: &Money, lane: Option<(u64, u32)>) -> MoneyLine {
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

pub(super) fn some(count: u64) -> Option<String> {
    (count > 0).then(|| grouped(count))
}

/// `12.3 %`; what is not nothing does not read as nothing.
pub(super) fn share(part: u64, all: u64) -> String {
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
