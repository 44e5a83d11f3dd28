//! What must hold of a lane whatever happens in whatever order: nobody is over the limit, and nobody
//! waits without need. Beside the lane stands a model of the rule in `docs/SPEC.md`, section 4.

use super::*;
use proptest::prelude::*;

/// The gateway counts a request that was given up within this time (assumed in law L6).
const COUNTED_AFTER_GIVING_UP: Duration = Duration::from_secs(30);
/// Longer than anything that a lane waits for by the clock.
const FOR_EVER: Duration = Duration::from_secs(100_000);

#[derive(Clone, Copy, Debug)]
enum Happening {
    /// Time passes, in microseconds.
    Passes(u64),
    /// As long as the lane says.
    Waits,
    /// Somebody wants to send.
    Asks,
    /// The n-th request on the wire is answered.
    Replied(usize),
    GivenUp(usize, bool),
    NotSent(usize),
    Throttled(Option<u64>),
    /// The process dies, and another begins with what the ledger says.
    Restart,
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    prop_oneof![
        3 => prop_oneof![0..8_000_u64, 0..1_500_000_u64, 0..40_000_000_u64].prop_map(Passes),
        6 => Just(Waits),
        12 => Just(Asks),
        6 => (0..50_usize).prop_map(Replied),
        1 => (0..50_usize, any::<bool>()).prop_map(|(n, timed_out)| GivenUp(n, timed_out)),
        1 => (0..50_usize).prop_map(NotSent),
        1 => prop::option::of(0..90_u64).prop_map(Throttled),
        1 => Just(Restart),
    ]
}

/// A request as the gateway may have counted it: at any moment from `sent` to `last`.
#[derive(Clone, Copy, Debug)]
struct Counted {
    sent: Mono,
    last: Mono,
}

/// The rule, written down a second time: ends of holds in a list, the limit by arithmetic.
struct Model {
    limit_max: u32,
    limit: u32,
    since: Mono,
    halved_at: Option<Mono>,
    out: Vec<Mono>,
    held_until: Vec<Mono>,
    next_slot: Mono,
    throttled_until: Mono,
    timeouts: u32,
    counted: Vec<Counted>,
}

impl Model {
    fn new(limit_max: u32) -> Self {
        Self {
            limit_max,
            limit: limit_max,
            since: Mono::ZERO,
            halved_at: None,
            out: Vec::new(),
            held_until: Vec::new(),
            next_slot: Mono::ZERO,
            throttled_until: Mono::ZERO,
            timeouts: 0,
            counted: Vec::new(),
        }
    }

    /// 5% of the whole come back every 10 s.
    fn limit_at(&self, at: Mono) -> u64 {
        let steps = at.saturating_sub(self.since).as_secs() / 10;
        let step = u64::from((self.limit_max / 20).max(1));
        (u64::from(self.limit) + steps * step).min(self.limit_max.into())
    }

    /// Whether a request may leave at this time, if nothing happens before.
    fn allows(&self, at: Mono) -> bool {
        let held = self.held_until.iter().filter(|until| **until > at).count();
        let free = ((self.out.len() + held) as u64) < self.limit_at(at);
        let alone = self.timeouts < 3 || self.out.is_empty();
        free && alone && at >= self.next_slot && at >= self.throttled_until
    }

    fn sends(&mut self, now: Mono) {
        let on_schedule = now < self.next_slot + SPACING;
        let slot = if on_schedule { self.next_slot } else { now };
        self.next_slot = slot + SPACING;
        self.out.push(now);
    }

    /// A request comes off the wire; it may be counted up to `last`, and holds its permit longer.
    fn ends(&mut self, n: usize, last: Mono, held_until: Mono) {
        let sent = self.out.remove(n);
        self.counted.push(Counted { sent, last });
        self.held_until.push(held_until);
    }

    fn throttled(&mut self, now: Mono, seconds: Option<u64>) {
        let pause = Duration::from_secs(seconds.unwrap_or(1).min(60));
        self.throttled_until = self.throttled_until.max(now + pause);
        let again = self
            .halved_at
            .is_none_or(|at| at + Duration::from_secs(1) <= now);
        if again {
            self.limit = u32::try_from(self.limit_at(now) / 2).unwrap().max(1);
            self.since = now;
            self.halved_at = Some(now);
        }
    }

    /// The most that any second can hold, the gateway being as unkind as it may.
    fn most_in_a_second(&self) -> usize {
        let second = Duration::from_secs(1);
        let from = self.counted.iter().map(|c| c.last);
        let within = |from: Mono| {
            let seen = |c: &&Counted| c.sent <= from + second && c.last >= from;
            self.counted.iter().filter(seen).count()
        };
        from.map(within).max().unwrap_or(0)
    }
}

struct Bench {
    now: Mono,
    lane: Lane,
    model: Model,
}

