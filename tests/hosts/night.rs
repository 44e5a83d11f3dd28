//! A night of three hosts on which everything goes wrong.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::bench::{Gateway, Host, LEASE_SECONDS, Nature, PATIENCE, Running, audit, batch};
use super::server::Server;

const MERCHANTS: usize = 30;
const ROWS: usize = MERCHANTS * 150;
/// What the gateway does to one request in ten.
const FAULTS: &str =
    "lose-before=0.02,lose-after=0.03,error-500=0.03,throttle=0.01,ill-signed=0.01";
/// Threads of a process that may each have been about to send when it was stopped.
const SENDING_THREADS: usize = 4;
/// Runs until a batch is quiet, at most.
const RUNS_MAX: usize = 10;
const WORK: &[&str] = &["work", "--forever", "--yes"];

/// Killed, stopped for longer than a lease, cut off with a commit on its way, beside a database that is
/// ended and started again, and with clocks five minutes apart.
#[test]
fn l1_l6_whatever_becomes_of_three_hosts_each_order_is_deducted_once_and_no_lane_is_overrun() {
    let server = Server::start();
    let gateway = Gateway::start(&[
        "--sandbox-faults",
        FAULTS,
        "--sandbox-seed",
        "7",
        "--sandbox-latency-ms",
        "1-25",
    ]);
    let host = |name, nature| Host::new(name, &gateway, &server, nature);
    let plain = Nature::default();
    let finance = host("finance", plain);
    let killed = host("killed", plain);
    let stopped = host(
        "stopped",
        Nature {
            clock: true,
            ..plain
        },
    );
    let cut = host(
        "cut",
        Nature {
            cut_at_commit: Some(15),
            clock: true,
        },
    );
    let all = [&finance, &killed, &stopped, &cut];
    fs::write(finance.path("night.csv"), batch(ROWS, MERCHANTS)).unwrap();
    let mut init = finance.start(&["init"]);
    assert_eq!(init.wait(), 0, "{}", init.said());
    let mut run = finance.start(&RUN);
    let mut one = killed.start(WORK);
    let mut two = stopped.start(WORK);
    let three = cut.start(WORK);

    until(&gateway, 300, &mut run, &all);
    stopped.set_clock(290);
    cut.set_clock(-290);
    until(&gateway, 700, &mut run, &all);
    one.signal("KILL");
    assert_eq!(one.wait(), -1);
    let one = killed.start(WORK);
    until(&gateway, 1_400, &mut run, &all);
    server.restart();
    until(&gateway, 2_200, &mut run, &all);
    two.signal("STOP");
    let first = run.wait();
    let mut exit = first;
    for _ in 0..RUNS_MAX {
        if exit == 0 {
            break;
        }
        assert_eq!(exit, 4, "{}", run.said());
        run = finance.start(&RUN);
        exit = run.wait();
    }
    assert_eq!(exit, 0, "{}", run.said());

    // Everything is settled: whatever the stopped one still sends is late.
    std::thread::sleep(Duration::from_secs(LEASE_SECONDS));
    let woken = Instant::now();
    two.signal("CONT");
    std::thread::sleep(Duration::from_secs(3));
    let late = stopped.seen.since(woken);
    println!(
        "late requests: {late}; commits whose answer was lost: {}; exit of the first run: {first}",
        cut.cuts.load(Ordering::SeqCst)
    );
    assert!(late <= SENDING_THREADS, "{late} late requests");
    assert!(cut.cuts.load(Ordering::SeqCst) > 0, "no commit was cut off");
    assert!(!two.is_over(), "{}", two.said());
    for worker in [one, two, three] {
        end(worker);
    }
    audit(&gateway, &finance.path("night.result.csv"), ROWS);
    let mut verify = finance.start(&["ledger", "verify"]);
    assert_eq!(verify.wait(), 0, "{}", verify.said());
    for host in [&killed, &stopped, &cut] {
        assert!(
            host.seen.count() > 0,
            "a host that sent nothing proves nothing"
        );
    }
}

const RUN: [&str; 5] = ["run", "night.csv", "--yes", "--wait", "5"];

/// Waits until so many requests have come to the gateway.
fn until(gateway: &Gateway, arrivals: usize, run: &mut Running, hosts: &[&Host]) {
    let began = Instant::now();
    while gateway.arrivals().len() < arrivals {
        if began.elapsed() > PATIENCE {
            hosts[0].start(&["lanes"]).wait();
            let said: Vec<String> = hosts.iter().map(|host| host.said()).collect();
            panic!("nothing goes on: {}", said.join("\n----\n"));
        }
        assert!(!run.is_over(), "it was over too soon: {}", run.said());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A worker that is asked to end lets go of its lanes and does.
fn end(mut worker: Running) {
    worker.signal("TERM");
    let exit = worker.wait();
    assert!(exit == 0 || exit == 4, "exit {exit}: {}", worker.said());
}
