//! How near levy is to what a row must cost: ratios, each measured side by side in one run.
//!
//! `cargo bench --bench end_to_end` prints the table of docs/PERFORMANCE.md; words behind `--` choose
//! rows of it (`-- large short`). ROWS and LARGE are the rows of the large batch and of the large
//! ledger. `-- growth` tells how cost grows with rows, merchants, latency and orders, for benches/plot.py.
//! `-- hosts`, with the feature `servers`, tells of several processes on one ledger. It needs the `sqlite3` shell, `taskset` and two cores.

mod bare;
mod gateway;
mod growth;
#[cfg(feature = "servers")]
mod hosts;
mod keys;
mod machine;
mod rows;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use machine::{Gateway, Took, pinned, run, run_until, settings};
use rows::Shape;

/// Rows of a run that is measured by the row.
const RUN_ROWS: u64 = 20_000;
/// Rows of a run whose memory is looked at.
const SMALL_ROWS: u64 = 10_000;
/// Rounds of the bare loop.
const BARE_ROUNDS: u64 = 10_000;
/// Rows of the large batch, and of the large ledger, if nothing else is asked for.
const ROWS: u64 = 1_000_000;
const LARGE: u64 = 10_000_000;
/// What a run says once its batch is on disk.
const ACCEPTED: &str = " orders (";
/// How often a short command is repeated.
const REPEATS: usize = 40;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| arguments[i].parse::<u64>().expect("a number");
    match arguments.first().map(String::as_str) {
        Some("gateway") => {
            let shape = Shape {
                rows: number(2),
                merchants: number(3),
                own_accounts: true,
                series: number(4),
            };
            gateway::serve(&gateway::Behaviour {
                latency: Duration::from_millis(number(1)),
                signed_beforehand: (shape.rows > 0).then_some(shape),
            });
        }
        Some("bare") => bare::run(number(1)),
        Some("csv") => bare::csv(&arguments[1]),
        _ => table(arguments.iter().filter(|a| !a.starts_with('-'))),
    }
}

/// A row of the table, and what fills it.
type Line = (&'static str, fn(&Bench));

fn table<'a>(chosen: impl Iterator<Item = &'a String>) {
    let chosen: Vec<&String> = chosen.collect();
    if chosen.iter().any(|word| *word == "growth") {
        return growth::growth(&Bench::new());
    }
    #[cfg(feature = "servers")]
    if chosen.iter().any(|word| *word == "hosts") {
        return hosts::hosts(&Bench::new());
    }
    let lines: [Line; 6] = [
        ("cpu", cpu),
        ("pinned", one_core),
        ("limit", limit),
        ("large", large),
        ("ledger", large_ledger),
        ("short", short),
    ];
    println!("| what | target | measured | |\n|---|---|---|---|");
    for (name, measure) in lines {
        if chosen.is_empty() || chosen.iter().any(|word| *word == name) {
            measure(&Bench::new());
        }
    }
}

/// A directory to measure in.
struct Bench {
    directory: tempfile::TempDir,
}

/// Whether a smaller figure is the better one.
enum Target {
    AtMost(f64),
    AtLeast(f64),
}

fn told(what: &str, target: Target, measured: f64, how: &str) {
    let (words, met) = match target {
        Target::AtMost(most) => (format!("≤ {most}"), measured <= most),
        Target::AtLeast(least) => (format!("≥ {least}"), measured >= least),
    };
    let met = if met { "met" } else { "MISSED" };
    println!("| {what} | {words} | {measured:.3} {met} | {how} |");
}

fn setting(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(otherwise, |text| text.parse().expect(name))
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `levy run` of a file against a gateway, on a new ledger unless there is one.
    fn levy(&self, core: Option<u32>, settings: &Path, file: &Path) -> Command {
        let mut command = pinned(core, Path::new(env!("CARGO_BIN_EXE_levy")));
        command
            .args(["run", "--yes", "--create-ledger", "--quiet"])
            .arg("--config")
            .arg(settings)
            .arg(file)
            .current_dir(self.directory.path());
        command
    }

    /// The same with its words, of which one says that the batch is accepted.
    fn loud(&self, settings: &Path, file: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_levy"));
        command
            .args([
                "run",
                "--yes",
                "--create-ledger",
                "--log-level",
                "info",
                "--config",
            ])
            .arg(settings)
            .arg(file)
            .current_dir(self.directory.path());
        command
    }

    /// What a run that was killed left in the write-ahead log goes into the ledger: the next one would have
    /// to recover it.
    fn at_rest(&self) {
        let ledger = self.path("levy.db");
        let took = run(Command::new("sqlite3")
            .arg(ledger)
            .arg("PRAGMA wal_checkpoint(TRUNCATE)"));
        assert_eq!(took.exit, 0, "sqlite3");
    }

    fn forget(&self) {
        for end in ["", "-wal", "-shm", ".lock"] {
            let _ = std::fs::remove_file(self.path(&format!("levy.db{end}")));
        }
    }

    /// A run of this shape, whole, and what arrived.
    fn whole(
        &self,
        cores: Option<(u32, u32)>,
        latency: u64,
        shape: Shape,
    ) -> (Took, serde_json::Value) {
        self.forget();
        let file = self.path("batch.csv");
        shape.write(&file).expect("a batch");
        let beforehand = if shape.rows <= 100_000 && shape.own_accounts {
            shape.rows
        } else {
            0
        };
        let arguments = [latency, beforehand, shape.merchants, shape.series].map(|n| n.to_string());
        let gateway = Gateway::start(cores.map(|(_, other)| other), &arguments);
        let settings = settings(self.directory.path(), gateway.port);
        let took = run(&mut self.levy(cores.map(|(one, _)| one), &settings, &file));
        let arrived = gateway.stop();
        assert_eq!(took.exit, 0, "the run");
        assert_eq!(arrived["arrived"], shape.rows, "each row once");
        (took, arrived)
    }
}

