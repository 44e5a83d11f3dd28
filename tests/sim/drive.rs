//! The loop of a process: as `worker::run`, with the writer's thread and the client's transport
//! replaced by queues on simulated time.

use std::collections::VecDeque;

use levy::clock::{Clock, WallMs};
use levy::gateway::reply::{Checked, Lost};
use levy::gateway::{Host, Outgoing, ReplyHeaders};
use levy::ledger::{Ledger, LedgerError, OrderId, Phase, Scope, Write, Written};
use levy::order::{Asked, Merchant};
use levy::worker::engine::{Action, Engine, Event, Reply, Sent};
use levy::worker::{RunReport, RunSettings, Stop, prepare};

use super::clock::{MS, SECOND, Us};
use super::disk::die;
use super::mood::Mood;
use super::net::{End, Flight, wire};
use super::people;
use super::process::{self, Process};
use super::world::note;

/// Turns of a process's loop; more, and it does not end.
const TURNS_MAX: u64 = 400_000;

/// The writer's thread, but for the thread: what is queued, and when the disk is ready.
#[derive(Default)]
struct Desk {
    queue: VecDeque<Wanted>,
    ready_at: Option<Us>,
}

enum Wanted {
    Write(Write),
    Deck(usize, Merchant, Phase, OrderId, u32),
}

