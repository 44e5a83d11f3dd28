//! The keeper's thread, and the run's end of it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Keeper, Say, Term, Told};
use crate::clock::Clock;
use crate::ledger::{Epoch, Held, Lanes, Scope};
use crate::order::Merchant;

/// A keeper on a thread of its own.
pub(in crate::worker) struct Desk {
    say: Sender<Say>,
    told: UnboundedReceiver<Told>,
    thread: JoinHandle<Box<dyn Lanes>>,
}

impl Desk {
    /// Starts the thread; it takes lanes at once.
    pub(in crate::worker) fn start(
        lanes: Box<dyn Lanes>,
        clock: Arc<dyn Clock>,
        scope: Scope,
        term: Term,
    ) -> Self {
        let (say, heard) = channel();
        let (tell, told) = unbounded_channel();
        let keeper = Keeper::new(lanes, clock, scope, term);
        let thread = std::thread::Builder::new()
            .name("lanes".into())
            .spawn(move || serve(keeper, &heard, &tell))
            .expect("the system can start a thread");
        Self { say, told, thread }
    }

    /// Says something. Where the thread has ended, [`Desk::told`] tells.
    pub(in crate::worker) fn say(&self, say: Say) {
        let _ = self.say.send(say);
    }

    /// A lane that the run never drove.
    pub(in crate::worker) fn give_back(&self, merchant: Merchant, epoch: Epoch) {
        self.say(Say::Unused(Held { merchant, epoch }));
    }

    /// What comes next; nothing once the thread has ended.
    pub(in crate::worker) async fn told(&mut self) -> Option<Told> {
        self.told.recv().await
    }

    /// Has nothing taken any more, and gives back what was taken meanwhile. Whatever else was told is of
    /// no use to a run that pauses.
    pub(in crate::worker) async fn rest(&mut self) {
        self.say(Say::Rest);
        loop {
            match self.told().await {
                Some(Told::Resting) | None => return,
                Some(Told::Joined { work, epoch, .. }) => self.give_back(work.merchant, epoch),
                Some(Told::Leave(_) | Told::Notice(_) | Told::Frozen | Told::Done) => {}
            }
        }
    }

    /// Lets go of what is clear, ends the thread and gives the lanes back; not where it panicked.
    pub(in crate::worker) fn stop(self) -> Option<Box<dyn Lanes>> {
        drop(self.say);
        self.thread.join().ok()
    }
}

fn serve(
    mut keeper: Keeper,
    heard: &Receiver<Say>,
    told: &UnboundedSender<Told>,
) -> Box<dyn Lanes> {
    loop {
        for tell in keeper.turn() {
            // Once nobody listens the run is over, and this thread is about to be told.
            let _ = told.send(tell);
        }
        match heard.recv_timeout(keeper.pause()) {
            Ok(say) => {
                keeper.hear(say);
                while let Ok(say) = heard.try_recv() {
                    keeper.hear(say);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return keeper.end(),
        }
    }
}

#[cfg(test)]
impl Desk {
    /// One without a keeper: a test hears what is said to it, and tells the run what it likes.
    pub(in crate::worker) fn overheard(
        lanes: Box<dyn Lanes>,
    ) -> (Self, Receiver<Say>, UnboundedSender<Told>) {
        let (say, heard) = channel();
        let (tell, told) = unbounded_channel();
        let thread = std::thread::spawn(|| lanes);
        (Self { say, told, thread }, heard, tell)
    }
}