fn ours(core: Option<u32>, arguments: &[&str]) -> Command {
    let mut command = pinned(core, &std::env::current_exe().expect("a name"));
    command.args(arguments);
    command
}

/// Seconds of processor time of one round of the bare loop.
fn bare_round(core: Option<u32>) -> f64 {
    let took = run(&mut ours(core, &["bare", &BARE_ROUNDS.to_string()]));
    took.cpu_seconds / BARE_ROUNDS as f64
}

fn small(merchants: u64) -> Shape {
    Shape {
        rows: RUN_ROWS,
        merchants,
        own_accounts: true,
        series: 1,
    }
}

fn cpu(bench: &Bench) {
    let floor = bare_round(None);
    let (took, _) = bench.whole(None, 0, small(400));
    let again = bare_round(None);
    let floor = (floor + again) / 2.0;
    let row = took.cpu_seconds / RUN_ROWS as f64;
    let how = format!("{:.0} µs a row, bare {:.0} µs", row * 1e6, floor * 1e6);
    told(
        "processor time of a row",
        Target::AtMost(1.35),
        row / floor,
        &how,
    );
    let shape = Shape {
        rows: SMALL_ROWS,
        ..small(400)
    };
    let (few, _) = bench.whole(None, 0, shape);
    told(
        "peak MiB of a run of 10,000 rows",
        Target::AtMost(64.0),
        few.peak_mib,
        &format!("of 20,000 rows {:.0}", took.peak_mib),
    );
}

fn one_core(bench: &Bench) {
    let floor = bare_round(Some(0));
    let (took, _) = bench.whole(Some((0, 1)), 0, small(400));
    let again = bare_round(Some(0));
    let rate = RUN_ROWS as f64 / took.seconds;
    let bare = 2.0 / (floor + again);
    let how = format!("{rate:.0} rows a second, bare {bare:.0}");
    told(
        "rows a second on one core",
        Target::AtLeast(0.70),
        rate / bare,
        &how,
    );
}

fn limit(bench: &Bench) {
    for latency in [1, 20, 50, 200] {
        let shape = Shape {
            rows: 1_500,
            ..small(1)
        };
        let (_, arrived) = bench.whole(None, latency, shape);
        let bound = 100.0 / (1.0 + latency as f64 / 1000.0);
        let paced = arrived["paced"].as_f64().expect("a pace");
        let most = arrived["most_in_a_second"].as_u64().expect("a number");
        let how = format!("{paced:.1} a second of {bound:.1}, at most {most} in any second");
        let what = format!("one merchant at its limit, {latency} ms");
        told(&what, Target::AtLeast(0.99), paced / bound, &how);
        told("… most in a second", Target::AtMost(100.0), most as f64, "");
    }
}

