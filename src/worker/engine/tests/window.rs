//! L4 in simulated time: what is submitted again, what is only asked, and what expires.

use super::*;
use crate::order::State;

const HOUR_MS: i64 = 3_600_000;

impl World {
    /// One order whose first submission never arrives, and the run that sent it dies.
    fn lost_at_once() -> (Self, BatchId) {
        let (mut world, batch) = World::new(1, 1, always(Does::Silent));
        world.dies_after_its_first_send(batch);
        world.script = always(Does::Right);
        (world, batch)
    }

    /// Deck, claim, send: and then it dies.
    fn dies_after_its_first_send(&mut self, batch: BatchId) {
        let settings = self.settings();
        for steps in 2..10 {
            let sends = self.sends.len();
            assert!(
                self.run_with(Scope::Batch(batch), settings.clone(), steps)
                    .is_none()
            );
            if self.sends.len() > sends {
                return;
            }
        }
        panic!("nothing was sent");
    }

    /// Goes on to this time after the beginning, by the gateway's clock.
    fn at(&mut self, ms: i64) {
        let mono = Duration::from_millis(u64::try_from(ms).unwrap());
        self.pass(mono - self.now.mono);
    }

    /// The host's clock is put right, or wrong.
    fn clock_is_off_by(&mut self, ms: i64) {
        self.skew_ms = ms;
        self.pass(Duration::ZERO);
    }

    /// The latest submission, by the gateway's clock.
    fn last_submission(&self) -> i64 {
        let submissions = self.sends.iter().filter(|send| send.2 == Asked::Submission);
        let last = submissions.map(|send| send.0).max().expect("there was one");
        last.as_millis() as i64
    }

    fn asked_since(&self, sends: usize) -> Vec<Asked> {
        self.sends[sends..].iter().map(|send| send.2).collect()
    }
}

#[test]
fn l4_just_before_29_days_it_is_submitted_again_and_after_them_only_asked_for() {
    // (first send's age, what is asked, what becomes of a number that never arrived)
    let minute = 60_000;
    for (age, asked, status) in [
        (29 * DAY_MS - minute, Asked::Submission, "SUCCESS"),
        (29 * DAY_MS + minute, Asked::Query, "EXPIRED"),
        (31 * DAY_MS - minute, Asked::Query, "EXPIRED"),
        (31 * DAY_MS + minute, Asked::Query, "EXPIRED"),
        (32 * DAY_MS, Asked::Query, "EXPIRED"),
    ] {
        for scope in [
            Scope::Open,
            Scope::FirstSent(WallMs(i64::MIN), WallMs(i64::MAX)),
        ] {
            let (mut world, batch) = World::lost_at_once();
            world.at(age);
            let before = world.sends.len();
            let report = world.run(scope);
            assert_eq!(report.stop, None);
            assert_eq!(world.asked_since(before), [asked], "{age}");
            assert_eq!(
                world.statuses(batch),
                BTreeMap::from([(status, 1)]),
                "{age}"
            );
        }
    }
}

#[test]
fn l4_a_run_that_crosses_the_windows_end_submits_no_more() {
    let (mut world, batch) = World::lost_at_once();
    world.script = Box::new(|_, asked, _| match asked {
        Asked::Submission => Does::ServerError,
        Asked::Query => Does::Right,
    });
    world.at(29 * DAY_MS - 10_000);
    world.run(Scope::Batch(batch));
    assert!(world.last_submission() < 29 * DAY_MS);
    assert!(world.last_submission() > 29 * DAY_MS - 10_000);
    assert_eq!(world.statuses(batch), BTreeMap::from([("EXPIRED", 1)]));
}

