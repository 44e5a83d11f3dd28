//! One process of levy, from its start to its end or its death: the real parts of `levy run` and
//! `levy resume`, put together as `cli` and `worker::run` do it, but for threads, sockets and clocks.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use levy::batch::{InputRow, Rules, digest_of};
use levy::clock::Clock;
use levy::gateway::reply::{Checked, Lost};
use levy::gateway::{Host, PlatformKey, PlatformKeys, Protocol, ReplyHeaders, Signer};
use levy::ledger::{
    Batch, Binding, CancelTarget, Environment, Ledger, LedgerError, OpenOptions, OrderId, Phase,
    Scope, SqliteLedger, Write,
};
use levy::order::{Asked, Merchant};
use levy::report::result::{self, Place};
use levy::report::summary::{self, Summary};
use levy::worker::engine::{Action, Engine, Event, Reply, Sent};
use levy::worker::intake::{Terms, Watcher, take_in};
use levy::worker::{RunReport, RunSettings, Stop, prepare};

use super::clock::{MS, SECOND, Us};
use super::disk::{Death, Fuse, Mortal, die};
use super::gateway::Mood;
use super::keys;
use super::net::{End, Flight, TIMEOUT, wire};
use super::world::{World, note};

/// Turns of a process's loop; more, and it does not end.
const TURNS_MAX: u64 = 400_000;

/// How a process is started.
#[derive(Clone, Debug)]
pub struct Start {
    pub fuse: Arc<Fuse>,
    /// Steps of its loop after which it dies.
    pub steps: Option<u64>,
    /// A signal comes after this time.
    pub signal: Option<Us>,
    pub limit: Option<u64>,
    /// No new send after so much of local time.
    pub until_ms: Option<i64>,
    pub qps: u32,
    pub max_in_flight: u32,
    pub wait_seconds: u64,
    pub outage_seconds: u64,
    pub standby: bool,
}

/// What it is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// `levy run FILE`.
    Run(usize),
    /// `levy resume`: whatever was sent and is open.
    Resume,
    /// `levy cancel BATCH`.
    Cancel(usize),
    // `levy rerun` goes here: a reissue under a new number, after proof.
}

/// How it ended.
#[derive(Debug)]
pub enum Ended {
    Died,
    /// By itself; what went wrong, in words.
    Itself(Result<Option<RunReport>, String>),
}

/// A process of levy.
pub struct Process<'w> {
    world: &'w mut World,
    start: Start,
    protocol: Protocol,
    began: Us,
    steps: u64,
}

struct Told {
    stopped: bool,
}

impl Watcher for Told {
    fn row(&mut self, _: &InputRow) {}

    fn stopped(&self) -> bool {
        self.stopped
    }
}

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

fn open(dir: &Path) -> Result<SqliteLedger, LedgerError> {
    SqliteLedger::open(&OpenOptions {
        path: dir.join("levy.db"),
        binding: Binding {
            caller: keys::CALLER.into(),
            environment: Environment::Real,
        },
        create: true,
        allow_network_file_system: true,
    })
}

/// `levy init`: an empty ledger.
pub fn make_ledger(dir: &Path) {
    drop(open(dir).expect("a ledger can be made"));
}

