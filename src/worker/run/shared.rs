//! A run on a ledger that several hosts share: its lanes come and go, and it may go on for ever.
//!
//! One that goes on for ever goes in rounds: an outage, a freeze or a lost database ends a round, not the
//! run. Between two rounds it holds no lanes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::{Lanes, Loop, PROGRESS_EVERY, now, with_lanes};
use crate::clock::{Clock, Mono, WallMs};
use crate::gateway::Client;
use crate::ledger::writer::Writer;
use crate::ledger::{Frozen, Ledger, LedgerError, LedgerResult, RunId, Scope};
use crate::worker::deadline::with_margin;
use crate::worker::engine::Clear;
use crate::worker::keeper::{Desk, Say, Term};
use crate::worker::limits::{TROUBLE_PAUSE, TROUBLE_PAUSE_MAX};
use crate::worker::{Observer, RunReport, RunSettings, Stop};

/// What a run on a shared ledger needs besides.
pub struct Shared {
    /// The lanes, on a connection of their own. Taken by the run, and put back when it ends.
    pub lanes: Option<Box<dyn crate::ledger::Lanes>>,
    /// Which orders.
    pub scope: Scope,
    /// How long it goes on.
    pub term: Term,
}

/// Drives the orders of a scope lane by lane, beside other processes on the same ledger, and gives the
/// ledger back. Each lane is driven while this process holds it, and let go when it is through.
///
/// When `stop` turns true nothing new is sent, what is in flight is awaited, and all lanes are let go.
///
/// # Errors
/// As [`super::run`]. A run that goes on for ever waits where the ledger fails, and begins anew.
pub async fn run_shared(
    mut ledger: Box<dyn Ledger>,
    shared: &mut Shared,
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    settings: RunSettings,
    stop: watch::Receiver<bool>,
    observer: &mut dyn Observer,
) -> (Option<Box<dyn Ledger>>, LedgerResult<RunReport>) {
    let Some(lanes) = shared.lanes.take() else {
        let words = "a run on a shared ledger was given no lanes: a bug";
        return (Some(ledger), Err(LedgerError::Broken(words.into())));
    };
    let (scope, term) = (shared.scope, shared.term);
    let lease = Duration::from_millis(lanes.lease_ms());
    let takes = with_margin(settings.timeout, lease);
    if takes > lease * 2 / 3 {
        shared.lanes = Some(lanes);
        return (Some(ledger), Err(too_short(lease, settings.timeout)));
    }
    let began = now(clock.as_ref());
    let engine = match with_lanes(Vec::new(), ledger.as_mut(), scope, settings, began) {
        Ok(engine) => engine,
        Err(error) => {
            shared.lanes = Some(lanes);
            return (Some(ledger), Err(error));
        }
    };
    let desk = Desk::start(lanes, Arc::clone(&clock), scope, term);
    let mut rounds = Rounds {
        adapter: Loop::new(engine, scope, client, clock, stop),
        lanes: Lanes {
            desk,
            takes,
            done: false,
            gone: false,
            enough: false,
        },
        term,
        lease,
        began: began.mono,
        pause: TROUBLE_PAUSE,
    };
    let (ledger, result) = rounds.all(ledger, observer).await;
    rounds.lanes.desk.rest().await;
    shared.lanes = rounds.lanes.desk.stop();
    let result = result.map(|()| rounds.adapter.engine.into_report());
    (ledger, result)
}

/// Between two renewals nothing could be begun.
fn too_short(lease: Duration, timeout: Duration) -> LedgerError {
    LedgerError::Refused(format!(
        "a lease of {:?} is too short where a request may take {timeout:?}: nothing would ever be sent; set \
         [ledger] lease to three times [gateway] timeout_seconds or more",
        lease
    ))
}

