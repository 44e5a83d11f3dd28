//! A lane: one target merchant, with as many permits as requests a second.
//!
//! A request takes a permit; it comes back one second after the reply. The gateway counts the
//! request somewhere between send and reply, so of any `limit + 1` requests two lie more than a
//! second apart as it counts them, whatever the network does (law L6). The last of them to be sent
//! found a permit, so an earlier one had been answered a second before.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::clock::Mono;

/// Sends of one lane are at least this far apart.
pub const SPACING: Duration = Duration::from_millis(5);
/// A permit comes back this long after the reply: the gateway's window, and a little for its clock.
const AFTER_REPLY: Duration = Duration::from_millis(1_001);
/// A request that was given up is assumed to be counted within 30 s (law L6); then the second in
/// which it was counted must pass as well.
pub(crate) const AFTER_GIVING_UP: Duration = Duration::from_millis(31_001);
/// What a 429 without `Retry-After` costs.
const THROTTLED_DEFAULT: Duration = Duration::from_secs(1);
/// `Retry-After` is believed up to here.
const THROTTLED_MAX: Duration = Duration::from_secs(60);
/// After a 429 the limit grows back by 5% of the whole every 10 s.
const RECOVERY_EVERY: Duration = Duration::from_secs(10);
/// Several 429 to requests that were on the wire together are one.
const HALVING_APART: Duration = Duration::from_secs(1);
/// After so many timeouts in a row a lane sends one at a time.
const TIMEOUTS_IN_A_ROW_MAX: u32 = 3;

/// When to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// At this time, or later.
    Until(Mono),
    /// After a reply on this lane.
    Reply,
}

/// The permits of one target merchant.
#[derive(Clone, Debug)]
pub struct Lane {
    limit_max: u32,
    limit: u32,
    /// Permits that are out with a request on the wire.
    out: u32,
    /// When the permits that are neither free nor out come back.
    returning: BinaryHeap<Reverse<Mono>>,
    next_slot: Mono,
    throttled_until: Mono,
    halved_at: Option<Mono>,
    recovered_at: Mono,
    timeouts_in_a_row: u32,
}

impl Lane {
    /// A lane that sends at most `limit` requests in any second; at least one.
    pub fn new(limit: u32) -> Self {
        let limit = limit.max(1);
        Self {
            limit_max: limit,
            limit,
            out: 0,
            returning: BinaryHeap::new(),
            next_slot: Mono::ZERO,
            throttled_until: Mono::ZERO,
            halved_at: None,
            recovered_at: Mono::ZERO,
            timeouts_in_a_row: 0,
        }
    }

    /// Takes a permit for a request that is sent now.
    pub fn try_take(&mut self, now: Mono) -> Result<(), Wait> {
        self.look(now)?;
        self.out += 1;
        // On an absolute schedule: a send that came late does not push the later ones.
        let late = now.saturating_sub(self.next_slot);
        self.next_slot = if late < SPACING { self.next_slot } else { now } + SPACING;
        Ok(())
    }

    /// Whether a permit could be taken now.
    pub fn look(&mut self, now: Mono) -> Result<(), Wait> {
        self.settle(now);
        if self.timeouts_in_a_row >= TIMEOUTS_IN_A_ROW_MAX && self.out > 0 {
            return Err(Wait::Reply);
        }
        let at = self.free_at(now).ok_or(Wait::Reply)?;
        let at = at.max(self.next_slot).max(self.throttled_until);
        if at > now {
            return Err(Wait::Until(at));
        }
        Ok(())
    }

    /// When a permit is free if no reply comes: after the first that comes back, as a rule. After a
    /// 429 or a dead process more are taken than the limit has, and the limit may grow meanwhile.
    fn free_at(&self, now: Mono) -> Option<Mono> {
        let mut taken = self.taken();
        if taken < self.limit {
            return Some(now);
        }
        if taken == self.limit && self.limit == self.limit_max {
            return self.returning.peek().map(|&Reverse(at)| at);
        }
        let mut returning: Vec<Mono> = self.returning.iter().map(|&Reverse(at)| at).collect();
        returning.sort_unstable_by(|a, b| b.cmp(a));
        let (mut limit, mut grows_at) = (self.limit, self.recovered_at + RECOVERY_EVERY);
        loop {
            let grows = (limit < self.limit_max).then_some(grows_at);
            let at = match (returning.last(), grows) {
                (Some(&back), Some(grows)) => back.min(grows),
                (Some(&back), None) => back,
                (None, grows) => grows?,
            };
            if returning.last() == Some(&at) {
                returning.pop();
                taken -= 1;
            } else {
                limit = (limit + self.step()).min(self.limit_max);
                grows_at += RECOVERY_EVERY;
            }
            if taken < limit {
                return Some(at);
            }
        }
    }

