//! Until when a held lane may be used: what its keeper and whoever sends look at.
//!
//! By a clock that does not stop with the machine, counted from before the lease was asked for, so that
//! it ends here before it ends at the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::limits::LEASE_MARGIN_MAX;
use crate::clock::{Clock, Mono};

/// The end of one holding of a lane; its clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadline(Arc<AtomicU64>);

impl Deadline {
    /// Ends at this time.
    pub(super) fn at(end: Mono) -> Self {
        let deadline = Self::default();
        deadline.extend(end);
        deadline
    }

    /// Ends at this time from now on, if that is later.
    pub(super) fn extend(&self, end: Mono) {
        let us = u64::try_from(end.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_max(us, Ordering::SeqCst);
    }

    /// It is over, whatever was said before.
    pub(super) fn over(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    /// When it ends.
    pub(super) fn end(&self) -> Mono {
        Duration::from_micros(self.0.load(Ordering::SeqCst))
    }

    /// Whether what begins now and takes so long at most is over before it.
    pub(super) fn allows(&self, now: Mono, takes: Duration) -> bool {
        now + takes <= self.end()
    }
}

/// What is asked right before a request is written to the wire.
#[derive(Clone)]
pub(super) struct Permission {
    /// Until when the lane is ours.
    pub(super) deadline: Deadline,
    /// The clock that the deadline goes by.
    pub(super) clock: Arc<dyn Clock>,
    /// How long the request may take, and the margin.
    pub(super) takes: Duration,
}

impl Permission {
    /// Whether a request may be begun now.
    pub(super) fn holds(&self) -> bool {
        self.deadline.allows(self.clock.monotonic(), self.takes)
    }
}

/// How long a request takes at most, and what is kept free behind it.
pub(super) fn with_margin(timeout: Duration, lease: Duration) -> Duration {
    timeout + (lease / 10).min(LEASE_MARGIN_MAX)
}
