//! Lanes that join and leave a running engine.

use super::*;
use crate::ledger::{Epoch, RecentSend, Standing};

/// Goes on until a time; what is on the wire stays there.
fn go(world: &mut World, engine: &mut Engine, wire: &mut Vec<(Mono, Reply)>, until: Mono) {
    let scope = Scope::Batch(BatchId(1));
    let mut moment = Moment::default();
    for _ in 0..TURNS_MAX {
        moment.turn(world.now);
        engine.must_be_sound(0);
        let actions = engine.poll(world.now);
        let quiet = actions.is_empty();
        for action in actions {
            match action {
                Action::Deck {
                    lane,
                    merchant,
                    phase,
                    after,
                    limit,
                } => {
                    let jobs = world.ledger.deck(scope, phase, &merchant, after, limit);
                    let jobs = jobs.unwrap();
                    engine.on(Event::Deck { lane, phase, jobs }, world.now);
                }
                Action::Write(write) => {
                    for written in world.ledger.write(vec![write]).unwrap() {
                        engine.on(Event::Written(written), world.now);
                    }
                }
                Action::Send { claimed, .. } => wire.push(world.gateway(Sent::of(&claimed))),
                Action::Notice(words) | Action::Alert(words) => panic!("{words}"),
            }
        }
        if !quiet {
            continue;
        }
        assert_eq!(engine.flying() as usize, wire.len());
        assert_eq!(engine.progress().in_flight, engine.flying());
        if world.now.mono >= until {
            return;
        }
        world.pass(Duration::from_millis(1));
        let now = world.now;
        for (_, reply) in wire.extract_if(.., |(at, _)| *at <= now.mono) {
            engine.on(Event::Reply(Box::new(reply)), now);
        }
    }
    panic!("it does not end");
}

fn work(n: u32, pending: u64) -> LaneWork {
    LaneWork {
        merchant: merchant(n),
        open: 0,
        pending,
    }
}

/// An engine without lanes, at two requests a second.
fn empty(world: &mut World) -> Engine {
    let mut settings = world.settings();
    settings.per_merchant_qps = 2;
    let scope = Scope::Batch(BatchId(1));
    Engine::new(scope, settings, Vec::new(), &[], None, world.now)
}

fn ends(engine: &mut Engine) -> Vec<LaneEnd> {
    engine
        .cleared()
        .into_iter()
        .map(|clear| clear.end)
        .collect()
}

#[test]
fn l6_a_lane_that_comes_back_keeps_its_slot_and_its_pace() {
    let (mut world, _) = World::new(40, 1, Box::new(|_, _, _| Does::Right));
    let mut engine = empty(&mut world);
    let mut wire = Vec::new();
    for epoch in 1..=8 {
        let rest = Duration::ZERO;
        assert!(engine.join(work(0, 40), Epoch(epoch), rest, world.now));
        assert!(!engine.join(work(0, 40), Epoch(99), rest, world.now));
        let until = world.now.mono + Duration::from_millis(300);
        go(&mut world, &mut engine, &mut wire, until);
        engine.leave(&merchant(0), world.now);
        let until = world.now.mono + Duration::from_millis(50);
        go(&mut world, &mut engine, &mut wire, until);
        assert_eq!(ends(&mut engine), [LaneEnd::Left]);
        assert!(engine.finished());
    }
    assert_eq!((engine.lanes.len(), engine.jobs.len()), (1, 0));
    // 2.8 s: two of them at once, and two in each second.
    assert_eq!(world.sends.len(), 6);
    let report = engine.into_report();
    assert_eq!((report.stopped_lanes, report.alerts), (vec![], vec![]));
}

#[test]
fn l6_nothing_is_sent_on_a_lane_before_its_rest_is_over() {
    let (mut world, _) = World::new(4, 1, Box::new(|_, _, _| Does::Right));
    let mut engine = empty(&mut world);
    let rest = Duration::from_secs(31);
    assert!(engine.join(work(0, 4), Epoch(1), rest, world.now));
    let mut wire = Vec::new();
    go(
        &mut world,
        &mut engine,
        &mut wire,
        rest + Duration::from_secs(3),
    );
    assert_eq!(world.sends[0].0, rest);
    assert_eq!(world.sends.len(), 4);
    assert_eq!(ends(&mut engine), [LaneEnd::Driven { pending_left: 0 }]);
}

