//! One file of `levy run`: known or taken in, asked about, run, told, its result written.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{IsTerminal, stderr, stdin};
use std::path::Path;
use std::time::Duration;

use tokio::sync::oneshot;

use super::args::RunArgs;
use super::failure::{Exit, Failure};
use super::session::Session;
use crate::batch::{InputRow, Rules, digest_of};
use crate::clock::{Clock, WallMs};
use crate::ledger::{
    Accepted, Batch, Environment, JournalHead, Ledger, LedgerError, Scope, Totals,
};
use crate::report::progress::{Screen, Voice, say};
use crate::report::result::{self, Place};
use crate::report::summary::{grouped, table};
use crate::worker::intake::{Terms, Watcher, take_in};
use crate::worker::{self, RunReport, RunSettings};

/// Faults of rows that are shown before the rest is only counted; the result has them all.
const FAULTS_SHOWN_MAX: u64 = 20;

/// What the files of one command share as they go.
pub struct Course<'a> {
    /// What was typed.
    pub args: &'a RunArgs,
    /// No new send after this moment.
    pub until: Option<WallMs>,
    /// How many unsent orders may still be sent.
    pub limit: Option<u64>,
    /// Why no other file is begun.
    pub halted: Option<Halt>,
}

/// Why the files after one are not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// A run was stopped: a signal, or what stopped it would stop the next one too.
    Stopped,
    /// The ledger or levy failed.
    Broken,
}

/// What became of one file. Parts that never came to be are `None`.
#[derive(Debug)]
pub struct Ended {
    /// Its batch.
    pub batch: Option<Batch>,
    /// The batch's sums.
    pub totals: Option<Totals>,
    /// How the run went.
    pub report: Option<RunReport>,
    /// What a person must see.
    pub alerts: Vec<String>,
    /// Where the journal stands afterwards.
    pub journal_head: Option<JournalHead>,
    /// The result was written.
    pub written: bool,
    /// What went wrong, in order.
    pub failures: Vec<Failure>,
    /// How it ended.
    pub exit: Exit,
}

impl Ended {
    fn new() -> Self {
        Self {
            batch: None,
            totals: None,
            report: None,
            alerts: Vec::new(),
            journal_head: None,
            written: false,
            failures: Vec::new(),
            exit: Exit::Done,
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.exit = self.exit.worse(failure.exit());
        self.failures.push(failure);
    }
}

impl Course<'_> {
    /// Does one file, whole. Whatever happens, the caller has something to tell.
    pub fn file(&mut self, session: &mut Session, file: &Path, place: &Place) -> Ended {
        let mut ended = Ended::new();
        match self.halted {
            Some(Halt::Stopped) => {
                let words = "not begun, since the run before it was stopped";
                ended.fail(Failure::Stopped(words.into()));
                return ended;
            }
            Some(Halt::Broken) => {
                ended.fail(Failure::Other(anyhow::anyhow!(
                    "not begun, since levy failed before it"
                )));
                return ended;
            }
            None => {}
        }
        match self.taken_in(session, file) {
            Ok(batch) => {
                if let Err(failure) = self.run(session, &batch, &mut ended) {
                    ended.fail(failure);
                }
                self.afterwards(session, &batch, place, &mut ended);
                ended.batch = Some(batch);
            }
            Err(failure) => ended.fail(failure),
        }
        self.halt(&ended);
        ended
    }

    fn halt(&mut self, ended: &Ended) {
        let broken = |failure: &Failure| match failure.exit() {
            Exit::Failed | Exit::Busy => true,
            Exit::Done | Exit::Usage | Exit::NeedsPerson | Exit::NotFinished => false,
        };
        let stopped = ended.report.as_ref().is_some_and(|r| r.stop.is_some())
            || ended
                .failures
                .iter()
                .any(|f| matches!(f, Failure::Stopped(_)));
        if ended.failures.iter().any(broken) {
            self.halted = Some(Halt::Broken);
        } else if stopped {
            self.halted = Some(Halt::Stopped);
        }
    }

