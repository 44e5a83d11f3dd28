//! Several processes on one ledger in PostgreSQL, against a gateway that costs nothing: rows a second with one,
//! two and four of them, and what each row costs the database. `-- hosts`; needs PostgreSQL 15 from Debian.

#[path = "../../tests/hosts/server.rs"]
mod server;

use std::process::{Child, Command, Stdio};

use super::machine::{Gateway, run, settings};
use super::{Bench, Shape, setting};
use server::Server;

/// Rows of a run.
const ROWS: u64 = 10_000;
/// Merchants, so many that the pace of none is the limit.
const MERCHANTS: u64 = 500;

pub fn hosts(bench: &Bench) {
    println!(
        "| processes | rows a second | statements a row | commits a row | most of one merchant in a second |"
    );
    println!("|---|---|---|---|---|");
    for processes in [1, 2, 4] {
        measure(bench, processes);
    }
}

fn measure(bench: &Bench, processes: usize) {
    let shape = Shape {
        rows: setting("ROWS", ROWS),
        merchants: MERCHANTS,
        own_accounts: true,
        series: 400 + processes as u64,
    };
    let server = Server::start_with("-c shared_preload_libraries=pg_stat_statements");
    server.ask("CREATE EXTENSION pg_stat_statements");
    let file = bench.path("batch.csv");
    shape.write(&file).expect("a batch");
    let arguments = [0, shape.rows, shape.merchants, shape.series].map(|n| n.to_string());
    let gateway = Gateway::start(None, &arguments);
    let settings = settings(bench.directory.path(), gateway.port);
    let ledger = format!("postgres://levy@127.0.0.1:{}/postgres", server.port());
    let mut init = bench.levy(None, &settings, &file);
    // Staged first, so that what is counted is what a row costs on its way.
    let staged = run(init.args(["--limit", "1", "--ledger", &ledger]));
    assert!([0, 4].contains(&staged.exit), "staging: {}", staged.exit);
    server.ask("SELECT pg_stat_statements_reset()");
    let commits = || -> u64 {
        let sql = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'";
        server.ask(sql).parse().expect("a number")
    };
    let before = commits();
    let workers: Vec<Child> = (1..processes)
        .map(|_| worker(bench, &settings, &ledger))
        .collect();
    let took = run(bench
        .levy(None, &settings, &file)
        .args(["--ledger", &ledger]));
    assert_eq!(took.exit, 0, "the run");
    for mut worker in workers {
        worker.kill().expect("a child");
        let _ = worker.wait();
    }
    let statements: u64 = server
        .ask("SELECT sum(calls)::bigint FROM pg_stat_statements")
        .parse()
        .expect("a number");
    let commits = commits() - before;
    let arrived = gateway.stop();
    assert_eq!(arrived["arrived"], shape.rows, "each row once");
    let each = |n: u64| n as f64 / shape.rows as f64;
    println!(
        "| {processes} | {:.0} | {:.2} | {:.3} | {} |",
        arrived["paced"].as_f64().expect("a pace"),
        each(statements),
        each(commits),
        arrived["most_in_a_second"]
    );
}

fn worker(bench: &Bench, settings: &std::path::Path, ledger: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_levy"))
        .args([
            "work",
            "--forever",
            "--yes",
            "--quiet",
            "--ledger",
            ledger,
            "--config",
        ])
        .arg(settings)
        .current_dir(bench.directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("a worker")
}