#[test]
fn l4_expired_comes_only_after_a_query_that_settles_nothing() {
    // What the query meets, and what the order is then.
    for (does, status) in [
        (Does::Silent, "UNKNOWN"),
        (Does::ServerError, "UNKNOWN"),
        (Does::IllSigned, "UNKNOWN"),
        (Does::Unconnected, "UNKNOWN"),
        (Does::Throttled, "UNKNOWN"),
        (Does::ParamError, "EXPIRED"),
        (Does::NotEnoughUnsigned, "EXPIRED"),
    ] {
        let (mut world, batch) = World::lost_at_once();
        // It had arrived, and was deducted.
        world.books.insert("N000001".into(), (Book::Debited, 1));
        world.at(30 * DAY_MS);
        world.script = always(does);
        let before = world.sends.len();
        world.run(Scope::Open);
        assert!(
            world
                .asked_since(before)
                .iter()
                .all(|asked| *asked == Asked::Query)
        );
        assert_eq!(
            world.statuses(batch),
            BTreeMap::from([(status, 1)]),
            "{does:?}"
        );
        // A verified answer that comes later always wins, where it is still asked for.
        world.script = always(Does::Right);
        world.run(Scope::Open);
        let end = if status == "UNKNOWN" {
            "SUCCESS"
        } else {
            "EXPIRED"
        };
        assert_eq!(
            world.statuses(batch),
            BTreeMap::from([(end, 1)]),
            "{does:?}"
        );
    }
}

#[test]
fn l4_a_host_that_was_ten_days_ahead_at_the_first_send_submits_nothing_past_the_margin() {
    // Ten days ahead every reply is stale; its signature tells when the order was really sent.
    let (mut world, batch) = World::new(3, 1, always(Does::IllSigned));
    world.clock_is_off_by(10 * DAY_MS);
    world.script = always(Does::ServerError);
    let report = world.run(Scope::Batch(batch));
    assert!(matches!(report.stop, Some(Stop::Stale(_))), "{report:?}");
    assert_eq!(world.touched.len(), 1, "a wrong clock touches one number");
    world.clock_is_off_by(0);
    for hours in [
        20 * 24,
        28 * 24,
        29 * 24 - 1,
        29 * 24 + 1,
        30 * 24,
        35 * 24,
        38 * 24,
    ] {
        world.at(hours * HOUR_MS);
        world.run(Scope::Open);
    }
    assert!(world.last_submission() < 29 * DAY_MS);
    assert!(
        world.last_submission() > 28 * DAY_MS,
        "up to the margin it is submitted"
    );
}

#[test]
fn l4_where_no_reply_told_the_time_the_next_run_of_a_repaired_clock_puts_it_right() {
    let (mut world, batch) = World::new(1, 1, always(Does::Silent));
    world.clock_is_off_by(10 * DAY_MS);
    world.dies_after_its_first_send(batch);
    world.clock_is_off_by(0);
    // The nightly resume asks, in vain for a month.
    for night in 1..45 {
        world.at(night * DAY_MS);
        world.run(Scope::Open);
    }
    assert!(
        world.last_submission() <= 30 * DAY_MS + HOUR_MS,
        "inside 31 days"
    );
}

#[test]
fn l4_a_clock_that_steps_back_does_not_reopen_the_window() {
    let (mut world, batch) = World::new(2, 1, always(Does::Right));
    world.script = Box::new(|no, asked, _| match (no.as_str(), asked) {
        ("N000002", Asked::Submission) => Does::LostBefore,
        ("N000002", Asked::Query) => Does::ServerError,
        _ => Does::Right,
    });
    world.run(Scope::Batch(batch));
    assert_eq!(
        world.statuses(batch),
        BTreeMap::from([("SUCCESS", 1), ("UNKNOWN", 1)])
    );
    // Past the window; the gateway's time is remembered, though its answers settle nothing.
    world.at(30 * DAY_MS);
    world.run(Scope::Open);
    let last = world.last_submission();
    for back in [5, 15, 29] {
        world.clock_is_off_by(-back * DAY_MS);
        let before = world.sends.len();
        world.run(Scope::Open);
        let asked = world.asked_since(before);
        assert!(
            !asked.is_empty() && asked.iter().all(|a| *a == Asked::Query),
            "{asked:?}"
        );
    }
    assert_eq!(world.last_submission(), last);
    assert_eq!(
        world.statuses(batch)["UNKNOWN"],
        1,
        "and nothing is expired by silence"
    );
}

