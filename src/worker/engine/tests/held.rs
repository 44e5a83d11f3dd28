//! Lanes that join and leave a running engine.

use super::*;
use crate::ledger::Epoch;

/// Goes on until a time; what is on the wire stays there.
fn go(world: &mut World, engine: &mut Engine, wire: &mut Vec<(Mono, Reply)>, until: Mono) {
    let scope = Scope::Batch(BatchId(1));
    for _ in 0..TURNS_MAX {
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
