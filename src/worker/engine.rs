//! What is done for which order, and when: a synchronous core.
//!
//! Events and the time go in, actions come out. Disk, network, clock and chance are handed in, so
//! that a simulator can drive it without threads or sockets. The life of one try:
//!
//! ```text
//! due ──claim──▶ claiming ──committed──▶ claimed ──permit──▶ flying ──reply──▶ recording ──▶ due, or done
//! ```
//!
//! Nothing is sent but what the ledger has handed back as [`Claimed`] (law L1), and nothing without
//! a permit of its lane (law L6). What was claimed and not sent is given back.

mod lanes;
mod replies;
mod shared;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use super::brakes::{Brakes, Gate};
use super::limits::{DECK_PAGE_MAX, DECK_TOTAL, WINDOW_MS};
use super::step::{Goal, Tries};
use super::{Progress, RunReport, RunSettings, Stop};
use crate::clock::{Mono, WallMs};
use crate::gateway::Host;
use crate::gateway::reply::Checked;
use crate::ledger::{
    AttemptId, Claimed, Handed, Job, LaneWork, OrderId, Phase, RecentSend, Scope, Write, Written,
};
use crate::order::{Asked, Meaning, Merchant, State};
use lanes::LaneRun;
pub use shared::{Clear, LaneEnd};

/// The two clocks, read together.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For the pace.
    pub mono: Mono,
    /// For the journal and the window.
    pub wall: WallMs,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A page of a lane's deck was read.
    Deck {
        /// Which lane.
        lane: usize,
        /// Which part of its work.
        phase: Phase,
        /// The orders; fewer than were asked for means that there are no more.
        jobs: Vec<Job>,
    },
    /// A write was committed.
    Written(Written),
    /// A request came to its end.
    Reply(Box<Reply>),
    /// A request was not begun: its lane's lease would have ended before it.
    Unsent(Box<Claimed>),
}

/// A request's end.
#[derive(Debug)]
pub struct Reply {
    /// What had been claimed; consumed by the send.
    pub sent: Sent,
    /// What came back.
    pub checked: Checked,
    /// From send to reply.
    pub latency: Duration,
    /// What was signed, in words, after a 401.
    pub hint: Option<String>,
}

/// What is left of a [`Claimed`] once it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Which order, as it stood since the claim.
    pub job: Job,
    /// Submission or query.
    pub asked: Asked,
    /// Where the order stood before.
    pub before: State,
    /// Earlier submissions of this number that may have been accepted.
    pub earlier_sends: u32,
}

impl Sent {
    /// What is to be remembered of the permission.
    pub fn of(claimed: &Claimed) -> Self {
        Self {
            attempt: claimed.attempt(),
            job: claimed.job().clone(),
            asked: claimed.asked(),
            before: claimed.before(),
            earlier_sends: claimed.earlier_sends(),
        }
    }
}

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Read a page of a lane's deck.
    Deck {
        /// Which lane.
        lane: usize,
        /// Its merchant.
        merchant: Merchant,
        /// Which part of its work.
        phase: Phase,
        /// After which order.
        after: OrderId,
        /// How many.
        limit: u32,
    },
    /// Commit this.
    Write(Write),
    /// Send this now.
    Send {
        /// The permission.
        claimed: Box<Claimed>,
        /// To which host.
        host: Host,
    },
    /// Tell whoever watches.
    Notice(String),
    /// Tell whoever watches: a person must see it.
    Alert(String),
}

/// An order that something is under way for.
#[derive(Debug)]
struct Active {
    job: Job,
    lane: usize,
    tries: Tries,
    next: Asked,
    /// It had never been sent when this run met it.
    fresh: bool,
    stage: Stage,
    /// What the last reply meant, until it is recorded.
    last: Option<(Asked, Meaning)>,
    /// It goes out as the probe of an outage.
    probe: bool,
    /// The ledger refused a claim of it in this run.
    refused: bool,
}

/// How far the current try has come.
#[derive(Debug)]
enum Stage {
    /// Waits for its time.
    Due(Mono),
    /// Its intent is on the way to the disk.
    Claiming,
    /// Its intent is durable; it waits for a permit.
    Claimed(Box<Claimed>, Mono),
    /// On the wire.
    Flying,
    /// What came is on the way to the disk.
    Recording,
}