impl Bench {
    fn happens(&mut self, what: Happening) {
        let now = self.now;
        let on_wire = self.model.out.len();
        match what {
            Happening::Passes(us) => self.now += Duration::from_micros(us),
            Happening::Waits => {
                if let Err(Wait::Until(at)) = self.lane.look(now) {
                    self.now = at;
                }
            }
            Happening::Asks => {
                if self.lane.try_take(now).is_ok() {
                    self.model.sends(now);
                }
            }
            Happening::Replied(n) if on_wire > 0 => {
                self.lane.replied(now);
                self.model
                    .ends(n % on_wire, now, now + Duration::from_millis(1_001));
                self.model.timeouts = 0;
            }
            Happening::GivenUp(n, timed_out) if on_wire > 0 => {
                self.lane.given_up(now, timed_out);
                let held_until = now + Duration::from_millis(31_001);
                self.model
                    .ends(n % on_wire, now + COUNTED_AFTER_GIVING_UP, held_until);
                self.model.timeouts += u32::from(timed_out);
            }
            Happening::NotSent(n) if on_wire > 0 => {
                self.lane.not_sent(now);
                self.model.out.remove(n % on_wire);
            }
            Happening::Replied(_) | Happening::GivenUp(..) | Happening::NotSent(_) => {}
            Happening::Throttled(seconds) => {
                self.lane.throttled(now, seconds.map(Duration::from_secs));
                self.model.throttled(now, seconds);
            }
            Happening::Restart => self.restart(),
        }
    }

    /// What was on the wire is given up by the death of its process.
    fn restart(&mut self) {
        let now = self.now;
        while !self.model.out.is_empty() {
            let held_until = now + Duration::from_millis(31_001);
            self.model
                .ends(0, now + COUNTED_AFTER_GIVING_UP, held_until);
        }
        let old = std::mem::replace(&mut self.model, Model::new(self.lane.limit_max));
        self.model.counted = old.counted;
        self.model.held_until = old.held_until;
        self.lane = Lane::new(self.lane.limit_max);
        for &until in self.model.held_until.iter().filter(|until| **until > now) {
            self.lane.left_behind(until);
        }
    }

    /// The lane says what the rule says: yes, or the first moment at which it will be yes.
    fn is_tight(&self) -> Result<(), TestCaseError> {
        let (now, model) = (self.now, &self.model);
        let takes = |at: Mono| self.lane.clone().try_take(at).is_ok();
        match self.lane.clone().look(now) {
            Ok(()) => prop_assert!(model.allows(now), "over the limit"),
            Err(Wait::Until(at)) => {
                prop_assert!(at > now);
                prop_assert!(model.allows(at), "too early at {at:?}");
                prop_assert!(takes(at), "refused when it was to come back, {at:?}");
                let before = at - Duration::from_nanos(1);
                prop_assert!(!model.allows(before), "a needless wait until {at:?}");
                prop_assert!(!takes(before));
            }
            Err(Wait::Reply) => {
                let late = now + FOR_EVER;
                prop_assert!(!model.allows(late), "waits for a reply without need");
                prop_assert!(!takes(late));
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn l6_whatever_happens_no_second_is_over_the_limit_and_nobody_waits_without_need(
        limit in prop_oneof![1_u32..12, Just(40_u32)],
        happenings in prop::collection::vec(happening(), 1..250),
    ) {
        let (lane, model) = (Lane::new(limit), Model::new(limit));
        let mut bench = Bench { now: Mono::ZERO, lane, model };
        for what in happenings {
            bench.is_tight()?;
            bench.happens(what);
            prop_assert_eq!(bench.lane.out() as usize, bench.model.out.len());
        }
        bench.restart(); // what is on the wire is counted too
        prop_assert!(bench.model.most_in_a_second() <= limit as usize);
    }
}

/// A lane told to come back when the first permit did, and refused again: after a 429 had halved its
/// limit there were more to wait for. And it waited for a permit that came back in half a minute
/// while its limit grew back every ten seconds, or for a reply where the clock alone would do.
#[test]
fn when_to_come_back_is_neither_too_early_nor_too_late() {
    let ms = Duration::from_millis;
    let mut lane = Lane::new(4);
    for at in [0, 5, 10, 15] {
        assert_eq!(lane.try_take(ms(at)), Ok(()));
    }
    for at in [100, 200, 300] {
        lane.replied(ms(at));
    }
    lane.throttled(ms(300), None);
    // One is on the wire, three come back, and two may be taken.
    assert_eq!(lane.look(ms(400)), Err(Wait::Until(ms(1_301))));
    lane.given_up(ms(400), true);
    assert_eq!(lane.look(ms(400)), Err(Wait::Until(ms(1_301))));
    assert_eq!(lane.try_take(ms(1_301)), Ok(()));
    // Both are busy for longer than the limit takes to grow.
    assert_eq!(lane.look(ms(1_306)), Err(Wait::Until(ms(10_300))));
    assert_eq!(lane.try_take(ms(10_300)), Ok(()));
}
