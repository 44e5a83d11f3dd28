//! The one thread that writes: it takes what is queued, commits it once, then answers each.
//!
//! An adapter around [`Ledger`] and nothing more: it decides nothing. After a failure it answers
//! every command with [`Done::Failed`] and touches the ledger no more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc::UnboundedSender;

use super::{Job, Ledger, LedgerResult, OrderId, Phase, Scope, Write, Written};
use crate::order::Merchant;

/// Writes that share one commit at most.
pub const GROUP_WRITES_MAX: usize = 512;
/// Commands that wait at most; who sends more waits. The engine has one write and one deck out for
/// each request in flight, far fewer.
pub const COMMANDS_QUEUED_MAX: usize = 4096;

/// What the run wants of its ledger.
#[derive(Debug)]
pub enum Command {
    /// Commit this, together with what else is queued.
    Write {
        /// What.
        write: Write,
        /// Comes back with the answer.
        tag: u64,
    },
    /// Read the next orders of a lane; sees every write that was sent before, and perhaps some that were sent after.
    Deck(DeckAsked),
}

/// Which orders of a lane are wanted.
#[derive(Debug)]
pub struct DeckAsked {
    /// Which orders.
    pub scope: Scope,
    /// Which part of the lane's work.
    pub phase: Phase,
    /// The lane.
    pub merchant: Merchant,
    /// Orders after this one.
    pub after: OrderId,
    /// How many at most.
    pub limit: u32,
    /// Comes back with the answer.
    pub tag: u64,
}

/// The writer's answers: those to writes in the order of the commands, those to decks likewise.
#[derive(Debug)]
pub enum Done {
    /// The commit is on disk.
    Written {
        /// The command's tag.
        tag: u64,
        /// What became of it.
        written: Written,
    },
    /// The orders that were asked for.
    Deck {
        /// The command's tag.
        tag: u64,
        /// The orders, by rising id.
        jobs: Vec<Job>,
    },
    /// The ledger failed; why. Nothing may be sent any more, and no command does anything.
    Failed(String),
}

/// A ledger on a thread of its own.
#[derive(Debug)]
pub struct Writer {
    commands: SyncSender<Command>,
    thread: JoinHandle<Box<dyn Ledger>>,
    groups: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread; answers go to `done`.
    pub fn start(ledger: Box<dyn Ledger>, done: UnboundedSender<Done>) -> Self {
        let (commands, queue) = sync_channel(COMMANDS_QUEUED_MAX);
        let groups = Arc::new(AtomicU64::new(0));
        let desk = Desk {
            ledger,
            done,
            groups: Arc::clone(&groups),
            failed: None,
        };
        let thread = std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || desk.serve(&queue))
            .expect("the system can start a thread");
        Self {
            commands,
            thread,
            groups,
        }
    }

    /// Queues a command.
    pub fn send(&self, command: Command) {
        // The thread ends only after this sender is gone, so there is always somebody to take it.
        let _ = self.commands.send(command);
    }

    /// Carries out what is queued, ends the thread and gives the ledger back.
    pub fn stop(self) -> Box<dyn Ledger> {
        drop(self.commands);
        match self.thread.join() {
            Ok(ledger) => ledger,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Waits no longer for what is queued. The thread ends when the ledger answers it, and closes it then;
    /// what it was asked may be done by that time, or not.
    pub fn leave(self) {
        drop(self.thread);
    }

    /// Commits made so far.
    pub fn groups(&self) -> u64 {
        self.groups.load(Ordering::SeqCst)
    }
}

/// The thread's side.
struct Desk {
    ledger: Box<dyn Ledger>,
    done: UnboundedSender<Done>,
    groups: Arc<AtomicU64>,
    failed: Option<String>,
}

impl Desk {
    fn serve(mut self, queue: &Receiver<Command>) -> Box<dyn Ledger> {
        let mut writes = Vec::with_capacity(GROUP_WRITES_MAX);
        let mut tags = Vec::with_capacity(GROUP_WRITES_MAX);
        let mut decks = Vec::new();
        while let Ok(first) = queue.recv() {
            let mut next = Some(first);
            while let Some(command) = next {
                match command {
                    Command::Write { write, tag } => {
                        writes.push(write);
                        tags.push(tag);
                    }
                    // It ends no group: a lane's next orders are none that a write of this run is about. (What was claimed on it
                    // before comes ahead of its next holding's first deck.)
                    Command::Deck(deck) => decks.push(deck),
                }
                if writes.len() == GROUP_WRITES_MAX {
                    break;
                }
                next = queue.try_recv().ok();
            }
            self.commit(&mut writes, &mut tags);
            for deck in decks.drain(..) {
                self.deal(&deck);
            }
        }
        self.ledger
    }

    fn commit(&mut self, writes: &mut Vec<Write>, tags: &mut Vec<u64>) {
        if writes.is_empty() {
            return;
        }
        let group = std::mem::take(writes);
        let sent = tags.len();
        match self.attempt(|ledger| ledger.write(group)) {
            Ok(written) if written.len() == sent => {
                self.groups.fetch_add(1, Ordering::SeqCst);
                for (tag, written) in tags.drain(..).zip(written) {
                    self.answer(Done::Written { tag, written });
                }
            }
            Ok(_) => self.fail("it did not answer every write".into(), sent),
            Err(words) => self.fail(words, sent),
        }
        tags.clear();
    }

    fn deal(&mut self, deck: &DeckAsked) {
        let read = |ledger: &mut dyn Ledger| {
            ledger.deck(
                deck.scope,
                deck.phase,
                &deck.merchant,
                deck.after,
                deck.limit,
            )
        };
        match self.attempt(read) {
            Ok(jobs) => self.answer(Done::Deck {
                tag: deck.tag,
                jobs,
            }),
            Err(words) => self.fail(words, 1),
        }
    }

    /// Asks the ledger, unless it failed before; a panic in it is a failure like any other.
    fn attempt<T>(
        &mut self,
        ask: impl FnOnce(&mut dyn Ledger) -> LedgerResult<T>,
    ) -> Result<T, String> {
        if let Some(words) = &self.failed {
            return Err(words.clone());
        }
        match catch_unwind(AssertUnwindSafe(|| ask(self.ledger.as_mut()))) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(e)) => Err(e.to_string()),
            Err(_) => Err("the ledger failed: levy has a bug, see the message above".into()),
        }
    }

    fn fail(&mut self, words: String, commands: usize) {
        for _ in 0..commands {
            self.answer(Done::Failed(words.clone()));
        }
        self.failed = Some(words);
    }

    fn answer(&self, done: Done) {
        // If nobody listens any more, the run is over; what was committed stays committed.
        let _ = self.done.send(done);
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod told;