#[test]
fn l4_the_time_that_a_reply_tells_closes_the_window_within_the_same_run() {
    let (mut world, batch) = World::new(2, 1, always(Does::Silent));
    world.script = Box::new(|no, asked, _| match (no.as_str(), asked) {
        ("N000002", Asked::Submission) => Does::LostBefore,
        _ => Does::Right,
    });
    world.run(Scope::Batch(batch));
    assert_eq!(world.statuses(batch)["UNKNOWN"], 1);
    // A second file: its order is the canary, and its reply tells that 29 days are over.
    world.ledger.stage_clear().unwrap();
    let again = [row(3, 1), row(2, 0)].map(|row| StagedRow {
        ordinal: row.ordinal - 1,
        ..row
    });
    world.ledger.stage(&again).unwrap();
    let head = BatchHead {
        digest: [8; 32],
        file: "second.csv".into(),
        header: vec!["n".into()],
        delimiter: b',',
    };
    world.at(29 * DAY_MS - 60_000);
    let (second, _) = world.ledger.accept(&head, world.now.wall, 40).unwrap();
    world.clock_is_off_by(-200_000);
    world.at(29 * DAY_MS + 60_000);
    let before = world.sends.len();
    world.script = always(Does::Right);
    world.latency = Duration::ZERO;
    let report = world.run(Scope::Batch(second.id));
    assert_eq!(report.clock_skew_ms, Some(200_000));
    let asked: Vec<_> = world.sends[before..].iter().map(|s| (&*s.1, s.2)).collect();
    assert_eq!(
        asked,
        [("N000003", Asked::Submission), ("N000002", Asked::Query)]
    );
}

#[test]
fn a_clock_that_is_more_than_a_minute_off_is_told_once() {
    for (off, told) in [
        (0, None),
        (60_000, None),
        (-60_000, None),
        (
            61_000,
            Some("this machine's clock is 61 s off the gateway's; set it (NTP)"),
        ),
        (
            -61_000,
            Some("this machine's clock is -61 s off the gateway's; set it (NTP)"),
        ),
    ] {
        let (mut world, batch) = World::new(5, 1, always(Does::Right));
        world.latency = Duration::ZERO;
        world.clock_is_off_by(off);
        let report = world.run(Scope::Batch(batch));
        assert_eq!(report.clock_skew_ms, Some(-off));
        assert_eq!(world.told, Vec::from_iter(told), "{off}");
    }
}

#[test]
fn l4_an_unsigned_or_forged_reply_moves_no_window() {
    for does in [
        Does::NotEnoughUnsigned,
        Does::ParamErrorUnsigned,
        Does::IllSigned,
    ] {
        let (mut world, batch) = World::new(1, 1, always(does));
        let first = world.now.wall;
        world.run(Scope::Batch(batch));
        let merchant = merchant(0);
        let jobs = world
            .ledger
            .deck(Scope::Open, Phase::Open, &merchant, OrderId(0), 9);
        if let Some(job) = jobs.unwrap().first() {
            assert_eq!(job.standing.first_sent_at, Some(first), "{does:?}");
            assert_ne!(job.standing.state, State::Expired);
        }
        assert_eq!(world.ledger.latest_signed_at().unwrap(), None, "{does:?}");
        assert_ne!(world.statuses(batch).keys().next(), Some(&"EXPIRED"));
    }
}