/// It may have been worked on between the count and the taking.
#[test]
fn a_lane_is_read_whatever_it_was_counted_to_have() {
    let (mut world, batch) = World::new(3, 1, Box::new(|_, _, _| Does::Right));
    let mut engine = empty(&mut world);
    assert!(engine.join(work(0, 0), Epoch(1), Duration::ZERO, world.now));
    let mut wire = Vec::new();
    go(&mut world, &mut engine, &mut wire, Duration::from_secs(3));
    assert_eq!(world.statuses(batch)["SUCCESS"], 3);
}

/// What an earlier run of this host left on the wire counts, whenever the lane joins.
#[test]
fn l6_a_lane_that_joins_later_has_the_permits_that_earlier_sends_left_it() {
    let (mut world, _) = World::new(8, 2, Box::new(|_, _, _| Does::Right));
    let mut settings = world.settings();
    settings.per_merchant_qps = 2;
    let answered = |ms: i64| RecentSend {
        merchant: merchant(1),
        claimed_at: world.now.wall.plus_ms(ms - 20),
        answered_at: Some(world.now.wall.plus_ms(ms)),
        given_up: false,
    };
    let recent = [answered(0), answered(-400)];
    let scope = Scope::Batch(BatchId(1));
    let mut engine = Engine::new(scope, settings, Vec::new(), &recent, None, world.now);
    let mut wire = Vec::new();
    // Half a second later one of them is over nearly, the other is not.
    go(
        &mut world,
        &mut engine,
        &mut wire,
        Duration::from_millis(500),
    );
    assert!(engine.join(work(1, 4), Epoch(1), Duration::ZERO, world.now));
    assert!(engine.join(work(0, 4), Epoch(1), Duration::ZERO, world.now));
    go(
        &mut world,
        &mut engine,
        &mut wire,
        Duration::from_millis(550),
    );
    let of = |world: &World, odd: bool| -> Vec<Mono> {
        let sends = world.sends.iter();
        let sends = sends.filter(|send| send.1.ends_with(['1', '3', '5', '7']) == odd);
        sends.map(|send| send.0).collect()
    };
    assert_eq!(of(&world, true), [], "both permits are taken");
    go(&mut world, &mut engine, &mut wire, Duration::from_secs(9));
    let odd = of(&world, true);
    assert_eq!((odd.len(), of(&world, false).len()), (4, 4));
    assert!(odd[0] >= Duration::from_millis(601), "{odd:?}");
    assert!(odd[1] >= Duration::from_millis(1_001), "{odd:?}");
}

/// Polls, answers pages from the ledger and hands out the writes and the sends.
fn turn(world: &mut World, engine: &mut Engine) -> (Vec<Write>, Vec<(Mono, Reply)>) {
    let (mut writes, mut wire) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        for action in engine.poll(world.now) {
            match action {
                Action::Deck {
                    lane,
                    merchant,
                    phase,
                    after,
                    limit,
                } => {
                    let scope = Scope::Batch(BatchId(1));
                    let jobs = world.ledger.deck(scope, phase, &merchant, after, limit);
                    let jobs = jobs.unwrap();
                    engine.on(Event::Deck { lane, phase, jobs }, world.now);
                }
                Action::Write(write) => writes.push(write),
                Action::Send { claimed, .. } => wire.push(world.gateway(Sent::of(&claimed))),
                Action::Notice(words) | Action::Alert(words) => panic!("{words}"),
            }
        }
    }
    (writes, wire)
}

fn commit(world: &mut World, engine: &mut Engine, writes: Vec<Write>) {
    for written in world.ledger.write(writes).unwrap() {
        engine.on(Event::Written(written), world.now);
    }
}

