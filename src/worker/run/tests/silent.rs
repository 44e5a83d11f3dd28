//! A ledger that says nothing, and a run that was told to stop: what it waits for, and for how long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::shared::OneLane;
use super::*;
use crate::ledger::writer::told::{Do, Told as ToldLedger};
use crate::worker::limits::TROUBLE_PAUSE_MAX;
use crate::worker::{Shared, Term, run_shared};

/// A clock that stands still until it is let run: then each look at it is so much later than the one before.
#[derive(Clone)]
struct Looked {
    clock: FakeClock,
    by: Duration,
    runs: Arc<AtomicBool>,
}

impl Looked {
    fn new(by: Duration) -> Self {
        let clock = FakeClock::at(WallMs(1));
        let runs = Arc::default();
        Self { clock, by, runs }
    }
}

impl Clock for Looked {
    fn wall(&self) -> WallMs {
        self.clock.wall()
    }

    fn monotonic(&self) -> Mono {
        if self.runs.load(Ordering::SeqCst) {
            self.clock.advance(self.by);
        }
        self.clock.monotonic()
    }
}

/// Nobody listens.
struct Deaf;

impl Observer for Deaf {
    fn progress(&mut self, _: &Progress) {}

    fn alert(&mut self, words: &str) {
        panic!("{words}");
    }

    fn notice(&mut self, _: &str) {}
}

/// A ledger with one order to be claimed, that says nothing then; what hears and tells it, and an engine.
fn silent(
    clock: &dyn Clock,
    lanes: bool,
) -> (Box<dyn Ledger>, Receiver<usize>, Sender<Do>, Engine, Scope) {
    let (mut real, scope) = ledger();
    let merchant = Merchant::parse("1900016681").unwrap();
    let after = crate::ledger::OrderId(0);
    let jobs = real.deck(scope, Phase::Pending, &merchant, after, 1);
    let settings = settings(&mut real);
    let work = match lanes {
        true => real.lanes(scope).unwrap(),
        false => Vec::new(),
    };
    let engine = with_lanes(work, &mut real, scope, settings, now(clock)).unwrap();
    let (groups, asked) = channel();
    let (tell, orders) = channel();
    let ledger = ToldLedger {
        groups,
        orders,
        jobs: jobs.unwrap(),
    };
    (Box::new(ledger), asked, tell, engine, scope)
}

fn lanes(desk: Desk) -> Lanes {
    Lanes {
        desk,
        takes: Duration::from_secs(1),
        done: false,
        gone: false,
        enough: false,
    }
}

#[tokio::test]
async fn l9_a_run_that_was_told_to_stop_waits_for_a_silent_ledger_as_long_as_is_said_and_no_longer()
{
    let by = Duration::from_secs(5);
    let clock = Looked::new(by);
    let (ledger, asked, tell, engine, scope) = silent(&clock, true);
    let (stop, stopped) = watch::channel(false);
    let clock_of_run: Arc<dyn Clock> = Arc::new(clock.clone());
    let mut adapter = Loop::new(engine, scope, Arc::new(client()), clock_of_run, stopped);
    let (done, answers) = mpsc::unbounded_channel();
    let writer = Writer::start(ledger, done);
    let signal = std::thread::spawn(move || {
        assert_eq!(asked.recv(), Ok(1), "its intent is being committed");
        clock.runs.store(true, Ordering::SeqCst);
        stop.send_replace(true);
        asked
    });
    let mut deaf = Deaf;
    let drive = adapter.drive(&writer, answers, None, &mut deaf);
    let ended = tokio::time::timeout(PATIENCE, drive).await;
    let words = ended.expect("it waits for ever").unwrap_err().to_string();
    assert!(words.contains("said nothing for 30 s"), "{words}");
    let waited = adapter.clock.monotonic() - adapter.heard_at.unwrap();
    // It looks at the clock more than once before it looks whether that was long enough.
    assert!(waited >= LEDGER_AWAITED_MAX && waited < LEDGER_AWAITED_MAX + 5 * by);
    assert!(adapter.back_from(writer).is_none(), "nobody waits for it");
    let _asked = signal.join();
    tell.send(Do::Fail).unwrap();
}

