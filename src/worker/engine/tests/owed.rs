//! What a run owes to those before and after it: permits over a restart, proofs that were missed,
//! and counts.

use super::*;
use crate::order::NextAction;

/// One permit a lane: when the next send leaves tells when the permit came back.
fn one_permit(world: &mut World) -> RunSettings {
    RunSettings {
        per_merchant_qps: 1,
        ..world.settings()
    }
}

fn sent_at(world: &World, index: usize) -> u128 {
    world.sends[index].0.as_millis()
}

#[test]
fn l6_what_an_earlier_run_gave_up_holds_its_permit_for_31_s_and_no_longer() {
    let (mut world, batch) = World::new(2, 1, always(Does::Silent));
    let mut settings = one_permit(&mut world);
    settings.until = Some(world.now.wall.plus_ms(5_000));
    let report = world.run_with(Scope::Batch(batch), settings, u64::MAX);
    assert_eq!(report.unwrap().stop, Some(Stop::Until));
    assert_eq!((world.sends.len(), world.now.mono.as_secs()), (1, 10));
    world.script = always(Does::Right);
    let settings = one_permit(&mut world);
    world.run_with(Scope::Batch(batch), settings, u64::MAX);
    assert_eq!(sent_at(&world, 1), 10_000 + 31_001);
    world.audit(batch);
}

#[test]
fn l6_what_was_answered_before_a_restart_holds_its_permit_for_a_second() {
    let (mut world, batch) = World::new(2, 1, always(Does::Right));
    let mut settings = one_permit(&mut world);
    settings.until = Some(world.now.wall.plus_ms(1));
    world.run_with(Scope::Batch(batch), settings, u64::MAX);
    assert_eq!(world.sends.len(), 1);
    let answered = world.now.mono.as_millis();
    let settings = one_permit(&mut world);
    world.run_with(Scope::Batch(batch), settings, u64::MAX);
    assert_eq!(sent_at(&world, 1), answered + 1_001);
}

#[test]
fn l6_what_a_dead_process_left_unanswered_holds_its_permit_for_31_s_from_the_next_start() {
    // With one permit the number itself waits for it; with two, only for its second.
    for (permits, want) in [(1, 10_000 + 31_001), (2, 10_000 + 1_000)] {
        let (mut world, batch) = World::new(1, 1, always(Does::Silent));
        let settings = one_permit(&mut world);
        // A page, a claim, a send; it dies before it has recorded that no reply came in 10 s.
        assert!(world.run_with(Scope::Batch(batch), settings, 3).is_none());
        assert_eq!((world.sends.len(), sent_at(&world, 0)), (1, 0));
        world.script = always(Does::Right);
        let mut settings = world.settings();
        settings.per_merchant_qps = permits;
        world.run_with(Scope::Batch(batch), settings, u64::MAX);
        assert_eq!(sent_at(&world, 1), want, "{permits} permits");
        world.audit(batch);
    }
}

/// Of another merchant's sends a lane knows nothing.
#[test]
fn l6_what_was_given_up_holds_a_permit_of_its_own_lane_alone() {
    let (mut world, batch) = World::new(2, 2, always(Does::Silent));
    let mut settings = one_permit(&mut world);
    settings.until = Some(world.now.wall.plus_ms(5_000));
    world.run_with(Scope::Batch(batch), settings, u64::MAX);
    let first = world.sends[0].1.clone();
    world.script = always(Does::Right);
    let settings = one_permit(&mut world);
    world.run_with(Scope::Batch(batch), settings, u64::MAX);
    let other = world.sends[1..].iter().find(|send| send.1 != first);
    assert_eq!(other.unwrap().0.as_millis(), 10_000);
}

