//! The gate: what may pass at all. A nonce serves once, and a merchant has so many requests a second.
//!
//! Time is handed in; it knows no orders.

use std::collections::{HashMap, HashSet, VecDeque};

use super::books::Interface;
use super::desk::Caller;
use super::limits::{LANES_MAX, NONCE_KEPT_SECONDS, RATE_WINDOW_US};
use super::shelf;

/// Requests of each merchant within the last second.
pub(super) struct Rates {
    limit: Option<usize>,
    lanes: HashMap<(Box<str>, bool), VecDeque<i64>>,
}

impl Rates {
    /// So many requests in any second; `None` is no limit.
    pub(super) fn new(limit: Option<u32>) -> Self {
        Self {
            limit: limit.map(|n| n as usize),
            lanes: HashMap::new(),
        }
    }

    /// Counts by arrival, submissions and queries together, the balance apart. What is over the
    /// limit is not counted itself.
    pub(super) fn admits(&mut self, who: &Caller<'_>, at_us: i64) -> bool {
        let (Some(limit), Some(merchant)) = (self.limit, who.merchant) else {
            return true;
        };
        if self.lanes.len() >= LANES_MAX {
            self.lanes.retain(|_, counted| {
                counted
                    .back()
                    .is_some_and(|last| at_us - last < RATE_WINDOW_US)
            });
        }
        let lane = (merchant.into(), who.interface == Interface::Balance);
        let counted = self.lanes.entry(lane).or_default();
        while counted
            .front()
            .is_some_and(|first| at_us - first >= RATE_WINDOW_US)
        {
            counted.pop_front();
        }
        let admitted = counted.len() < limit;
        if admitted {
            counted.push_back(at_us);
        }
        admitted
    }
}

/// Nonces of the last minutes, as digests: half a million of them are a few megabytes.
#[derive(Default)]
pub(super) struct Nonces {
    seen: HashSet<u128>,
    order: VecDeque<(i64, u128)>,
}

impl Nonces {
    /// Whether a nonce is new, and from now on it is not.
    pub(super) fn is_new(&mut self, nonce: &str, at_us: i64) -> bool {
        let kept_us = NONCE_KEPT_SECONDS * 1_000_000;
        while let Some((seen, old)) = self.order.front().copied() {
            if at_us - seen <= kept_us {
                break;
            }
            self.order.pop_front();
            self.seen.remove(&old);
        }
        let nonce = shelf::fingerprint(&[nonce]);
        let new = self.seen.insert(nonce);
        if new {
            self.order.push_back((at_us, nonce));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(interface: Interface, merchant: &str) -> Caller<'_> {
        Caller {
            interface,
            merchant: Some(merchant),
            number: None,
        }
    }

    #[test]
    fn the_second_slides_and_what_was_over_does_not_count() {
        let mut rates = Rates::new(Some(2));
        let submit = who(Interface::Submit, "1");
        let query = who(Interface::Query, "1");
        for (at_us, who, admitted) in [
            (0, &submit, true),
            (400_000, &query, true),
            (999_999, &submit, false),
            (1_000_000, &submit, true),
            (1_399_999, &query, false),
            (1_400_000, &query, true),
            (1_400_001, &who(Interface::Balance, "1"), true),
            (1_400_001, &who(Interface::Submit, "2"), true),
        ] {
            assert_eq!(rates.admits(who, at_us), admitted, "{at_us} {who:?}");
        }
        let mut open = Rates::new(None);
        assert!((0..1000).all(|_| open.admits(&submit, 0)));
    }

    #[test]
    fn a_nonce_is_remembered_for_ten_minutes() {
        let mut nonces = Nonces::default();
        assert!(nonces.is_new("a", 0));
        assert!(nonces.is_new("b", 1));
        assert!(!nonces.is_new("a", 600_000_000));
        assert!(nonces.is_new("a", 600_000_001));
        assert!(!nonces.is_new("b", 600_000_001));
    }
}
