//! A lane's turn: what it may send now, what it claims, and what it reads next.
//!
//! First sends go in input order within a lane, since courts rank claims: an order whose connection
//! was never made goes before the ones behind it. What earlier runs left open is read before
//! anything that was never sent, so that no order is met twice in a run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use super::super::brakes::Gate;
use super::super::limits::{
    CANARY_LANES_MAX, CLAIM_WAIT_MAX, LANE_WITHOUT_REPLY_MAX, OPEN_JOBS_MAX,
};
use super::super::step::{self, Goal, Tries};
use super::{Action, Active, Engine, Now, Stage};
use crate::clock::Mono;
use crate::ledger::{
    Answer, Ask, Claimed, Epoch, Job, LaneWork, OrderId, Phase, ReplyFacts, Trust, Write,
};
use crate::order::{Asked, Event, Merchant, State};
use crate::pace::{Lane, SPACING, Wait};

/// How far a part of a lane's work has been read.
#[derive(Debug)]
struct Deck {
    after: OrderId,
    left: bool,
    /// How many are on the way from the ledger, at most.
    fetching: Option<usize>,
}

impl Deck {
    fn new(orders: u64) -> Self {
        Self {
            after: OrderId(0),
            left: orders > 0,
            fetching: None,
        }
    }
}

/// A lane in a run.
#[derive(Debug)]
pub(super) struct LaneRun {
    pub(super) merchant: Merchant,
    pub(super) pace: Lane,
    /// The lane's entry in the queue that counts.
    pub(super) queued: Option<(Mono, u64)>,
    pub(super) stopped: bool,
    /// Since when it has been sending without an accepted reply.
    pub(super) trying_since: Option<Mono>,
    open: Deck,
    pending: Deck,
    /// Never sent, read ahead, in input order.
    fresh: VecDeque<Job>,
    /// Never sent in spite of a try, or handed back; they go before `fresh`.
    pub(super) unsent: BTreeMap<OrderId, Mono>,
    /// Not sent after all, which is on the way to the disk; nothing behind them goes first.
    pub(super) coming_back: BTreeSet<OrderId>,
    /// Sent before, to be asked again at a time.
    pub(super) due: BinaryHeap<Reverse<(Mono, OrderId)>>,
    pub(super) claimed: VecDeque<OrderId>,
    pub(super) claiming: u32,
    waits_for_wire: bool,
    waits_for_room: bool,
    /// By which holding it is the run's, where several hosts share the ledger.
    pub(super) lease: Option<Epoch>,
    /// It goes back before its work is done.
    pub(super) left: bool,
    /// Its stop stands in the report.
    told: bool,
    /// Orders of it that something is under way for.
    pub(super) active: u32,
    /// Orders of it that were given up unsent.
    pub(super) pending_left: u64,
    /// Orders that it came with and that are not done yet.
    pub(super) to_do: u64,
}

impl LaneRun {
    pub(super) fn all(work: Vec<LaneWork>, limit: u32) -> Vec<Self> {
        work.into_iter()
            .map(|work| Self::new(work, limit))
            .collect()
    }

    pub(super) fn new(work: LaneWork, limit: u32) -> Self {
        Self {
            pace: Lane::new(limit),
            queued: None,
            stopped: false,
            trying_since: None,
            open: Deck::new(work.open),
            pending: Deck::new(work.pending),
            fresh: VecDeque::new(),
            unsent: BTreeMap::new(),
            coming_back: BTreeSet::new(),
            due: BinaryHeap::new(),
            claimed: VecDeque::new(),
            claiming: 0,
            waits_for_wire: false,
            waits_for_room: false,
            to_do: work.open + work.pending,
            merchant: work.merchant,
            lease: None,
            left: false,
            told: false,
            active: 0,
            pending_left: 0,
        }
    }