/// What is said while a frozen ledger is waited for; one that has moved is not waited for.
fn frozen_words(frozen: LedgerResult<Option<Frozen>>, lease: Duration) -> LedgerResult<String> {
    let why = match frozen {
        Ok(Some(frozen)) if frozen.moved_at().is_some() => {
            return Err(LedgerError::Refused(frozen.moved_words()));
        }
        Ok(Some(frozen)) if frozen.is_moved() => frozen.moved_words(),
        Ok(Some(frozen)) => format!("{frozen}; `levy unfreeze` lets it send again"),
        // It is asked again.
        Ok(None) | Err(_) => "the ledger is frozen (`levy unfreeze`)".into(),
    };
    Ok(format!(
        "{why}. All lanes are let go; looking every {} s whether it still is",
        lease.as_secs()
    ))
}

/// Another run in the ledger; none while it is frozen. One that has moved is never thawed.
fn begin(ledger: &mut dyn Ledger, at: WallMs) -> LedgerResult<Option<RunId>> {
    match ledger.frozen()? {
        Some(frozen) if frozen.moved_at().is_some() => {
            Err(LedgerError::Refused(frozen.moved_words()))
        }
        Some(_) => Ok(None),
        None => ledger.begin_run(at).map(Some),
    }
}

/// Why a round ended that another may follow.
enum Pause {
    /// A person froze the ledger.
    Frozen,
    /// The gateway did not answer.
    Outage(String),
    /// The ledger did not.
    Ledger(String),
}

struct Rounds {
    adapter: Loop,
    lanes: Lanes,
    term: Term,
    lease: Duration,
    /// When the round began.
    began: Mono,
    /// How long the next pause is.
    pause: Duration,
}

impl Rounds {
    async fn all(
        &mut self,
        mut ledger: Box<dyn Ledger>,
        observer: &mut dyn Observer,
    ) -> (Option<Box<dyn Ledger>>, LedgerResult<()>) {
        loop {
            let (done, answers) = mpsc::unbounded_channel();
            let writer = Writer::start(ledger, done);
            let lanes = Some(&mut self.lanes);
            let result = self.adapter.drive(&writer, answers, lanes, observer).await;
            self.lanes.enough();
            let pause = self.pause_after(&result);
            if pause.is_some() {
                self.come_home(observer).await;
            }
            let back = self.adapter.back_from(writer);
            let (mut back, pause) = match (back, pause) {
                (Some(back), Some(pause)) => (Some(back), pause),
                (back, _) => return (back, result),
            };
            let goes_on = self.between(pause, &mut back, observer).await;
            ledger = match (back, goes_on) {
                (Some(back), Ok(true)) => back,
                (back, result) => return (back, result.map(drop)),
            };
        }
    }

    /// Whether another round follows, and what has to be over first.
    fn pause_after(&self, result: &LedgerResult<()>) -> Option<Pause> {
        if self.term == Term::Once || self.lanes.gone || self.adapter.left {
            return None;
        }
        let engine = &self.adapter.engine;
        match result {
            Err(LedgerError::Broken(words)) => Some(Pause::Ledger(words.clone())),
            Err(_) => None,
            Ok(()) => match engine.stopped_by()? {
                Stop::Frozen => Some(Pause::Frozen),
                Stop::Outage(words) => Some(Pause::Outage(words.clone())),
                // What has worked once is no wrong setting.
                Stop::Canary(words) if engine.was_proven() => Some(Pause::Outage(words.clone())),
                Stop::Canary(_) | Stop::Asked | Stop::Until => None,
                Stop::Unauthorized(_) | Stop::Refusals(_) | Stop::Stale(_) => None,
            },
        }
    }

    /// What is in flight when the ledger fails can't be recorded, but its permits come back by it.
    async fn come_home(&mut self, observer: &mut dyn Observer) {
        while self.adapter.engine.flying() > 0 {
            match self.adapter.came.recv().await {
                Some(end) => self.adapter.ended(end, observer),
                None => return,
            }
        }
    }