pub fn run(world: &mut World, errand: Errand, start: Start) -> Ended {
    world.generation += 1;
    world.inbox.clear();
    world.clock.boot();
    let began = world.now();
    world.auditor.starts(world.generation, began);
    note!(world, "process {}: {errand:?}", world.generation);
    let primitive = keys::Platform(Mutex::new(world.dice.fork()));
    let caller = keys::Caller(Mutex::new(world.dice.fork()));
    let key = PlatformKey::standing_in(keys::PLATFORM_ID, Arc::new(primitive));
    let signer = Signer::standing_in(keys::CALLER, keys::CALLER_SERIAL, Box::new(caller));
    let clock = Arc::new(world.clock.clone());
    let generation = world.generation;
    let mut process = Process {
        protocol: Protocol::new(signer, PlatformKeys::new(key), clock),
        world,
        start,
        began,
        steps: 0,
    };
    let ended = catch_unwind(AssertUnwindSafe(|| process.errand(errand)));
    let now = world.now();
    world.hangs_up(generation, now);
    world.inbox.clear();
    match ended {
        Ok(result) => {
            if let Err(words) = &result {
                world.auditor.shown(words);
                note!(world, "ended: {words}");
            } else {
                note!(world, "ended");
            }
            Ended::Itself(result)
        }
        Err(payload) if payload.is::<Death>() => {
            world.count("death");
            note!(world, "died");
            Ended::Died
        }
        Err(payload) => resume_unwind(payload),
    }
}