#[test]
fn a_refused_order_is_submitted_again_by_a_rerun_and_ten_refusals_still_stop_it() {
    use crate::ledger::{Rerun, Unsent};
    let (mut world, batch) = World::new(30, 3, always(Does::Right));
    // One bad row in three: each is refused, and the settings are proven by the others.
    world.script = Box::new(|no, _, _| match no.as_str().ends_with(['1', '4', '7']) {
        true => Does::ParamError,
        false => Does::Right,
    });
    world.run(Scope::Batch(batch));
    assert_eq!(
        world.statuses(batch),
        BTreeMap::from([("REJECTED", 9), ("SUCCESS", 21)])
    );
    let again = Scope::Rerun(batch, Rerun::IssuedAndRejected(Unsent::Reissues));
    let asked = |world: &World, before: usize| {
        let numbers = world.sends[before..].iter().map(|send| send.1.clone());
        (
            numbers.collect::<BTreeSet<_>>().len(),
            world.sends.len() - before,
        )
    };
    // Refused again they stand where they stood.
    let before = world.sends.len();
    world.run(again);
    assert_eq!(asked(&world, before), (9, 9));
    assert_eq!(world.statuses(batch)["REJECTED"], 9);
    // The cause was ours, and is gone.
    world.script = always(Does::Right);
    let before = world.sends.len();
    world.run(again);
    assert_eq!(
        asked(&world, before),
        (9, 9),
        "once each, under its own number"
    );
    assert_eq!(world.statuses(batch), BTreeMap::from([("SUCCESS", 30)]));
    world.audit(batch);

    // A setting that is still wrong touches ten.
    let (mut world, batch) = World::new(40, 3, always(Does::Right));
    world.script = Box::new(|no, _, _| match no.as_str() < "N000026" {
        true => Does::ParamError,
        false => Does::Right,
    });
    for _ in 0..4 {
        world.run(Scope::Batch(batch));
    }
    let rejected = world.statuses(batch)["REJECTED"];
    assert!(rejected > 10, "{rejected}");
    world.script = always(Does::ParamError);
    let before = world.sends.len();
    let report = world.run(again);
    assert!(matches!(report.stop, Some(Stop::Refusals(_))), "{report:?}");
    assert_eq!(asked(&world, before), (10, 10));
    // Past its window a refused number is only asked for.
    world.at(40 * DAY_MS);
    let before = world.sends.len();
    world.run(again);
    assert!(
        world
            .asked_since(before)
            .iter()
            .all(|asked| *asked == Asked::Query)
    );
}

#[test]
fn l4_what_came_in_after_a_restore_is_submitted_for_29_days_from_the_backup_and_then_only_asked_for()
 {
    let minute = 60_000;
    for (age, asked, status) in [
        (minute, vec![Asked::Submission], "SUCCESS"),
        (29 * DAY_MS - minute, vec![Asked::Submission], "SUCCESS"),
        (29 * DAY_MS + minute, vec![Asked::Query], "EXPIRED"),
        (60 * DAY_MS, vec![Asked::Query], "EXPIRED"),
    ] {
        let (mut world, _) = World::new(1, 1, always(Does::Right));
        let by = crate::ledger::Person::parse("Li Wei").unwrap();
        let since = world.now.wall;
        world.pass(Duration::from_millis(1));
        world.ledger.restored(since, &by, world.now.wall).unwrap();
        let again = StagedRow {
            ordinal: 1,
            ..row(2, 0)
        };
        world.ledger.stage_clear().unwrap();
        world.ledger.stage(&[again]).unwrap();
        let head = BatchHead {
            digest: [8; 32],
            file: "given-again.csv".into(),
            header: vec!["n".into()],
            delimiter: b',',
        };
        let (batch, _) = world.ledger.accept(&head, world.now.wall, 40).unwrap();
        world.at(age);
        let before = world.sends.len();
        let report = world.run(Scope::Batch(batch.id));
        assert_eq!(report.stop, None);
        assert_eq!(world.asked_since(before), asked, "{age}");
        assert_eq!(
            world.statuses(batch.id),
            BTreeMap::from([(status, 1)]),
            "{age}"
        );
    }
}
