//! One process of levy, from its start to its end or its death: the real parts of `levy run` and
//! `levy resume`, put together as `cli` and `worker::run` do it, but for threads, sockets and clocks.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use levy::batch::{InputRow, Rules, digest_of};
use levy::clock::Clock;
use levy::gateway::{PlatformKey, PlatformKeys, Protocol, Signer};
use levy::ledger::{
    Batch, Binding, CancelTarget, Environment, Ledger, LedgerError, OpenOptions, OrderId, Scope,
    SqliteLedger,
};
use levy::report::result::{self, Place};
use levy::report::summary::{self, Summary};
use levy::worker::intake::{Terms, Watcher, take_in};
use levy::worker::{RunReport, RunSettings};

use super::clock::Us;
use super::disk::{Death, Fuse, Mortal};
use super::keys;
use super::net::TIMEOUT;
use super::world::{World, note};

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
    // PLACE FOR RERUN: a reissue under a new number, after proof. What is to be done for it: an arm
    // in `Process::errand`, a share of the dice in `night`, and in the auditor `a_new_number` knows
    // already that a second number needs the first one's FAILED.
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
    pub world: &'w mut World,
    pub start: Start,
    pub protocol: Protocol,
    pub began: Us,
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
                history_until: None,
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
}
