//! Orders of a scope are driven, whatever command asked for it: whether to send at all, the run
//! itself, and what it leaves to be told.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{IsTerminal, stderr, stdin};
use std::time::Duration;

use tokio::sync::oneshot;

use super::approval;
use super::args::{DriveArgs, FirstArgs};
use super::failure::Failure;
use super::pulse::Pulse;
use super::session::Session;
use crate::clock::{Clock, WallMs};
use crate::ledger::{
    BatchId, Environment, Expiring, Ledger, LedgerError, LedgerResult, OrderId, Scope,
};
use crate::order::yuan;
use crate::report::log::hushed;
use crate::report::progress::{Screen, Voice, ask, say};
use crate::report::summary::orders;
use crate::worker::errand::{self, quiet_before};
use crate::worker::{self, RunReport, RunSettings, Shared, Term};

/// Orders near their window's end that are named.
const EXPIRING_NAMED_MAX: u32 = 5;
/// Numbers that a release names one by one.
const RELEASED_NAMED_MAX: usize = 20;

/// What the parts of one command share as they go.
pub struct Driver<'a> {
    /// What was typed.
    pub args: &'a DriveArgs,
    /// What was typed of first sends, by a command that makes any.
    pub first: Option<&'a FirstArgs>,
    /// No new send after this moment.
    pub until: Option<WallMs>,
    /// How many orders that were never sent may still be sent.
    pub limit: Option<u64>,
    /// Hears what a run came to while it goes on.
    pub pulse: Option<Pulse>,
}

/// What a scope has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Orders that were sent and are not final.
    pub open: u64,
    /// Orders that were never sent.
    pub pending: u64,
}

impl Driver<'_> {
    /// What there is to do.
    pub fn work(&self, session: &mut Session, scope: Scope) -> Result<Work, Failure> {
        let lanes = at_hand(&mut session.ledger)?.lanes(scope)?;
        Ok(Work {
            open: lanes.iter().map(|lane| lane.open).sum(),
            pending: lanes.iter().map(|lane| lane.pending).sum(),
        })
    }

    /// Whether nothing would be sent for it.
    pub fn idle(&self, work: Work) -> bool {
        work.open == 0 && (work.pending == 0 || self.limit == Some(0))
    }

    /// Drives a scope as far as it goes; `None` if there is nothing to do.
    pub fn go(
        &mut self,
        session: &mut Session,
        scope: Scope,
    ) -> Result<Option<RunReport>, Failure> {
        self.go_on(session, scope, Term::Once)
    }

    /// The same, for ever where that is asked for, which only a shared ledger has.
    pub fn go_on(
        &mut self,
        session: &mut Session,
        scope: Scope,
        term: Term,
    ) -> Result<Option<RunReport>, Failure> {
        let work = self.work(session, scope)?;
        if self.idle(work) && term == Term::Once {
            return Ok(None);
        }
        let settings = self.settings(session, scope)?;
        let voice = match self.args.quiet || hushed() {
            true => Voice::Quiet,
            false => Voice::Full,
        };
        let hears = self.pulse.as_ref().map(Pulse::hears);
        let mut screen = Screen::new(voice, work.open + work.pending).heard_by(hears);
        let report = driven(session, scope, term, settings, &mut screen);
        screen.finish();
        let report = report?;
        if self.limit.is_some() {
            let left = self.work(session, scope)?.pending;
            if let Some(limit) = &mut self.limit {
                *limit = limit.saturating_sub(work.pending.saturating_sub(left));
            }
        }
        Ok(Some(report))
    }

    /// Lets every worker on a shared ledger send a batch that may be sent whole. One that is sent in part, or
    /// until a time, is this run's alone.
    pub fn hand_over(&self, session: &mut Session, scope: Scope) -> Result<(), Failure> {
        let Scope::Batch(batch) = scope else {
            return Ok(());
        };
        if !session.is_shared() {
            return Ok(());
        }
        if self.is_cut_short() {
            return self.take_back(session, batch);
        }
        let now = session.clock.wall();
        Ok(at_hand(&mut session.ledger)?.hand_over(batch, now)?)
    }

    /// It sends so many, or until a time, and leaves the rest.
    pub fn is_cut_short(&self) -> bool {
        self.limit.is_some() || self.until.is_some()
    }

    /// No other worker sends what was never sent of a batch: it is sent in part, or not at all.
    pub fn take_back(&self, session: &mut Session, batch: BatchId) -> Result<(), Failure> {
        if session.is_shared() && at_hand(&mut session.ledger)?.take_back(batch)? {
            self.note(&format!(
                "batch {batch} had been handed over to all workers, and was taken back: what they have in hand \
                 comes to its end, and they begin nothing more of it"
            ));
        }
        Ok(())
    }

    fn settings(&self, session: &mut Session, scope: Scope) -> Result<RunSettings, Failure> {
        let now = session.clock.wall();
        let ledger = at_hand(&mut session.ledger)?;
        let last_fresh = match self.limit {
            None => None,
            // Nothing fresh: no order has a number below one.
            Some(0) => Some(OrderId(0)),
            Some(limit) => ledger.nth_unsent(scope, limit, now)?,
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

    /// On a terminal a real run asks. Without one (cron) there is nobody to ask. `words` say what
    /// would be sent; they are made only if somebody is asked.
    pub fn may_send(
        &self,
        session: &mut Session,
        words: impl FnOnce(&mut dyn Ledger) -> LedgerResult<String>,
    ) -> Result<bool, Failure> {
        let asks =
            session.environment == Environment::Real && !self.args.yes && stdin().is_terminal();
        if !asks {
            return Ok(true);
        }
        if !stderr().is_terminal() {
            let words = "nobody would see the question that comes before real money moves: standard \
                         error is no terminal; give --yes, or leave it on the terminal. Nothing \
                         was sent";
            return Err(Failure::Usage(words.into()));
        }
        let words = words(at_hand(&mut session.ledger)?)?;
        ask(&format!("{words} This moves real money. Send? Type yes: "));
        let mut stop = session.stop.clone();
        let (answer, answered) = oneshot::channel();
        // A thread of its own: a read that nobody answers must not keep a signal from ending this.
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = stdin().read_line(&mut line);
            let _ = answer.send(read.is_ok() && line.trim() == "yes");
        });
        Ok(session.runtime.block_on(async {
            tokio::select! {
                answer = answered => answer.unwrap_or(false),
                _ = stop.wait_for(|stopped| *stopped) => false,
            }
        }))
    }

    /// Releases the held orders that were named, before anything is sent. A number that the ledger
    /// does not know refuses the command; one that is not held (any more) is left alone.
    pub fn release(&self, session: &mut Session) -> Result<(), Failure> {
        let Some(FirstArgs {
            release,
            by: Some(by),
            ..
        }) = self.first
        else {
            return Ok(());
        };
        approval::may_release(session, release, by)?;
        let at = session.clock.wall();
        let ledger = at_hand(&mut session.ledger)?;
        let said = ledger.release(release, by, at)?;
        let fen = said.released.iter().map(|(_, fen)| u128::from(fen.get()));
        if !said.released.is_empty() {
            self.note(&format!(
                "{} released by {}, {} yuan",
                orders(said.released.len() as u64),
                by.as_str(),
                yuan(fen.sum())
            ));
        }
        for (no, state) in said.left.iter().take(RELEASED_NAMED_MAX) {
            self.note(&format!("not released: {no} is {state}"));
        }
        if said.left.len() > RELEASED_NAMED_MAX {
            let more = said.left.len() - RELEASED_NAMED_MAX;
            self.note(&format!("not released: and {more} more"));
        }
        Ok(())
    }

    /// Says something that is no fault.
    pub fn note(&self, words: &str) {
        if !self.args.quiet && !hushed() {
            say(words);
        }
    }
}