/// An engine whose canary was answered, with the last order of lane 1 on the wire and no room for more; lane 0
/// has orders.
fn one_on_the_wire(world: &mut World) -> Engine {
    let mut settings = world.settings();
    settings.max_in_flight = 1;
    let scope = Scope::Batch(BatchId(1));
    let mut engine = Engine::new(scope, settings, Vec::new(), &[], None, world.now);
    assert!(engine.join(work(1, 9), Epoch(1), Duration::ZERO, world.now));
    let mut wire = Vec::new();
    while world.sends.len() < 2 {
        if world.sends.len() == 1 {
            world.latency = Duration::from_secs(9);
        }
        let until = world.now.mono + Duration::from_millis(1);
        go(world, &mut engine, &mut wire, until);
        assert!(world.now.mono < Duration::from_secs(1));
    }
    assert!(engine.join(work(0, 9), Epoch(1), Duration::ZERO, world.now));
    engine
}

/// Until it is recorded as not sent, the order behind it may not go first.
#[test]
fn what_is_being_given_back_holds_those_behind_it_and_is_no_try() {
    let (mut world, _) = World::new(4, 2, always(Does::Right));
    let mut engine = one_on_the_wire(&mut world);
    let (claims, _) = turn(&mut world, &mut engine);
    let of: Vec<&str> = claims.iter().map(claimed_no).collect();
    assert_eq!(of, ["N000002"], "no room for more");
    commit(&mut world, &mut engine, claims);
    // It waits in vain for five seconds.
    world.pass(Duration::from_millis(5_001));
    let (back, sent) = turn(&mut world, &mut engine);
    assert!(sent.is_empty());
    assert!(matches!(back[..], [Write::Record(_)]), "{back:?}");
    world.pass(Duration::from_millis(10));
    let (more, _) = turn(&mut world, &mut engine);
    assert!(more.is_empty(), "{more:?}");
    engine.must_be_sound(back.len());
    commit(&mut world, &mut engine, back);
    let (again, _) = turn(&mut world, &mut engine);
    let of: Vec<&str> = again.iter().map(claimed_no).collect();
    assert_eq!(of, ["N000002"]);
    let tries = engine.jobs.values().map(|job| job.tries.submissions);
    assert_eq!(tries.max(), Some(1), "only the last claim counts");
}