impl Process<'_> {
    /// As `worker::run` does it.
    pub fn drive(
        &mut self,
        ledger: &mut dyn Ledger,
        scope: Scope,
        settings: RunSettings,
    ) -> Result<RunReport, LedgerError> {
        let until = settings.until;
        let mut engine = prepare(ledger, scope, settings, self.world.clock.now())?;
        let mut desk = Desk::default();
        let mut signal = self.signal;
        for _ in 0..TURNS_MAX {
            self.step();
            self.meanwhile();
            if signal.is_some_and(|at| at <= self.world.now()) {
                signal = None;
                note!(self.world, "a signal");
                self.world.auditor.quiet_from(self.world.clock.true_now());
                engine.stop(Stop::Asked, self.world.clock.now());
            }
            for action in engine.poll(self.world.clock.now()) {
                self.act(action, &mut desk, until);
            }
            if engine.finished() {
                return Ok(engine.into_report());
            }
            let next = self.next(&engine, &desk, signal);
            self.world.until(next);
            self.take_replies(&mut engine);
            self.take_written(&mut engine, &mut desk, ledger, scope)?;
        }
        panic!("L9: a run does not end");
    }

    /// What people decide on the same ledger while this runs.
    fn meanwhile(&mut self) {
        let due = self.start.meanwhile.as_ref();
        if due.is_none_or(|(at, _)| *at > self.world.now()) {
            return;
        }
        let Some((_, deed)) = self.start.meanwhile.take() else {
            return;
        };
        let ledger = process::open(&self.world.dir);
        let mut ledger = ledger.expect("L9: another process can open the ledger");
        if people::decides(self.world, &mut ledger, &deed).is_ok() {
            self.world.count("decided while a run went on");
        }
    }

    /// A step of the loop: here the process may die.
    pub fn step(&mut self) {
        self.steps += 1;
        if self.start.steps.is_some_and(|steps| self.steps > steps) {
            self.world.count("death at a step");
            die();
        }
    }

    fn next(&mut self, engine: &Engine, desk: &Desk, signal: Option<Us>) -> Us {
        let clock = &self.world.clock;
        let wake = engine.wake_at(clock.now()).map(|at| clock.true_of(at));
        let net = self.world.net.next_at();
        let next = [wake, net, desk.ready_at, signal]
            .into_iter()
            .flatten()
            .min();
        let next = next.expect("L9: a run waits for nothing");
        match self.world.dice.strikes(self.world.knobs.stalls) {
            true => next + self.world.dice.between(0, 3 * SECOND),
            false => next,
        }
    }

    fn act(&mut self, action: Action, desk: &mut Desk, until: Option<WallMs>) {
        match action {
            Action::Deck {
                lane,
                merchant,
                phase,
                after,
                limit,
            } => desk
                .queue
                .push_back(Wanted::Deck(lane, merchant, phase, after, limit)),
            Action::Write(write) => desk.queue.push_back(Wanted::Write(write)),
            Action::Send { claimed, host } => {
                self.step();
                let wall = self.world.clock.wall();
                assert!(
                    until.is_none_or(|until| wall < until),
                    "--until: sent after it"
                );
                let sent = Sent::of(&claimed);
                drop(claimed);
                let order = &sent.job.order;
                let outgoing = match sent.asked {
                    Asked::Submission => self.protocol.submission(order),
                    Asked::Query => self.protocol.query(order),
                };
                self.send(sent, outgoing, host);
            }
            Action::Notice(words) | Action::Alert(words) => {
                note!(self.world, "says: {words}");
                self.world.auditor.shown(&words);
            }
        }
        let busy = !desk.queue.is_empty();
        if busy && desk.ready_at.is_none() {
            desk.ready_at = Some(self.world.now() + self.disk());
        }
    }

    /// The time of a commit.
    fn disk(&mut self) -> Us {
        let slow = self.world.dice.strikes(self.world.knobs.slow_disk);
        match slow {
            true => self.world.dice.between(MS, 900 * MS),
            false => self.world.dice.between(20, 2 * MS),
        }
    }

    fn send(&mut self, sent: Sent, outgoing: Outgoing, host: Host) {
        let submission = sent.asked == Asked::Submission;
        let bytes = wire(&outgoing);
        let names = (
            sent.job.order.no.to_string(),
            submission,
            sent.job.order.content.merchant.to_string(),
        );
        let world = &mut *self.world;
        let attempt = sent.attempt.0;
        let error_ms = world.clock.error_ms();
        let now = world.clock.true_now();
        let books = &world.gateway.books;
        world
            .auditor
            .leaves(attempt, &bytes, (now, error_ms), books);
        let mood = Mood::drawn(&mut world.dice, &world.gateway.knobs);
        let flight = Flight::new(world.generation, names, bytes, now, (sent, outgoing), mood);
        world.count("sent");
        world.send(flight, host == Host::Standby);
    }

    fn take_replies(&mut self, engine: &mut Engine) {
        while let Some((id, end)) = self.world.inbox.pop_front() {
            self.step();
            let flight = self
                .world
                .net
                .flights
                .get_mut(&id)
                .expect("it was under way");
            let (sent, outgoing) = flight.sent.take().expect("it ends once");
            let order = &sent.job.order;
            let exchange = match end {
                End::Came(answer) => {
                    let headers = answer.headers.iter();
                    let headers =
                        ReplyHeaders::of(headers.map(|(n, v)| (n.as_str(), v.as_bytes())));
                    let came =
                        self.protocol
                            .came(order, &outgoing, answer.status, &headers, &answer.body);
                    let believed = matches!(came.checked, Checked::Verified(_));
                    let what = (order.no.as_str(), &answer);
                    let error_ms = self.world.clock.error_ms();
                    let now = self.world.clock.true_now();
                    self.world.auditor.delivered(what, error_ms, now, believed);
                    came
                }
                End::TimedOut => self.protocol.lost(&outgoing, Checked::Lost(Lost::TimedOut)),
                End::Broken => {
                    let lost = Lost::Broken("connection reset (simulated)".into());
                    self.protocol.lost(&outgoing, Checked::Lost(lost))
                }
                End::NotSent => {
                    self.world.auditor.was_not_sent(flight);
                    let words = "connection refused (simulated)".to_string();
                    self.protocol.lost(&outgoing, Checked::NotSent(words))
                }
            };
            match &exchange.checked {
                Checked::Lost(_) => self.world.count("not in time"),
                Checked::NotSent(_) => self.world.count("not connected"),
                Checked::Verified(_) | Checked::Unsigned(_) | Checked::IllSigned { .. } => {}
            }
            note!(
                self.world,
                "#{id} ends: {}",
                checked_words(&exchange.checked)
            );
            let reply = Reply {
                checked: exchange.checked,
                latency: exchange.latency,
                hint: exchange.signed_message_hint,
                sent,
            };
            engine.on(Event::Reply(Box::new(reply)), self.world.clock.now());
        }
    }

    /// What the disk is ready with: a group of writes, or one page.
    fn take_written(
        &mut self,
        engine: &mut Engine,
        desk: &mut Desk,
        ledger: &mut dyn Ledger,
        scope: Scope,
    ) -> Result<(), LedgerError> {
        if desk.ready_at.is_none_or(|at| at > self.world.now()) {
            return Ok(());
        }
        desk.ready_at = None;
        self.step();
        let most = self.world.dice.pick(&[1, 3, 512]);
        let mut group = Vec::new();
        while let Some(Wanted::Write(_)) = desk.queue.front()
            && group.len() < most
            && let Some(Wanted::Write(write)) = desk.queue.pop_front()
        {
            group.push(write);
        }
        if group.is_empty() {
            if let Some(Wanted::Deck(lane, merchant, phase, after, limit)) = desk.queue.pop_front()
            {
                let jobs = ledger.deck(scope, phase, &merchant, after, limit)?;
                engine.on(Event::Deck { lane, phase, jobs }, self.world.clock.now());
            }
        } else {
            note!(self.world, "commits {} writes", group.len());
            let written = ledger.write(group)?;
            self.world.auditor.committed(&written);
            if written.iter().any(|one| matches!(one, Written::Frozen(_))) {
                self.world.count("frozen while it ran");
                self.world.auditor.quiet_from(self.world.clock.true_now());
            }
            for written in written {
                self.step();
                engine.on(Event::Written(written), self.world.clock.now());
            }
        }
        if !desk.queue.is_empty() {
            desk.ready_at = Some(self.world.now() + self.disk());
        }
        Ok(())
    }
}

fn checked_words(checked: &Checked) -> String {
    match checked {
        Checked::Verified(reply) => format!("verified {}", reply.status),
        Checked::Unsigned(reply) => format!("unsigned {}", reply.status),
        Checked::IllSigned { reply, fault } => format!("ill-signed {} {fault:?}", reply.status),
        Checked::Lost(lost) => format!("lost: {lost:?}"),
        Checked::NotSent(_) => "not sent".into(),
    }
}
