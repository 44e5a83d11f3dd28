//! The simulator: the real reader, engine, ledger, pace, wire, checks and report, against a
//! simulated gateway, network, clock and disk, all from one seed. No real time, no socket, no
//! thread, and of the client only RSA is replaced.
//!
//! `SEED=7 cargo test --test sim` repeats one night; `FROM=1 SEEDS=2000` runs many.

mod auditor;
mod clock;
mod csv;
mod dice;
mod disk;
mod drive;
mod files;
mod forge;
mod gateway;
mod http;
mod keys;
mod mood;
mod net;
mod night;
mod people;
mod process;
mod world;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, Once};

use night::Figures;

/// Nights of an ordinary test run.
const SEEDS_DEFAULT: u64 = 300;
/// Nights side by side.
const WORKERS: u64 = 2;
/// Failing seeds that are shown before the rest is only counted.
const SHOWN_MAX: usize = 3;

/// Where ledgers are made: in memory where that is possible, since every commit is synced.
fn shelf() -> tempfile::TempDir {
    let memory = PathBuf::from("/dev/shm");
    let made = tempfile::Builder::new()
        .prefix("levy-sim-")
        .tempdir_in(&memory);
    made.or_else(|_| tempfile::tempdir())
        .expect("a directory can be made")
}

thread_local! {
    /// What the last panic of this thread said, and where.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Panics are told once, with the line that repeats them, and not as they come.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name().is_some() {
                return loud(info);
            }
            let payload = info.payload();
            let words = payload.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| payload.downcast_ref::<&str>().copied());
            let at = info.location().map(ToString::to_string).unwrap_or_default();
            SAID.set(format!("{}\n  at {at}", words.unwrap_or("?")));
        }));
    });
}

/// One night; a broken law comes back as what to show.
fn one(seed: u64) -> Result<Figures, String> {
    let dir = shelf();
    let (mut world, run) = night::dawn(seed, dir.path());
    let ended = catch_unwind(AssertUnwindSafe(|| run(&mut world)));
    ended.map_err(|_| {
        let tail: Vec<String> = world.trace.tail.iter().cloned().collect();
        format!(
            "SEED={seed} cargo test --test sim nine_laws\n  {}\n  the trace's last of {} lines:\n    {}",
            SAID.take(),
            world.trace.lines,
            tail.join("\n    ")
        )
    })
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name}={value} is no number")),
    )
}

#[test]
fn nine_laws_hold_whatever_happens_and_it_becomes_quiet() {
    let (from, count) = match setting("SEED") {
        Some(seed) => (seed, 1),
        None => (
            setting("FROM").unwrap_or(1),
            setting("SEEDS").unwrap_or(SEEDS_DEFAULT),
        ),
    };
    hush();
    let next = AtomicU64::new(from);
    let failures = Mutex::new(Vec::new());
    let nights = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, SeqCst);
                    if seed >= from + count {
                        break;
                    }
                    match one(seed) {
                        Ok(figures) => nights.lock().unwrap().push(figures),
                        Err(words) => failures.lock().unwrap().push(words),
                    }
                }
            });
        }
    });
    let met = told(&nights.lock().unwrap());
    let failures = failures.into_inner().unwrap();
    let shown: Vec<&String> = failures.iter().take(SHOWN_MAX).collect();
    for failure in &shown {
        eprintln!("{failure}\n");
    }
    let head = |f: &String| f.lines().take(2).collect::<Vec<_>>().join("");
    let seeds: Vec<String> = failures.iter().map(head).collect();
    assert!(
        failures.is_empty(),
        "{} of {count} nights broke a law: {seeds:#?}",
        failures.len()
    );
    let never: Vec<&&str> = MET
        .iter()
        .filter(|what| !met.contains_key(**what))
        .collect();
    assert!(
        count < SEEDS_DEFAULT || never.is_empty(),
        "never met: {never:?}"
    );
}

/// What so many nights must have met; a fault that never strikes proves nothing.
const MET: [&str; 58] = [
    "401",
    "403 NO_AUTH",
    "429",
    "5xx after",
    "5xx before",
    "ALREADY_EXISTS",
    "FAILED",
    "NOT_ENOUGH",
    "PROCESSING",
    "SUCCESS",
    "a reissue on a failed disk",
    "a result came back",
    "accepted",
    "arrived twice",
    "bad signature",
    "changed rows took their orders' places",
    "clock step",
    "cursed",
    "days passed",
    "death",
    "death after a decision's commit",
    "death after a reissue's commit",
    "death after a reissue, before its send",
    "death after a release's commit",
    "death at a step",
    "death between the proofs and their reissue",
    "decided while a run went on",
    "disk failed",
    "forged close",
    "forged success",
    "frozen",
    "frozen while it ran",
    "given by two people in a row",
    "header missing",
    "intercepted",
    "lingered",
    "nonsense",
    "not connected",
    "not in time",
    "probe",
    "query of an unknown number closes it",
    "query of an unknown number: 404",
    "query that lags",
    "refused",
    "refused, submitted again, accepted",
    "refused: frozen",
    "reissued",
    "reissued and held",
    "reissued what people resolved",
    "released",
    "repeated submission",
    "replayed",
    "rerun until all live",
    "resolved as FAILED",
    "resolved as SUCCESS",
    "stale",
    "unknown serial",
    "unsigned success",
];

/// The figures of a run, for people (`--nocapture`).
fn told(nights: &[Figures]) -> BTreeMap<&'static str, u64> {
    let sum = |of: &dyn Fn(&Figures) -> u64| -> u64 { nights.iter().map(of).sum() };
    let mut met: BTreeMap<&'static str, u64> = BTreeMap::new();
    for night in nights {
        for (what, count) in &night.met {
            *met.entry(what).or_default() += count;
        }
    }
    let days = sum(&|n| n.simulated_us / 1_000_000) / 86_400;
    println!(
        "{} nights, {} orders, {} requests, {} commands, {} deaths, {days} days, {} checks, \
         quiet after {} rounds at most, clocks up to {} s ahead and {} s behind",
        nights.len(),
        sum(&|n| n.orders),
        sum(&|n| n.sent),
        sum(&|n| n.commands),
        sum(&|n| n.deaths),
        sum(&|n| n.checks),
        nights.iter().map(|n| n.rounds).max().unwrap_or(0),
        nights.iter().map(|n| n.ahead_s).max().unwrap_or(0),
        nights.iter().map(|n| n.behind_s).max().unwrap_or(0)
    );
    println!("{met:?}");
    met
}

#[test]
fn one_seed_is_one_night_to_the_last_line() {
    for seed in [1, 2, 3] {
        let digest = || {
            std::thread::scope(|scope| {
                hush();
                scope.spawn(|| one(seed)).join().expect("it is caught")
            })
            .map_or_else(|words| words, |f| f.digest.to_string())
        };
        assert_eq!(digest(), digest(), "seed {seed}");
    }
}
