//! Who keeps lanes for a run on a shared ledger: takes them, renews their leases, lets them go.
//!
//! `Keeper` decides: one turn after the other, by what the lanes at the database and the run say, with a
//! clock that is handed in. `Desk` is the thread around it. It knows neither orders nor requests.
//!
//! A lane that is taken goes to the run ([`Told::Joined`]) and stays there until the run calls it clear
//! ([`Say::Clear`]), however it came to that: driven, asked back ([`Told::Leave`]), or lost.

mod desk;
mod share;
mod talk;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

pub(super) use desk::Desk;
use share::fair_share;
pub(super) use talk::{Say, Told};

use super::deadline::Deadline;
use super::engine::{Clear, LaneEnd};
use super::limits::{
    LANES_HELD_MAX, LANES_TAKEN_AT_ONCE_MAX, LEFTOVERS_AGAIN, LOOKS_APART, LOOKS_PART,
    TROUBLE_PAUSE, WAITING_TOLD_EVERY,
};
use crate::clock::{Clock, Mono};
use crate::ledger::{Epoch, Held, Lanes, LedgerResult, Offer, Returned, Scope, Whose};
use crate::order::Merchant;

/// Lanes of others that are named.
const WAITED_NAMED_MAX: usize = 3;

/// Whole milliseconds, never too few.
fn rounded_up(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}

/// How long a run on a shared ledger goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// Until every lane of the scope that has work was driven once by this run, and none is another's.
    Once,
    /// Until a signal: new orders are driven as they come.
    ForEver,
}

/// Where a lane of ours stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The run drives it.
    Driven,
    /// The run was asked to give it back.
    Leaving,
    /// Its lease is over; the run was told.
    Lost,
    /// The run is through with it.
    Clear,
}

#[derive(Debug)]
struct Mine {
    epoch: Epoch,
    deadline: Deadline,
    part: Part,
    /// Until then what was sent on it still counts: as the database said when it was taken, and once it is
    /// clear, as the run says.
    rested_at: Mono,
}

/// A lane that this run has brought as far as it goes.
#[derive(Clone, Copy, Debug)]
struct Through {
    at: Mono,
    /// Of its orders that were never sent, so many stayed so; not known where it was stopped.
    pending_left: Option<u64>,
}

/// The keeper of one run's lanes.
pub(super) struct Keeper {
    lanes: Box<dyn Lanes>,
    clock: Arc<dyn Clock>,
    scope: Scope,
    term: Term,
    lease: Duration,
    mine: BTreeMap<Merchant, Mine>,
    through: HashMap<Merchant, Through>,
    /// The newest holding by which this run has driven a lane: what it still has to rest, it knows better than
    /// the database does.
    driven: HashMap<Merchant, Epoch>,
    renew_at: Mono,
    look_at: Mono,
    looked_at: Option<Mono>,
    /// How long until the next look, if there is reason for one: longer where the last one took long.
    looks_apart: Duration,
    enough: bool,
    resting: bool,
    left: bool,
    told_waiting_at: Option<Mono>,
    /// Nothing is asked before this time, and by how much it was put off last.
    trouble: Option<(Mono, Duration)>,
    out: Vec<Told>,
}

impl Keeper {
    pub(super) fn new(
        lanes: Box<dyn Lanes>,
        clock: Arc<dyn Clock>,
        scope: Scope,
        term: Term,
    ) -> Self {
        let now = clock.monotonic();
        Self {
            lease: Duration::from_millis(lanes.lease_ms()),
            lanes,
            clock,
            scope,
            term,
            mine: BTreeMap::new(),
            through: HashMap::new(),
            driven: HashMap::new(),
            renew_at: now,
            look_at: now,
            looked_at: None,
            looks_apart: LOOKS_APART,
            enough: false,
            resting: false,
            left: false,
            told_waiting_at: None,
            trouble: None,
            out: Vec::new(),
        }
    }

