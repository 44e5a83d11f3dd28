//! How fast, how long: requests by second against the limit, run by run, and the latency of replies.
//!
//! Requests come in the order in which they left. What is kept grows with merchants alone, and by no
//! more than a second's requests for each.

use std::collections::{BTreeMap, VecDeque};

use crate::clock::WallMs;
use crate::ledger::{RunId, SentRequest};
use crate::order::{Asked, Merchant};

/// Requests that a target merchant may receive in a second (section 2 of the specification).
pub(super) const PER_MERCHANT_A_SECOND: u32 = 100;
/// Points of a curve; longer runs have wider ones.
const POINTS_MAX: i64 = 240;
/// Runs that are told one by one: those with the most requests.
const RUNS_TOLD_MAX: usize = 10;
/// Milliseconds up to which latency is told apart; a request is given up before.
const LATENCY_MS_MAX: usize = 60_000;
const SECOND_MS: i64 = 1000;

/// All requests of a batch.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    watched: Vec<Merchant>,
    current: Option<Run>,
    /// The run with the most requests: the one that is drawn.
    pub busiest: Option<Run>,
    /// By the number of requests.
    pub runs: Vec<RunSum>,
    pub runs_in_all: u64,
    pub lanes: BTreeMap<Merchant, Lane>,
    /// Of submissions and of queries.
    pub latency: [Latency; 2],
}

/// A merchant's requests.
#[derive(Debug, Default)]
pub(super) struct Lane {
    recent: VecDeque<i64>,
    pub requests: u64,
    /// The most in any one second, wherever it begins.
    pub most: u32,
}

/// One run in short.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunSum {
    pub run: RunId,
    pub from: WallMs,
    pub to: WallMs,
    pub requests: u64,
    /// The most that one merchant received in any one second.
    pub most: u32,
}

/// One run in curves.
#[derive(Debug)]
pub(super) struct Run {
    pub sum: RunSum,
    pub all: Curve,
    pub watched: Vec<(Merchant, Curve)>,
}

/// Requests over time, a point for so many seconds.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    /// Seconds that a point stands for.
    pub seconds: i64,
    pub points: Vec<Point>,
    second: i64,
    in_second: u32,
}

/// What a point stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Point {
    pub requests: u64,
    /// In its busiest second.
    pub most: u32,
}

impl Default for Curve {
    fn default() -> Self {
        Self {
            seconds: 1,
            points: Vec::new(),
            second: 0,
            in_second: 0,
        }
    }
}

impl Curve {
    /// A request in this second of the run; seconds never go back.
    fn add(&mut self, second: i64) {
        if second != self.second {
            self.in_second = 0;
            self.second = second;
        }
        self.in_second += 1;
        while second / self.seconds >= POINTS_MAX {
            self.halve();
        }
        let at = (second / self.seconds) as usize;
        if self.points.len() <= at {
            self.points.resize(at + 1, Point::default());
        }
        let point = &mut self.points[at];
        point.requests += 1;
        point.most = point.most.max(self.in_second);
    }

    fn halve(&mut self) {
        let pairs = self.points.chunks(2);
        let joined = pairs.map(|pair| Point {
            requests: pair.iter().map(|p| p.requests).sum(),
            most: pair.iter().map(|p| p.most).max().unwrap_or(0),
        });
        self.points = joined.collect();
        self.seconds *= 2;
    }
}

impl Lane {
    fn request(&mut self, at: i64) -> u32 {
        // A clock that was set back begins anew.
        if self.recent.back().is_some_and(|last| at < *last) {
            self.recent.clear();
        }
        while self
            .recent
            .front()
            .is_some_and(|first| at - first >= SECOND_MS)
        {
            self.recent.pop_front();
        }
        self.recent.push_back(at);
        let now = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        self.requests += 1;
        self.most = self.most.max(now);
        now
    }
}

impl Traffic {
    pub(super) fn is_watching(&self) -> bool {
        !self.watched.is_empty()
    }

    /// Whose curves are to be kept.
    pub(super) fn watch(&mut self, merchants: Vec<Merchant>) {
        self.watched = merchants;
    }

    pub(super) fn request(&mut self, request: SentRequest) {
        let at = request.sent_at.0;
        if self
            .current
            .as_ref()
            .is_none_or(|run| run.sum.run != request.run)
        {
            self.end_run();
            self.current = Some(self.begin(&request));
        }
        let latency = match request.asked {
            Asked::Submission => &mut self.latency[0],
            Asked::Query => &mut self.latency[1],
        };
        latency.add(request.latency_ms);
        let lane = self.lanes.entry(request.merchant.clone()).or_default();
        let now = lane.request(at);
        let Some(run) = &mut self.current else { return };
        run.sum.to = request.sent_at;
        run.sum.requests += 1;
        run.sum.most = run.sum.most.max(now);
        let second = (at - run.sum.from.0).div_euclid(SECOND_MS).max(0);
        run.all.add(second);
        let watched = run.watched.iter_mut();
        for (_, curve) in watched.filter(|(merchant, _)| *merchant == request.merchant) {
            curve.add(second);
        }
    }

