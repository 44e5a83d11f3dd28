//! One seed's world: true time, clocks, network, gateway, auditor, and the trace of what happened.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;

use super::auditor::Auditor;
use super::clock::{SimClock, Us};
use super::dice::{Dice, Knobs};
use super::forge::{self, Forger};
use super::gateway::Gateway;
use super::net::{End, Happens, Net};

/// Lines of the trace that a failure shows.
const TAIL_LINES_MAX: usize = 60;

/// What happened, in lines; the last ones are kept, all of them are in the digest.
#[derive(Default)]
pub struct Trace {
    digest: DefaultHasher,
    pub tail: VecDeque<String>,
    pub lines: u64,
    /// Every line is printed (`TRACE=1`).
    pub loud: bool,
}

impl Trace {
    pub fn line(&mut self, at: Us, words: std::fmt::Arguments<'_>) {
        let line = format!("{}.{:06} {words}", at / 1_000_000, at % 1_000_000);
        self.digest.write(line.as_bytes());
        self.lines += 1;
        if self.loud {
            println!("{line}");
        }
        if self.tail.len() == TAIL_LINES_MAX {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }

    pub fn digest(&self) -> u64 {
        self.digest.finish()
    }
}

macro_rules! note {
    ($world:expr, $($words:tt)+) => {{
        let at = $world.clock.true_now();
        $world.trace.line(at, format_args!($($words)+));
    }};
}
pub(crate) use note;

pub struct World {
    pub knobs: Knobs,
    pub dice: Dice,
    net_dice: Dice,
    pub clock: SimClock,
    pub net: Net,
    pub gateway: Gateway,
    forger: Forger,
    pub auditor: Auditor,
    pub trace: Trace,
    /// Counts the processes.
    pub generation: u64,
    pub dir: PathBuf,
    /// Ends that the process has not looked at yet.
    pub inbox: VecDeque<(u64, End)>,
    pub tally: BTreeMap<&'static str, u64>,
    /// How far the wall clock was off at a command, at its least and its most, in seconds.
    pub off_s: (i64, i64),
}

impl World {
    pub fn new(
        knobs: Knobs,
        dice: &mut Dice,
        gateway: Gateway,
        auditor: Auditor,
        dir: PathBuf,
    ) -> Self {
        Self {
            knobs,
            dice: dice.fork(),
            net_dice: dice.fork(),
            clock: SimClock::default(),
            net: Net::default(),
            gateway,
            forger: Forger::default(),
            auditor,
            trace: Trace {
                loud: std::env::var("TRACE").is_ok(),
                ..Trace::default()
            },
            generation: 0,
            dir,
            inbox: VecDeque::new(),
            tally: BTreeMap::new(),
            off_s: (0, 0),
        }
    }

    pub fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    pub fn now(&self) -> Us {
        self.clock.true_now()
    }

    /// A request leaves the process.
    pub fn send(&mut self, flight: super::net::Flight, standby: bool) {
        let (no, what) = (
            flight.no.clone(),
            if flight.submission { "POST" } else { "GET" },
        );
        let mood = flight.mood;
        let id = self
            .net
            .send(flight, standby, &self.knobs, &mut self.net_dice);
        note!(self, "#{id} {what} {no} leaves ({mood:?})");
    }

    /// A process has ended, or died.
    pub fn hangs_up(&mut self, generation: u64, now: Us) {
        let knobs = &self.knobs;
        let linger = self
            .net
            .hangs_up(generation, now, knobs, &mut self.net_dice);
        if linger > 0 {
            self.count("lingered");
        }
    }

    /// Time passes; what happens on the way happens.
    pub fn until(&mut self, at: Us) {
        let at = at.max(self.now());
        while let Some((when, what)) = self.net.pop(at) {
            self.clock.set_true(when.max(self.now()));
            self.happens(what);
        }
        self.clock.set_true(at);
    }

    fn happens(&mut self, what: Happens) {
        match what {
            Happens::Arrives(id) => self.arrives(id),
            Happens::IsAnswered(id) => {
                let answer = self.net.flights[&id]
                    .answer
                    .clone()
                    .expect("it was answered");
                self.ends(id, End::Came(answer));
            }
            Happens::Breaks(id) => self.ends(id, End::Broken),
            Happens::TimesOut(id) => self.ends(id, End::TimedOut),
            Happens::IsRefused(id) => self.ends(id, End::NotSent),
        }
    }

    fn ends(&mut self, id: u64, end: End) {
        let now = self.now();
        if self.net.ends(id, self.generation, now).is_some() {
            self.inbox.push_back((id, end));
        }
    }

    fn arrives(&mut self, id: u64) {
        let now = self.now();
        if !self.net.gets_through(id, now) {
            return;
        }
        let flight = self.net.flights.get_mut(&id).expect("it is under way");
        if flight.intercepted {
            let answer = forge::forged(&flight.no.clone(), &mut self.net_dice);
            note!(self, "#{id} is intercepted");
            self.count("intercepted");
            self.net.answers(id, answer, now);
            return;
        }
        // What lingered may also come by its first way.
        let again = flight.arrived;
        if !flight.arrived {
            flight.arrived = true;
            self.auditor.arrives(flight, now);
        }
        let (bytes, mood, no) = (flight.bytes.clone(), flight.mood, flight.no.clone());
        let answer = self.gateway.receive(&bytes, mood, again, now);
        self.auditor.complains(&mut self.gateway.complaints);
        let said = answer.said.as_ref().map_or("", |said| said.state);
        note!(self, "#{id} {no} arrives: {} {said}", answer.status);
        if again {
            self.count("arrived twice");
            return;
        }
        let passes = self.forger.passes(
            answer,
            &no,
            &mut self.gateway,
            &self.knobs,
            &mut self.net_dice,
            now,
        );
        if let Some(how) = passes.1 {
            note!(self, "#{id} its reply: {how}");
        }
        self.net.answers(id, passes.0, now);
    }
}
