//! Chance, by seed: which requests meet a fault, and how long a reply takes.
//!
//! Whether a request meets a fault depends on the seed, its number and how often that number came
//! before, not on the order in which requests arrive: a run's faults can be had again.

use super::Faults;
use super::books::Interface;
use super::script::Delivery;

/// The dice.
pub(super) struct Chance {
    seed: u64,
    faults: Faults,
}

impl Chance {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        Self { seed, faults }
    }

    /// The fault that this request meets, if any; `times` is how often it came before.
    pub(super) fn roll(&self, interface: Interface, name: &str, times: u64) -> Option<Delivery> {
        let mut dice = Dice::new(self.seed ^ interface as u64)
            .with(name.as_bytes())
            .with(&times.to_be_bytes());
        let faults = &self.faults;
        let half = dice.unit() < 0.5;
        if dice.unit() < faults.lose_before {
            return Some(Delivery::DropBefore);
        }
        if dice.unit() < faults.throttle {
            return Some(Delivery::Throttled);
        }
        if dice.unit() < faults.error_500 {
            return Some(match half {
                true => Delivery::Error500,
                false => Delivery::Error500After,
            });
        }
        if dice.unit() < faults.lose_after {
            return Some(Delivery::DropAfter);
        }
        if dice.unit() < faults.ill_signed {
            return Some(match (half, dice.unit() < 0.5) {
                (true, _) => Delivery::BadSignature,
                (false, true) => Delivery::NoSignature,
                (false, false) => Delivery::Probe,
            });
        }
        None
    }
}

/// SplitMix64: small, seeded, and good enough for dice.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn with(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            self.0 ^= u64::from(*byte);
            self.0 = self.next();
        }
        self
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, not including, 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_about_as_often_as_asked_and_the_same_again() {
        let faults = Faults {
            lose_after: 0.2,
            error_500: 0.1,
            ..Faults::default()
        };
        let count = |seed| {
            let chance = Chance::new(seed, faults);
            let rolls: Vec<_> = (0..20_000)
                .map(|n| chance.roll(Interface::Submit, &format!("N{n}"), 0))
                .collect();
            let of = |kind| rolls.iter().filter(|roll| **roll == Some(kind)).count();
            [
                of(Delivery::DropAfter),
                of(Delivery::Error500),
                of(Delivery::Error500After),
                of(Delivery::DropBefore),
            ]
        };
        let [lost, before, after, none] = count(7);
        // 20% of the 90% that met no 500; each half of 10%.
        assert!((3_400..3_800).contains(&lost), "{lost}");
        assert!((900..1_100).contains(&before), "{before}");
        assert!((900..1_100).contains(&after), "{after}");
        assert_eq!(none, 0);
        assert_eq!(count(7), [lost, before, after, none]);
        assert_ne!(count(8), [lost, before, after, none]);
    }
}
