//! What people decide while a run is on: it is frozen, or an order in flight is resolved.

use super::*;
use crate::ledger::{
    Decision, Only, Person, REISSUE_OF_RESOLVED_MS, Rerun, TwoPeople, Unsent, Words,
};
use crate::order::Resolution;

fn person(name: &str) -> Person {
    Person::parse(name).unwrap()
}

fn freeze() -> Decision {
    Decision::Freeze {
        by: person("Li Wei"),
        reason: Words::parse("a look").unwrap(),
    }
}

/// A run during which a person decides something before the send with this number.
fn run(world: &mut World, batch: BatchId, before: usize, decision: &Decision) -> (RunReport, u64) {
    let scope = Scope::Batch(batch);
    let settings = world.settings();
    let mut engine = world.engine(scope, settings);
    let mut wire: BTreeMap<(Mono, usize), Reply> = BTreeMap::new();
    let (mut claims, mut claims_then) = (0_u64, None);
    for _ in 0..1_000_000 {
        let actions = engine.poll(world.now);
        let quiet = actions.is_empty();
        let mut writes = Vec::new();
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
                Action::Write(write) => writes.push(write),
                Action::Send { claimed, .. } => {
                    if world.sends.len() == before {
                        let at = world.now.wall;
                        world.ledger.decide(decision, at).unwrap();
                        claims_then = Some(claims);
                    }
                    let (at, reply) = world.gateway(Sent::of(&claimed));
                    wire.insert((at, world.sends.len()), reply);
                }
                Action::Notice(_) | Action::Alert(_) => {}
            }
        }
        for written in world.ledger.write(writes).unwrap() {
            claims += u64::from(matches!(written, Written::Claimed(_)));
            engine.on(Event::Written(written), world.now);
        }
        if !quiet {
            continue;
        }
        if engine.finished() {
            return (engine.into_report(), claims_then.expect("it was decided"));
        }
        let wake = engine.wake_at(world.now);
        let reply = wire.first_key_value().map(|(&(at, _), _)| at);
        let next = [wake, reply].into_iter().flatten().min();
        let next = next.expect("it waits").max(world.now.mono);
        world.pass(next - world.now.mono);
        while let Some(entry) = wire.first_entry() {
            if entry.key().0 > world.now.mono {
                break;
            }
            engine.on(Event::Reply(Box::new(entry.remove())), world.now);
        }
    }
    panic!("it does not end");
}

#[test]
fn a_freeze_ends_a_run_with_what_it_had_claimed_and_every_reply_is_recorded() {
    let (mut world, batch) = World::new(500, 3, Box::new(|_, _, _| Does::Right));
    let (report, claimed) = run(&mut world, batch, 20, &freeze());
    assert_eq!(report.stop, Some(Stop::Frozen));
    let sent = world.sends.len();
    assert!(sent > 20 && sent as u64 <= claimed, "{sent} of {claimed}");
    assert!(sent < 200, "{sent}: it went on");
    let totals = world.ledger.totals(batch).unwrap();
    let of = |status| {
        let found = totals.by_status.iter().find(|(s, ..)| *s == status);
        found.map_or(0, |(_, rows, _)| *rows)
    };
    assert_eq!(of(Status::Success), sent as u64, "what came is recorded");
    assert_eq!(
        of(Status::Pending),
        500 - sent as u64,
        "the rest was given back"
    );
    // The next run sends nothing, and says why.
    let report = world.run(Scope::Batch(batch));
    assert_eq!((report.stop, report.intents), (Some(Stop::Frozen), 0));
    assert_eq!(world.sends.len(), sent);
    let by = person("Wang Fang");
    let at = world.now.wall;
    world.ledger.decide(&Decision::Unfreeze { by }, at).unwrap();
    assert_eq!(world.run(Scope::Batch(batch)).stop, None);
    assert_eq!(world.sends.len(), 500);
    assert!(world.ledger.verify().unwrap().is_empty());
}