    /// What the limit grows by.
    fn step(&self) -> u32 {
        (self.limit_max / 20).max(1)
    }

    /// Permits that are free, and those that come back within a second: what may be claimed ahead.
    pub fn soon(&mut self, now: Mono) -> u32 {
        self.settle(now);
        if self.timeouts_in_a_row >= TIMEOUTS_IN_A_ROW_MAX {
            return 1;
        }
        if self.throttled_until > now + Duration::from_secs(1) {
            return 0;
        }
        let free = self.limit.saturating_sub(self.taken());
        let next = self.returning.peek();
        let ahead = next.is_some_and(|&Reverse(at)| at <= now + Duration::from_secs(1));
        free + if ahead { 2 } else { 0 }
    }

    /// The reply to a request came.
    pub fn replied(&mut self, now: Mono) {
        self.give_back(now + AFTER_REPLY);
        self.timeouts_in_a_row = 0;
    }

    /// A request was given up, its connection closed; whether it arrives is not known.
    pub fn given_up(&mut self, now: Mono, timed_out: bool) {
        self.give_back(now + AFTER_GIVING_UP);
        if timed_out {
            self.timeouts_in_a_row = self.timeouts_in_a_row.saturating_add(1);
        }
    }

    /// The connection of a request was never made: nothing can be counted.
    pub fn not_sent(&mut self, now: Mono) {
        self.give_back(now);
    }

    /// Nothing more is sent before a moment, and the limit halves. Answers by how much longer the lane
    /// stands still than it did already.
    pub fn throttled(&mut self, now: Mono, retry_after: Option<Duration>) -> Duration {
        // What has grown back is halved, not what was left at the last look.
        self.settle(now);
        let pause = retry_after.unwrap_or(THROTTLED_DEFAULT).min(THROTTLED_MAX);
        let until = self.throttled_until.max(now + pause);
        let more = until.saturating_sub(self.throttled_until.max(now));
        self.throttled_until = until;
        if self.halved_at.is_none_or(|at| at + HALVING_APART <= now) {
            self.halved_at = Some(now);
            self.limit = (self.limit / 2).max(1);
            self.recovered_at = now;
        }
        more
    }

    /// A send that a dead process left behind holds a permit until then.
    pub fn left_behind(&mut self, until: Mono) {
        self.returning.push(Reverse(until));
    }

    /// When another process may begin with this lane's limit: every permit is back by then, and a pause
    /// that the gateway asked for is over.
    pub fn rested_at(&self) -> Mono {
        let last = self.returning.iter().map(|&Reverse(at)| at).max();
        last.unwrap_or_default().max(self.throttled_until)
    }

    /// Requests on the wire.
    pub fn out(&self) -> u32 {
        self.out
    }

    fn taken(&self) -> u32 {
        let returning = u32::try_from(self.returning.len()).unwrap_or(u32::MAX);
        self.out.saturating_add(returning)
    }

    fn give_back(&mut self, at: Mono) {
        debug_assert!(self.out > 0);
        self.out = self.out.saturating_sub(1);
        self.returning.push(Reverse(at));
    }

    fn settle(&mut self, now: Mono) {
        while self.returning.peek().is_some_and(|&Reverse(at)| at <= now) {
            self.returning.pop();
        }
        if self.limit < self.limit_max {
            let step = self.step();
            while self.limit < self.limit_max && self.recovered_at + RECOVERY_EVERY <= now {
                self.limit = (self.limit + step).min(self.limit_max);
                self.recovered_at += RECOVERY_EVERY;
            }
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