    /// What the run says.
    pub(super) fn hear(&mut self, say: Say) {
        let now = self.clock.monotonic();
        match say {
            Say::Clear(clear) => self.cleared(clear, now),
            Say::Unused(held) => {
                self.driven.remove(&held.merchant);
                let clear = Clear {
                    held,
                    end: LaneEnd::Left,
                    // The run adds nothing to what the database said.
                    rested_at: Mono::ZERO,
                };
                self.cleared(clear, now);
            }
            Say::Enough => self.enough = true,
            Say::Rest => {
                self.resting = true;
                self.out.push(Told::Resting);
            }
            Say::Go => {
                self.enough = false;
                self.resting = false;
                self.renew_at = now;
                self.look_at = now;
            }
        }
    }

    fn cleared(&mut self, clear: Clear, now: Mono) {
        let merchant = clear.held.merchant;
        let Some(mine) = self.mine.get_mut(&merchant) else {
            return;
        };
        if mine.epoch != clear.held.epoch {
            return;
        }
        mine.part = Part::Clear;
        mine.rested_at = mine.rested_at.max(clear.rested_at);
        let pending_left = match clear.end {
            LaneEnd::Driven { pending_left } => Some(Some(pending_left)),
            LaneEnd::Stopped => Some(None),
            LaneEnd::Left => None,
        };
        if let Some(pending_left) = pending_left {
            let at = now;
            self.through.insert(merchant, Through { at, pending_left });
        }
        let soonest = self.looked_at.map_or(now, |at| at + self.looks_apart);
        self.look_at = self.look_at.min(soonest.max(now));
    }

    /// Does what is due at the database, and hands out what the run is told of it. A database that does
    /// not answer is asked again: meanwhile the deadlines keep what they promise.
    pub(super) fn turn(&mut self) -> Vec<Told> {
        let now = self.clock.monotonic();
        if self.trouble.is_none_or(|(until, _)| until <= now) {
            match self.work(now) {
                Ok(()) => {
                    if self.trouble.take().is_some() {
                        let words = "the lanes' database answers again";
                        self.out.push(Told::Notice(words.into()));
                    }
                }
                Err(error) => self.put_off(&error.to_string()),
            }
        }
        std::mem::take(&mut self.out)
    }

    fn put_off(&mut self, why: &str) {
        let now = self.clock.monotonic();
        let pause = match self.trouble {
            None => {
                let words = format!(
                    "leases of lanes can't be renewed for now ({why}); what they still cover is \
                     sent, and it is tried again"
                );
                self.out.push(Told::Notice(words));
                TROUBLE_PAUSE
            }
            Some((_, before)) => before * 2,
        };
        let pause = pause.min(self.third());
        self.trouble = Some((now + pause, pause));
    }

    /// How long nothing is due.
    pub(super) fn pause(&self) -> Duration {
        let now = self.clock.monotonic();
        let at = match (self.trouble, self.resting) {
            (Some((until, _)), _) => until,
            (None, true) => now + self.third(),
            (None, false) => self.renew_at.min(self.look_at),
        };
        at.saturating_sub(now)
    }

    fn third(&self) -> Duration {
        self.lease / 3
    }

    fn work(&mut self, now: Mono) -> LedgerResult<()> {
        if self.resting {
            self.let_go()?;
            if !self.left {
                self.lanes.leave()?;
                self.left = true;
            }
            return Ok(());
        }
        if self.renew_at <= now {
            self.renew(now)?;
            self.renew_at = now + self.third();
        }
        if self.look_at <= now {
            self.let_go()?;
            match self.enough {
                true => _ = self.looked(),
                false => self.look()?,
            }
        }
        Ok(())
    }

    /// The next look is due in a while.
    fn looked(&mut self) -> Mono {
        let now = self.clock.monotonic();
        self.looked_at = Some(now);
        self.look_at = now + self.third();
        now
    }

