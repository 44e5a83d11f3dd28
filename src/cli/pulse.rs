//! Metrics of a command that never ends, each minute while it goes on.
//!
//! A thread of its own looks at the ledger on a connection of its own and writes the file, so that a ledger that
//! doesn't answer holds up neither the run nor its end. What is written last is the end.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::herald::{overview_of, write_metrics};
use super::store::Store;
use crate::clock::{Clock, SystemClock};
use crate::herald::{Ending, FileEnd};
use crate::report::progress::{Hears, say};
use crate::worker::RunReport;
use crate::worker::traffic::Traffic;

/// How often metrics are written while a command goes on.
const EVERY: Duration = Duration::from_secs(60);

/// What was heard of a run so far.
#[derive(Debug, Default)]
struct Heard {
    traffic: Traffic,
    clock_skew_ms: Option<i64>,
    alerts: usize,
}

/// Writes metrics while it lives; when it is dropped, nothing more.
pub struct Pulse {
    heard: Arc<Mutex<Heard>>,
    /// Held while the file is written: true once nothing may be.
    over: Arc<Mutex<bool>>,
    _stop: Sender<()>,
}

impl Pulse {
    /// Begins: a first time at once, then each minute. `ending` says which command goes on.
    pub fn begin(path: PathBuf, ending: Ending, store: Store) -> Self {
        Self::begin_every(EVERY, path, ending, move |ending| {
            let ledger = store.look().ok();
            ending.ledger = ledger.and_then(|mut ledger| overview_of(&mut *ledger));
        })
    }

    fn begin_every(
        every: Duration,
        path: PathBuf,
        ending: Ending,
        look: impl Fn(&mut Ending) + Send + 'static,
    ) -> Self {
        let (stop, stopped) = channel();
        let heard = Arc::default();
        let over = Arc::default();
        let teller = Teller {
            path,
            ending,
            heard: Arc::clone(&heard),
            over: Arc::clone(&over),
        };
        // Never waited for: it may be asking a ledger that doesn't answer.
        std::thread::spawn(move || teller.tell(every, look, &stopped));
        Self {
            heard,
            over,
            _stop: stop,
        }
    }

    /// What a run calls as it goes on.
    pub fn hears(&self) -> Hears {
        let heard = Arc::clone(&self.heard);
        Box::new(move |report: &RunReport| {
            *locked(&heard) = Heard {
                traffic: report.traffic,
                clock_skew_ms: report.clock_skew_ms,
                alerts: report.alerts.len(),
            };
        })
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        *locked(&self.over) = true;
    }
}

struct Teller {
    path: PathBuf,
    ending: Ending,
    heard: Arc<Mutex<Heard>>,
    over: Arc<Mutex<bool>>,
}

impl Teller {
    fn tell(mut self, every: Duration, look: impl Fn(&mut Ending), stopped: &Receiver<()>) {
        let mut said = None;
        loop {
            self.ending.ledger = None;
            look(&mut self.ending);
            self.now();
            let over = locked(&self.over);
            if *over {
                return;
            }
            let wrong = write_metrics(&self.path, &self.ending).err();
            drop(over);
            // Once, and not each minute.
            if let Some(words) = wrong.as_ref().filter(|words| said.as_ref() != Some(*words)) {
                say(words);
            }
            said = wrong;
            match stopped.recv_timeout(every) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// It goes on, and this is what it came to.
    fn now(&mut self) {
        let heard = locked(&self.heard);
        let ending = &mut self.ending;
        ending.is_going = true;
        ending.finished_at = SystemClock::default().wall();
        ending.traffic = heard.traffic;
        ending.clock_skew_ms = heard.clock_skew_ms;
        ending.files = vec![FileEnd {
            alerts: vec![String::new(); heard.alerts],
            ..FileEnd::default()
        }];
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::clock::WallMs;

    #[test]
    fn it_tells_at_once_and_again_what_was_heard_and_nothing_after_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("levy.prom");
        let ending = || Ending::begin("work", String::new(), WallMs(0));
        // Each look waits until it is let go, and each round is over when the next one looks.
        let (looks, looked) = sync_channel(0);
        let (go, gone) = sync_channel(0);
        let pulse = Pulse::begin_every(Duration::ZERO, path.clone(), ending(), move |_| {
            if looks.send(()).is_ok() {
                let _ = gone.recv();
            }
        });
        let text = || std::fs::read_to_string(&path).unwrap_or_default();
        let line = |line: &str| text().lines().any(|it| it == line);
        looked.recv().unwrap();
        assert!(!path.exists());
        go.send(()).unwrap();
        looked.recv().unwrap();
        assert!(
            line("levy_last_run_going{command=\"work\"} 1"),
            "{}",
            text()
        );
        assert!(line("levy_last_run_lost_replies{command=\"work\"} 0"));
        let mut report = RunReport {
            clock_skew_ms: Some(2_000),
            alerts: vec!["look".into()],
            ..RunReport::default()
        };
        report.traffic.lost = 7;
        pulse.hears()(&report);
        go.send(()).unwrap();
        looked.recv().unwrap();
        assert!(line("levy_last_run_lost_replies{command=\"work\"} 7"));
        assert!(line("levy_last_run_alerts{command=\"work\"} 1"));
        assert!(line("levy_gateway_clock_skew_seconds 2"));
        // A look that goes on when the end is told comes too late.
        drop(pulse);
        write_metrics(&path, &ending()).unwrap();
        go.send(()).unwrap();
        assert!(looked.recv().is_err(), "its thread has ended");
        assert!(
            line("levy_last_run_going{command=\"work\"} 0"),
            "{}",
            text()
        );
    }
}
