//! The loop around the engine: it carries writes to the ledger's thread, requests to the network,
//! and their answers back. It decides nothing.

mod shared;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

pub use shared::{Shared, run_shared};

use super::deadline::{Deadline, Permission};
use super::engine::{Action, Engine, Event, Now, Reply, Sent};
use super::keeper::{Desk, Say, Told};
use super::limits::{CLAIM_WAIT_MAX, LEDGER_AWAITED_MAX};
use super::send::send;
use super::{Observer, RunReport, RunSettings, Stop};
use crate::clock::{Clock, Mono};
use crate::gateway::Client;
use crate::gateway::reply::{Checked, Lost};
use crate::ledger::writer::{Command, DeckAsked, Done, Writer};
use crate::ledger::{Claimed, LaneWork, Ledger, LedgerError, LedgerResult, Phase, Scope};
use crate::order::Merchant;
use crate::pace::AFTER_GIVING_UP;

/// The observer is told of progress this often, at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// Answers that are taken in before the engine looks again.
const EVENTS_AT_ONCE_MAX: usize = 1_024;

/// Drives the orders of a scope as far as they go, and gives the ledger back.
///
/// A run begins by looking at what the ledger says is unfinished; resuming is not a mode. When
/// `stop` turns true nothing new is sent, and what is in flight is awaited (at most the client's
/// timeout).
///
/// # Errors
/// When the ledger fails, nothing more is sent, and the error is returned; what was in flight is
/// left to the next run.
pub async fn run(
    mut ledger: Box<dyn Ledger>,
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    scope: Scope,
    settings: RunSettings,
    stop: watch::Receiver<bool>,
    observer: &mut dyn Observer,
) -> (Option<Box<dyn Ledger>>, LedgerResult<RunReport>) {
    let now = now(clock.as_ref());
    let engine = match prepare(ledger.as_mut(), scope, settings, now) {
        Ok(engine) => engine,
        Err(error) => return (Some(ledger), Err(error)),
    };
    let mut adapter = Loop::new(engine, scope, client, clock, stop);
    let (done, answers) = mpsc::unbounded_channel();
    let writer = Writer::start(ledger, done);
    let result = adapter.drive(&writer, answers, None, observer).await;
    let ledger = adapter.back_from(writer);
    (ledger, result.map(|()| adapter.engine.into_report()))
}

/// An engine for the orders of a scope, with what the ledger knows of earlier runs.
pub fn prepare(
    ledger: &mut dyn Ledger,
    scope: Scope,
    settings: RunSettings,
    now: Now,
) -> LedgerResult<Engine> {
    let work = ledger.lanes(scope)?;
    with_lanes(work, ledger, scope, settings, now)
}

/// The same for these lanes of it.
pub(super) fn with_lanes(
    work: Vec<LaneWork>,
    ledger: &mut dyn Ledger,
    scope: Scope,
    settings: RunSettings,
    now: Now,
) -> LedgerResult<Engine> {
    let reach = CLAIM_WAIT_MAX + settings.timeout + AFTER_GIVING_UP + Duration::from_secs(1);
    let reach_ms = i64::try_from(reach.as_millis()).unwrap_or(i64::MAX);
    let recent = ledger.recent_sends(now.wall.plus_ms(-reach_ms))?;
    let latest = ledger.latest_signed_at()?;
    Ok(Engine::new(scope, settings, work, &recent, latest, now))
}

fn now(clock: &dyn Clock) -> Now {
    Now {
        mono: clock.monotonic(),
        wall: clock.wall(),
    }
}

struct Loop {
    engine: Engine,
    scope: Scope,
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    stop: watch::Receiver<bool>,
    /// Where requests' ends are sent to, and where they come in.
    ends: mpsc::UnboundedSender<Event>,
    came: mpsc::UnboundedReceiver<Event>,
    shown_at: Option<Duration>,
    /// When it was told to stop, or heard of the ledger or the network last since then.
    heard_at: Option<Mono>,
    /// The ledger says nothing, and is not waited for any more.
    left: bool,
    /// Until when lanes are held, where they are.
    deadlines: HashMap<Merchant, Deadline>,
}

/// The keeper of a run's lanes, as its loop sees it.
struct Lanes {
    desk: Desk,
    /// How long a request may take, and the margin.
    takes: Duration,
    /// Nothing is left for this run.
    done: bool,
    /// The keeper's thread is no more.
    gone: bool,
    /// The keeper takes nothing more.
    enough: bool,
}

impl Lanes {
    /// Has nothing taken any more: a run that stops would give it back at once.
    fn enough(&mut self) {
        if !std::mem::replace(&mut self.enough, true) {
            self.desk.say(Say::Enough);
        }
    }
}

impl Loop {
    fn new(
        engine: Engine,
        scope: Scope,
        client: Arc<Client>,
        clock: Arc<dyn Clock>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let (ends, came) = mpsc::unbounded_channel();
        Self {
            engine,
            scope,
            client,
            clock,
            stop,
            ends,
            came,
            shown_at: None,
            heard_at: None,
            left: false,
            deadlines: HashMap::new(),
        }
    }