    /// Makes the leases last anew, counted from before it was asked.
    fn renew(&mut self, before: Mono) -> LedgerResult<()> {
        let held: Vec<Held> = self
            .mine
            .iter()
            .filter(|(_, mine)| matches!(mine.part, Part::Driven | Part::Leaving))
            .map(|(merchant, mine)| held(merchant, mine))
            .collect();
        if held.is_empty() {
            return Ok(());
        }
        let lost: HashSet<Held> = self.lanes.renew(&held)?.into_iter().collect();
        for one in held {
            let Some(mine) = self.mine.get_mut(&one.merchant) else {
                continue;
            };
            if lost.contains(&one) {
                mine.part = Part::Lost;
                mine.deadline.over();
                self.out.push(Told::Leave(one.merchant));
            } else {
                mine.deadline.extend(before + self.lease);
            }
        }
        Ok(())
    }

    /// Lets go of what is clear.
    fn let_go(&mut self) -> LedgerResult<()> {
        let clear = |mine: &Mine| mine.part == Part::Clear;
        let now = self.clock.monotonic();
        let lanes: Vec<Returned> = self
            .mine
            .iter()
            .filter(|(_, mine)| clear(mine))
            .map(|(merchant, mine)| Returned {
                held: held(merchant, mine),
                rest_ms: rounded_up(mine.rested_at.saturating_sub(now)),
            })
            .collect();
        if !lanes.is_empty() {
            self.lanes.let_go(&lanes)?;
            self.mine.retain(|_, mine| !clear(mine));
        }
        Ok(())
    }

    /// Looks who has what, gives back what is more than a fair share, and takes what is less.
    fn look(&mut self) -> LedgerResult<()> {
        if self.term == Term::ForEver && self.lanes.is_frozen()? {
            self.looked();
            self.out.push(Told::Frozen);
            return Ok(());
        }
        let before = self.clock.monotonic();
        let offers = self.lanes.offers(self.scope)?;
        let now = self.looked();
        let apart = LOOKS_APART.max((now - before) * LOOKS_PART);
        self.looks_apart = apart.min(self.third());
        let known: HashMap<&Merchant, u64> = offers
            .iter()
            .map(|offer| (&offer.work.merchant, offer.work.pending))
            .collect();
        self.through.retain(|merchant, through| {
            let Some(&pending) = known.get(merchant) else {
                return false;
            };
            // Some of what was left was taken back, or sent by another: as many others would be new.
            through.pending_left = through.pending_left.map(|left| left.min(pending));
            true
        });
        let mine = offers.iter().filter(|offer| self.could_drive(offer));
        let living = self
            .lanes
            .alive(u32::try_from(mine.count()).unwrap_or(u32::MAX))?;
        self.left = false;
        let share = fair_share(&living).min(LANES_HELD_MAX);
        self.give_back(share, &known);
        let room = share.saturating_sub(self.mine.len());
        let mut wanted: Vec<&Offer> = offers
            .iter()
            .filter(|offer| self.may_take(offer, now))
            .collect();
        let all = wanted.len();
        wanted.truncate(room.min(LANES_TAKEN_AT_ONCE_MAX));
        let took = self.take(&wanted)?;
        if room > took && all > took && !wanted.is_empty() {
            // Others were faster, or there is more.
            self.look_at = now + self.looks_apart;
        }
        if self.term == Term::Once && self.mine.is_empty() {
            self.wait_or_end(&offers, now);
        }
        Ok(())
    }

    /// Asks the run for what is more than a fair share of the lanes. Those that have no work any more come
    /// back by themselves.
    fn give_back(&mut self, share: usize, known: &HashMap<&Merchant, u64>) {
        let driven: Vec<&Merchant> = self
            .mine
            .iter()
            .filter(|(merchant, mine)| mine.part == Part::Driven && known.contains_key(merchant))
            .map(|(merchant, _)| merchant)
            .collect();
        let surplus: Vec<Merchant> = driven.into_iter().skip(share).cloned().collect();
        for merchant in surplus {
            if let Some(mine) = self.mine.get_mut(&merchant) {
                mine.part = Part::Leaving;
            }
            self.out.push(Told::Leave(merchant));
        }
    }

