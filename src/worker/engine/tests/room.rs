//! The wire and the memory are shared by all lanes: what becomes free is taken at once.

use super::*;
use crate::worker::limits::ALERTS_KEPT_MAX;

#[test]
fn a_place_on_the_wire_that_becomes_free_is_taken_at_once() {
    for max in 1..4 {
        let (mut world, batch) = World::new(40, 8, always(Does::Right));
        world.latency = Duration::from_millis(500);
        let mut settings = world.settings();
        settings.max_in_flight = max;
        let report = world
            .run_with(Scope::Batch(batch), settings, u64::MAX)
            .unwrap();
        assert_eq!(report.attempts, 40);
        // The canary goes alone, then as many as may.
        let turns = 1 + 39_u32.div_ceil(max);
        let whole = world.latency * turns + Duration::from_millis(200);
        assert!(world.now.mono <= whole, "{max}: {:?}", world.now.mono);
    }
}

#[test]
fn a_run_says_how_far_it_has_come() {
    let script: Script = Box::new(|no, asked, nth| match (no.as_str(), asked) {
        ("N000003" | "N000004", Asked::Submission) => Does::NotEnough,
        ("N000015", Asked::Submission) => Does::NotEnough,
        ("N000015", Asked::Query) => Does::ServerError,
        ("N000005", _) => Does::ParamError,
        ("N000006" | "N000007" | "N000008", _) => Does::LostAfter,
        ("N000009", _) => Does::Processing,
        ("N000010", _) if nth < 3 => Does::Throttled,
        ("N000011", _) => Does::Unconnected,
        ("N000012" | "N000013", _) if nth == 1 => Does::IllSigned,
        ("N000014", _) if nth == 1 => Does::Silent,
        _ => Does::Right,
    });
    let (mut world, batch) = World::new(30, 30, script);
    let report = world.run(Scope::Batch(batch));
    let sends = world.sends.len() as u64;
    assert_eq!(report.attempts, sends);
    let traffic = report.traffic;
    let of_those = |no: &str| world.sends.iter().filter(|send| send.1 == no).count() as u64;
    let lost: u64 = ["N000006", "N000007", "N000008"].map(of_those).iter().sum();
    assert_eq!((traffic.lost, traffic.ill_signed), (lost + 1, 2));
    assert_eq!(traffic.throttled, 2);
    assert_eq!(traffic.throttled_for, Duration::from_secs(2));
    let answered = sends - traffic.lost - world.unconnected.len() as u64;
    assert_eq!(traffic.latencies.count(), answered);
    let progress = world.progress;
    assert_eq!((progress.orders, progress.done), (30, 30));
    assert_eq!((progress.succeeded, progress.closed), (21, 4));
    // The lane of the one that was never connected is left alone, and it is in none of them.
    assert_eq!(progress.unknown, 4);
    assert_eq!(progress.throttled, 2);
    assert_eq!((progress.attempts, progress.in_flight), (sends, 0));
    // The same once more: what is open is driven again.
    world.script = always(Does::Right);
    let settings = world.settings();
    world.run_with(Scope::Open, settings, u64::MAX).unwrap();
    assert_eq!((world.progress.orders, world.progress.done), (5, 5));
    assert_eq!((world.progress.succeeded, world.progress.unknown), (3, 1));
}

#[test]
fn pauses_are_spread_by_the_seed() {
    let (mut world, batch) = World::new(1, 1, always(Does::Right));
    let drawn = |world: &mut World, seed| {
        let mut settings = world.settings();
        settings.seed = seed;
        let mut engine = world.engine(Scope::Batch(batch), settings);
        (0..2_000).map(|_| engine.jitter()).collect::<Vec<u8>>()
    };
    let (one, other) = (drawn(&mut world, 1), drawn(&mut world, 2));
    assert_ne!(one, other);
    // Each of 256 values some eight times; a dozen of them more than twice as often would be a wonder.
    for drawn in [one, other] {
        let mut times = [0_u32; 256];
        for value in drawn {
            times[usize::from(value)] += 1;
        }
        assert!(times.iter().all(|&n| n < 28), "{times:?}");
        assert!(times.iter().filter(|&&n| n == 0).count() < 8, "{times:?}");
    }
}

#[test]
fn no_more_alerts_are_kept_than_a_person_reads() {
    let (mut world, batch) = World::new(200, 2, always(Does::OtherAmount));
    world.script = Box::new(|no, _, _| match no.as_str() {
        "N000001" => Does::Right,
        _ => Does::OtherAmount,
    });
    let report = world.run(Scope::Batch(batch));
    let told = |words: &&String| words.contains("another content");
    let told = world.told.iter().filter(told).count();
    assert!(told > ALERTS_KEPT_MAX, "{told}");
    assert_eq!(report.alerts.len(), ALERTS_KEPT_MAX);
}

#[test]
fn a_lane_that_is_answered_and_never_accepted_is_left_alone_after_two_minutes() {
    for does in [Does::ServerError, Does::OtherAmount, Does::Throttled] {
        // One order in five, all of one merchant.
        let script: Script = Box::new(move |no, _, _| {
            let n: u32 = no.as_str()[1..].parse().unwrap();
            if n.is_multiple_of(5) {
                does
            } else {
                Does::Right
            }
        });
        let (mut world, batch) = World::new(900, 5, script);
        let mut settings = world.settings();
        settings.per_merchant_qps = 1;
        let report = world
            .run_with(Scope::Batch(batch), settings, u64::MAX)
            .unwrap();
        assert_eq!(report.stop, None, "{does:?}");
        let why = "no accepted reply for 120 s".to_string();
        assert_eq!(report.stopped_lanes, [("1900000000".into(), why)]);
        assert_eq!(world.statuses(batch)["SUCCESS"], 720);
        let of_it = |send: &&(Mono, String, Asked)| send.1.ends_with(['0', '5']);
        let of_it: Vec<Mono> = world.sends.iter().filter(of_it).map(|s| s.0).collect();
        let tried = *of_it.last().unwrap() - of_it[0];
        let patience = Duration::from_secs(115)..=Duration::from_secs(120);
        assert!(patience.contains(&tried), "{does:?}: {tried:?}");
    }
}

/// Only what was never sent stays in front of its lane however often no connection is made.
#[test]
fn what_may_have_been_sent_is_not_tried_for_ever_where_no_connection_is_made() {
    let script: Script = Box::new(|no, _, nth| match no.as_str() {
        "N000010" if nth == 1 => Does::LostBefore,
        "N000010" => Does::Unconnected,
        _ => Does::Right,
    });
    let (mut world, batch) = World::new(200, 2, script);
    let report = world.run(Scope::Batch(batch));
    assert_eq!((report.stop, report.stopped_lanes.len()), (None, 0));
    let tries = world.sends.iter().filter(|send| send.1 == "N000010");
    assert_eq!(tries.count(), 6);
    assert_eq!(world.statuses(batch)["UNKNOWN"], 1);
}