/// A close whose proof no run could fetch goes to a person after three runs; a run that was stopped
/// before it had asked is none of them.
#[test]
fn a_run_that_was_cut_short_has_not_asked_for_a_proof_in_vain() {
    let close_all: fn(&OrderNo, Asked, u32) -> Does = |no, asked, _| match asked {
        Asked::Submission if no.as_str() == "N000002" => Does::NotEnough,
        Asked::Submission => Does::Right,
        Asked::Query => Does::Silent,
    };
    let outage: fn(&OrderNo, Asked, u32) -> Does = |no, asked, _| match (no.as_str(), asked) {
        ("N000001", _) => Does::Right,
        ("N000002", Asked::Submission) => Does::NotEnough,
        _ => Does::ServerError,
    };
    let refused: fn(&OrderNo, Asked, u32) -> Does = |no, asked, _| match asked {
        Asked::Submission if no.as_str() == "N000002" => Does::NotEnough,
        Asked::Submission => Does::Right,
        Asked::Query => Does::ParamError,
    };
    for (name, script, rows, until_ms, want) in [
        ("a signal", close_all, 2, Some(5_000), NextAction::RunAgain),
        ("an outage", outage, 60, None, NextAction::RunAgain),
        ("whole runs", refused, 2, None, NextAction::Review),
    ] {
        let (mut world, batch) = World::new(rows, 1, Box::new(script));
        for run in 1..=3 {
            let mut settings = world.settings();
            settings.until = until_ms.map(|ms| world.now.wall.plus_ms(ms));
            settings.outage_wait = Duration::ZERO;
            let report = world
                .run_with(Scope::Batch(batch), settings, u64::MAX)
                .unwrap();
            let cut = want == NextAction::RunAgain;
            assert_eq!(report.stop.is_some(), cut, "{name}, run {run}: {report:?}");
        }
        let mut closed = Vec::new();
        world
            .ledger
            .rows(batch, &mut |row| {
                if row.status == Status::Closed {
                    closed.push(row.next_action);
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(closed, [want], "{name}");
    }
}

/// The gateway may well not know a number that it closed unseen: that says nothing of the settings.
#[test]
fn refused_queries_are_none_of_the_ten_refusals_that_stop_a_run() {
    let script: Script = Box::new(|no, asked, _| match asked {
        Asked::Query => Does::ParamError,
        Asked::Submission if no.as_str() <= "N000015" => Does::NotEnoughUnsigned,
        Asked::Submission => Does::Right,
    });
    let (mut world, batch) = World::new(20, 1, script);
    let mut settings = world.settings();
    settings.last_fresh = world.nth_pending(batch, 15);
    world.run_with(Scope::Batch(batch), settings, u64::MAX);
    assert_eq!(
        world.statuses(batch),
        BTreeMap::from([("CLOSED", 15), ("PENDING", 5)])
    );
    let report = world.run(Scope::Batch(batch));
    assert_eq!(report.stop, None);
    let queries = world.sends.iter().filter(|send| send.2 == Asked::Query);
    assert_eq!(queries.count(), 30, "each was asked about in both runs");
    assert_eq!(
        world.statuses(batch),
        BTreeMap::from([("CLOSED", 15), ("SUCCESS", 5)])
    );
}

#[test]
fn the_attempts_of_a_batch_leave_out_what_was_never_connected() {
    let script: Script = Box::new(|no, _, nth| match no.as_str() {
        "N000002" if nth < 4 => Does::Unconnected,
        "N000003" if nth < 3 => Does::ServerError,
        _ => Does::Right,
    });
    let (mut world, batch) = World::new(4, 1, script);
    let report = world.run(Scope::Batch(batch));
    assert_eq!(world.unconnected.len(), 3);
    assert_eq!(
        report.attempts,
        world.sends.len() as u64,
        "this run's are all"
    );
    assert_eq!(world.totals(batch).attempts, 4 + 2);
}

/// A run learns from a signed reply that a month has passed. Then the machine's clock goes back.
#[test]
fn l4_a_clock_that_steps_back_does_not_reopen_the_window() {
    let (mut world, batch) = World::new(2, 1, to_submissions(Does::LostAfter));
    let start = world.now;
    let mut settings = world.settings();
    settings.until = Some(start.wall.plus_ms(1));
    world.run_with(Scope::Batch(batch), settings, u64::MAX);
    assert_eq!(world.statuses(batch)["UNKNOWN"], 1);
    world.pass(Duration::from_millis((30 * DAY_MS) as u64));
    // The other order goes alone first, and its reply carries the gateway's time.
    world.script = always(Does::Right);
    let mut settings = world.settings();
    settings.until = Some(world.now.wall.plus_ms(1));
    world.run_with(Scope::Batch(batch), settings, u64::MAX);
    let before = world.sends.len();
    assert_eq!((before, world.statuses(batch)["SUCCESS"]), (2, 1));
    world.now = start;
    world.pass(Duration::from_secs(3_600));
    world.run(Scope::Batch(batch));
    let later: Vec<Asked> = world.sends[before..].iter().map(|send| send.2).collect();
    assert_eq!(later, [Asked::Query]);
    world.audit(batch);
}