/// A large batch over 10,000 merchants: checked, staged, run, given again.
fn large(bench: &Bench) {
    let rows = setting("ROWS", ROWS);
    let shape = Shape {
        rows,
        merchants: rows / 100,
        own_accounts: false,
        series: 2,
    };
    let file = bench.path("batch.csv");
    shape.write(&file).expect("a batch");
    let name = file.to_str().expect("a name");

    let bare = run(&mut ours(None, &["csv", name]));
    let checked = run(Command::new(env!("CARGO_BIN_EXE_levy"))
        .args(["check", "--quiet", name])
        .current_dir(bench.directory.path()));
    assert_eq!(checked.exit, 0, "check");
    let how = format!(
        "{:.2} s, bare {:.2} s; of processor time {:.2} and {:.2}",
        checked.seconds, bare.seconds, checked.cpu_seconds, bare.cpu_seconds
    );
    told(
        "check",
        Target::AtMost(4.0),
        checked.seconds / bare.seconds,
        &how,
    );
    told(
        "peak MiB of a check",
        Target::AtMost(100.0),
        checked.peak_mib,
        "",
    );

    // A port where nobody answers: only what comes before the first send is looked at.
    let nowhere = settings(bench.directory.path(), 9);
    let staged = run_until(&mut bench.loud(&nowhere, &file), ACCEPTED);
    let (staged, cpu) = (staged.seconds, staged.cpu_seconds);
    let shell = imported(bench, name);
    let how = format!(
        "{staged:.2} s, sqlite3 {:.2} s; of processor time {cpu:.2} and {:.2}",
        shell.seconds, shell.cpu_seconds
    );
    told("staging", Target::AtMost(1.2), staged / shell.seconds, &how);

    let gateway = Gateway::start(None, &["0", "0", "1", "2"].map(str::to_owned));
    let live = settings(bench.directory.path(), gateway.port);
    let took = run(&mut bench.levy(None, &live, &file));
    let arrived = gateway.stop();
    assert_eq!(
        (took.exit, &arrived["arrived"]),
        (0, &rows.into()),
        "the run"
    );
    told(
        "peak MiB of a large run",
        Target::AtMost(100.0),
        took.peak_mib,
        "",
    );
    let again = run(&mut bench.levy(None, &nowhere, &file));
    assert_eq!(again.exit, 0, "given again");
    let how = format!("{:.2} s, staging {staged:.2} s", again.seconds);
    told(
        "the same file again",
        Target::AtMost(0.5),
        again.seconds / staged,
        &how,
    );

    let bytes = std::fs::metadata(bench.path("levy.db"))
        .expect("a ledger")
        .len();
    let each = bytes as f64 / rows as f64;
    told(
        "bytes of an order in the ledger",
        Target::AtMost(512.0),
        each,
        "",
    );
    let mut status = Command::new(env!("CARGO_BIN_EXE_levy"));
    status
        .args(["status", "--config"])
        .arg(&live)
        .current_dir(bench.directory.path());
    let status = run(&mut status);
    let counted = run(Command::new("sqlite3")
        .arg(bench.path("levy.db"))
        .arg("SELECT state, count(*) FROM orders GROUP BY state"));
    let how = format!("{:.2} s, sqlite3 {:.2} s", status.seconds, counted.seconds);
    told(
        "status",
        Target::AtMost(2.0),
        status.seconds / counted.seconds,
        &how,
    );

    let few = Shape {
        rows: rows / 10,
        merchants: 50,
        ..shape
    };
    let many = Shape {
        rows: rows / 10,
        merchants: rows / 100,
        ..shape
    };
    let (few, _) = bench.whole(None, 0, few);
    let (many, _) = bench.whole(None, 0, many);
    let row = |took: Took| took.cpu_seconds / (rows / 10) as f64 * 1e6;
    let how = format!("{:.0} µs a row, {:.0} µs", row(many), row(few));
    let what = "processor time of a row, many merchants to 50";
    told(what, Target::AtMost(1.1), row(many) / row(few), &how);
}

/// What the shell takes to import the file into one table with the number as its key.
fn imported(bench: &Bench, file: &str) -> Took {
    let database = bench.path("shell.db");
    let took = run(Command::new("sqlite3").arg(&database).args([
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "CREATE TABLE t (mchid TEXT, bal_account_no TEXT, out_request_no TEXT PRIMARY KEY, \
         reduction_type TEXT, amount TEXT, reason TEXT)",
        &format!(".import --csv --skip 1 {file} t"),
    ]));
    assert_eq!(took.exit, 0, "sqlite3");
    std::fs::remove_file(database).expect("it was there");
    took
}

/// 10,000 rows against a ledger of millions, and against an empty one.
fn large_ledger(bench: &Bench) {
    let large = setting("LARGE", LARGE);
    let nowhere = settings(bench.directory.path(), 9);
    let staged = |name: &str, shape: Shape| {
        let file = bench.path(name);
        shape.write(&file).expect("a batch");
        let seconds = run_until(&mut bench.loud(&nowhere, &file), ACCEPTED).seconds;
        bench.at_rest();
        std::fs::remove_file(file).expect("it was there");
        seconds
    };
    let batch = |series| Shape {
        rows: 10_000,
        merchants: 1_000,
        own_accounts: true,
        series,
    };
    staged("warm.csv", batch(100));
    bench.forget();
    let empty = staged("empty.csv", batch(101));
    bench.forget();
    let part = large.min(1_000_000);
    for series in 0..large / part {
        staged(
            &format!("part{series}.csv"),
            Shape {
                rows: part,
                merchants: 10_000,
                own_accounts: true,
                series: 200 + series,
            },
        );
    }
    let full = staged("full.csv", batch(102));
    let how = format!("{full:.3} s, empty {empty:.3} s, staged");
    told(
        "10,000 rows against a large ledger",
        Target::AtMost(1.3),
        full / empty,
        &how,
    );
}

fn short(_: &Bench) {
    let repeated = |program: &str| {
        let mut seconds: Vec<f64> = (0..REPEATS)
            .map(|_| run(Command::new(program).arg("--version")).seconds)
            .collect();
        seconds.sort_by(f64::total_cmp);
        seconds[REPEATS / 2]
    };
    let levy = repeated(env!("CARGO_BIN_EXE_levy"));
    let shell = repeated("sqlite3");
    let how = format!("{:.1} ms, sqlite3 {:.1} ms", levy * 1e3, shell * 1e3);
    told("levy --version", Target::AtMost(2.0), levy / shell, &how);
}