    /// The same lane with new work: what it knows of the pace stays.
    pub(super) fn again(&mut self, work: LaneWork) {
        let before = std::mem::replace(self, Self::new(work, 1));
        self.pace = before.pace;
        self.told = before.told;
        self.waits_for_wire = before.waits_for_wire;
        self.waits_for_room = before.waits_for_room;
    }

    /// Both parts of its work are looked for, whatever it was counted to have.
    pub(super) fn reads_all(&mut self) {
        self.open.left = true;
        self.pending.left = true;
    }

    /// No queue knows it any more.
    pub(super) fn waits_for_nothing(&mut self) {
        self.queued = None;
        self.waits_for_wire = false;
        self.waits_for_room = false;
    }

    /// Nothing of it is claimed, in flight, being recorded or being read, or will be.
    pub(super) fn is_clear(&self) -> bool {
        self.active == 0 && !self.is_being_read() && self.is_empty()
    }

    fn is_being_read(&self) -> bool {
        self.open.fetching.is_some() || self.pending.fetching.is_some()
    }

    /// An order ahead of this one was claimed and not sent.
    fn overtakes(&self, id: OrderId) -> bool {
        let unsent = self.unsent.first_key_value().map(|(&first, _)| first);
        let ahead = [self.coming_back.first().copied(), unsent];
        ahead.into_iter().flatten().any(|first| first < id)
    }

    /// Nothing is left but what [`Engine::jobs`] holds.
    pub(super) fn is_empty(&self) -> bool {
        let read = !self.open.left && !self.pending.left;
        self.stopped || (read && self.fresh.is_empty())
    }
}

/// What a lane may claim under a gate.
enum Candidate {
    /// This order; it is in [`Engine::jobs`].
    Job(OrderId),
    /// The first of the fresh ones.
    Fresh,
    /// Nothing before this time.
    At(Mono),
    /// Nothing before something happens.
    Nothing,
    /// Nothing before there is room.
    Room,
}

impl Engine {
    /// A lane's turn: at most one send, and the claims and reads that follow.
    pub(super) fn visit(&mut self, ix: usize, now: Now) {
        if self.stopping || self.lanes[ix].stopped {
            return;
        }
        let without_reply = self.lanes[ix].trying_since;
        if without_reply.is_some_and(|since| since + LANE_WITHOUT_REPLY_MAX <= now.mono)
            && !matches!(self.brakes.gate(), Gate::Probe(_))
        {
            let seconds = LANE_WITHOUT_REPLY_MAX.as_secs();
            self.stop_lane(ix, format!("no accepted reply for {seconds} s"), now);
            return;
        }
        let sent = self.send_next(ix, now);
        let claimed = self.claim_more(ix, now);
        if self.brakes.gate() != Gate::Canary {
            self.refill(ix);
        }
        if let Some(at) = [sent, claimed].into_iter().flatten().min() {
            self.look_at(ix, at);
        }
    }

    /// Sends the first of the claimed, if a permit is free. Says when to look again.
    fn send_next(&mut self, ix: usize, now: Now) -> Option<Mono> {
        let &id = self.lanes[ix].claimed.front()?;
        let active = self.jobs.get(&id).expect("claimed orders are active");
        let Stage::Claimed(ref claimed, since) = active.stage else {
            unreachable!("it is claimed");
        };
        let first_send = claimed.before() == State::Pending;
        if first_send && self.lanes[ix].overtakes(id) {
            self.give_back_claims(ix, now);
            return None;
        }
        if let Gate::Probe(at) = self.brakes.gate()
            && !active.probe
        {
            self.give_back_claims(ix, now);
            return Some(at);
        }
        let gives_up = since + CLAIM_WAIT_MAX;
        if self.flying >= self.settings.max_in_flight {
            if gives_up <= now.mono {
                self.give_back_claims(ix, now);
                return None;
            }
            self.wait_for_wire(ix);
            return Some(gives_up);
        }
        match self.lanes[ix].pace.try_take(now.mono) {
            Ok(()) => {}
            Err(_) if gives_up <= now.mono => {
                self.give_back_claims(ix, now);
                return None;
            }
            Err(Wait::Until(at)) => return Some(at.min(gives_up)),
            Err(Wait::Reply) => return Some(gives_up),
        }
        self.lanes[ix].claimed.pop_front();
        let active = self.jobs.get_mut(&id).expect("as above");
        let Stage::Claimed(claimed, _) = std::mem::replace(&mut active.stage, Stage::Flying) else {
            unreachable!("as above");
        };
        // With the permit in hand: the window may have closed since the claim (law L4).
        if claimed.asked() == Asked::Submission && self.past_window(claimed.job(), now) {
            self.lanes[ix].pace.not_sent(now.mono);
            self.give_back(*claimed, now);
            return Some(now.mono);
        }
        // From here on it has left the house.
        self.claims -= 1;
        self.flying += 1;
        self.lanes[ix].trying_since.get_or_insert(now.mono);
        let host = self.brakes.host(now.mono);
        self.actions.push(Action::Send { claimed, host });
        Some(now.mono + SPACING)
    }