    /// The batch that the file's bytes are: known already, or accepted now.
    fn taken_in(&self, session: &mut Session, file: &Path) -> Result<Batch, Failure> {
        let digest = digest_of(file)?;
        let sandbox = session.environment == Environment::Sandbox;
        let terms = Terms {
            rules: Rules {
                amount_fen_max: Some(session.config.amount_fen_max),
                sandbox_scripts_allowed: sandbox,
            },
            hold_days: self.args.hold_days.unwrap_or(session.config.hold_days),
            at: session.clock.wall(),
        };
        let mut desk = Desk {
            name: file.display().to_string(),
            shown: 0,
            faults: 0,
            rows: 0,
            stop: session.stop.clone(),
        };
        let ledger = at_hand(&mut session.ledger)?;
        if let Some(batch) = ledger.find_batch(&digest)? {
            self.note(&format!(
                "{}: batch {} already, accepted at {}; it is continued",
                desk.name,
                batch.id,
                batch.accepted_at.rfc3339()
            ));
            return Ok(batch);
        }
        let intake = take_in(ledger, file, Some(digest), &terms, &mut desk)?;
        desk.conclude();
        for warning in &intake.warnings {
            say(&format!("{}: warning: {warning}", desk.name));
        }
        self.note(&accepted(&desk.name, &intake.batch, &intake.accepted));
        Ok(intake.batch)
    }

    /// Drives the batch's orders, if there is anything to do for them.
    fn run(
        &mut self,
        session: &mut Session,
        batch: &Batch,
        ended: &mut Ended,
    ) -> Result<(), Failure> {
        let scope = Scope::Batch(batch.id);
        let ledger = at_hand(&mut session.ledger)?;
        let lanes = ledger.lanes(scope)?;
        let open: u64 = lanes.iter().map(|lane| lane.open).sum();
        let pending: u64 = lanes.iter().map(|lane| lane.pending).sum();
        if open + pending == 0 || (open == 0 && self.limit == Some(0)) {
            return Ok(());
        }
        let totals = ledger.totals(batch.id)?;
        if !self.may_send(session, &totals, open, pending)? {
            return Ok(());
        }
        let settings = self.settings(session, batch)?;
        let voice = match self.args.quiet {
            true => Voice::Quiet,
            false => Voice::Full,
        };
        let mut screen = Screen::new(voice, open + pending);
        let ledger = session.ledger.take().ok_or_else(lost)?;
        let run = worker::run(
            ledger,
            session.client.clone(),
            session.clock.clone(),
            scope,
            settings,
            session.stop.clone(),
            &mut screen,
        );
        let (ledger, report) = session.runtime.block_on(run);
        screen.finish();
        session.ledger = ledger;
        let report = report?;
        ended.alerts.extend(report.alerts.iter().cloned());
        ended.report = Some(report);
        if let Some(limit) = &mut self.limit {
            let lanes = at_hand(&mut session.ledger)?.lanes(scope)?;
            let left: u64 = lanes.iter().map(|lane| lane.pending).sum();
            *limit = limit.saturating_sub(pending.saturating_sub(left));
        }
        Ok(())
    }

    fn settings(&self, session: &mut Session, batch: &Batch) -> Result<RunSettings, Failure> {
        let now = session.clock.wall();
        let ledger = at_hand(&mut session.ledger)?;
        let last_fresh = match self.limit {
            None => None,
            // Nothing fresh: no order has a number below one.
            Some(0) => Some(crate::ledger::OrderId(0)),
            Some(limit) => ledger.nth_pending(batch.id, limit)?,
        };
        Ok(RunSettings {
            per_merchant_qps: session.config.per_merchant_qps,
            max_in_flight: session.config.max_in_flight,
            timeout: session.config.timeout,
            wait: Duration::from_secs(u64::from(self.args.wait)),
            outage_wait: Duration::from_secs(u64::from(self.args.outage_wait)),
            until: self.until,
            last_fresh,
            standby: session.client.has_standby(),
            run: ledger.begin_run(now)?,
            // Jitter must differ from run to run and from host to host, and nothing more.
            seed: RandomState::new().build_hasher().finish(),
        })
    }