    /// Whether it is this run's, or may be some day: one that ends drives each lane once.
    fn could_drive(&self, offer: &Offer) -> bool {
        let merchant = &offer.work.merchant;
        self.term == Term::ForEver
            || self.mine.contains_key(merchant)
            || !self.through.contains_key(merchant)
    }

    fn may_take(&self, offer: &Offer, now: Mono) -> bool {
        let merchant = &offer.work.merchant;
        if offer.whose != Whose::Nobodys || self.mine.contains_key(merchant) {
            return false;
        }
        let Some(through) = self.through.get(merchant) else {
            return true;
        };
        let new = through
            .pending_left
            .is_some_and(|left| offer.work.pending > left);
        let apart = if new { self.third() } else { LEFTOVERS_AGAIN };
        self.term == Term::ForEver && through.at + apart <= now
    }

    fn take(&mut self, wanted: &[&Offer]) -> LedgerResult<usize> {
        if wanted.is_empty() {
            return Ok(0);
        }
        let merchants: Vec<Merchant> = wanted
            .iter()
            .map(|offer| offer.work.merchant.clone())
            .collect();
        let before = self.clock.monotonic();
        let taken = self.lanes.take(&merchants)?;
        let after = self.clock.monotonic();
        let count = taken.len();
        for taken in taken {
            let Held { merchant, epoch } = taken.held;
            let offer = wanted.iter().find(|offer| offer.work.merchant == merchant);
            let Some(offer) = offer else { continue };
            let deadline = Deadline::at(before + self.lease);
            self.through.remove(&merchant);
            let rest = Duration::from_millis(taken.rest_ms);
            let told = match self.driven.insert(merchant.clone(), epoch) {
                // Nobody else had it meanwhile: the run knows. Whoever has it next does not.
                Some(Epoch(before)) if before + 1 == epoch.0 => Duration::ZERO,
                Some(_) | None => rest,
            };
            let mine = Mine {
                epoch,
                deadline: deadline.clone(),
                part: Part::Driven,
                rested_at: after + rest,
            };
            self.mine.insert(merchant, mine);
            self.out.push(Told::Joined {
                work: offer.work.clone(),
                epoch,
                rest: told,
                deadline,
            });
        }
        Ok(count)
    }

    /// Nothing is ours: is anything left that this run has to wait for?
    fn wait_or_end(&mut self, offers: &[Offer], now: Mono) {
        let through = |offer: &Offer| self.through.contains_key(&offer.work.merchant);
        let others: Vec<&str> = offers
            .iter()
            .filter(|offer| offer.whose == Whose::Anothers)
            .map(|offer| offer.work.merchant.as_str())
            .collect();
        if others.is_empty() {
            if offers.iter().all(through) {
                self.out.push(Told::Done);
            }
            return;
        }
        let due = self
            .told_waiting_at
            .is_none_or(|at| at + WAITING_TOLD_EVERY <= now);
        if !due {
            return;
        }
        self.told_waiting_at = Some(now);
        let named = others[..others.len().min(WAITED_NAMED_MAX)].join(", ");
        let more = match others.len() > WAITED_NAMED_MAX {
            true => ", …",
            false => "",
        };
        self.out.push(Told::Notice(format!(
            "waiting for other workers, which drive {} of the merchants ({named}{more}); `levy lanes` \
             shows who",
            others.len()
        )));
    }

    /// The run is over: what is clear is let go, the rest runs out by itself.
    pub(super) fn end(mut self) -> Box<dyn Lanes> {
        // Nobody is there to be told of a failure, and nothing is lost by it but a lease's time. A database
        // that does not answer is not waited for twice.
        if self.let_go().is_ok() && !self.left {
            let _ = self.lanes.leave();
        }
        self.lanes
    }
}

fn held(merchant: &Merchant, mine: &Mine) -> Held {
    Held {
        merchant: merchant.clone(),
        epoch: mine.epoch,
    }
}

#[cfg(test)]
mod tests;