    /// Claims as many orders as there will be permits for. Says when to look again.
    fn claim_more(&mut self, ix: usize, now: Now) -> Option<Mono> {
        loop {
            let lane = &mut self.lanes[ix];
            let ahead = lane.claiming + u32::try_from(lane.claimed.len()).unwrap_or(u32::MAX);
            if ahead >= lane.pace.soon(now.mono) {
                // Woken by a commit or a reply; and by time, where permits come back by time.
                return match lane.pace.look(now.mono) {
                    Err(Wait::Until(at)) => Some(at),
                    Err(Wait::Reply) | Ok(()) => None,
                };
            }
            if self.claims >= self.settings.max_in_flight {
                self.wait_for_room(ix);
                return None;
            }
            match self.candidate(ix, now) {
                Candidate::Job(id) => self.claim(id, now),
                Candidate::Fresh => {
                    let job = self.lanes[ix].fresh.pop_front().expect("there is one");
                    let id = self.activate(job, ix, true, now.mono);
                    self.claim(id, now);
                }
                Candidate::At(at) => return Some(at),
                Candidate::Nothing => return None,
                Candidate::Room => {
                    self.wait_for_room(ix);
                    return None;
                }
            }
        }
    }

    /// Which order is claimed next.
    fn candidate(&mut self, ix: usize, now: Now) -> Candidate {
        match self.brakes.gate() {
            Gate::Canary => return self.canary_candidate(ix, now),
            Gate::Probe(at) if now.mono < at => return Candidate::At(at),
            Gate::Probe(_) | Gate::Open => {}
        }
        let lane = &mut self.lanes[ix];
        while let Some(&Reverse((at, id))) = lane.due.peek() {
            let counts = self
                .jobs
                .get(&id)
                .is_some_and(|job| matches!(job.stage, Stage::Due(due) if due == at));
            if counts && at > now.mono {
                break;
            }
            lane.due.pop();
            if counts {
                return Candidate::Job(id);
            }
        }
        let due = lane.due.peek().map(|&Reverse((at, _))| at);
        let soonest = |at: Option<Mono>| at.map_or(Candidate::Nothing, Candidate::At);
        if !lane.coming_back.is_empty() {
            return soonest(due);
        }
        if let Some((&id, &at)) = lane.unsent.first_key_value() {
            if at <= now.mono {
                return Candidate::Job(id);
            }
            return soonest([due, Some(at)].into_iter().flatten().min());
        }
        if lane.fresh.is_empty() || lane.open.left {
            return soonest(due);
        }
        if self.jobs.len() >= OPEN_JOBS_MAX {
            return due.map_or(Candidate::Room, Candidate::At);
        }
        Candidate::Fresh
    }