    async fn drive(
        &mut self,
        writer: &Writer,
        mut answers: mpsc::UnboundedReceiver<Done>,
        mut lanes: Option<&mut Lanes>,
        observer: &mut dyn Observer,
    ) -> LedgerResult<()> {
        let mut stop_told = false;
        loop {
            if !stop_told && *self.stop.borrow() {
                stop_told = true;
                let now = now(self.clock.as_ref());
                self.heard_at = Some(now.mono);
                self.engine.stop(Stop::Asked, now);
            }
            let now = now(self.clock.as_ref());
            for action in self.engine.poll(now) {
                self.act(action, writer, lanes.as_deref(), observer);
            }
            if let Some(lanes) = &mut lanes {
                if self.engine.is_stopping() {
                    lanes.enough();
                }
                self.let_go(&lanes.desk);
            }
            self.show(now, observer);
            if self.engine.finished() && self.is_over(lanes.as_deref()) {
                observer.progress(&self.engine.progress());
                return Ok(());
            }
            self.waits_still(now)?;
            let wake = self.engine.wake_at(now);
            let pause = wake.map_or(PROGRESS_EVERY, |at| at.saturating_sub(now.mono));
            tokio::select! {
                answer = answers.recv() => {
                    self.take(answer)?;
                    for _ in 0..EVENTS_AT_ONCE_MAX {
                        let Ok(answer) = answers.try_recv() else { break };
                        self.take(Some(answer))?;
                    }
                }
                Some(end) = self.came.recv() => {
                    self.ended(end, observer);
                    for _ in 0..EVENTS_AT_ONCE_MAX {
                        let Ok(end) = self.came.try_recv() else { break };
                        self.ended(end, observer);
                    }
                }
                told = told(&mut lanes) => self.told(told, lanes.as_deref_mut(), observer)?,
                () = tokio::time::sleep(pause.min(PROGRESS_EVERY)) => {}
                changed = self.stop.changed(), if !stop_told => {
                    if changed.is_err() {
                        stop_told = true;
                    }
                }
            }
        }
    }

    /// A run that was told to stop does not wait for ever for a ledger that says nothing: what it was asked
    /// to write is done or not, and the next run reads which.
    fn waits_still(&mut self, now: Now) -> LedgerResult<()> {
        let silent = |at: Mono| now.mono.saturating_sub(at) >= LEDGER_AWAITED_MAX;
        if self.engine.flying() > 0 || !self.heard_at.is_some_and(silent) {
            return Ok(());
        }
        self.left = true;
        Err(LedgerError::Broken(format!(
            "it has said nothing for {} s since the run was told to stop; what is not recorded stays \
             UNKNOWN, and the next run asks for it under its own number",
            LEDGER_AWAITED_MAX.as_secs()
        )))
    }

    /// The ledger, once it has carried out what it was asked; none where it is not waited for.
    fn back_from(&self, writer: Writer) -> Option<Box<dyn Ledger>> {
        if self.left {
            writer.leave();
            return None;
        }
        Some(writer.stop())
    }

    /// Something came of the ledger or the network.
    fn hears(&mut self, now: Now) {
        self.heard_at = self.heard_at.map(|_| now.mono);
    }

    /// Whether an engine that has nothing to do will get nothing any more.
    fn is_over(&self, lanes: Option<&Lanes>) -> bool {
        self.engine.is_stopping() || lanes.is_none_or(|lanes| lanes.done)
    }

    /// What the keeper says.
    fn told(
        &mut self,
        told: Option<Told>,
        lanes: Option<&mut Lanes>,
        observer: &mut dyn Observer,
    ) -> LedgerResult<()> {
        let now = now(self.clock.as_ref());
        match told {
            Some(Told::Joined {
                work,
                epoch,
                rest,
                deadline,
            }) => {
                let merchant = work.merchant.clone();
                if self.engine.join(work, epoch, rest, now) {
                    self.deadlines.insert(merchant, deadline);
                } else if let Some(lanes) = lanes {
                    lanes.desk.give_back(merchant, epoch);
                }
            }
            Some(Told::Leave(merchant)) => self.engine.leave(&merchant, now),
            Some(Told::Frozen) => self.engine.stop(Stop::Frozen, now),
            Some(Told::Notice(words)) => observer.notice(&words),
            Some(Told::Done) => {
                if let Some(lanes) = lanes {
                    lanes.done = true;
                }
            }
            Some(Told::Resting) => {}
            None => {
                if let Some(lanes) = lanes {
                    lanes.gone = true;
                }
                let words = "the thread that keeps the lanes ended: a bug";
                return Err(LedgerError::Broken(words.into()));
            }
        }
        Ok(())
    }

    /// What is clear goes back to the keeper.
    fn let_go(&mut self, desk: &Desk) {
        for clear in self.engine.cleared() {
            self.deadlines.remove(&clear.held.merchant);
            desk.say(Say::Clear(clear));
        }
    }

