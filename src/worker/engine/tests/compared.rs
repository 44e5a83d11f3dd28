//! Reconciliation: each order that may be asked for is asked once, whatever its state, and nothing
//! moves but what is unfinished.

use super::*;
use crate::ledger::{AttemptId, Compared, Reach};
use crate::worker::limits::WINDOW_MS;

const ALL: Reach = Reach::Between(WallMs(i64::MIN), WallMs(i64::MAX));

impl World {
    fn everything_sent(&self) -> Scope {
        Scope::Sent(ALL, self.now.wall.plus_ms(-WINDOW_MS))
    }

    fn queries(&self) -> Vec<&str> {
        let queries = self.sends.iter().filter(|send| send.2 == Asked::Query);
        queries.map(|send| send.1.as_str()).collect()
    }

    fn compared(&mut self, after: AttemptId) -> Vec<Compared> {
        let mut all = Vec::new();
        let each = &mut |compared| {
            all.push(compared);
            Ok(())
        };
        self.ledger.compared(ALL, after, each).unwrap();
        all
    }
}

#[test]
fn l3_a_reconciliation_asks_for_every_final_order_once_and_moves_none_whatever_is_said() {
    let (mut world, batch) = World::new(20, 3, always(Does::Right));
    world.run(Scope::Batch(batch));
    let after = world.ledger.last_attempt().unwrap();
    world.sends.clear();
    world.books.insert("N000003".into(), (Book::Closed, 1));
    world.books.insert("N000004".into(), (Book::Processing, 1));
    world.books.remove("N000005");
    let report = world.run(world.everything_sent());
    assert_eq!((report.stop, report.attempts), (None, 20));
    let mut queries = world.queries();
    queries.sort_unstable();
    queries.dedup();
    assert_eq!((queries.len(), world.sends.len()), (20, 20));
    assert_eq!(report.alerts.len(), 1, "{:?}", report.alerts);
    assert!(report.alerts[0].starts_with("N000003: "));
    let meanings: Vec<String> = world
        .compared(after)
        .into_iter()
        .map(|compared| {
            assert_eq!(compared.job.standing.state, State::Success);
            let ours = compared.ours.unwrap();
            assert_eq!(ours.state.as_deref(), Some("SUCCESS"), "as it was settled");
            compared.told.unwrap().meaning.unwrap()
        })
        .collect();
    let told = |n: usize| meanings[n - 1].as_str();
    assert_eq!(
        [told(3), told(4), told(5), told(6)],
        ["FAILED", "PROCESSING", "WEAK_CLOSE", "SUCCESS"]
    );
    assert_eq!(world.statuses(batch), BTreeMap::from([("SUCCESS", 20)]));
}

#[test]
fn l3_a_reconciliation_asks_for_no_number_inside_its_window_that_no_verified_200_has_named() {
    let script: Script = Box::new(|no, asked, _| match (no.as_str(), asked) {
        ("N000002", _) => Does::Silent,
        ("N000003", _) => Does::ParamError,
        ("N000004", Asked::Submission) => Does::NotEnoughUnsigned,
        ("N000004", Asked::Query) => Does::ServerError,
        ("N000005", Asked::Submission) => Does::Processing,
        _ => Does::Right,
    });
    let (mut world, batch) = World::new(6, 1, script);
    let mut settings = world.settings();
    settings.wait = Duration::ZERO;
    world.run_with(Scope::Batch(batch), settings, u64::MAX);
    let statuses = world.statuses(batch);
    let want = [
        ("CLOSED", 1),
        ("PROCESSING", 1),
        ("REJECTED", 1),
        ("SUCCESS", 2),
        ("UNKNOWN", 1),
    ];
    assert_eq!(statuses, BTreeMap::from(want));
    world.sends.clear();
    world.script = always(Does::Right);
    world.run(world.everything_sent());
    let mut asked = world.queries();
    asked.sort_unstable();
    assert_eq!(asked, ["N000001", "N000005", "N000006"]);
    assert_eq!(world.sends.len(), 3, "and nothing is submitted");
    // Whatever the ledger deals, the engine looks again.
    let scope = world.everything_sent();
    let settings = world.settings();
    let work = vec![LaneWork {
        merchant: merchant(0),
        open: 2,
        pending: 0,
    }];
    let mut engine = Engine::new(scope, settings, work, &[], None, world.now);
    let deck = |phase| Event::Deck {
        lane: 0,
        phase,
        jobs: Vec::new(),
    };
    let mut event = deck(Phase::Open);
    if let Event::Deck { jobs, .. } = &mut event {
        let open = world
            .ledger
            .deck(Scope::Open, Phase::Open, &merchant(0), OrderId(0), u32::MAX);
        *jobs = open.unwrap();
        jobs.retain(|job| !job.standing.state.was_named());
        assert_eq!(jobs.len(), 2);
    }
    let asks = engine.poll(world.now);
    assert!(matches!(asks[..], [Action::Deck { .. }]), "{asks:?}");
    engine.on(event, world.now);
    assert!(engine.poll(world.now).is_empty());
    assert!(engine.finished());
    // Past the window only the query is left, and can do no harm.
    world.pass(Duration::from_millis(WINDOW_MS as u64));
    world.sends.clear();
    world.run(world.everything_sent());
    let mut asked = world.queries();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!((asked.len(), world.sends.len()), (6, 6));
}

