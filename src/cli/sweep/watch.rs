//! `--watch`: pass after pass, with nothing held in between.
//!
//! Looking is the truth; nobody has to tell levy that a file came. A pass is only begun if names alone
//! show that there may be something to do, so that operators find the ledger free.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::super::args::SweepArgs;
use super::super::failure::{Exit, Failure};
use super::super::{run, signals};
use super::pass;
use crate::inbox::Folder;
use crate::report::progress::say;

/// How long a file that is not through is left in peace by the sweep that has just run it: each run
/// may ask six times for an order, and three runs without an answer call for a person.
const CONTINUE_AFTER: Duration = Duration::from_secs(600);

/// What passes of one process tell each other. Nothing of it matters to money.
#[derive(Debug, Default)]
pub struct Memory {
    not_before: BTreeMap<OsString, Instant>,
    said: BTreeSet<(PathBuf, String)>,
    saying: BTreeSet<(PathBuf, String)>,
}

impl Memory {
    /// Whether a slot may be run again.
    pub fn is_due(&self, key: &OsStr) -> bool {
        let not_before = self.not_before.get(key);
        not_before.is_none_or(|at| *at <= Instant::now())
    }

    /// A slot was run, and is not through.
    pub fn put_off(&mut self, key: &OsStr) {
        self.not_before
            .insert(key.to_owned(), Instant::now() + CONTINUE_AFTER);
    }

    /// Whether the pass before did not say this already. Numbers don't count: seconds go by.
    pub fn is_news(&mut self, path: impl AsRef<Path>, words: &str) -> bool {
        let words = words.chars().filter(|c| !c.is_ascii_digit()).collect();
        let saying = (path.as_ref().to_owned(), words);
        let news = !self.said.contains(&saying);
        self.saying.insert(saying);
        news
    }

    fn next_pass(&mut self) {
        self.said = std::mem::take(&mut self.saying);
        let now = Instant::now();
        self.not_before.retain(|_, at| *at > now);
    }
}

/// Listens for signals while no pass does.
#[derive(Debug)]
pub struct Idle {
    runtime: Runtime,
    stop: watch::Receiver<bool>,
}

impl Idle {
    /// Listens from now on.
    pub fn new() -> Result<Self, Failure> {
        let runtime = run::runtime()?;
        let stop = signals::listen(&runtime)?;
        Ok(Self { runtime, stop })
    }

    /// Waits; whether a signal came.
    fn wait(&mut self, time: Duration) -> bool {
        let stop = &mut self.stop;
        self.runtime.block_on(async {
            tokio::select! {
                () = tokio::time::sleep(time) => false,
                _ = stop.wait_for(|stopped| *stopped) => true,
            }
        })
    }
}

/// Sweeps until a signal comes, or until levy itself fails.
pub fn watch(args: &SweepArgs) -> Exit {
    let mut memory = Memory::default();
    let mut idle = None;
    let mut ever_opened = false;
    loop {
        let (slots, batches) = Folder::glance(&args.dir);
        let due = batches || slots.iter().any(|key| memory.is_due(key));
        let mut exit = match slots.is_empty() {
            true => Exit::Done,
            false => Exit::NotFinished,
        };
        if due || !ever_opened {
            let passed = pass(args, &mut memory, &mut idle);
            ever_opened |= passed.opened;
            exit = passed.exit;
            // Of settings that never held nobody need wait to hear; afterwards a freeze, or an
            // operator's command, may keep the ledger for a while.
            let hopeless = !ever_opened && passed.exit != Exit::Busy;
            if passed.stopped || passed.broken || hopeless {
                return exit;
            }
            memory.next_pass();
        }
        if idle.is_none() {
            match Idle::new() {
                Ok(new) => idle = Some(new),
                Err(failure) => {
                    say(&format!("error: {failure}"));
                    return failure.exit();
                }
            }
        }
        let every = Duration::from_secs(u64::from(args.every));
        if idle.as_mut().is_some_and(|idle| idle.wait(every)) {
            return exit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watched_folder_says_a_thing_once_until_it_is_over() {
        let mut memory = Memory::default();
        for (words, news) in [
            ("it changed 3 s ago", true),
            ("it changed 33 s ago", false),
            ("it is a directory", true),
            ("it changed 3 s ago", true),
        ] {
            assert_eq!(memory.is_news("a.csv", words), news, "{words}");
            memory.next_pass();
        }
    }

    #[test]
    fn what_is_not_through_is_left_in_peace_for_a_while() {
        let mut memory = Memory::default();
        assert!(memory.is_due(OsStr::new("a")));
        memory.put_off(OsStr::new("a"));
        memory.next_pass();
        assert!(!memory.is_due(OsStr::new("a")) && memory.is_due(OsStr::new("b")));
    }
}