    /// Until a verified reply has come, one order goes alone.
    fn canary_candidate(&self, ix: usize, now: Now) -> Candidate {
        let canary = self.canary.and_then(|id| Some((id, self.jobs.get(&id)?)));
        match canary {
            Some((id, active)) if active.lane == ix => match active.stage {
                Stage::Due(at) if at <= now.mono => Candidate::Job(id),
                Stage::Due(at) => Candidate::At(at),
                Stage::Claiming | Stage::Claimed(..) | Stage::Flying | Stage::Recording => {
                    Candidate::Nothing
                }
            },
            Some(_) | None => Candidate::Nothing,
        }
    }

    /// Chooses who goes alone: preferably an order that the gateway knows, else the first that was
    /// never sent; one whose outcome is unknown last, since it may be the one that never answers.
    pub(super) fn choose_canary(&mut self, now: Now) {
        let lanes: Vec<usize> = (0..self.lanes.len())
            .filter(|&ix| !self.lanes[ix].is_empty())
            .take(CANARY_LANES_MAX)
            .collect();
        for &ix in &lanes {
            self.refill(ix);
        }
        if self.fetches > 0 {
            return;
        }
        let rank = |state: State| match state {
            State::Processing | State::Closed => 0_u8,
            State::Success | State::Failed | State::ClosedProven => 0,
            State::Pending => 1,
            State::Unknown | State::Rejected | State::Expired => 2,
            State::Held | State::Conflict | State::Cancelled => 2,
        };
        let waiting = self
            .jobs
            .iter()
            .filter(|(_, job)| matches!(job.stage, Stage::Due(_)) && !self.lanes[job.lane].stopped)
            .map(|(&id, job)| (rank(job.job.standing.state), id, None));
        let fresh = lanes.iter().filter_map(|&ix| {
            let job = self.lanes[ix].fresh.front()?;
            Some((1, job.id, Some(ix)))
        });
        let Some((_, id, fresh)) = waiting.chain(fresh).min() else {
            return;
        };
        if let Some(ix) = fresh {
            let job = self.lanes[ix].fresh.pop_front().expect("it is the first");
            self.activate(job, ix, true, now.mono);
        }
        self.canary = Some(id);
        self.visit(self.jobs[&id].lane, now);
    }

    /// Takes an order into the run; it is due now.
    pub(super) fn activate(&mut self, job: Job, lane: usize, fresh: bool, at: Mono) -> OrderId {
        let id = job.id;
        let next = self.goal.first(job.standing.state, job.standing.weak);
        if job.standing.state == State::Pending {
            self.lanes[lane].unsent.insert(id, at);
        } else {
            self.lanes[lane].due.push(Reverse((at, id)));
        }
        let active = Active {
            job,
            lane,
            tries: Tries::default(),
            next,
            fresh,
            stage: Stage::Due(at),
            last: None,
            probe: false,
            refused: false,
        };
        self.lanes[lane].active += 1;
        self.jobs.insert(id, active);
        id
    }

    /// Asks the ledger for the permission to send.
    fn claim(&mut self, id: OrderId, now: Now) {
        let past = self.past_window(&self.jobs[&id].job, now);
        let probe = matches!(self.brakes.gate(), Gate::Probe(_));
        if probe {
            self.brakes.probing(now.mono);
        }
        let active = self.jobs.get_mut(&id).expect("a candidate is active");
        if past {
            active.next = Asked::Query;
        }
        match active.next {
            Asked::Submission => active.tries.submissions += 1,
            // Polls are bounded by the time that they are given.
            Asked::Query
                if self.goal == Goal::Settle && active.job.standing.state == State::Processing => {}
            Asked::Query => active.tries.queries += 1,
        }
        active.probe = probe;
        active.stage = Stage::Claiming;
        let ask = Ask {
            job: active.job.clone(),
            asked: active.next,
            at: now.wall,
            run: self.settings.run,
            lease: self.lanes[active.lane].lease,
            handed: self.handed,
        };
        let lane = &mut self.lanes[active.lane];
        lane.unsent.remove(&id);
        lane.claiming += 1;
        self.claims += 1;
        self.write(Write::Claim(ask));
    }