#[test]
fn l3_a_verified_reply_that_contradicts_two_people_is_an_alert_of_the_run() {
    for (resolution, alerts) in [(Resolution::Failed, 1), (Resolution::Success, 0)] {
        let (mut world, batch) = World::new(1, 1, Box::new(|_, _, _| Does::Right));
        let decision = Decision::Resolve {
            no: OrderNo::parse("N000001").unwrap(),
            resolution,
            by: TwoPeople::new(person("Li Wei"), person("Wang Fang")).unwrap(),
            evidence: Words::parse("a call").unwrap(),
        };
        let (report, _) = run(&mut world, batch, 0, &decision);
        assert_eq!(report.alerts.len(), alerts, "{:?}", report.alerts);
        let totals = world.ledger.totals(batch).unwrap();
        assert_eq!(totals.by_status, [(Status::Success, 1, 1)]);
        assert!(world.ledger.verify().unwrap().is_empty());
    }
}

/// What is awaited when a run ends comes late, and is no lane's fault.
#[test]
fn a_lane_that_waits_when_the_run_is_stopped_is_not_blamed_for_the_time_after() {
    let script: Script = Box::new(|no, _, _| {
        let n: u32 = no.as_str()[1..].parse().unwrap();
        match n.is_multiple_of(2) {
            true => Does::Silent,
            false => Does::Right,
        }
    });
    let (mut world, batch) = World::new(8, 2, script);
    let mut settings = world.settings();
    // A second before the lane without replies would be stopped; the last of them comes after it.
    settings.until = Some(world.now.wall.plus_ms(119_000));
    let report = world.run_with(Scope::Batch(batch), settings, u64::MAX);
    let report = report.unwrap();
    assert_eq!(
        (report.stop, report.stopped_lanes),
        (Some(Stop::Until), vec![])
    );
    world.audit(batch);
}

/// What a clock that was ahead has issued waits for 31 days: it keeps nothing behind it from being sent,
/// nor is it one of those that `--limit` counts.
#[test]
fn l5_a_refused_claim_is_asked_once_a_run_and_keeps_no_other_waiting() {
    let script: Script = Box::new(|no, asked, _| match (no.as_str() > "N000004", asked) {
        (true, _) => Does::LostBefore,
        (false, Asked::Submission) => Does::NotEnough,
        (false, Asked::Query) => Does::Right,
    });
    let (mut world, batch) = World::new(6, 3, script);
    world.run(Scope::Batch(batch));
    for n in 5..=6 {
        let decision = Decision::Resolve {
            no: OrderNo::parse(&format!("N{n:06}")).unwrap(),
            resolution: Resolution::Failed,
            by: TwoPeople::new(person("Li Wei"), person("Wang Fang")).unwrap(),
            evidence: Words::parse("a call").unwrap(),
        };
        world.ledger.decide(&decision, world.now.wall).unwrap();
    }
    let ahead = world.now.wall.plus_ms(REISSUE_OF_RESOLVED_MS);
    let proofs = world
        .ledger
        .proofs(batch, Only::Dead, 0, 99, ahead)
        .unwrap();
    // Those that wait come first.
    let proofs: Vec<_> = proofs.into_iter().rev().map(|(_, proof)| proof).collect();
    assert_eq!(proofs.len(), 6);
    world.ledger.reissue(batch, proofs, ahead).unwrap();
    world.script = Box::new(|_, _, _| Does::Right);
    world.refusals = 0;
    let scope = Scope::Rerun(batch, Rerun::Issued(Unsent::Reissues));
    let mut settings = world.settings();
    settings.last_fresh = world.ledger.nth_unsent(scope, 2, world.now.wall).unwrap();
    let before = world.sends.len();
    world.run_with(scope, settings, u64::MAX).unwrap();
    assert_eq!((world.sends.len() - before, world.refusals), (2, 2));
    world.refusals = 0;
    world.run(scope);
    assert_eq!((world.sends.len() - before, world.refusals), (4, 2));
}