#[test]
fn what_is_not_answered_is_asked_again_six_times_at_most_and_the_others_once() {
    let (mut world, batch) = World::new(5, 1, always(Does::Right));
    world.run(Scope::Batch(batch));
    let after = world.ledger.last_attempt().unwrap();
    world.sends.clear();
    world.counts.clear();
    world.script = Box::new(|no, _, nth| match no.as_str() {
        "N000002" => Does::ServerError,
        "N000003" if nth <= 7 => Does::Throttled,
        "N000004" if nth == 1 => Does::IllSigned,
        "N000005" if nth == 1 => Does::Unconnected,
        _ => Does::Right,
    });
    let report = world.run(world.everything_sent());
    assert_eq!(report.stop, None);
    let times = |n: u32| {
        let no = format!("N{n:06}");
        world.queries().iter().filter(|asked| **asked == no).count()
    };
    assert_eq!(
        [times(1), times(2), times(3), times(4), times(5)],
        [1, 6, 8, 2, 2]
    );
    let told: Vec<bool> = world
        .compared(after)
        .iter()
        .map(|c| c.told.is_some())
        .collect();
    assert_eq!(told, [true, false, true, true, true]);
    assert!(world.compared(after)[1].asked.is_some());
}

#[test]
fn l6_a_reconciliation_keeps_the_pace_over_its_own_death_too() {
    let (mut world, batch) = World::new(600, 1, always(Does::Right));
    world.run(Scope::Batch(batch));
    let scope = world.everything_sent();
    let settings = world.settings();
    assert!(world.run_with(scope, settings, 1_000).is_none(), "it died");
    let asked = world.queries().len();
    assert!(asked > 100 && asked < 600, "{asked}");
    let after = world.ledger.last_attempt().unwrap();
    let report = world.run(scope);
    assert_eq!(report.attempts, 600, "it asks again");
    assert!(world.most_in_a_second() <= 100);
    assert!(world.compared(after).iter().all(|c| c.told.is_some()));
    world.audit(batch);
}

#[test]
fn l9_a_reconciliation_that_dies_at_any_step_is_given_again_and_has_the_same_answers() {
    for steps in 0..60 {
        let (mut world, batch) = World::new(4, 2, always(Does::Right));
        world.run(Scope::Batch(batch));
        world.books.insert("N000003".into(), (Book::Closed, 1));
        let scope = world.everything_sent();
        let settings = world.settings();
        let ended = world.run_with(scope, settings, steps).is_some();
        let after = world.ledger.last_attempt().unwrap();
        world.run(scope);
        let told = world.compared(after);
        let meanings: Vec<&str> = told
            .iter()
            .map(|c| c.told.as_ref().unwrap().meaning.as_deref().unwrap())
            .collect();
        assert_eq!(
            meanings,
            ["SUCCESS", "SUCCESS", "FAILED", "SUCCESS"],
            "{steps}"
        );
        assert_eq!(world.statuses(batch), BTreeMap::from([("SUCCESS", 4)]));
        assert!(world.ledger.verify().unwrap().is_empty());
        if ended {
            return;
        }
    }
    panic!("no run of 60 steps came to its end");
}