    /// On a terminal a real run asks. Without one (cron) there is nobody to ask.
    fn may_send(
        &self,
        session: &Session,
        totals: &Totals,
        open: u64,
        pending: u64,
    ) -> Result<bool, Failure> {
        let asks = session.environment == Environment::Real
            && !self.args.yes
            && stdin().is_terminal()
            && stderr().is_terminal();
        if !asks {
            return Ok(true);
        }
        say(table(totals).trim_end());
        say(&format!(
            "{} orders were never sent, {} are open. This moves real money. Send? Type yes: ",
            grouped(pending),
            grouped(open)
        ));
        let mut stop = session.stop.clone();
        let (answer, answered) = oneshot::channel();
        // A thread of its own: a read that nobody answers must not keep a signal from ending this.
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = stdin().read_line(&mut line);
            let _ = answer.send(read.is_ok() && line.trim() == "yes");
        });
        let yes = session.runtime.block_on(async {
            tokio::select! {
                answer = answered => answer.unwrap_or(false),
                _ = stop.wait_for(|stopped| *stopped) => false,
            }
        });
        if !yes {
            say("nothing was sent; `levy cancel` withdraws the batch");
        }
        Ok(yes)
    }

    /// Totals, exit code and result, from whatever the ledger can still tell.
    fn afterwards(&self, session: &mut Session, batch: &Batch, place: &Place, ended: &mut Ended) {
        let Some(ledger) = session.ledger.as_deref_mut() else {
            if ended.failures.is_empty() {
                ended.fail(lost());
            }
            return;
        };
        match ledger.totals(batch.id) {
            Ok(totals) => {
                let exit = Exit::of_run(&totals, ended.report.as_ref(), ended.alerts.len());
                ended.exit = ended.exit.worse(exit);
                ended.totals = Some(totals);
            }
            Err(e) => ended.fail(e.into()),
        }
        match ledger.journal_head() {
            Ok(head) => ended.journal_head = Some(head),
            Err(e) => ended.fail(e.into()),
        }
        match result::write(ledger, batch, place) {
            Ok(_) => ended.written = true,
            Err(fault) => {
                ended.fail(fault.into());
                say(&format!(
                    "the result of batch {id} was not written; nothing is lost: `levy export {id}` \
                     writes it again",
                    id = batch.id
                ));
            }
        }
    }

    fn note(&self, words: &str) {
        if !self.args.quiet {
            say(words);
        }
    }
}

fn at_hand(ledger: &mut Option<Box<dyn Ledger>>) -> Result<&mut dyn Ledger, Failure> {
    match ledger {
        Some(ledger) => Ok(&mut **ledger),
        None => Err(lost()),
    }
}

fn lost() -> Failure {
    Failure::Ledger(LedgerError::Broken(
        "the run lost it; give the same command again".into(),
    ))
}

fn accepted(name: &str, batch: &Batch, accepted: &Accepted) -> String {
    format!(
        "{name}: batch {}, {} rows: {} orders ({} held), {} repeats, {} in conflict, {} invalid",
        batch.id,
        grouped(accepted.rows),
        grouped(accepted.orders),
        grouped(accepted.held),
        grouped(accepted.repeats),
        grouped(accepted.conflicts),
        grouped(accepted.invalid)
    )
}

/// Shows the first faults of a file's rows and counts the rest.
struct Desk {
    name: String,
    shown: u64,
    faults: u64,
    rows: u64,
    stop: tokio::sync::watch::Receiver<bool>,
}

impl Watcher for Desk {
    fn row(&mut self, row: &InputRow) {
        let Err(faults) = &row.outcome else { return };
        self.rows += 1;
        for fault in faults {
            self.faults += 1;
            if self.shown < FAULTS_SHOWN_MAX {
                self.shown += 1;
                say(&fault.in_file(&self.name));
            }
        }
    }

    fn stopped(&self) -> bool {
        *self.stop.borrow()
    }
}

impl Desk {
    fn conclude(&self) {
        if self.faults > self.shown {
            say(&format!(
                "{}: {} faults in {} rows in all; the result has every one",
                self.name,
                grouped(self.faults),
                grouped(self.rows)
            ));
        }
    }
}