#[test]
fn what_is_heard_of_the_ledger_or_the_network_makes_a_stop_wait_anew() {
    let clock = FakeClock::at(WallMs(1));
    let (_, _, _, engine, scope) = silent(&clock, true);
    let (_stop, stopped) = watch::channel(false);
    let client = Arc::new(client());
    let mut adapter = Loop::new(engine, scope, client, Arc::new(clock.clone()), stopped);
    let after = |seconds: u64, ms: u64| Now {
        mono: Duration::from_secs(seconds) - Duration::from_millis(ms),
        wall: WallMs(1),
    };
    adapter.hears(after(1, 0));
    adapter.waits_still(after(9_999, 0)).unwrap();
    assert_eq!(adapter.heard_at, None, "nobody has told it to stop");
    adapter.heard_at = Some(after(10, 0).mono);
    adapter.waits_still(after(40, 1)).unwrap();
    adapter.hears(after(30, 0));
    adapter.waits_still(after(60, 1)).unwrap();
    assert!(!adapter.left);
    adapter.waits_still(after(60, 0)).unwrap_err();
    assert!(adapter.left);
}

/// Between two rounds as well, where nothing but a signal ends the waiting.
#[tokio::test(flavor = "multi_thread")]
async fn l9_a_worker_for_ever_that_pauses_is_ended_by_one_signal_though_its_ledger_says_nothing() {
    let clock = Looked::new(LEDGER_AWAITED_MAX);
    let (ledger, asked, tell, _, scope) = silent(&clock, true);
    let (mut real, _) = super::ledger();
    let settings = settings(&mut real);
    let mut shared = Shared {
        lanes: Some(Box::new(OneLane::with_work(Duration::from_secs(3)))),
        scope,
        term: Term::ForEver,
    };
    let (stop, stopped) = watch::channel(false);
    let clock_of_run = Arc::new(clock.clone());
    let teller = tell.clone();
    let signal = std::thread::spawn(move || {
        assert_eq!(asked.recv(), Ok(1), "its intent is being committed");
        teller.send(Do::Fail).unwrap();
        assert_eq!(asked.recv(), Ok(0), "it begins another run");
        clock.runs.store(true, Ordering::SeqCst);
        while clock.clock.monotonic() < 4 * TROUBLE_PAUSE_MAX {
            std::thread::yield_now();
        }
        stop.send_replace(true);
        (asked, clock.clock.monotonic())
    });
    let mut deaf = Deaf;
    let run = run_shared(
        ledger,
        &mut shared,
        Arc::new(client()),
        clock_of_run,
        settings,
        stopped,
        &mut deaf,
    );
    let ended = tokio::time::timeout(PATIENCE, run).await;
    let (ledger, report) = ended.expect("a signal does not end it");
    let words = report.unwrap_err().to_string();
    assert!(words.contains("said nothing for 30 s"), "{words}");
    assert!(ledger.is_none() && shared.lanes.is_some());
    let (_asked, told_at) = signal.join().expect("it did not wait for the signal");
    assert!(told_at >= 4 * TROUBLE_PAUSE_MAX);
    tell.send(Do::Fail).unwrap();
}

/// Whatever it takes while its run stops is let go at once, and rested for by the next.
#[tokio::test]
async fn l6_a_run_says_that_it_has_enough_as_soon_as_it_stops_and_not_before() {
    for (signal, tell, enough) in [
        (true, None, true),
        (false, Some(Told::Frozen), true),
        (false, Some(Told::Done), false),
    ] {
        let case = format!("{signal} {tell:?}");
        let clock = FakeClock::at(WallMs(1));
        let (ledger, _asked, _tell, engine, scope) = silent(&clock, false);
        let (stop, stopped) = watch::channel(signal);
        let mut adapter = Loop::new(engine, scope, Arc::new(client()), Arc::new(clock), stopped);
        let (done, answers) = mpsc::unbounded_channel();
        let writer = Writer::start(ledger, done);
        let keeps = Box::new(OneLane::with_work(Duration::from_secs(3)));
        let (desk, heard, told) = Desk::overheard(keeps);
        if let Some(tell) = tell {
            told.send(tell).unwrap();
        }
        let mut lanes = lanes(desk);
        let mut deaf = Deaf;
        let drive = adapter.drive(&writer, answers, Some(&mut lanes), &mut deaf);
        let ended = tokio::time::timeout(PATIENCE, drive).await;
        ended.expect("it hangs").unwrap();
        let said: Vec<Say> = heard.try_iter().collect();
        match enough {
            true => assert!(matches!(said[..], [Say::Enough]), "{case}: {said:?}"),
            false => assert!(said.is_empty(), "{case}: {said:?}"),
        }
        drop(stop);
    }
}
