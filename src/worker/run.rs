//! The loop around the engine: it carries writes to the ledger's thread, requests to the network,
//! and their answers back. It decides nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::engine::{Action, Engine, Event, Now, Reply, Sent};
use super::limits::CLAIM_WAIT_MAX;
use super::send::send;
use super::{Observer, RunReport, RunSettings, Stop};
use crate::clock::Clock;
use crate::gateway::Client;
use crate::gateway::reply::{Checked, Lost};
use crate::ledger::writer::{Command, Done, Writer};
use crate::ledger::{Ledger, LedgerError, LedgerResult, Phase, Scope};
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
    let (done, answers) = mpsc::unbounded_channel();
    let writer = Writer::start(ledger, done);
    let (replies, came) = mpsc::unbounded_channel();
    let adapter = Loop {
        engine,
        scope,
        writer: &writer,
        client,
        clock,
        replies,
        shown_at: None,
    };
    let result = adapter.drive(answers, came, stop, observer).await;
    (Some(writer.stop()), result)
}

/// An engine for the orders of a scope, with what the ledger knows of earlier runs.
pub fn prepare(
    ledger: &mut dyn Ledger,
    scope: Scope,
    settings: RunSettings,
    now: Now,
) -> LedgerResult<Engine> {
    let work = ledger.lanes(scope)?;
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

struct Loop<'a> {
    engine: Engine,
    scope: Scope,
    writer: &'a Writer,
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    replies: mpsc::UnboundedSender<Reply>,
    shown_at: Option<Duration>,
}

impl Loop<'_> {
    async fn drive(
        mut self,
        mut answers: mpsc::UnboundedReceiver<Done>,
        mut came: mpsc::UnboundedReceiver<Reply>,
        mut stop: watch::Receiver<bool>,
        observer: &mut dyn Observer,
    ) -> LedgerResult<RunReport> {
        let mut stop_told = false;
        loop {
            if !stop_told && *stop.borrow() {
                stop_told = true;
                let now = now(self.clock.as_ref());
                self.engine.stop(Stop::Asked, now);
            }
            let now = now(self.clock.as_ref());
            for action in self.engine.poll(now) {
                self.act(action, observer);
            }
            self.show(now, observer);
            if self.engine.finished() {
                observer.progress(&self.engine.progress());
                return Ok(self.engine.into_report());
            }
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
                Some(reply) = came.recv() => {
                    self.reply(reply, observer);
                    for _ in 0..EVENTS_AT_ONCE_MAX {
                        let Ok(reply) = came.try_recv() else { break };
                        self.reply(reply, observer);
                    }
                }
                () = tokio::time::sleep(pause.min(PROGRESS_EVERY)) => {}
                changed = stop.changed(), if !stop_told => {
                    if changed.is_err() {
                        stop_told = true;
                    }
                }
            }
        }
    }

    fn reply(&mut self, reply: Reply, observer: &mut dyn Observer) {
        observer.came(&reply);
        let now = now(self.clock.as_ref());
        self.engine.on(Event::Reply(Box::new(reply)), now);
    }

    /// An answer of the ledger's thread. Once the ledger has failed nothing is sent any more.
    fn take(&mut self, answer: Option<Done>) -> LedgerResult<()> {
        let now = now(self.clock.as_ref());
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

    fn act(&mut self, action: Action, observer: &mut dyn Observer) {
        match action {
            Action::Deck {
                lane,
                merchant,
                phase,
                after,
                limit,
            } => self.writer.send(Command::Deck {
                scope: self.scope,
                phase,
                merchant,
                after,
                limit,
                tag: deck_tag(lane, phase),
            }),
            Action::Write(write) => self.writer.send(Command::Write { write, tag: 0 }),
            Action::Send { claimed, host } => {
                let client = Arc::clone(&self.client);
                let replies = self.replies.clone();
                let sent = Sent::of(&claimed);
                observer.sent(&sent);
                let mut end = End {
                    sent: Some(sent),
                    replies,
                };
                tokio::spawn(async move {
                    let reply = send(&client, *claimed, host).await;
                    end.came(reply);
                });
            }
            Action::Notice(words) => observer.notice(&words),
            Action::Alert(words) => observer.alert(&words),
        }
    }

    fn show(&mut self, now: Now, observer: &mut dyn Observer) {
        let due = self
            .shown_at
            .is_none_or(|at| at + PROGRESS_EVERY <= now.mono);
        if due {
            self.shown_at = Some(now.mono);
            observer.progress(&self.engine.progress());
        }
    }
}

/// Every request comes to an end, also one whose task panics: then its reply is lost.
struct End {
    sent: Option<Sent>,
    replies: mpsc::UnboundedSender<Reply>,
}

impl End {
    fn came(&mut self, reply: Reply) {
        self.sent = None;
        // Nobody listens any more once the ledger has failed: the intent stands, and the next run
        // asks again.
        let _ = self.replies.send(reply);
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