    /// The intent is durable.
    pub(super) fn claimed(&mut self, claimed: Claimed, now: Now) {
        let id = claimed.job().id;
        self.report.intents += 1;
        let active = self
            .jobs
            .get_mut(&id)
            .expect("a claim keeps its order active");
        let ix = active.lane;
        active.job = claimed.job().clone();
        self.lanes[ix].claiming -= 1;
        if self.stopping || self.lanes[ix].stopped {
            self.give_back(claimed, now);
            return;
        }
        active.stage = Stage::Claimed(Box::new(claimed), now.mono);
        self.lanes[ix].claimed.push_back(id);
        self.look_at(ix, now.mono);
    }

    /// A claim that was not sent and will not be: the order stands as before.
    pub(super) fn give_back(&mut self, claimed: Claimed, now: Now) {
        let id = claimed.job().id;
        self.claims -= 1;
        let active = self
            .jobs
            .get_mut(&id)
            .expect("a claim keeps its order active");
        active.stage = Stage::Recording;
        active.last = None;
        if claimed.before() == State::Pending {
            self.lanes[active.lane].coming_back.insert(id);
        }
        match claimed.asked() {
            Asked::Submission => active.tries.submissions -= 1,
            Asked::Query => active.tries.queries = active.tries.queries.saturating_sub(1),
        }
        let event = Event::NotSent {
            before: claimed.before(),
        };
        self.write(Write::Record(Box::new(Answer {
            attempt: claimed.attempt(),
            order: id,
            asked: claimed.asked(),
            at: now.wall,
            latency_ms: 0,
            facts: ReplyFacts::bare(Trust::NotSent, Some("given back before it was sent".into())),
            meaning: "NOT_SENT",
            event,
            weak: claimed.job().standing.weak,
            may_have_been_accepted: false,
            alert: None,
        })));
    }

    pub(super) fn give_back_claims(&mut self, ix: usize, now: Now) {
        for id in std::mem::take(&mut self.lanes[ix].claimed) {
            let active = self.jobs.get_mut(&id).expect("claimed orders are active");
            match std::mem::replace(&mut active.stage, Stage::Recording) {
                Stage::Claimed(claimed, _) => self.give_back(*claimed, now),
                Stage::Due(_) | Stage::Claiming | Stage::Flying | Stage::Recording => {
                    unreachable!("it is claimed")
                }
            }
        }
    }

    /// Reads ahead.
    pub(super) fn refill(&mut self, ix: usize) {
        let page = self.deck_page;
        let room = self.room_for_page();
        let lane = &mut self.lanes[ix];
        if lane.is_being_read() {
            return;
        }
        if lane.open.left && !room {
            self.wait_for_room(ix);
            return;
        }
        let (phase, deck) = if lane.open.left {
            (Phase::Open, &mut lane.open)
        } else if lane.pending.left && lane.fresh.len() * 2 < page {
            (Phase::Pending, &mut lane.pending)
        } else {
            return;
        };
        deck.fetching = Some(page);
        let after = deck.after;
        self.fetches += 1;
        self.actions.push(Action::Deck {
            lane: ix,
            merchant: lane.merchant.clone(),
            phase,
            after,
            limit: u32::try_from(page).unwrap_or(u32::MAX),
        });
    }