/// The core of a run.
#[derive(Debug)]
pub struct Engine {
    settings: RunSettings,
    goal: Goal,
    lanes: Vec<LaneRun>,
    /// Where a merchant's lane is, of a run whose lanes come and go.
    slots: HashMap<Merchant, usize>,
    /// Until when permits of lanes that are not in the run yet are taken by what earlier runs left.
    owed: HashMap<Merchant, Vec<Mono>>,
    /// Lanes that are in the run and belong to it by a lease.
    held: usize,
    /// Lanes that were held and are clear.
    clear: Vec<Clear>,
    jobs: HashMap<OrderId, Active>,
    /// Lanes by the time at which they want to be looked at.
    queue: BinaryHeap<Reverse<(Mono, u64, usize)>>,
    turn: u64,
    /// Lanes with a claim that wait for room on the wire.
    for_wire: VecDeque<usize>,
    /// Lanes that wait for room to claim or to read.
    for_room: VecDeque<usize>,
    brakes: Brakes,
    /// An earlier run of this engine got a verified reply.
    proven_once: bool,
    canary: Option<OrderId>,
    stopping: bool,
    /// What it drives of what was handed over, if that is its scope.
    handed: Option<Handed>,
    latest_signed_at: Option<WallMs>,
    deck_page: usize,
    flying: u32,
    /// Intents committed or on the way, not yet on the wire.
    claims: u32,
    writes: u64,
    fetches: u32,
    chance: u64,
    report: RunReport,
    progress: Progress,
    warned_of_clock: bool,
    actions: Vec<Action>,
}

impl Engine {
    /// A run over these lanes of a scope. `recent` are the sends of earlier runs that may still count against
    /// a lane's pace.
    pub fn new(
        scope: Scope,
        settings: RunSettings,
        work: Vec<LaneWork>,
        recent: &[RecentSend],
        latest_signed_at: Option<WallMs>,
        now: Now,
    ) -> Self {
        let deck_page = (DECK_TOTAL / work.len().max(1)).clamp(4, DECK_PAGE_MAX);
        let progress = Progress {
            orders: work.iter().map(|lane| lane.open + lane.pending).sum(),
            ..Progress::default()
        };
        let mut engine = Self {
            lanes: LaneRun::all(work, settings.per_merchant_qps),
            slots: HashMap::new(),
            owed: HashMap::new(),
            held: 0,
            clear: Vec::new(),
            brakes: shared::brakes(Goal::of(scope), &settings),
            proven_once: false,
            chance: settings.seed,
            settings,
            goal: Goal::of(scope),
            jobs: HashMap::new(),
            queue: BinaryHeap::new(),
            turn: 0,
            for_wire: VecDeque::new(),
            for_room: VecDeque::new(),
            canary: None,
            stopping: false,
            handed: match scope {
                Scope::Shared(handed) => Some(handed),
                _ => None,
            },
            latest_signed_at,
            deck_page,
            flying: 0,
            claims: 0,
            writes: 0,
            fetches: 0,
            report: RunReport::default(),
            progress,
            warned_of_clock: false,
            actions: Vec::new(),
        };
        engine.remember(recent, now);
        for lane in 0..engine.lanes.len() {
            engine.look_at(lane, now.mono);
        }
        engine
    }

    /// Something happened.
    pub fn on(&mut self, event: Event, now: Now) {
        match event {
            Event::Deck { lane, phase, jobs } => {
                self.dealt(lane, phase, jobs, now);
                self.unblock(now);
            }
            Event::Written(written) => self.written(written, now),
            Event::Reply(reply) => self.replied(*reply, now),
            Event::Unsent(claimed) => self.unsent(*claimed, now),
        }
    }

    /// No new sends; what is in flight is awaited.
    pub fn stop(&mut self, why: Stop, now: Now) {
        if !self.stopping {
            self.stopping = true;
            self.report.stop = Some(why);
            for lane in 0..self.lanes.len() {
                self.clear_lane(lane, now);
            }
            self.finish_due(|_| true);
            self.for_wire.clear();
            self.for_room.clear();
            for lane in 0..self.lanes.len() {
                self.settle_lane(lane);
            }
        }
    }