    /// A request came to its end, or was not begun.
    fn ended(&mut self, end: Event, observer: &mut dyn Observer) {
        match &end {
            Event::Reply(reply) => observer.came(reply),
            Event::Unsent(claimed) => observer.came(&not_begun(claimed)),
            Event::Deck { .. } | Event::Written(_) => {}
        }
        let now = now(self.clock.as_ref());
        self.hears(now);
        self.engine.on(end, now);
    }

    /// An answer of the ledger's thread. Once the ledger has failed nothing is sent any more.
    fn take(&mut self, answer: Option<Done>) -> LedgerResult<()> {
        let now = now(self.clock.as_ref());
        self.hears(now);
        match answer {
            Some(Done::Written { written, .. }) => self.engine.on(Event::Written(written), now),
            Some(Done::Deck { tag, jobs }) => {
                let (lane, phase) = deck_of(tag);
                self.engine.on(Event::Deck { lane, phase, jobs }, now);
            }
            Some(Done::Failed(words)) => return Err(LedgerError::Broken(words)),
            None => return Err(LedgerError::Broken("its thread ended".into())),
        }
        Ok(())
    }

    fn act(
        &mut self,
        action: Action,
        writer: &Writer,
        lanes: Option<&Lanes>,
        observer: &mut dyn Observer,
    ) {
        match action {
            Action::Deck {
                lane,
                merchant,
                phase,
                after,
                limit,
            } => writer.send(Command::Deck(DeckAsked {
                scope: self.scope,
                phase,
                merchant,
                after,
                limit,
                tag: deck_tag(lane, phase),
            })),
            Action::Write(write) => writer.send(Command::Write { write, tag: 0 }),
            Action::Send { claimed, host } => {
                let client = Arc::clone(&self.client);
                let lease = lanes.map(|lanes| self.permission(&claimed, lanes.takes));
                let sent = Sent::of(&claimed);
                observer.sent(&sent);
                let mut end = End {
                    sent: Some(sent),
                    ends: self.ends.clone(),
                };
                tokio::spawn(async move {
                    match send(&client, claimed, host, lease.as_ref()).await {
                        Ok(reply) => end.came(reply),
                        Err(claimed) => end.unsent(claimed),
                    }
                });
            }
            Action::Notice(words) => observer.notice(&words),
            Action::Alert(words) => observer.alert(&words),
        }
    }

    /// What is asked before a request on a held lane leaves. A lane that nobody holds allows nothing.
    fn permission(&self, claimed: &Claimed, takes: Duration) -> Permission {
        let merchant = &claimed.job().order.content.merchant;
        Permission {
            deadline: self.deadlines.get(merchant).cloned().unwrap_or_default(),
            clock: Arc::clone(&self.clock),
            takes,
        }
    }

    fn show(&mut self, now: Now, observer: &mut dyn Observer) {
        let due = self
            .shown_at
            .is_none_or(|at| at + PROGRESS_EVERY <= now.mono);
        if due {
            self.shown_at = Some(now.mono);
            observer.progress(&self.engine.progress());
            observer.so_far(self.engine.report());
        }
    }
}

/// The keeper's next word; never, where there is none.
async fn told(lanes: &mut Option<&mut Lanes>) -> Option<Told> {
    match lanes {
        Some(lanes) => lanes.desk.told().await,
        None => std::future::pending().await,
    }
}

/// A request that was not begun, for who watches.
fn not_begun(claimed: &Claimed) -> Reply {
    Reply {
        sent: Sent::of(claimed),
        checked: Checked::NotSent("the lane's lease would have ended before it".into()),
        latency: Duration::ZERO,
        hint: None,
    }
}

/// Every request comes to an end, also one whose task panics: then its reply is lost.
struct End {
    sent: Option<Sent>,
    ends: mpsc::UnboundedSender<Event>,
}

impl End {
    fn came(&mut self, reply: Reply) {
        self.sent = None;
        // Nobody listens any more once the ledger has failed: the intent stands, and the next run
        // asks again.
        let _ = self.ends.send(Event::Reply(Box::new(reply)));
    }

    fn unsent(&mut self, claimed: Box<Claimed>) {
        self.sent = None;
        // As above: an intent that is not given back counts as sent.
        let _ = self.ends.send(Event::Unsent(claimed));
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(sent) = self.sent.take() {
            self.came(Reply {
                sent,
                checked: Checked::Lost(Lost::Broken("levy gave it up: a bug".into())),
                latency: Duration::ZERO,
                hint: None,
            });
        }
    }
}

fn deck_tag(lane: usize, phase: Phase) -> u64 {
    let phase = match phase {
        Phase::Open => 0,
        Phase::Pending => 1,
    };
    lane as u64 * 2 + phase
}

fn deck_of(tag: u64) -> (usize, Phase) {
    let phase = if tag.is_multiple_of(2) {
        Phase::Open
    } else {
        Phase::Pending
    };
    ((tag / 2) as usize, phase)
}

#[cfg(test)]
mod tests;
