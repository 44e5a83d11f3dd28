//! Time: of the wall for the journal and the window, monotonic for the pace. Real, or handed in.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use rustix::time::{ClockId, clock_gettime};

/// A point on the wall clock: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallMs(pub i64);

/// A point on the monotonic clock: time since some fixed start of this process.
pub type Mono = Duration;

impl WallMs {
    /// Whole seconds since 1970, as signatures carry them.
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// From whole seconds since 1970.
    pub fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// This point plus a number of milliseconds.
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// RFC 3339 in China's time, as the gateway writes it: `2026-01-31T08:00:00.000+08:00`.
    pub fn rfc3339(self) -> String {
        let china = FixedOffset::east_opt(8 * 3600).expect("eight hours");
        match DateTime::<Utc>::from_timestamp_millis(self.0) {
            Some(utc) => utc
                .with_timezone(&china)
                .to_rfc3339_opts(SecondsFormat::Millis, false),
            None => format!("{}ms", self.0),
        }
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The wall clock; it may jump either way.
    fn wall(&self) -> WallMs;
    /// The monotonic clock; it never goes back, and goes on while the machine sleeps.
    fn monotonic(&self) -> Mono;
}

/// The machine's clocks. The monotonic one is CLOCK_BOOTTIME, since a lease goes on while the machine
/// sleeps: CLOCK_MONOTONIC, and with it `Instant`, would stand still.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Duration,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            start: since_boot(),
        }
    }
}

/// Since the machine was started, sleep included.
fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

impl Clock for SystemClock {
    fn wall(&self) -> WallMs {
        let ms = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_millis() as i64,
            Err(before) => -(before.duration().as_millis() as i64),
        };
        WallMs(ms)
    }

    fn monotonic(&self) -> Mono {
        since_boot().saturating_sub(self.start)
    }
}

/// A clock that stands still until it is told otherwise; for tests and simulation.
#[derive(Clone, Debug, Default)]
pub struct FakeClock {
    wall: Arc<AtomicI64>,
    mono_us: Arc<AtomicU64>,
}

impl FakeClock {
    /// A clock whose wall stands at `wall`, and whose monotonic time is zero.
    pub fn at(wall: WallMs) -> Self {
        let clock = Self::default();
        clock.set_wall(wall);
        clock
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        self.wall.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
        self.mono_us
            .fetch_add(by.as_micros() as u64, Ordering::SeqCst);
    }

    /// Steps the wall clock alone.
    pub fn set_wall(&self, wall: WallMs) {
        self.wall.store(wall.0, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn wall(&self) -> WallMs {
        WallMs(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Mono {
        Duration::from_micros(self.mono_us.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's own tale of how long the machine is up counts its sleep.
    #[test]
    fn l6_the_monotonic_clock_goes_on_while_the_machine_sleeps() {
        let clock = SystemClock::default();
        let uptime = || {
            let told = std::fs::read_to_string("/proc/uptime").unwrap();
            let seconds = told.split(' ').next().unwrap();
            Duration::from_secs_f64(seconds.parse().unwrap())
        };
        // It is told in hundredths of a second.
        let early = uptime().saturating_sub(Duration::from_millis(11));
        let now = clock.start + clock.monotonic();
        let late = uptime() + Duration::from_millis(11);
        assert!(early <= now && now <= late, "{early:?} {now:?} {late:?}");
        assert!(clock.monotonic() >= now - clock.start);
    }

    #[test]
    fn wall_times_read_like_the_gateways() {
        assert_eq!(
            WallMs(1_769_817_600_123).rfc3339(),
            "2026-01-31T08:00:00.123+08:00"
        );
    }
}