    /// Does what is due, and hands out what is to be done for it.
    pub fn poll(&mut self, now: Now) -> Vec<Action> {
        if let Some(until) = self.settings.until
            && now.wall >= until
            && !self.finished()
        {
            self.stop(Stop::Until, now);
        }
        if let Some(stop) = self.brakes.outage_over(now.mono) {
            self.stop(stop, now);
        }
        while let Some(&Reverse((at, turn, lane))) = self.queue.peek() {
            if at > now.mono {
                break;
            }
            self.queue.pop();
            // A lane has one entry that counts; older ones are passed over.
            if self.lanes[lane].queued == Some((at, turn)) {
                self.lanes[lane].queued = None;
                self.visit(lane, now);
                self.unblock(now);
            }
        }
        if self.brakes.gate() == Gate::Canary && self.canary.is_none() && !self.stopping {
            self.choose_canary(now);
        }
        std::mem::take(&mut self.actions)
    }

    /// When the next thing is due, if nothing happens before.
    pub fn wake_at(&self, now: Now) -> Option<Mono> {
        if self.stopping {
            // What is in flight is awaited; no time changes that.
            return None;
        }
        let lanes = self.queue.peek().map(|&Reverse((at, _, _))| at);
        let until = self.settings.until.map(|until| {
            let ms = u64::try_from(until.0.saturating_sub(now.wall.0)).unwrap_or(0);
            now.mono + Duration::from_millis(ms)
        });
        let outage = self.brakes.outage_ends();
        [lanes, until, outage].into_iter().flatten().min()
    }

    /// Nothing is under way, and nothing more will be done.
    pub fn finished(&self) -> bool {
        let quiet = self.flying == 0 && self.writes == 0 && self.fetches == 0;
        let idle = || self.jobs.is_empty() && self.lanes.iter().all(LaneRun::is_empty);
        quiet && self.actions.is_empty() && (self.stopping || idle())
    }

    /// Where the run stands.
    pub fn progress(&self) -> Progress {
        Progress {
            in_flight: self.flying,
            ..self.progress
        }
    }

    /// How it went.
    pub fn into_report(self) -> RunReport {
        self.report
    }

    /// How the run went so far.
    pub fn report(&self) -> &RunReport {
        &self.report
    }

    /// What earlier runs left on the wire holds permits. The death of a run gave its requests up: when
    /// that was is not known, but it was not after now.
    fn remember(&mut self, recent: &[RecentSend], now: Now) {
        let second = Duration::from_millis(1_001);
        let given_up = crate::pace::AFTER_GIVING_UP;
        let by_merchant: HashMap<Merchant, usize> = self
            .lanes
            .iter()
            .enumerate()
            .map(|(ix, lane)| (lane.merchant.clone(), ix))
            .collect();
        for send in recent {
            let (since, hold) = match send.answered_at {
                Some(at) if send.given_up => (at, given_up),
                Some(at) => (at, second),
                None => (now.wall, given_up),
            };
            // The wall clock may have stepped: never longer than a send that was made just now.
            let age = u64::try_from(now.wall.0.saturating_sub(since.0)).unwrap_or(0);
            let left = hold.saturating_sub(Duration::from_millis(age));
            if left.is_zero() {
                continue;
            }
            let until = now.mono + left;
            match by_merchant.get(&send.merchant) {
                Some(&lane) => self.lanes[lane].pace.left_behind(until),
                // It may join later.
                None => {
                    let merchant = send.merchant.clone();
                    self.owed.entry(merchant).or_default().push(until);
                }
            }
        }
    }

    /// Submitting this order is not idempotent any more: its age by the later of local and signed
    /// time has come to the window's end (law L4).
    fn past_window(&self, job: &Job, now: Now) -> bool {
        let Some(first) = job.standing.first_sent_at else {
            return false;
        };
        let latest = self
            .latest_signed_at
            .map_or(now.wall, |at| at.max(now.wall));
        latest.0.saturating_sub(first.0) >= WINDOW_MS
    }

    fn look_at(&mut self, lane: usize, at: Mono) {
        let earlier = self.lanes[lane]
            .queued
            .is_some_and(|(queued, _)| queued <= at);
        if earlier || self.lanes[lane].stopped {
            return;
        }
        self.turn += 1;
        self.lanes[lane].queued = Some((at, self.turn));
        self.queue.push(Reverse((at, self.turn, lane)));
    }

    fn write(&mut self, write: Write) {
        self.writes += 1;
        self.actions.push(Action::Write(write));
    }

    fn notice(&mut self, words: String) {
        self.actions.push(Action::Notice(words));
    }

    /// 0 to 255, from the run's seed (SplitMix64).
    fn jitter(&mut self) -> u8 {
        self.chance = self.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z >> 56) as u8
    }
}

#[cfg(test)]
mod tests;
