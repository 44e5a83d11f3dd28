//! Lanes that come and go while a run is on: of a ledger that several hosts share.
//!
//! Who holds a lane is not known here, only by which holding it is this run's. A lane is clear when
//! nothing of it is claimed, in flight, being recorded or being read: then it may be let go.

use std::time::Duration;

use super::lanes::LaneRun;
use super::{Engine, Goal, Now, Stop};
use crate::clock::Mono;
use crate::ledger::{Claimed, Epoch, Held, LaneWork, RunId};
use crate::order::Merchant;
use crate::worker::brakes::Brakes;
use crate::worker::limits::{DECK_PAGE_MAX, DECK_TOTAL};

/// A lane that may be let go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clear {
    /// The lane and the holding of it.
    pub held: Held,
    /// How far it came.
    pub end: LaneEnd,
    /// Until then what was sent on it still counts at the gateway.
    pub rested_at: Mono,
}

/// How far a lane came before it was clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneEnd {
    /// All that could be done was done; of its orders that were never sent, so many stayed so.
    Driven {
        /// How many.
        pending_left: u64,
    },
    /// It was stopped: nothing more can be done for it for now.
    Stopped,
    /// It was left before its work was done.
    Left,
}

impl Engine {
    /// A lane belongs to this run from now on, by this holding. Nothing is sent on it before `rest` is
    /// over: what another process sent may still count. What this run knows of its pace is kept.
    ///
    /// Answers whether the lane is in: not where it still is, or where the run stops.
    pub fn join(&mut self, work: LaneWork, epoch: Epoch, rest: Duration, now: Now) -> bool {
        let merchant = work.merchant.clone();
        let known = self.slots.get(&merchant).copied();
        if self.stopping || known.is_some_and(|ix| self.lanes[ix].lease.is_some()) {
            return false;
        }
        self.progress.orders += work.open + work.pending;
        let limit = self.settings.per_merchant_qps;
        let ix = match known {
            Some(ix) => {
                self.lanes[ix].again(work);
                ix
            }
            None => {
                self.lanes.push(LaneRun::new(work, limit));
                let ix = self.lanes.len() - 1;
                for until in self.owed.remove(&merchant).unwrap_or_default() {
                    if until > now.mono {
                        self.lanes[ix].pace.left_behind(until);
                    }
                }
                self.slots.insert(merchant, ix);
                ix
            }
        };
        if !rest.is_zero() {
            for _ in 0..limit.max(1) {
                self.lanes[ix].pace.left_behind(now.mono + rest);
            }
        }
        // It was counted before it was taken: another may have worked on it since.
        self.lanes[ix].reads_all();
        self.lanes[ix].lease = Some(epoch);
        self.held += 1;
        self.deck_page = (DECK_TOTAL / self.held).clamp(4, DECK_PAGE_MAX);
        self.look_at(ix, now.mono);
        true
    }

    /// The lane goes back: nothing more is claimed, what is claimed and not sent is given back, what is
    /// in flight is awaited. It is no stop of the lane, and nobody is told.
    pub fn leave(&mut self, merchant: &Merchant, now: Now) {
        if let Some(&ix) = self.slots.get(merchant)
            && self.lanes[ix].lease.is_some()
        {
            self.leave_lane(ix, now);
        }
    }

    /// The lanes that have become clear since this was asked last; they are not the run's any more.
    pub fn cleared(&mut self) -> Vec<Clear> {
        std::mem::take(&mut self.clear)
    }

    /// Requests on the wire.
    pub fn flying(&self) -> u32 {
        self.flying
    }

    /// Whether the run was told to stop, or has stopped by itself.
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Why it stops, if it does.
    pub fn stopped_by(&self) -> Option<&Stop> {
        self.report.stop.as_ref()
    }

    /// Keys and clock were right at some time: a verified reply has come.
    pub fn was_proven(&self) -> bool {
        self.proven_once || self.brakes.is_proven()
    }

    /// Begins anew as another run of the same process, once nothing is in flight: all that was under way
    /// is forgotten, the ledger knows of it. What is known of each lane's pace stays, and the report goes
    /// on. No lane is in it: those that were are answered.
    pub fn begin_anew(&mut self) -> Vec<Clear> {
        debug_assert_eq!(self.flying, 0);
        let mut back: Vec<Clear> = self.clear.drain(..).collect();
        for lane in &mut self.lanes {
            let merchant = lane.merchant.clone();
            if let Some(epoch) = lane.lease {
                let merchant = merchant.clone();
                back.push(Clear {
                    held: Held { merchant, epoch },
                    end: LaneEnd::Left,
                    rested_at: lane.pace.rested_at(),
                });
            }
            lane.again(nothing_of(merchant));
            lane.waits_for_nothing();
        }
        self.proven_once = self.was_proven();
        self.brakes = brakes(self.goal, &self.settings);
        self.report.stop = None;
        self.jobs.clear();
        self.queue.clear();
        self.for_wire.clear();
        self.for_room.clear();
        self.canary = None;
        self.stopping = false;
        (self.held, self.claims, self.writes, self.fetches) = (0, 0, 0, 0);
        self.actions.clear();
        back
    }

    /// Its intents are those of this run of the ledger from now on.
    pub fn goes_by(&mut self, run: RunId) {
        self.settings.run = run;
    }

    /// Leaves a lane that its holder has to give back, or has lost.
    pub(super) fn leave_lane(&mut self, ix: usize, now: Now) {
        if !self.lanes[ix].stopped {
            self.lanes[ix].left = true;
            self.close_lane(ix, now);
        }
    }

    /// A request was not begun, since its lane's lease would have ended before it.
    pub(super) fn unsent(&mut self, claimed: Claimed, now: Now) {
        let id = claimed.job().id;
        let lane = self.jobs[&id].lane;
        self.flying -= 1;
        self.claims += 1;
        self.lanes[lane].pace.not_sent(now.mono);
        self.leave_lane(lane, now);
        self.give_back(claimed, now);
        self.unblock(now);
    }

    /// Notes that a held lane is clear, if it is.
    pub(super) fn settle_lane(&mut self, ix: usize) {
        let lane = &mut self.lanes[ix];
        let Some(epoch) = lane.lease else { return };
        if !lane.is_clear() {
            return;
        }
        lane.lease = None;
        let left = lane.left || self.stopping;
        let merchant = lane.merchant.clone();
        let end = match (left, lane.stopped) {
            (true, _) => LaneEnd::Left,
            (false, true) => LaneEnd::Stopped,
            (false, false) => LaneEnd::Driven {
                pending_left: lane.pending_left,
            },
        };
        // Nothing is claimed without a holding.
        lane.stopped = true;
        if left {
            self.progress.orders = self.progress.orders.saturating_sub(lane.to_do);
        }
        let held = Held { merchant, epoch };
        self.held -= 1;
        let rested_at = lane.pace.rested_at();
        self.clear.push(Clear {
            held,
            end,
            rested_at,
        });
    }
}

/// The brakes of a run that begins.
pub(super) fn brakes(goal: Goal, settings: &crate::worker::RunSettings) -> Brakes {
    let brakes = Brakes::new(settings.standby, settings.outage_wait);
    match goal {
        Goal::Settle => brakes,
        Goal::Compare => brakes.comparing(),
    }
}

fn nothing_of(merchant: Merchant) -> LaneWork {
    LaneWork {
        merchant,
        open: 0,
        pending: 0,
    }
}