impl Process<'_> {
    fn errand(&mut self, errand: Errand) -> Result<Option<RunReport>, String> {
        let ledger = open(&self.world.dir).map_err(|e| e.to_string())?;
        let mut ledger = Mortal {
            ledger,
            fuse: Arc::clone(&self.start.fuse),
        };
        self.step();
        match errand {
            Errand::Run(file) => self.file(&mut ledger, file),
            Errand::Resume => {
                let settings = self.settings(&mut ledger, None);
                let settings = settings.map_err(|e| e.to_string())?;
                let run = self.drive(&mut ledger, Scope::Open, settings);
                run.map(Some).map_err(|e| e.to_string())
            }
            Errand::Cancel(file) => self.cancel(&mut ledger, file),
        }
    }

    fn path(&self, file: usize) -> PathBuf {
        self.world.dir.join(self.world.auditor.sheets[file].name)
    }

    fn cancel(
        &mut self,
        ledger: &mut dyn Ledger,
        file: usize,
    ) -> Result<Option<RunReport>, String> {
        let digest = digest_of(&self.path(file)).map_err(|e| e.to_string())?;
        let found = ledger.find_batch(&digest).map_err(|e| e.to_string())?;
        let Some(batch) = found else { return Ok(None) };
        let at = self.world.clock.wall();
        let done = ledger.cancel(&CancelTarget::Batch(batch.id), at);
        let done = done.map_err(|e| e.to_string())?;
        for (no, _) in &done.withdrawn {
            self.world.auditor.withdrawn(no.as_str());
        }
        Ok(None)
    }

    /// As `cli::run_file` does it.
    fn file(&mut self, ledger: &mut dyn Ledger, file: usize) -> Result<Option<RunReport>, String> {
        let path = self.path(file);
        let place = Place::look(&result::beside(&path), &[&path]).map_err(|e| e.to_string())?;
        let batch = self.taken_in(ledger, &path)?;
        self.step();
        let scope = Scope::Batch(batch.id);
        let (mut report, mut failed) = (None, None);
        match self.drive_batch(ledger, &batch, scope) {
            Ok(done) => report = done,
            Err(e) => failed = Some(e.to_string()),
        }
        let totals = ledger.totals(batch.id);
        let totals = totals.map_err(|e| failed.get_or_insert(e.to_string()).clone());
        self.step();
        let written = result::write(ledger, &batch, &place);
        self.step();
        if let Err(e) = &written {
            failed.get_or_insert(e.to_string());
        }
        let summary = Summary {
            file: Some(&path),
            batch: Some(&batch),
            totals: totals.as_ref().ok(),
            report: report.as_ref(),
            reissued: None,
            expiring: None,
            journal_head: ledger.journal_head().ok(),
            alerts: report.as_ref().map_or(&[], |r| &r.alerts),
            started_at: self.world.clock.wall(),
            finished_at: self.world.clock.wall(),
            result: None,
            error: failed.as_deref(),
            exit_code: 0,
        };
        self.world.auditor.shown(&summary::human(&summary));
        self.world.auditor.shown(&summary::json(&summary));
        if let (Ok(totals), Ok(rows)) = (&totals, &written) {
            let bytes = std::fs::read(place.path()).map_err(|e| e.to_string())?;
            self.world.auditor.result(file, &bytes, totals, *rows);
        }
        failed.map_or(Ok(report), Err)
    }

    fn taken_in(&mut self, ledger: &mut dyn Ledger, path: &Path) -> Result<Batch, String> {
        let digest = digest_of(path).map_err(|e| e.to_string())?;
        if let Some(batch) = ledger.find_batch(&digest).map_err(|e| e.to_string())? {
            return Ok(batch);
        }
        let terms = Terms {
            rules: Rules {
                amount_fen_max: None,
                sandbox_scripts_allowed: false,
            },
            hold_days: 40,
            at: self.world.clock.wall(),
        };
        let mut told = Told {
            stopped: self.start.signal == Some(0),
        };
        let taken = take_in(ledger, path, Some(digest), &terms, &mut told);
        taken.map(|taken| taken.batch).map_err(|e| e.to_string())
    }

    fn drive_batch(
        &mut self,
        ledger: &mut dyn Ledger,
        batch: &Batch,
        scope: Scope,
    ) -> Result<Option<RunReport>, LedgerError> {
        let lanes = ledger.lanes(scope)?;
        let open: u64 = lanes.iter().map(|lane| lane.open).sum();
        let pending: u64 = lanes.iter().map(|lane| lane.pending).sum();
        if open + pending == 0 || (open == 0 && self.start.limit == Some(0)) {
            return Ok(None);
        }
        let settings = self.settings(ledger, Some(batch))?;
        let fresh_before = self.world.auditor.fresh_sends;
        let report = self.drive(ledger, scope, settings)?;
        if let Some(limit) = self.start.limit {
            let fresh = self.world.auditor.fresh_sends - fresh_before;
            assert!(
                fresh <= limit,
                "--limit {limit}: {fresh} orders were sent first"
            );
        }
        Ok(Some(report))
    }

    fn settings(
        &mut self,
        ledger: &mut dyn Ledger,
        batch: Option<&Batch>,
    ) -> Result<RunSettings, LedgerError> {
        let now = self.world.clock.wall();
        let last_fresh = match (self.start.limit, batch) {
            (None, _) | (_, None) => None,
            (Some(0), _) => Some(OrderId(0)),
            (Some(limit), Some(batch)) => ledger.nth_pending(batch.id, limit)?,
        };
        Ok(RunSettings {
            per_merchant_qps: self.start.qps,
            max_in_flight: self.start.max_in_flight,
            timeout: Duration::from_micros(TIMEOUT),
            wait: Duration::from_secs(self.start.wait_seconds),
            outage_wait: Duration::from_secs(self.start.outage_seconds),
            until: self.start.until_ms.map(|ms| now.plus_ms(ms)),
            last_fresh,
            standby: self.start.standby,
            run: ledger.begin_run(now)?,
            seed: self.world.dice.next(),
        })
    }

    /// As `worker::run` does it.
    fn drive(
        &mut self,
        ledger: &mut dyn Ledger,
        scope: Scope,
        settings: RunSettings,
    ) -> Result<RunReport, LedgerError> {
        let until = settings.until;
        let mut engine = prepare(ledger, scope, settings, self.world.clock.now())?;
        let mut desk = Desk::default();
        let mut signal = self.start.signal.map(|after| self.began + after);
        for _ in 0..TURNS_MAX {
            self.step();
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

    /// A step of the loop: here the process may die.
    fn step(&mut self) {
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

    fn act(&mut self, action: Action, desk: &mut Desk, until: Option<levy::clock::WallMs>) {
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

    fn send(&mut self, sent: Sent, outgoing: levy::gateway::Outgoing, host: Host) {
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
        world.auditor.leaves(attempt, &bytes, now, error_ms);
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