    /// Lets go of all lanes and waits until another round can begin; `false` if a signal came. A ledger that
    /// says nothing then is gone afterwards.
    async fn between(
        &mut self,
        pause: Pause,
        ledger: &mut Option<Box<dyn Ledger>>,
        observer: &mut dyn Observer,
    ) -> LedgerResult<bool> {
        let lasted = self.adapter.clock.monotonic().saturating_sub(self.began);
        if lasted > TROUBLE_PAUSE_MAX {
            self.pause = TROUBLE_PAUSE;
        }
        self.adapter.let_go(&self.lanes.desk);
        for clear in self.adapter.engine.begin_anew() {
            self.give_back(clear);
        }
        self.lanes.desk.rest().await;
        let lease = self.lease;
        observer.notice(&match &pause {
            Pause::Frozen => {
                let frozen = self.ask(ledger, |ledger| ledger.frozen()).await;
                if ledger.is_none() {
                    return frozen.map(|_| false);
                }
                frozen_words(frozen, lease)?
            }
            Pause::Outage(words) => {
                format!("no answer from the gateway ({words}): all lanes are let go, trying again")
            }
            Pause::Ledger(words) => {
                format!("the ledger failed ({words}): all lanes are left, trying again")
            }
        });
        let mut wait = match pause {
            Pause::Frozen => lease,
            Pause::Outage(_) | Pause::Ledger(_) => self.longer(),
        };
        loop {
            if !self.wait(wait).await {
                let now = now(self.adapter.clock.as_ref());
                self.adapter.engine.stop(Stop::Asked, now);
                return Ok(false);
            }
            let at = self.adapter.clock.wall();
            match self.ask(ledger, move |ledger| begin(ledger, at)).await {
                Ok(Some(run)) => {
                    self.adapter.engine.goes_by(run);
                    self.began = self.adapter.clock.monotonic();
                    self.lanes.done = false;
                    self.lanes.enough = false;
                    self.lanes.desk.say(Say::Go);
                    observer.notice("going on");
                    return Ok(true);
                }
                Ok(None) => wait = lease,
                Err(LedgerError::Broken(_)) if ledger.is_some() => wait = self.longer(),
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks the ledger something, on a thread of its own: it may say nothing for as long as its connection
    /// stands. It is waited for until a signal comes, and then as a round waits for it.
    async fn ask<T: Send + 'static>(
        &mut self,
        ledger: &mut Option<Box<dyn Ledger>>,
        question: impl FnOnce(&mut dyn Ledger) -> LedgerResult<T> + Send + 'static,
    ) -> LedgerResult<T> {
        let gone = || LedgerError::Broken("its thread ended: a bug".into());
        let mut asked = ledger.take().ok_or_else(gone)?;
        let (tell, mut told) = oneshot::channel();
        std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || {
                let answer = question(asked.as_mut());
                // Where nobody waits any more it is closed here.
                let _ = tell.send((asked, answer));
            })
            .expect("the system can start a thread");
        let adapter = &mut self.adapter;
        adapter.hears(now(adapter.clock.as_ref()));
        loop {
            tokio::select! {
                came = &mut told => {
                    let (back, answer) = came.map_err(|_| gone())?;
                    *ledger = Some(back);
                    return answer;
                }
                () = tokio::time::sleep(PROGRESS_EVERY) => {
                    let now = now(adapter.clock.as_ref());
                    if *adapter.stop.borrow() {
                        adapter.heard_at.get_or_insert(now.mono);
                    }
                    adapter.waits_still(now)?;
                }
            }
        }
    }

    fn give_back(&mut self, clear: Clear) {
        self.adapter.deadlines.remove(&clear.held.merchant);
        self.lanes.desk.say(Say::Clear(clear));
    }

    /// The next pause; each is twice the one before, up to a maximum.
    fn longer(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(TROUBLE_PAUSE_MAX);
        pause
    }

    /// Whether no signal came meanwhile.
    async fn wait(&mut self, pause: Duration) -> bool {
        let stop = &mut self.adapter.stop;
        if *stop.borrow() {
            return false;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            asked = stop.wait_for(|asked| *asked) => match asked {
                Ok(_) => false,
                // Nobody is left to ask for it.
                Err(_) => { tokio::time::sleep(pause).await; true }
            },
        }
    }
}
