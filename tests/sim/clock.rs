//! True time, which is the gateway's, and this machine's clocks, which may be wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use levy::clock::{Clock, Mono, WallMs};
use levy::worker::engine::Now;

/// Microseconds of true time since the night began.
pub type Us = u64;

pub const MS: Us = 1_000;
pub const SECOND: Us = 1_000_000;
pub const DAY: Us = 24 * 3600 * SECOND;
/// When the night begins, in milliseconds since 1970.
pub const DUSK_MS: i64 = 1_790_000_000_000;

/// A moment of true time in milliseconds since 1970.
pub fn true_ms(at: Us) -> i64 {
    DUSK_MS + (at / MS) as i64
}

#[derive(Debug, Default)]
struct Hands {
    now: AtomicU64,
    booted: AtomicU64,
    /// Of the wall clock, in milliseconds.
    off_ms: AtomicI64,
    wall_ppm: AtomicI64,
    /// Of the monotonic clock; a crystal, which nobody sets.
    mono_ppm: AtomicI64,
}

/// The machine's clocks.
#[derive(Clone, Debug, Default)]
pub struct SimClock(Arc<Hands>);

impl SimClock {
    pub fn true_now(&self) -> Us {
        self.0.now.load(SeqCst)
    }

    pub fn set_true(&self, at: Us) {
        assert!(at >= self.true_now(), "true time never goes back");
        self.0.now.store(at, SeqCst);
    }

    pub fn drifts(&self, wall_ppm: i64, mono_ppm: i64) {
        self.0.wall_ppm.store(wall_ppm, SeqCst);
        self.0.mono_ppm.store(mono_ppm, SeqCst);
    }

    /// The monotonic clock of a new process begins.
    pub fn boot(&self) {
        self.0.booted.store(self.true_now(), SeqCst);
    }

    pub fn step_ms(&self, by: i64) {
        self.0.off_ms.fetch_add(by, SeqCst);
    }

    /// Somebody has set it: no error, no drift.
    pub fn set_right(&self) {
        self.drifts(0, 0);
        self.0.off_ms.store(0, SeqCst);
    }

    /// Local minus true, in milliseconds.
    pub fn error_ms(&self) -> i64 {
        self.wall().0 - true_ms(self.true_now())
    }

    pub fn now(&self) -> Now {
        Now {
            mono: self.monotonic(),
            wall: self.wall(),
        }
    }

    /// The true time at which the monotonic clock shows at least this.
    pub fn true_of(&self, mono: Mono) -> Us {
        let us = mono.as_micros() as i128;
        let ppm = i128::from(self.0.mono_ppm.load(SeqCst));
        let passed = us * 1_000_000 / (1_000_000 + ppm);
        // One for the nanoseconds that are cut off, two for the roundings.
        self.0.booted.load(SeqCst) + passed as u64 + 3
    }
}

impl Clock for SimClock {
    fn wall(&self) -> WallMs {
        let now = self.true_now() as i64;
        let drifted =
            now + (i128::from(now) * i128::from(self.0.wall_ppm.load(SeqCst)) / 1_000_000) as i64;
        WallMs(DUSK_MS + drifted / MS as i64 + self.0.off_ms.load(SeqCst))
    }

    fn monotonic(&self) -> Mono {
        let passed = self.true_now() - self.0.booted.load(SeqCst);
        let ppm = i128::from(self.0.mono_ppm.load(SeqCst));
        let us = i128::from(passed) * (1_000_000 + ppm) / 1_000_000;
        Duration::from_micros(us as u64)
    }
}

#[test]
fn at_the_true_time_of_a_moment_the_monotonic_clock_shows_it() {
    for ppm in -20..=20 {
        let clock = SimClock::default();
        clock.drifts(0, ppm);
        for ns in [1, 999, 1_000, 12_692_142_312, 99_999_999_999] {
            let moment = Duration::from_nanos(ns);
            clock.set_true(clock.true_of(moment).max(clock.true_now()));
            assert!(clock.monotonic() >= moment, "{ppm} {ns}");
        }
    }
}
