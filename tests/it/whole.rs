//! Whole runs: the built command, its files and its ledger, against a gateway in this process that
//! keeps its own books. What counts is what the books say.

mod bench;
mod broken;
mod ledger;

use std::collections::BTreeMap;

use bench::{Bench, rows_of};
use levy::sandbox::books::BookedState;
use levy::sandbox::{Faults, Options};

/// Faults that lose, refuse and forge what the gateway has done.
const ROUGH: Faults = Faults {
    lose_before: 0.0,
    lose_after: 0.2,
    error_500: 0.1,
    throttle: 0.05,
    ill_signed: 0.05,
};

/// Every order ends as the books say, each was debited at most once, and the sums agree.
fn audit(bench: &Bench, rows: usize) {
    let books = bench.books();
    assert_eq!(books.debited_twice(), Vec::<&str>::new());
    assert_eq!(books.changed_numbers(), Vec::<&str>::new());
    let result = bench.result();
    assert_eq!(result.len(), rows, "every row stands in the result once");
    let mut deducted = 0;
    for (ordinal, row) in result.iter().enumerate() {
        assert_eq!(
            row["levy_line"],
            (ordinal + 2).to_string(),
            "in input order"
        );
        let booked = &books.orders[&row["levy_out_request_no"]];
        let want = match row["levy_status"].as_str() {
            "SUCCESS" => BookedState::Success,
            "CLOSED" => BookedState::Closed,
            other => panic!("{other} in the end: {row:?}"),
        };
        assert_eq!(booked.state, want, "{row:?}");
        if want == BookedState::Success {
            deducted += row["amount"].parse::<u64>().unwrap();
            assert_eq!(booked.debits, 1);
        }
    }
    assert_eq!(books.debited_fen(), deducted, "money adds up");
    let summary = bench.summary();
    assert_eq!(summary["orders"]["deducted"], deducted);
    let by_status = summary["by_status"].as_object().unwrap();
    let sum: u64 = by_status.values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(sum, rows as u64, "rows add up by status");
}

/// The same command until no row says RUN_AGAIN.
fn run_until_quiet(bench: &mut Bench) {
    for _ in 0..10 {
        match bench.run(&[]) {
            0 | 3 => return,
            4 => {}
            other => panic!("exit {other}: {}", bench.stderr()),
        }
    }
    panic!("it does not get quiet: {}", bench.stderr());
}

#[test]
fn l3_with_replies_lost_refused_and_forged_every_order_ends_as_the_books_say() {
    let mut bench = Bench::start(Options {
        faults: ROUGH,
        seed: 7,
        ..Options::default()
    });
    bench.write(&rows_of(2_000, 50));
    run_until_quiet(&mut bench);
    audit(&bench, 2_000);
    assert!(bench.most_in_a_second() <= 100);
    let sent = bench.arrivals().len();
    assert_eq!(bench.run(&[]), 0, "{}", bench.stderr());
    assert_eq!(
        bench.arrivals().len(),
        sent,
        "nothing is sent for a row that is final"
    );
}

#[test]
fn l6_one_merchant_gets_at_most_its_limit_also_over_a_kill_and_a_restart() {
    let mut bench = Bench::start(Options {
        latency_ms: 20..=70,
        ..Options::default()
    });
    bench.write(&rows_of(1_000, 1));
    bench.run_until_and_kill(300);
    let before = bench.arrivals().len();
    assert!(before > 0, "it was killed in the middle");
    assert_eq!(bench.run(&[]), 0, "{}", bench.stderr());
    audit(&bench, 1_000);
    let arrivals = bench.arrivals();
    assert!(before < 1_000 && arrivals.len() >= 1_000);
    assert!(bench.most_in_a_second() <= 100);
    let refused = arrivals.iter().filter(|a| a.outcome.starts_with("429"));
    assert_eq!(refused.count(), 0, "the gateway never had to say 429");
}