    fn begin(&self, request: &SentRequest) -> Run {
        let watched = self.watched.iter().cloned();
        Run {
            sum: RunSum {
                run: request.run,
                from: request.sent_at,
                to: request.sent_at,
                requests: 0,
                most: 0,
            },
            all: Curve::default(),
            watched: watched.map(|m| (m, Curve::default())).collect(),
        }
    }

    /// Files the run away; also after the last one.
    pub(super) fn end_run(&mut self) {
        let Some(run) = self.current.take() else {
            return;
        };
        self.runs_in_all += 1;
        self.runs.push(run.sum);
        self.runs
            .sort_by_key(|sum| std::cmp::Reverse((sum.requests, sum.run)));
        self.runs.truncate(RUNS_TOLD_MAX);
        let most = self
            .busiest
            .as_ref()
            .map_or(0, |busiest| busiest.sum.requests);
        if run.sum.requests >= most {
            self.busiest = Some(run);
        }
    }
}

/// Milliseconds from send to reply, exact to one.
#[derive(Debug)]
pub(super) struct Latency {
    counts: Vec<u32>,
    pub replies: u64,
    /// Requests that no whole reply came to.
    pub silent: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            counts: vec![0; LATENCY_MS_MAX + 1],
            replies: 0,
            silent: 0,
        }
    }
}

impl Latency {
    fn add(&mut self, latency_ms: Option<u64>) {
        let Some(ms) = latency_ms else {
            self.silent += 1;
            return;
        };
        let at = usize::try_from(ms).unwrap_or(LATENCY_MS_MAX);
        self.counts[at.min(LATENCY_MS_MAX)] += 1;
        self.replies += 1;
    }

    /// So many thousandths of the replies came within this time; none if there are no replies.
    pub(super) fn within(&self, permille: u64) -> Option<u64> {
        let rank = (self.replies * permille).div_ceil(1000).max(1);
        let mut seen = 0;
        let mut counts = (0..).zip(&self.counts);
        let found = counts.find(|(_, count)| {
            seen += u64::from(**count);
            seen >= rank
        });
        found.map(|(ms, _)| ms)
    }

    /// Replies by latency: so many bars of so many milliseconds; the last one has the rest.
    pub(super) fn bars(&self, bars: usize, width_ms: u64) -> Vec<u64> {
        let mut all = vec![0; bars];
        for (ms, count) in (0..).zip(&self.counts) {
            let at = usize::try_from(ms / width_ms.max(1)).unwrap_or(bars);
            all[at.min(bars - 1)] += u64::from(*count);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(run: i64, merchant: &str, at: i64) -> SentRequest {
        SentRequest {
            run: RunId(run),
            merchant: Merchant::parse(merchant).unwrap(),
            asked: Asked::Submission,
            sent_at: WallMs(at),
            latency_ms: Some(20),
        }
    }

    #[test]
    fn the_most_in_a_second_is_found_wherever_the_second_begins() {
        let mut traffic = Traffic::default();
        // 60 at the end of one calendar second, 60 at the beginning of the next.
        for n in 0..60 {
            traffic.request(request(1, "1900000001", 900 + n));
        }
        for n in 0..60 {
            traffic.request(request(1, "1900000001", 1100 + n));
            traffic.request(request(1, "1900000002", 1100 + n));
        }
        traffic.end_run();
        let most: Vec<u32> = traffic.lanes.values().map(|lane| lane.most).collect();
        assert_eq!(most, [120, 60]);
        assert_eq!(traffic.runs[0].most, 120);
        assert_eq!(traffic.runs[0].requests, 180);
    }

    #[test]
    fn a_curve_keeps_its_points_however_long_the_run() {
        let mut curve = Curve::default();
        for second in 0..10_000 {
            for _ in 0..=(second % 7) {
                curve.add(second);
            }
        }
        assert_eq!(curve.seconds, 64);
        assert!(curve.points.len() <= POINTS_MAX as usize);
        let all: u64 = curve.points.iter().map(|p| p.requests).sum();
        assert_eq!(all, (0..10_000).map(|s| s % 7 + 1).sum::<u64>());
        assert!(curve.points.iter().all(|p| p.most == 7));
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_replies() {
        let mut latency = Latency::default();
        assert_eq!(latency.within(500), None);
        for ms in 1..=200 {
            latency.add(Some(ms));
        }
        latency.add(None);
        latency.add(Some(u64::MAX));
        assert_eq!((latency.replies, latency.silent), (201, 1));
        assert_eq!(latency.within(500), Some(101));
        assert_eq!(latency.within(990), Some(199));
        assert_eq!(latency.within(1000), Some(60_000));
        assert_eq!(latency.bars(3, 50), [49, 50, 102]);
    }

    #[test]
    fn the_run_with_the_most_requests_is_the_one_that_is_drawn() {
        let mut traffic = Traffic::default();
        for (run, count) in (1..).zip([3, 9, 1]) {
            for n in 0..count {
                traffic.request(request(run, "1900000001", run * 100_000 + n));
            }
        }
        traffic.end_run();
        assert_eq!(traffic.busiest.unwrap().sum.run, RunId(2));
        assert_eq!(traffic.runs_in_all, 3);
        let told: Vec<i64> = traffic.runs.iter().map(|sum| sum.run.0).collect();
        assert_eq!(told, [2, 1, 3]);
    }
}
