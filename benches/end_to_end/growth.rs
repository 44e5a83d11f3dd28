//! How cost grows: microseconds of processor time a row, at four sizes of one thing at a time, as lines for
//! benches/plot.py.

use std::process::Command;

use super::machine::{run, run_until, settings};
use super::{ACCEPTED, Bench, Shape};

/// Rows of a run whose merchants or whose latency grow.
const RUN_ROWS: u64 = 4_000;
/// Rows of a batch that meets a growing ledger.
const BATCH_ROWS: u64 = 10_000;

fn told(series: &str, size: u64, seconds: f64, rows: u64) {
    println!("{series}\t{size}\t{:.2}", seconds / rows as f64 * 1e6);
}

pub fn growth(bench: &Bench) {
    println!("# series, size, microseconds of processor time a row");
    for rows in [10_000, 30_000, 100_000, 300_000] {
        of_rows(bench, rows);
    }
    for merchants in [10, 40, 400, 4_000] {
        told(
            "merchants",
            merchants,
            of_a_run(bench, merchants, 0),
            RUN_ROWS,
        );
    }
    for latency in [1, 20, 50, 200] {
        told("latency", latency, of_a_run(bench, 400, latency), RUN_ROWS);
    }
    of_ledger(bench);
}

/// A file that is checked, and staged in an empty ledger.
fn of_rows(bench: &Bench, rows: u64) {
    let file = bench.path("batch.csv");
    let shape = Shape {
        rows,
        merchants: 100,
        own_accounts: true,
        series: 300,
    };
    shape.write(&file).expect("a batch");
    let mut check = Command::new(env!("CARGO_BIN_EXE_levy"));
    check.args(["check", "--quiet"]).arg(&file);
    let took = run(check.current_dir(bench.directory.path()));
    assert_eq!(took.exit, 0, "check");
    told("check", rows, took.cpu_seconds, rows);
    bench.forget();
    let nowhere = settings(bench.directory.path(), 9);
    let took = run_until(&mut bench.loud(&nowhere, &file), ACCEPTED);
    told("staging", rows, took.cpu_seconds, rows);
    bench.forget();
}

/// Seconds of processor time of a whole run.
fn of_a_run(bench: &Bench, merchants: u64, latency: u64) -> f64 {
    let shape = Shape {
        rows: RUN_ROWS,
        merchants,
        own_accounts: true,
        series: 301,
    };
    bench.whole(None, latency, shape).0.cpu_seconds
}

/// A small batch against a ledger that has more orders each time.
fn of_ledger(bench: &Bench) {
    bench.forget();
    let nowhere = settings(bench.directory.path(), 9);
    let file = bench.path("batch.csv");
    let staged = |rows, series| {
        let shape = Shape {
            rows,
            merchants: 1_000,
            own_accounts: true,
            series,
        };
        shape.write(&file).expect("a batch");
        let took = run_until(&mut bench.loud(&nowhere, &file), ACCEPTED);
        bench.at_rest();
        took.cpu_seconds
    };
    let mut orders = 0;
    for (series, size) in [
        (310, 30_000),
        (320, 100_000),
        (330, 300_000),
        (340, 1_000_000),
    ] {
        staged(size - orders, series);
        let seconds = staged(BATCH_ROWS, series + 1);
        told("ledger", size, seconds, BATCH_ROWS);
        orders = size + BATCH_ROWS;
    }
    bench.forget();
}