#[test]
fn l1_every_number_that_arrived_was_in_the_ledger_before() {
    let mut bench = Bench::start(Options::default());
    bench.write(&rows_of(300, 30));
    bench.run_until_and_kill(60);
    let arrived: BTreeMap<String, usize> = bench.numbers_arrived();
    // The journal as the killed process left it.
    let intents = bench.intents();
    for (number, times) in &arrived {
        let written = intents.get(number).copied().unwrap_or(0);
        assert!(
            written >= *times,
            "{number}: {times} arrived, {written} intents"
        );
    }
    assert!(!arrived.is_empty());
}

#[test]
fn a_signal_ends_the_run_in_order_and_the_next_one_goes_on() {
    let mut bench = Bench::start(Options {
        latency_ms: 20..=40,
        ..Options::default()
    });
    bench.write(&rows_of(500, 2));
    let exit = bench.run_until_and_signal(60, "TERM");
    assert_eq!(exit, Some(4), "{}", bench.stderr());
    let statuses = bench.statuses();
    assert!(
        statuses["PENDING"] > 0 && statuses["SUCCESS"] > 0,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.len(),
        2,
        "what was in flight was awaited: {statuses:?}"
    );
    assert_eq!(bench.run(&[]), 0, "{}", bench.stderr());
    audit(&bench, 500);
    assert_eq!(bench.arrivals().len(), 500, "nothing was sent twice");
}

#[test]
fn only_one_run_holds_a_ledger_and_the_other_says_who() {
    let mut bench = Bench::start(Options {
        latency_ms: 50..=60,
        ..Options::default()
    });
    bench.write(&rows_of(400, 1));
    let mut first = bench.spawn(&[]);
    bench.wait_for_arrivals(5);
    assert_eq!(bench.run(&[]), 75);
    let words = bench.stderr();
    assert!(
        words.contains(&first.id().to_string()),
        "it names the holder: {words}"
    );
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(bench.run(&[]), 0, "no stale lock: {}", bench.stderr());
    audit(&bench, 400);
}

#[test]
fn the_first_night_sends_only_as_many_as_were_allowed() {
    let mut bench = Bench::start(Options::default());
    bench.write(&rows_of(50, 5));
    assert_eq!(bench.run(&["--limit", "10"]), 4);
    assert_eq!(bench.arrivals().len(), 10);
    assert_eq!(bench.run(&[]), 0);
    audit(&bench, 50);
}

mod settings {
    //! A wrong setting touches one number at most, and the message says where to look.

    use super::*;

    #[test]
    fn an_unreachable_gateway() {
        let mut bench = Bench::start(Options::default());
        bench.write(&rows_of(1_000, 10));
        bench.stop_gateway();
        assert_eq!(bench.run(&[]), 4);
        let words = bench.stderr();
        assert!(
            words.contains("connect") || words.contains("connection"),
            "{words}"
        );
        assert!(words.contains("base_url"), "{words}");
        assert_eq!(
            bench.statuses(),
            BTreeMap::from([("PENDING".into(), 1_000)])
        );
    }

    #[test]
    fn a_wrong_serial() {
        let mut bench = Bench::start(Options::default());
        bench.write(&rows_of(1_000, 10));
        bench.change_config(|text| {
            let serial = text.lines().find(|l| l.starts_with("serial_no")).unwrap();
            text.replace(serial, "serial_no = \"0123456789ABCDEF\"")
        });
        assert_eq!(bench.run(&[]), 4, "{}", bench.stderr());
        let words = bench.stderr();
        assert!(
            words.contains("401") && words.contains("serial_no"),
            "{words}"
        );
        let statuses = bench.statuses();
        assert_eq!((statuses["PENDING"], statuses["UNKNOWN"]), (999, 1));
        assert_eq!(bench.books().orders.len(), 0);
    }

    /// The seal key under another's id: a million rows refused for one wrong setting must not be.
    #[test]
    fn a_seal_key_and_its_id_that_do_not_belong_together() {
        let mut bench = Bench::start(Options::default());
        bench.write(&rows_of(1_000, 10));
        bench.use_another_public_key();
        assert_eq!(bench.run(&[]), 4, "{}", bench.stderr());
        let words = bench.stderr();
        assert!(words.contains("public_key"), "{words}");
        let statuses = bench.statuses();
        assert!(statuses["PENDING"] >= 990, "{statuses:?}");
        assert_eq!(bench.books().orders.len(), 0, "nothing was deducted");
    }
}