#[test]
fn a_lane_whose_every_order_is_told_otherwise_is_compared_to_its_end() {
    let (mut world, batch) = World::new(150, 1, always(Does::Right));
    world.run(Scope::Batch(batch));
    let after = world.ledger.last_attempt().unwrap();
    world.script = always(Does::OtherAmount);
    let mut settings = world.settings();
    settings.per_merchant_qps = 1;
    let report = world.run_with(world.everything_sent(), settings, u64::MAX);
    assert_eq!(report.unwrap().stopped_lanes, []);
    for compared in world.compared(after) {
        let told = compared.told.unwrap();
        assert_eq!(told.meaning.as_deref(), Some("OTHER_CONTENT"));
        let echo = told.facts.unwrap().message;
        assert_eq!(echo.as_deref(), Some("echoed {\"amount\":\"9999\"}"));
    }
}

/// What is signed is an answer, whatever it says; an error is none.
#[test]
fn a_lane_that_is_never_answered_is_left_alone_by_a_reconciliation_after_two_minutes() {
    let (mut world, batch) = World::new(750, 5, always(Does::Right));
    world.run(Scope::Batch(batch));
    world.script = Box::new(
        |no, _, _| match no.as_str()[1..].parse::<u32>().unwrap() % 5 {
            0 => Does::ServerError,
            _ => Does::Right,
        },
    );
    let mut settings = world.settings();
    settings.per_merchant_qps = 1;
    let report = world.run_with(world.everything_sent(), settings, u64::MAX);
    let why = "no accepted reply for 120 s".to_string();
    assert_eq!(report.unwrap().stopped_lanes, [("1900000000".into(), why)]);
}

/// One order at a time it would take as many round trips as there are orders.
#[test]
fn a_gateway_that_knows_nothing_any_more_is_asked_at_the_pace_of_any_other() {
    let (mut world, batch) = World::new(300, 3, always(Does::Right));
    world.run(Scope::Batch(batch));
    let after = world.ledger.last_attempt().unwrap();
    world.sends.clear();
    world.script = always(Does::NotFound);
    let begun = world.now.mono;
    let report = world.run(world.everything_sent());
    assert_eq!((report.stop, report.attempts), (None, 300));
    let took = world.now.mono - begun;
    assert!(took < world.latency * 100, "{took:?}: one after the other");
    assert!(world.compared(after).iter().all(|c| c.told.is_some()));
    world.audit(batch);
}

#[test]
fn l3_a_not_known_that_anybody_may_have_said_is_asked_for_again() {
    let (mut world, batch) = World::new(3, 1, always(Does::Right));
    world.run(Scope::Batch(batch));
    let after = world.ledger.last_attempt().unwrap();
    world.sends.clear();
    world.counts.clear();
    world.script = Box::new(|no, _, nth| match no.as_str() {
        "N000002" if nth == 1 => Does::NotFoundUnsigned,
        "N000003" => Does::NotFoundUnsigned,
        _ => Does::Right,
    });
    world.run(world.everything_sent());
    let times = |n: u32| {
        let no = format!("N{n:06}");
        world.queries().iter().filter(|asked| **asked == no).count()
    };
    assert_eq!([times(1), times(2), times(3)], [1, 2, 6]);
    let compared = world.compared(after);
    let told = compared.iter().map(|c| c.told.is_some());
    assert_eq!(told.collect::<Vec<_>>(), [true, true, false]);
}

/// Three runs that ask for the proof in vain give a close to a person; a comparison is none of them.
#[test]
fn a_comparison_is_no_run_that_asked_for_a_proof_in_vain() {
    let script: Script = Box::new(|_, asked, _| match asked {
        Asked::Submission => Does::NotEnoughUnsigned,
        Asked::Query => Does::ServerError,
    });
    let (mut world, batch) = World::new(1, 1, script);
    world.run(Scope::Batch(batch));
    let runs = |world: &mut World| {
        let no = OrderNo::parse("N000001").unwrap();
        let standing = world.ledger.story(&no).unwrap().unwrap().standing;
        assert_eq!(standing.state, State::Closed);
        standing.proof_runs
    };
    assert_eq!(runs(&mut world), 1);
    // Past its window a query can't close it, so that it is dealt.
    world.pass(Duration::from_millis(WINDOW_MS as u64));
    let report = world.run(world.everything_sent());
    assert!(report.attempts > 0);
    assert_eq!(runs(&mut world), 1);
}
