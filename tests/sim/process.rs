//! One process of levy, from its start to its end or its death: the real parts of its commands, put
//! together as `cli` and `worker::run` do it, but for threads, sockets and clocks.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use levy::batch::{InputRow, Rules, digest_of};
use levy::cli;
use levy::cli::args::OnlyDead;
use levy::cli::freeze::refuse_frozen;
use levy::cli::rerun::{Asked, asked, second_half};
use levy::clock::{Clock, WallMs};
use levy::gateway::{PlatformKey, PlatformKeys, Protocol, Signer};
use levy::ledger::{
    Admit, Batch, Binding, CancelTarget, Environment, Ledger, LedgerError, OpenOptions, OrderId,
    Person, Scope, SqliteLedger, Unsent,
};
use levy::order::OrderNo;
use levy::report::result::{self, Place};
use levy::report::summary::{self, Summary};
use levy::worker::errand::{self, Again, Drive, Outcome};
use levy::worker::intake::{Terms, Watcher, take_in};
use levy::worker::{RunReport, RunSettings};

use super::auditor::Typed;
use super::clock::Us;
use super::disk::{Blow, Death, Fuse, Mortal};
use super::keys;
use super::net::TIMEOUT;
use super::people::{self, Deed};
use super::world::{World, note};

/// Days within which another order for the same debt holds a new one.
const HOLD_DAYS: u32 = 40;

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
    /// `--release NO…`, of `run`, `resume` and `rerun`.
    pub release: Vec<String>,
    /// What people decide while it runs, after this time.
    pub meanwhile: Option<(Us, Deed)>,
}

/// What it is told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// `levy run FILE`.
    Run(usize),
    /// `levy resume`: whatever was sent and is open.
    Resume,
    /// `levy cancel BATCH`.
    Cancel(usize),
    /// `levy rerun FILE --only …`.
    Rerun(usize, &'static [OnlyDead]),
    /// `levy freeze`, `levy unfreeze`, `levy resolve NO …`.
    Decide(Deed),
}

/// How it ended.
#[derive(Debug)]
pub enum Ended {
    Died,
    /// By itself; what went wrong, in words.
    Itself(Result<(), String>),
}

/// A process of levy.
pub struct Process<'w> {
    pub world: &'w mut World,
    pub start: Start,
    pub protocol: Protocol,
    /// When the signal comes.
    pub signal: Option<Us>,
    pub steps: u64,
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

pub fn open(dir: &Path) -> Result<SqliteLedger, LedgerError> {
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
    let typed = Typed::of(&errand, &start.release, &world.auditor.sheets);
    world.auditor.starts(world.generation, began, typed);
    note!(world, "process {}: {errand:?}", world.generation);
    let primitive = keys::Platform(Mutex::new(world.dice.fork()));
    let caller = keys::Caller(Mutex::new(world.dice.fork()));
    let key = PlatformKey::standing_in(keys::PLATFORM_ID, Arc::new(primitive));
    let signer = Signer::standing_in(keys::CALLER, keys::CALLER_SERIAL, Box::new(caller));
    let clock = Arc::new(world.clock.clone());
    let generation = world.generation;
    let fuse = Arc::clone(&start.fuse);
    let mut process = Process {
        protocol: Protocol::new(signer, PlatformKeys::new(key), clock),
        world,
        signal: start.signal.map(|after| began + after),
        start,
        steps: 0,
    };
    let ended = catch_unwind(AssertUnwindSafe(|| process.errand(errand)));
    let now = world.now();
    world.hangs_up(generation, now);
    world.inbox.clear();
    if let Some(what) = fuse.struck().and_then(struck) {
        world.count(what);
    }
    match ended {
        Ok(result) => {
            if let Err(words) = &result {
                world.auditor.shown(words);
                note!(world, "ended: {words}");
                let disk = words.contains("disk failed (simulated)");
                let ledger = words.contains("the ledger failed") && !disk;
                assert!(
                    !ledger,
                    "L9: the ledger refuses what the run asks of it: {words}"
                );
                if disk {
                    world.count("disk failed");
                }
            } else {
                note!(world, "ended");
            }
            Ended::Itself(result.map(|_| ()))
        }
        Err(payload) if payload.is::<Death>() => {
            world.count("death");
            note!(world, "died");
            Ended::Died
        }
        Err(payload) => resume_unwind(payload),
    }
}

