//! What a run's requests were like, in counts: for metrics, and for nothing that levy decides.

use std::time::Duration;

/// Upper bounds of the latencies that are counted apart, in seconds; longer ones are counted above.
pub const LATENCY_SECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Latencies of replies, from before the sealing to the last byte.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latencies {
    /// How many were within each bound of [`LATENCY_SECONDS`] and above the one before; the last is
    /// for those above all.
    counts: [u64; LATENCY_SECONDS.len() + 1],
    /// All of them together.
    sum: Duration,
}

impl Latencies {
    /// Counts a reply in.
    pub fn add(&mut self, latency: Duration) {
        let seconds = latency.as_secs_f64();
        let at = LATENCY_SECONDS.partition_point(|bound| *bound < seconds);
        self.counts[at] += 1;
        self.sum = self.sum.saturating_add(latency);
    }

    /// How many came within each bound, or within a shorter one: (bound in seconds, count).
    pub fn within(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let mut below = 0;
        LATENCY_SECONDS
            .iter()
            .zip(&self.counts)
            .map(move |(bound, count)| {
                below += count;
                (*bound, below)
            })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    fn join(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }
}

/// What the requests of a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Replies, believed or not.
    pub latencies: Latencies,
    /// Replies that said: too fast.
    pub throttled: u64,
    /// For how long they stopped a merchant's lane, summed over lanes.
    pub throttled_for: Duration,
    /// Requests to which no whole reply came.
    pub lost: u64,
    /// Replies whose signature did not hold; they settled nothing.
    pub ill_signed: u64,
}

impl Traffic {
    /// Adds another run's.
    pub fn join(&mut self, other: &Self) {
        self.latencies.join(&other.latencies);
        self.throttled += other.throttled;
        self.throttled_for = self.throttled_for.saturating_add(other.throttled_for);
        self.lost += other.lost;
        self.ill_signed += other.ill_signed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_counted_within_its_bound_and_every_longer_one() {
        let mut latencies = Latencies::default();
        for ms in [1, 10, 11, 240, 20_000] {
            latencies.add(Duration::from_millis(ms));
        }
        let within: Vec<(f64, u64)> = latencies.within().collect();
        assert_eq!(within[..3], [(0.01, 2), (0.025, 3), (0.05, 3)]);
        assert_eq!(within[4], (0.25, 4));
        assert_eq!(within[9], (10.0, 4));
        assert_eq!(latencies.count(), 5);
        assert_eq!(latencies.sum(), Duration::from_millis(20_262));
        let mut both = Traffic {
            latencies,
            throttled: 1,
            throttled_for: Duration::from_secs(2),
            lost: 3,
            ill_signed: 4,
        };
        both.join(&both.clone());
        assert_eq!(both.latencies.count(), 10);
        assert_eq!((both.throttled, both.lost, both.ill_signed), (2, 6, 8));
        assert_eq!(both.throttled_for, Duration::from_secs(4));
    }
}