/// A run, on lanes where the ledger has them.
fn driven(
    session: &mut Session,
    scope: Scope,
    term: Term,
    settings: RunSettings,
    screen: &mut Screen,
) -> Result<RunReport, Failure> {
    let ledger = session.ledger.take().ok_or_else(lost)?;
    let (client, clock) = (session.client.clone(), session.clock.clone());
    let stop = session.stop.clone();
    let (ledger, report) = if session.is_shared() {
        let mut shared = Shared {
            lanes: session.lanes.take(),
            scope,
            term,
        };
        let run = worker::run_shared(ledger, &mut shared, client, clock, settings, stop, screen);
        let came = session.runtime.block_on(run);
        session.lanes = shared.lanes;
        came
    } else {
        let run = worker::run(ledger, client, clock, scope, settings, stop, screen);
        session.runtime.block_on(run)
    };
    session.ledger = ledger;
    Ok(report?)
}

/// The hands of a command that drives several scopes.
pub struct Hands<'a, 'd> {
    /// What drives.
    pub driver: &'a mut Driver<'d>,
    /// With what.
    pub session: &'a mut Session,
}

impl errand::Drive for Hands<'_, '_> {
    type Fault = Failure;

    fn ledger(&mut self) -> Result<&mut dyn Ledger, Failure> {
        at_hand(&mut self.session.ledger)
    }

    fn now(&self) -> WallMs {
        self.session.clock.wall()
    }

    fn stopped(&self) -> bool {
        *self.session.stop.borrow()
    }

    fn go(&mut self, scope: Scope) -> Result<Option<RunReport>, Failure> {
        self.driver.go(self.session, scope)
    }
}

/// The ledger's orders whose window comes to its end.
pub fn expiring(ledger: &mut dyn Ledger, now: WallMs) -> LedgerResult<Expiring> {
    let before = quiet_before(ledger, now)?;
    ledger.expiring(before, EXPIRING_NAMED_MAX)
}

/// The ledger, unless a run lost it.
pub fn at_hand(ledger: &mut Option<Box<dyn Ledger>>) -> Result<&mut dyn Ledger, Failure> {
    match ledger {
        Some(ledger) => Ok(&mut **ledger),
        None => Err(lost()),
    }
}

/// A run lost the ledger.
pub fn lost() -> Failure {
    Failure::Ledger(LedgerError::Broken(
        "the run lost it; give the same command again".into(),
    ))
}
