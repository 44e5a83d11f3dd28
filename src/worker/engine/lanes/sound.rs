//! What must hold of an engine's books between any two events: its counters are what they count, and
//! whatever waits stands where it will be looked for.

use std::collections::HashSet;

use super::super::Action;
use super::*;
use crate::worker::limits::DECK_PAGE_MAX;

/// What a lane's orders are doing, as the orders themselves have it.
#[derive(Clone, Default)]
struct Doing {
    active: u32,
    claiming: u32,
    claimed: BTreeSet<OrderId>,
    due: Vec<(Mono, OrderId)>,
    unsent: BTreeMap<OrderId, Mono>,
    recording: BTreeSet<OrderId>,
    flying: u32,
}

impl Engine {
    /// Panics where the engine's own books do not add up. `under_way` writes were handed out and are
    /// not answered yet.
    pub(in crate::worker) fn must_be_sound(&self, under_way: usize) {
        let mut doing = vec![Doing::default(); self.lanes.len()];
        for (&id, active) in &self.jobs {
            let lane = &mut doing[active.lane];
            lane.active += 1;
            match active.stage {
                Stage::Due(at) if active.job.standing.state == State::Pending => {
                    lane.unsent.insert(id, at);
                }
                Stage::Due(at) => lane.due.push((at, id)),
                Stage::Claiming => lane.claiming += 1,
                Stage::Claimed(..) => {
                    lane.claimed.insert(id);
                }
                Stage::Flying => lane.flying += 1,
                Stage::Recording => {
                    lane.recording.insert(id);
                }
            }
        }
        let unsaid = self.actions.iter();
        let unsaid = unsaid.filter(|action| matches!(action, Action::Write(_)));
        assert_eq!(self.writes as usize, under_way + unsaid.count(), "writes");
        let queued: HashSet<(Mono, u64, usize)> = self.queue.iter().map(|entry| entry.0).collect();
        let (mut claims, mut flying, mut held, mut fetches) = (0, 0, 0, 0);
        for (ix, lane) in self.lanes.iter().enumerate() {
            let doing = &doing[ix];
            claims += doing.claiming + doing.claimed.len() as u32;
            flying += doing.flying;
            held += usize::from(lane.lease.is_some());
            let reads = lane.is_being_read();
            fetches += u32::from(reads);
            lane.must_be_sound(ix, doing);
            let ahead = doing.claiming + doing.claimed.len() as u32;
            // A permit each, and the next two that come back.
            let limit = self.settings.per_merchant_qps + 2;
            assert!(
                ahead <= limit,
                "lane {ix}: {ahead} claims wait for {limit} permits"
            );
            if let Some((at, turn)) = lane.queued {
                assert!(queued.contains(&(at, turn, ix)), "lane {ix} is in no queue");
            }
            let sleeps = lane.queued.is_none() && !lane.waits_for_wire && !lane.waits_for_room;
            let may_go = !lane.stopped && !self.stopping && self.brakes.gate() == Gate::Open;
            if sleeps && may_go && !reads {
                let waits = (doing.due.len() + doing.unsent.len()) as u32;
                let idle = lane.is_empty() && doing.active == 0;
                let why = "has work, waits for nothing and is never looked at";
                assert!(idle || doing.active > waits, "lane {ix} {why}");
            }
        }
        assert_eq!(self.claims, claims, "intents that are not on the wire");
        assert_eq!(self.flying, flying, "requests on the wire");
        assert_eq!(self.held, held, "lanes that are held");
        assert_eq!(self.fetches, fetches, "pages that are being read");
        assert!(self.jobs.len() <= OPEN_JOBS_MAX, "orders in memory");
        let marked = |waits: fn(&LaneRun) -> bool| -> BTreeSet<usize> {
            let lanes = self.lanes.iter().enumerate();
            lanes
                .filter(|(_, lane)| waits(lane))
                .map(|(ix, _)| ix)
                .collect()
        };
        for (queue, marked) in [
            (&self.for_wire, marked(|lane| lane.waits_for_wire)),
            (&self.for_room, marked(|lane| lane.waits_for_room)),
        ] {
            let waiting: BTreeSet<usize> = queue.iter().copied().collect();
            assert_eq!(waiting.len(), queue.len(), "a lane waits once");
            assert!(
                self.stopping || waiting == marked,
                "lanes that wait for room"
            );
        }
    }
}

impl LaneRun {
    fn must_be_sound(&self, ix: usize, doing: &Doing) {
        // A page is read once half of the one before it is gone.
        let ahead = self.fresh.len();
        assert!(
            ahead <= DECK_PAGE_MAX * 3 / 2,
            "lane {ix}: {ahead} read ahead"
        );
        assert_eq!(self.active, doing.active, "lane {ix}: active");
        assert_eq!(
            self.claiming, doing.claiming,
            "lane {ix}: claims on the way"
        );
        let claimed: BTreeSet<OrderId> = self.claimed.iter().copied().collect();
        assert_eq!(claimed.len(), self.claimed.len(), "lane {ix}: claimed once");
        assert_eq!(claimed, doing.claimed, "lane {ix}: claimed");
        assert!(
            self.coming_back.is_subset(&doing.recording),
            "lane {ix}: coming back"
        );
        assert_eq!(self.unsent, doing.unsent, "lane {ix}: to be sent again");
        // What became due anew has an older entry besides, which is passed over.
        let entries: HashSet<(Mono, OrderId)> = self.due.iter().map(|entry| entry.0).collect();
        for due in &doing.due {
            assert!(
                entries.contains(due),
                "lane {ix}: {due:?} is due and nobody looks for it"
            );
        }
    }
}