    /// A page was read.
    pub(super) fn dealt(&mut self, ix: usize, phase: Phase, mut jobs: Vec<Job>, now: Now) {
        self.fetches -= 1;
        let lane = &mut self.lanes[ix];
        let deck = match phase {
            Phase::Open => &mut lane.open,
            Phase::Pending => &mut lane.pending,
        };
        let more = deck.fetching.take().is_some_and(|page| jobs.len() >= page);
        if self.stopping || lane.stopped {
            self.settle_lane(ix);
            return;
        }
        deck.left = more;
        if let Some(last) = jobs.last() {
            deck.after = last.id;
        }
        // Whose lane was another's may give it back unsent after this one was dealt it as open.
        jobs.retain(|job| !self.jobs.contains_key(&job.id));
        match phase {
            Phase::Open => {
                // A dead run may have sent them a moment ago, and one number is not asked twice
                // within a second.
                let at = now.mono + super::super::limits::SAME_NUMBER_APART;
                for job in jobs {
                    // The ledger deals no others; asking for one of them could close its number.
                    let past = self.past_window(&job, now);
                    if self.goal == Goal::Settle || step::may_be_queried(job.standing, past) {
                        self.activate(job, ix, false, at);
                    }
                }
            }
            Phase::Pending => {
                if let Some(last) = self.settings.last_fresh {
                    let before = jobs.len();
                    jobs.retain(|job| job.id <= last);
                    self.lanes[ix].pending.left &= jobs.len() == before;
                }
                self.lanes[ix].fresh.extend(jobs);
            }
        }
        self.look_at(ix, now.mono);
        self.settle_lane(ix);
    }

    /// The lane stops for this run; others go on.
    pub(super) fn stop_lane(&mut self, ix: usize, why: String, now: Now) {
        if self.lanes[ix].stopped {
            return;
        }
        let merchant = self.lanes[ix].merchant.to_string();
        self.notice(format!(
            "merchant {merchant} is left alone for this run: {why}"
        ));
        if !std::mem::replace(&mut self.lanes[ix].told, true) {
            self.report.stopped_lanes.push((merchant, why));
        }
        self.close_lane(ix, now);
    }

    /// Nothing more is begun for the lane; what is under way is awaited.
    pub(super) fn close_lane(&mut self, ix: usize, now: Now) {
        self.lanes[ix].stopped = true;
        self.clear_lane(ix, now);
        self.finish_due(|lane| lane == ix);
        self.settle_lane(ix);
    }

    /// Nothing more is read, claimed or sent for this lane.
    pub(super) fn clear_lane(&mut self, ix: usize, now: Now) {
        self.give_back_claims(ix, now);
        let lane = &mut self.lanes[ix];
        lane.open.left = false;
        lane.pending.left = false;
        lane.fresh.clear();
        lane.unsent.clear();
        lane.coming_back.clear();
        lane.due.clear();
    }

    /// Ends what only waits, in some lanes.
    pub(super) fn finish_due(&mut self, of: impl Fn(usize) -> bool) {
        let ids: Vec<OrderId> = self
            .jobs
            .iter()
            .filter(|(_, job)| of(job.lane) && matches!(job.stage, Stage::Due(_)))
            .map(|(&id, _)| id)
            .collect();
        for id in ids {
            self.finish(id);
        }
    }

    fn wait_for_wire(&mut self, ix: usize) {
        if !self.lanes[ix].waits_for_wire {
            self.lanes[ix].waits_for_wire = true;
            self.for_wire.push_back(ix);
        }
    }

    fn wait_for_room(&mut self, ix: usize) {
        if !self.lanes[ix].waits_for_room {
            self.lanes[ix].waits_for_room = true;
            self.for_room.push_back(ix);
        }
    }

    /// Whether a page of open orders has room in memory.
    fn room_for_page(&self) -> bool {
        self.jobs.len() + (self.fetches as usize + 1) * self.deck_page <= OPEN_JOBS_MAX
    }

    /// Where there is room, the lane that has waited longest looks. Its turn ends here again, so
    /// that room which it has no use for goes on to the next.
    pub(super) fn unblock(&mut self, now: Now) {
        let max = self.settings.max_in_flight;
        while self.flying < max
            && let Some(ix) = self.for_wire.pop_front()
        {
            self.lanes[ix].waits_for_wire = false;
            if !self.lanes[ix].stopped {
                self.look_at(ix, now.mono);
                break;
            }
        }
        while self.claims < max
            && self.room_for_page()
            && let Some(ix) = self.for_room.pop_front()
        {
            self.lanes[ix].waits_for_room = false;
            if !self.lanes[ix].stopped {
                self.look_at(ix, now.mono);
                break;
            }
        }
    }
}

#[cfg(test)]
mod sound;