fn claimed_no(write: &Write) -> &str {
    match write {
        Write::Claim(ask) => ask.job.order.no.as_str(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn l6_a_claim_that_is_committed_after_its_lane_was_left_is_given_back() {
    for stopped in [false, true] {
        let (mut world, _) = World::new(4, 2, always(Does::Right));
        let mut engine = one_on_the_wire(&mut world);
        let (claims, _) = turn(&mut world, &mut engine);
        assert_eq!(claims.len(), 1);
        match stopped {
            true => engine.stop(Stop::Asked, world.now),
            false => engine.leave(&merchant(0), world.now),
        }
        commit(&mut world, &mut engine, claims);
        let (back, sent) = turn(&mut world, &mut engine);
        assert!(sent.is_empty());
        assert!(matches!(back[..], [Write::Record(_)]), "{back:?}");
        commit(&mut world, &mut engine, back);
        engine.must_be_sound(0);
        assert_eq!(ends(&mut engine), [LaneEnd::Left]);
    }
}

/// Its lane's lease would have ended before it.
#[test]
fn l6_a_request_that_was_not_begun_goes_back_with_its_lane() {
    let (mut world, batch) = World::new(4, 1, always(Does::Right));
    let mut engine = empty(&mut world);
    assert!(engine.join(work(0, 4), Epoch(1), Duration::ZERO, world.now));
    assert!(!engine.was_proven());
    let (claims, _) = turn(&mut world, &mut engine);
    commit(&mut world, &mut engine, claims);
    let mut sends = engine.poll(world.now);
    let Some(Action::Send { claimed, .. }) = sends.pop() else {
        panic!("{sends:?}")
    };
    assert_eq!(engine.flying(), 1);
    engine.on(Event::Unsent(claimed), world.now);
    let (back, _) = turn(&mut world, &mut engine);
    assert!(matches!(back[..], [Write::Record(_)]), "{back:?}");
    engine.must_be_sound(1);
    commit(&mut world, &mut engine, back);
    engine.must_be_sound(0);
    assert_eq!(ends(&mut engine), [LaneEnd::Left]);
    assert!(engine.finished() && !engine.was_proven());
    assert_eq!(world.statuses(batch), BTreeMap::from([("PENDING", 4)]));
    // The permit came back at once, and it was no try.
    assert!(engine.join(work(0, 4), Epoch(2), Duration::ZERO, world.now));
    let mut wire = Vec::new();
    let until = world.now.mono + Duration::from_millis(100);
    go(&mut world, &mut engine, &mut wire, until);
    assert_eq!(world.sends.len(), 2);
}

/// It waited for room on the wire when the round ended.
#[test]
fn a_lane_that_waited_when_its_round_ended_is_looked_at_in_the_next() {
    let (mut world, batch) = World::new(4, 2, always(Does::Right));
    let mut engine = one_on_the_wire(&mut world);
    let (claims, _) = turn(&mut world, &mut engine);
    commit(&mut world, &mut engine, claims);
    turn(&mut world, &mut engine);
    engine.stop(Stop::Outage("a test".into()), world.now);
    let (back, _) = turn(&mut world, &mut engine);
    commit(&mut world, &mut engine, back);
    // What was on the wire has come to its end.
    engine.flying = 0;
    engine.begin_anew();
    engine.must_be_sound(0);
    world.pass(Duration::from_secs(40));
    world.latency = Duration::from_millis(20);
    let next = world.settings().run;
    engine.goes_by(next);
    for n in 0..2 {
        assert!(engine.join(work(n, 9), Epoch(2), Duration::ZERO, world.now));
    }
    let (claims, _) = turn(&mut world, &mut engine);
    assert!(matches!(&claims[..], [Write::Claim(ask)] if ask.run == next));
    commit(&mut world, &mut engine, claims);
    let mut wire = Vec::new();
    go(&mut world, &mut engine, &mut wire, Duration::from_secs(90));
    assert_eq!(world.statuses(batch)["SUCCESS"], 4);
}

/// Read twice, its orders would stand twice in the lane.
#[test]
fn l2_a_page_that_is_on_its_way_is_not_asked_for_again() {
    let (mut world, _) = World::new(4, 1, Box::new(|_, _, _| Does::Right));
    let mut engine = empty(&mut world);
    assert!(engine.join(work(0, 4), Epoch(1), Duration::ZERO, world.now));
    for phase in [Phase::Open, Phase::Pending] {
        let asked = engine.poll(world.now);
        assert!(matches!(asked[..], [Action::Deck { phase: p, .. }] if p == phase));
        engine.refill(0);
        engine.must_be_sound(0);
        let more = engine.poll(world.now);
        assert!(more.is_empty(), "{more:?}");
        let (lane, jobs) = (0, Vec::new());
        engine.on(Event::Deck { lane, phase, jobs }, world.now);
    }
    assert!(engine.finished());
}

/// What is read ahead is bounded over all lanes together.
#[test]
fn many_lanes_are_read_in_smaller_pages() {
    for (lanes, page) in [(1, 256), (32, 256), (64, 128), (6_000, 4)] {
        let (mut world, _) = World::new(1, 1, Box::new(|_, _, _| Does::Right));
        let mut engine = empty(&mut world);
        assert!(engine.join(work(0, 1), Epoch(1), Duration::ZERO, world.now));
        let mut wire = Vec::new();
        go(
            &mut world,
            &mut engine,
            &mut wire,
            Duration::from_millis(50),
        );
        assert_eq!(ends(&mut engine), [LaneEnd::Driven { pending_left: 0 }]);
        for n in 1..=lanes {
            assert!(engine.join(work(n, 9), Epoch(1), Duration::ZERO, world.now));
        }
        let asked = engine.poll(world.now);
        for action in &asked {
            let Action::Deck { limit, .. } = *action else {
                panic!("{action:?}")
            };
            assert_eq!(limit, page, "{lanes} lanes");
        }
        // All that is on its way has room, should it all be open.
        let most = OPEN_JOBS_MAX / page as usize;
        assert_eq!(asked.len(), most.min(lanes as usize));
    }
}

#[test]
fn a_worker_counts_the_orders_of_the_lanes_that_it_holds() {
    let (mut world, _) = World::new(20, 2, Box::new(|_, _, _| Does::Right));
    let mut engine = empty(&mut world);
    let open = LaneWork {
        open: 3,
        ..work(0, 10)
    };
    assert!(engine.join(open, Epoch(1), Duration::ZERO, world.now));
    assert_eq!(engine.progress().orders, 13);
    assert!(engine.join(work(1, 10), Epoch(1), Duration::ZERO, world.now));
    assert_eq!(engine.progress().orders, 23);
    let mut wire = Vec::new();
    go(
        &mut world,
        &mut engine,
        &mut wire,
        Duration::from_millis(1_500),
    );
    // What is left of a lane that goes back is another's.
    let done = engine.progress().done;
    assert!(done > 0 && done < 10, "{done}");
    engine.leave(&merchant(0), world.now);
    engine.leave(&merchant(1), world.now);
    go(&mut world, &mut engine, &mut wire, Duration::from_secs(2));
    let progress = engine.progress();
    assert_eq!(progress.orders, progress.done);
    assert_eq!(progress.succeeded, world.sends.len() as u64);
}

/// A round that ends and begins anew in one process: what the gateway may still count holds its permits.
#[test]
fn l6_what_is_begun_anew_keeps_the_pace_and_forgets_the_rest() {
    let (mut world, batch) = World::new(20, 2, Box::new(|_, _, _| Does::Right));
    let mut engine = empty(&mut world);
    let rest = Duration::ZERO;
    let mut wire = Vec::new();
    assert!(engine.join(work(0, 10), Epoch(1), rest, world.now));
    assert!(engine.join(work(1, 10), Epoch(1), rest, world.now));
    go(
        &mut world,
        &mut engine,
        &mut wire,
        Duration::from_millis(300),
    );
    let before = world.sends.len();
    assert_eq!(before, 4);
    assert!(engine.was_proven());
    engine.stop(Stop::Outage("a test".into()), world.now);
    assert!(!engine.join(work(0, 10), Epoch(2), rest, world.now));
    go(
        &mut world,
        &mut engine,
        &mut wire,
        Duration::from_millis(310),
    );
    assert_eq!(ends(&mut engine), [LaneEnd::Left, LaneEnd::Left]);
    assert!(engine.was_proven());
    assert_eq!(engine.begin_anew(), []);
    engine.must_be_sound(0);
    assert!(!engine.brakes.is_proven() && engine.was_proven());
    for n in 0..2 {
        assert!(engine.join(work(n, 10), Epoch(2), rest, world.now));
    }
    go(
        &mut world,
        &mut engine,
        &mut wire,
        Duration::from_millis(900),
    );
    assert_eq!(world.sends.len(), before, "all permits are taken");
    go(&mut world, &mut engine, &mut wire, Duration::from_secs(30));
    assert_eq!(world.statuses(batch)["SUCCESS"], 20);
    assert_eq!(engine.into_report().stop, None);
}

#[test]
fn l6_a_lane_that_is_being_read_goes_back_once_its_page_has_come() {
    let stories = [
        (vec![Phase::Open], false),
        (vec![Phase::Open, Phase::Pending], false),
        (vec![Phase::Open], true),
    ];
    for (phases, stopped) in stories {
        let (mut world, _) = World::new(4, 1, Box::new(|_, _, _| Does::Right));
        let _other = anothers_claim(&mut world);
        let mut engine = empty(&mut world);
        assert!(engine.join(work(0, 4), Epoch(1), Duration::ZERO, world.now));
        for (i, &phase) in phases.iter().enumerate() {
            let asked = engine.poll(world.now);
            assert!(matches!(asked[..], [Action::Deck { phase: p, .. }] if p == phase));
            let lane = 0;
            let mut jobs = Vec::new();
            if i + 1 == phases.len() {
                match stopped {
                    true => engine.stop(Stop::Asked, world.now),
                    false => engine.leave(&merchant(0), world.now),
                }
                let scope = Scope::Batch(BatchId(1));
                let deck = world.ledger.deck(scope, phase, &merchant(0), OrderId(0), 9);
                jobs = deck.unwrap();
                assert!(!jobs.is_empty());
            }
            assert_eq!(ends(&mut engine), []);
            engine.on(Event::Deck { lane, phase, jobs }, world.now);
        }
        assert_eq!(ends(&mut engine), [LaneEnd::Left]);
        assert!(engine.finished() && engine.jobs.is_empty());
    }
}

/// Another process claims the first order.
fn anothers_claim(world: &mut World) -> Box<crate::ledger::Claimed> {
    let run = world.settings().run;
    let deck = world.ledger.deck(
        Scope::Batch(BatchId(1)),
        Phase::Pending,
        &merchant(0),
        OrderId(0),
        1,
    );
    let claim = Write::Claim(crate::ledger::Ask {
        job: deck.unwrap().remove(0),
        asked: Asked::Submission,
        at: world.now.wall,
        run,
        lease: None,
        handed: None,
    });
    let Written::Claimed(other) = world.ledger.write(vec![claim]).unwrap().remove(0) else {
        panic!("it is claimed")
    };
    other
}

/// And gives it back unsent.
fn give_back(world: &mut World, other: &crate::ledger::Claimed) {
    let back = crate::ledger::Answer {
        attempt: other.attempt(),
        order: other.job().id,
        asked: Asked::Submission,
        at: world.now.wall,
        latency_ms: 0,
        facts: crate::ledger::ReplyFacts::bare(crate::ledger::Trust::NotSent, None),
        meaning: "NOT_SENT",
        event: crate::order::Event::NotSent {
            before: State::Pending,
        },
        weak: other.job().standing.weak,
        may_have_been_accepted: false,
        alert: None,
    };
    let back = world.ledger.write(vec![Write::Record(Box::new(back))]);
    assert!(matches!(
        back.unwrap()[..],
        [Written::Recorded(_, standing)] if standing.state == State::Pending
    ));
}

/// A run with `--limit` claims an order and loses its lane before it is sent: its own command sends it, not who
/// has met it meanwhile.
#[test]
fn l7_what_another_process_gives_back_unsent_is_left_to_its_own_command() {
    let (mut world, _) = World::new(1, 1, Box::new(|_, _, _| Does::Right));
    let other = anothers_claim(&mut world);
    let mut engine = empty(&mut world);
    let mut wire = Vec::new();
    assert!(engine.join(work(0, 1), Epoch(2), Duration::ZERO, world.now));
    go(
        &mut world,
        &mut engine,
        &mut wire,
        Duration::from_millis(500),
    );
    give_back(&mut world, &other);
    go(&mut world, &mut engine, &mut wire, Duration::from_secs(5));
    assert_eq!(world.sends, []);
    assert!(engine.finished());
}

#[test]
fn an_order_that_the_ledger_knows_otherwise_is_asked_for_once_more_and_no_further() {
    let moved = |standing: Standing, state, maybe_accepted| Standing {
        state,
        maybe_accepted,
        ..standing
    };
    let (pending, unknown) = (State::Pending, State::Unknown);
    // Whether it had never been sent; how it stands, each time that its claim is refused; how often it is claimed.
    for (fresh, found, claims) in [
        (true, vec![(pending, 0)], 1),
        (true, vec![(State::Cancelled, 0)], 1),
        (true, vec![(State::Success, 1)], 1),
        (true, vec![(unknown, 1), (unknown, 1)], 2),
        (true, vec![(unknown, 1), (unknown, 2)], 2),
        (false, vec![(unknown, 2), (unknown, 3)], 2),
        (false, vec![(pending, 0)], 1),
    ] {
        let (mut world, _) = World::new(1, 1, Box::new(|_, _, _| Does::Right));
        if !fresh {
            anothers_claim(&mut world);
        }
        let mut engine = empty(&mut world);
        assert!(engine.join(work(0, 1), Epoch(1), Duration::ZERO, world.now));
        let mut claimed = Vec::new();
        while world.now.mono < Duration::from_secs(5) {
            engine.must_be_sound(0);
            for write in turn(&mut world, &mut engine).0 {
                let Write::Claim(ask) = write else {
                    panic!("{write:?}")
                };
                let (state, maybe_accepted) = found[claimed.len()];
                claimed.push(world.now.mono);
                let standing = moved(ask.job.standing, state, maybe_accepted);
                let refused = Written::Refused(ask.job.id, standing);
                engine.on(Event::Written(refused), world.now);
            }
            world.pass(Duration::from_millis(10));
        }
        assert_eq!(claimed.len(), claims, "{found:?}");
        let apart = claimed.windows(2).map(|two| two[1] - two[0]);
        assert!(
            apart
                .min()
                .is_none_or(|apart| apart >= Duration::from_secs(1))
        );
        assert!(engine.finished() && engine.jobs.is_empty(), "{found:?}");
    }
}

#[test]
fn l6_a_lane_that_was_lost_and_a_run_that_was_frozen_end_with_all_their_claims() {
    for frozen in [false, true] {
        let (mut world, _) = World::new(12, 2, Box::new(|_, _, _| Does::Right));
        let settings = world.settings();
        let scope = Scope::Batch(BatchId(1));
        let mut engine = Engine::new(scope, settings, Vec::new(), &[], None, world.now);
        assert!(engine.join(work(0, 6), Epoch(1), Duration::ZERO, world.now));
        // The canary alone: its reply opens the lane for the five behind it.
        let mut wire = Vec::new();
        let now = world.now.mono;
        go(&mut world, &mut engine, &mut wire, now);
        let (at, reply) = wire.remove(0);
        world.pass(at - world.now.mono);
        engine.on(Event::Reply(Box::new(reply)), world.now);
        let mut claims = Vec::new();
        for _ in 0..2 {
            for write in turn(&mut world, &mut engine).0 {
                match write {
                    Write::Claim(ask) => claims.push(ask.job.id),
                    reply => commit(&mut world, &mut engine, vec![reply]),
                }
            }
        }
        assert_eq!(claims.len(), 5);
        let mut left = claims.len();
        for id in claims {
            engine.must_be_sound(left);
            left -= 1;
            let written = match frozen {
                true => Written::Frozen(id),
                false => Written::LaneLost(id),
            };
            engine.on(Event::Written(written), world.now);
        }
        engine.must_be_sound(0);
        assert_eq!(ends(&mut engine), [LaneEnd::Left]);
        assert!(engine.finished());
        assert_eq!(engine.is_stopping(), frozen);
        assert_eq!(engine.stopped_by(), frozen.then_some(&Stop::Frozen));
        // The other lane goes on, or is refused.
        assert_eq!(
            engine.join(work(1, 6), Epoch(2), Duration::ZERO, world.now),
            !frozen
        );
        let report = engine.into_report();
        assert_eq!((report.stopped_lanes, report.attempts), (vec![], 1));
    }
}

/// It was open when the lane's open orders were read, and unsent when the others were.
#[test]
fn l6_an_order_that_is_dealt_twice_keeps_no_lane_from_going_back() {
    let (mut world, _) = World::new(2, 1, Box::new(|_, _, _| Does::Right));
    let other = anothers_claim(&mut world);
    let mut engine = empty(&mut world);
    assert!(engine.join(work(0, 1), Epoch(2), Duration::ZERO, world.now));
    let asked = engine.poll(world.now).remove(0);
    let Action::Deck {
        lane,
        merchant,
        phase: Phase::Open,
        after,
        limit,
    } = asked
    else {
        panic!("{asked:?}")
    };
    let scope = Scope::Batch(BatchId(1));
    let jobs = world
        .ledger
        .deck(scope, Phase::Open, &merchant, after, limit)
        .unwrap();
    assert_eq!(jobs.len(), 1);
    give_back(&mut world, &other);
    let phase = Phase::Open;
    engine.on(Event::Deck { lane, phase, jobs }, world.now);
    let mut wire = Vec::new();
    go(&mut world, &mut engine, &mut wire, Duration::from_secs(5));
    // What was given back is its own command's.
    assert_eq!(world.sends.len(), 1);
    assert_eq!(ends(&mut engine), [LaneEnd::Driven { pending_left: 1 }]);
    assert!(engine.finished());
    assert!(engine.jobs.is_empty());
}