/// Where it hurts most, by name.
fn struck((operation, blow): (&str, Blow)) -> Option<&'static str> {
    Some(match (operation, blow) {
        ("reissue", Blow::DiesBefore) => "death between the proofs and their reissue",
        ("reissue", Blow::DiesAfter) => "death after a reissue's commit",
        ("reissue", Blow::FailsBefore | Blow::FailsAfter) => "a reissue on a failed disk",
        ("release", Blow::DiesAfter) => "death after a release's commit",
        ("decide", Blow::DiesAfter) => "death after a decision's commit",
        _ => return None,
    })
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
            Errand::Cancel(file) => return self.cancel(&mut ledger, file),
            Errand::Decide(deed) => return people::decides(self.world, &mut ledger, &deed),
            Errand::Run(_) | Errand::Resume | Errand::Rerun(..) => {}
        }
        if let Err(failure) = refuse_frozen(&mut ledger) {
            let words = failure.to_string();
            if words.contains("frozen") {
                self.world.count("refused: frozen");
            }
            return Err(words);
        }
        self.release(&mut ledger)?;
        match errand {
            Errand::Run(file) => self.file(&mut ledger, file),
            Errand::Rerun(file, only) => self.rerun(&mut ledger, file, only),
            Errand::Resume | Errand::Cancel(_) | Errand::Decide(_) => self.resume(&mut ledger),
        }
    }

    /// As `cli::resume` does it.
    fn resume(&mut self, ledger: &mut dyn Ledger) -> Result<Option<RunReport>, String> {
        let mut outcome = Outcome::default();
        let mut hands = Hands::new(self, ledger);
        let done = errand::resume(&mut hands, &mut outcome);
        done.map(|()| outcome.report).map_err(|e| e.to_string())
    }

    /// As `cli::rerun` does it.
    fn rerun(
        &mut self,
        ledger: &mut dyn Ledger,
        file: usize,
        only: &[OnlyDead],
    ) -> Result<Option<RunReport>, String> {
        let path = self.path(file);
        let target = path.to_str().expect("a path of ours");
        let (batch, unsent) = match asked(ledger, target, rules()).map_err(|e| e.to_string())? {
            Asked::Known(batch, unsent) => (batch, unsent),
            Asked::CameBack(path) => {
                self.world.count("a result came back");
                (self.taken_in(ledger, &path)?, Unsent::All)
            }
        };
        self.step();
        let again = Again {
            batch: batch.id,
            only: cli::rerun::only(only),
            rerun: second_half(only, unsent),
        };
        let mut outcome = Outcome::default();
        let mut hands = Hands::new(&mut *self, &mut *ledger);
        let done = errand::rerun(&mut hands, &again, &mut outcome, |hands| {
            hands.process.step();
            Ok(())
        });
        if let Some(tally) = &outcome.reissued {
            self.world.auditor.issued(tally.issued, tally.held);
        }
        let failed = done.err().map(|e| e.to_string());
        self.afterwards(ledger, file, &batch, outcome, failed)
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
        let batch = self.taken_in(ledger, &path)?;
        self.step();
        let mut hands = Hands::new(&mut *self, &mut *ledger);
        let (report, failed) = match hands.go(Scope::Batch(batch.id)) {
            Ok(report) => (report, None),
            Err(e) => (None, Some(e.to_string())),
        };
        let outcome = Outcome {
            report,
            reissued: None,
        };
        self.afterwards(ledger, file, &batch, outcome, failed)
    }

    /// Sums, result and words of a batch.
    fn afterwards(
        &mut self,
        ledger: &mut dyn Ledger,
        file: usize,
        batch: &Batch,
        outcome: Outcome,
        mut failed: Option<String>,
    ) -> Result<Option<RunReport>, String> {
        let path = self.path(file);
        let place = Place::look(&result::beside(&path), &[&path]).map_err(|e| e.to_string())?;
        let Outcome { report, reissued } = outcome;
        let totals = ledger.totals(batch.id);
        let totals = totals.map_err(|e| failed.get_or_insert(e.to_string()).clone());
        self.step();
        let written = result::write(ledger, batch, &place);
        self.step();
        if let Err(e) = &written {
            failed.get_or_insert(e.to_string());
        }
        let summary = Summary {
            file: Some(&path),
            batch: Some(batch),
            totals: totals.as_ref().ok(),
            report: report.as_ref(),
            reissued: reissued.as_ref(),
            expiring: None,
            never_sent: None,
            journal_head: ledger.journal_head().ok(),
            alerts: report.as_ref().map_or(&[], |r| &r.alerts),
            started_at: self.world.clock.wall(),
            finished_at: self.world.clock.wall(),
            result: None,
            failed: None,
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

    /// As `cli::drive` does it.
    fn release(&mut self, ledger: &mut dyn Ledger) -> Result<(), String> {
        let named = std::mem::take(&mut self.start.release);
        if named.is_empty() {
            return Ok(());
        }
        let numbers: Vec<OrderNo> = named
            .iter()
            .map(|no| OrderNo::parse(no).expect("a number of the ledger's"))
            .collect();
        let by = Person::parse("Li Wei").expect("a name");
        let done = ledger.release(&numbers, &by, self.world.clock.wall());
        if let Ok(released) = &done {
            let released = released.released.len();
            note!(self.world, "{released} released of {named:?}");
            if released > 0 {
                self.world.count("released");
            }
        }
        done.map(drop).map_err(|e| e.to_string())
    }

    fn taken_in(&mut self, ledger: &mut dyn Ledger, path: &Path) -> Result<Batch, String> {
        let digest = digest_of(path).map_err(|e| e.to_string())?;
        if let Some(batch) = ledger.find_batch(&digest).map_err(|e| e.to_string())? {
            return Ok(batch);
        }
        let terms = Terms {
            rules: rules(),
            expected: Default::default(),
            total_fen_max: None,
            admit: Admit::Any,
            hold_days: HOLD_DAYS,
            at: self.world.clock.wall(),
        };
        let mut told = Told {
            stopped: self.start.signal == Some(0),
        };
        let taken = take_in(ledger, path, Some(digest), &terms, &mut told);
        taken.map(|taken| taken.batch).map_err(|e| e.to_string())
    }

    fn settings(
        &mut self,
        ledger: &mut dyn Ledger,
        scope: Scope,
    ) -> Result<RunSettings, LedgerError> {
        let now = self.world.clock.wall();
        let last_fresh = match self.start.limit {
            None => None,
            Some(0) => Some(OrderId(0)),
            Some(limit) => ledger.nth_unsent(scope, limit, now)?,
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
}

fn rules() -> Rules {
    Rules::default()
}

/// A command's hands: the process and its ledger.
struct Hands<'a, 'w> {
    process: &'a mut Process<'w>,
    ledger: &'a mut dyn Ledger,
    /// A run of it was stopped: nothing more is issued or driven.
    halted: bool,
}

impl<'a, 'w> Hands<'a, 'w> {
    fn new(process: &'a mut Process<'w>, ledger: &'a mut dyn Ledger) -> Self {
        Self {
            process,
            ledger,
            halted: false,
        }
    }
}

impl Drive for Hands<'_, '_> {
    type Fault = LedgerError;

    fn ledger(&mut self) -> Result<&mut dyn Ledger, LedgerError> {
        assert!(!self.halted, "a command that was stopped goes on");
        Ok(&mut *self.ledger)
    }

    fn now(&self) -> WallMs {
        self.process.world.clock.wall()
    }

    fn stopped(&self) -> bool {
        self.process
            .signal
            .is_some_and(|at| at <= self.process.world.now())
    }

    /// As `cli::drive` does it.
    fn go(&mut self, scope: Scope) -> Result<Option<RunReport>, LedgerError> {
        assert!(!self.halted, "a command that was stopped goes on");
        let process = &mut *self.process;
        let lanes = self.ledger.lanes(scope)?;
        let open: u64 = lanes.iter().map(|lane| lane.open).sum();
        let pending: u64 = lanes.iter().map(|lane| lane.pending).sum();
        if open + pending == 0 || (open == 0 && process.start.limit == Some(0)) {
            return Ok(None);
        }
        let settings = process.settings(self.ledger, scope)?;
        let fresh_before = process.world.auditor.fresh_sends;
        let report = process.drive(self.ledger, scope, settings)?;
        self.halted = report.stop.is_some();
        if let Some(limit) = process.start.limit {
            let fresh = process.world.auditor.fresh_sends - fresh_before;
            assert!(
                fresh <= limit,
                "--limit {limit}: {fresh} orders were sent first"
            );
        }
        Ok(Some(report))
    }
}
