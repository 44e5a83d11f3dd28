//! The network between levy and the gateway: what is lost, late, double or out of order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use levy::gateway::Outgoing;
use levy::worker::engine::Sent;

use super::clock::{MS, SECOND, Us};
use super::dice::{Dice, Knobs};
use super::gateway::Answer;
use super::mood::Mood;

/// After which a request is given up by its client.
pub const TIMEOUT: Us = 10 * SECOND;
/// After it was given up a request is counted within this time (law L6 assumes 30 s).
pub const STRAY_MAX: Us = 29_950 * MS;

/// What happens to a request, one thing after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happens {
    Arrives(u64),
    IsAnswered(u64),
    Breaks(u64),
    TimesOut(u64),
    IsRefused(u64),
}

/// How a request ended, as its client sees it.
#[derive(Clone, Debug)]
pub enum End {
    Came(Answer),
    TimedOut,
    Broken,
    NotSent,
}

/// A request under way.
pub struct Flight {
    pub generation: u64,
    pub no: String,
    pub submission: bool,
    pub merchant: String,
    pub bytes: Vec<u8>,
    pub sent_at: Us,
    pub sent: Option<(Sent, Outgoing)>,
    pub mood: Mood,
    pub answer: Option<Answer>,
    /// The reply's way back, or none.
    back: Option<Us>,
    /// Somebody answers in the gateway's place, and nothing gets through.
    pub intercepted: bool,
    ended: Option<Us>,
    /// It is not lost on its way.
    arrives: bool,
    /// It arrives no earlier.
    lingers_until: Us,
    pub arrived: bool,
}

/// Everything that is on the wire.
#[derive(Default)]
pub struct Net {
    queue: BinaryHeap<Reverse<(Us, u64, Happens)>>,
    turn: u64,
    pub flights: BTreeMap<u64, Flight>,
    /// Until then the main host takes no connection.
    pub main_down_until: Us,
}

impl Net {
    fn at(&mut self, at: Us, what: Happens) {
        self.turn += 1;
        self.queue.push(Reverse((at, self.turn, what)));
    }

    pub fn next_at(&self) -> Option<Us> {
        self.queue.peek().map(|Reverse((at, _, _))| *at)
    }

    /// The next thing that has happened by then.
    pub fn pop(&mut self, by: Us) -> Option<(Us, Happens)> {
        let Reverse((at, _, what)) = *self.queue.peek()?;
        if at > by {
            return None;
        }
        self.queue.pop();
        Some((at, what))
    }

    /// A request sets out.
    pub fn send(
        &mut self,
        mut flight: Flight,
        standby: bool,
        knobs: &Knobs,
        dice: &mut Dice,
    ) -> u64 {
        let now = flight.sent_at;
        let id = self.turn;
        let down = now < self.main_down_until && !standby;
        if down || dice.strikes(knobs.unconnected) {
            let after = dice.pick(&[MS, 30 * MS, 4 * SECOND]);
            self.flights.insert(id, flight);
            self.at(now + after, Happens::IsRefused(id));
            return id;
        }
        let gives_up = now + TIMEOUT;
        let slow = dice.strikes(knobs.slow);
        // All of the way may lie on one side of the arrival: the gateway counts anywhere between.
        let (there, back) = match slow {
            true => {
                let whole = dice.between(0, 9 * SECOND);
                let part = [0, whole, dice.between(0, whole)];
                let there = dice.pick(&part);
                (there, whole - there)
            }
            false => {
                let way = |dice: &mut Dice| dice.pick(&[0, MS, 5 * MS, 60 * MS]) + dice.below(MS);
                (way(dice), way(dice))
            }
        };
        let late = dice.strikes(knobs.late);
        let arrives = match () {
            () if dice.strikes(knobs.lost_before) => None,
            () if late => Some(gives_up + dice.between(0, STRAY_MAX)),
            () => Some(now + there),
        };
        flight.back = (!dice.strikes(knobs.lost_after) && !late).then_some(back);
        flight.intercepted = dice.strikes(knobs.forged_success) && dice.below(2) == 0;
        flight.arrives = arrives.is_some();
        // A loss is noticed at once, or only when the time is over.
        let silent = arrives.is_none() || flight.back.is_none();
        if silent && !late && dice.below(2) == 0 {
            let after = arrives.unwrap_or(now) + dice.between(0, SECOND);
            self.at(after.min(gives_up), Happens::Breaks(id));
        }
        self.flights.insert(id, flight);
        if let Some(at) = arrives {
            self.at(at, Happens::Arrives(id));
            if dice.strikes(knobs.twice) {
                self.at(at + dice.between(0, 400 * MS), Happens::Arrives(id));
            }
        }
        self.at(gives_up, Happens::TimesOut(id));
        id
    }

    /// The gateway has answered; the reply sets out, if it does.
    pub fn answers(&mut self, id: u64, answer: Answer, now: Us) {
        let flight = self.flights.get_mut(&id).expect("it is under way");
        flight.answer = Some(answer);
        if let Some(back) = flight.back {
            self.at(now + back, Happens::IsAnswered(id));
        }
    }

    /// The first end that its client sees counts; later ones meet a closed connection.
    pub fn ends(&mut self, id: u64, generation: u64, now: Us) -> Option<&mut Flight> {
        let flight = self.flights.get_mut(&id)?;
        if flight.ended.is_some() || flight.generation != generation {
            return None;
        }
        flight.ended = Some(now);
        Some(flight)
    }

    /// The process is dead: its connections are closed, and what is not counted within the time
    /// that L6 allows never will be.
    /// Says how many of them linger on.
    pub fn hangs_up(&mut self, generation: u64, now: Us, knobs: &Knobs, dice: &mut Dice) -> usize {
        let mut lingering = Vec::new();
        for (id, flight) in &mut self.flights {
            if flight.generation == generation && flight.ended.is_none() {
                flight.ended = Some(now);
                flight.sent = None;
                if !flight.arrived && flight.arrives && dice.strikes(knobs.lingers) {
                    flight.lingers_until = now + dice.between(0, STRAY_MAX);
                    lingering.push((flight.lingers_until, *id));
                }
            }
        }
        for (at, id) in &lingering {
            self.at(*at, Happens::Arrives(*id));
        }
        lingering.len()
    }

    /// Whether a request that arrives now can still arrive.
    pub fn gets_through(&self, id: u64, now: Us) -> bool {
        let flight = &self.flights[&id];
        let in_time = flight.ended.is_none_or(|at| now <= at + STRAY_MAX);
        in_time && now >= flight.lingers_until
    }
}

impl Flight {
    pub fn new(
        generation: u64,
        (no, submission, merchant): (String, bool, String),
        bytes: Vec<u8>,
        sent_at: Us,
        sent: (Sent, Outgoing),
        mood: Mood,
    ) -> Self {
        Self {
            generation,
            no,
            submission,
            merchant,
            bytes,
            sent_at,
            sent: Some(sent),
            mood,
            answer: None,
            back: None,
            intercepted: false,
            ended: None,
            arrives: false,
            lingers_until: 0,
            arrived: false,
        }
    }
}

/// A request as it goes over the wire.
pub fn wire(outgoing: &Outgoing) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", outgoing.method, outgoing.target);
    for (name, value) in &outgoing.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&outgoing.body);
    bytes
}
