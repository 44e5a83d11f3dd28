//! A move that is killed, or whose server is, at moments over its whole way.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::house::{House, rows};
use super::server::Server;
use super::stopped;

/// Moments at which it is killed on its way, each way.
const MOMENTS: u32 = 5;

/// Whether a ledger is there with this past, and sends.
fn sends(house: &House, ledger: &str) -> bool {
    let said = house.levy(&["status", "--json", "--ledger", ledger]);
    if said.exit != 0 {
        return false;
    }
    let status: Value = serde_json::from_str(&said.out).unwrap();
    let has_past = !status["batches"].as_array().unwrap().is_empty();
    has_past && status["frozen"].is_null()
}

/// Moves, is hurt after this time by what is done then, and goes on until it is there.
fn moved(house: &House, (from, to): (&str, &str), after: Duration, hurt: impl FnOnce(u32)) {
    let command = ["ledger", "move", from, to, "--by", "Li Wei"];
    let levy = house.spawn(&command);
    let began = Instant::now();
    house.wait_until("no time goes by", || began.elapsed() >= after);
    hurt(levy.id());
    house.ended(levy);
    assert!(
        !(sends(house, from) && sends(house, to)),
        "after {after:?} both send"
    );
    let mut again = house.levy(&command);
    let at_once = [
        "give the same `levy ledger move` again",
        "written to the new ledger since",
    ];
    if again.exit != 0 && at_once.iter().any(|words| again.err.contains(words)) {
        // Its last commit had only just reached the server.
        again = house.levy(&command);
    }
    if again.exit != 0 {
        // Killed just before the last step: that nobody has opened it only a person knows.
        assert!(again.err.contains("--never-opened"), "{after:?}: {again:?}");
        assert!(!sends(house, from) && !sends(house, to), "{after:?}");
        house.ends(0, &[&command[..], &["--never-opened"]].concat());
    }
    assert!(!sends(house, from) && sends(house, to), "{after:?}");
    let said = house.ends(0, &command);
    assert!(said.err.contains("had moved here before"), "{said:?}");
}

fn kill(pid: u32) {
    // It may have come to its end by then.
    let _ = std::process::Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .output();
}

/// A ledger in `levy.db`, of which a third is not sent yet.
fn begun() -> House {
    let house = House::new();
    house.file("night.csv", &rows("N", 90, 3));
    let file = ["--ledger", "levy.db", "--limit", "60"];
    house.ends(
        4,
        &[&["run", "night.csv", "--yes", "--create-ledger"][..], &file].concat(),
    );
    house.ends(
        0,
        &["export", "1", "--out", "one.csv", "--ledger", "levy.db"],
    );
    house
}

/// The one that it is in now goes on where the first one stood.
fn goes_on(house: &House, ledger: &str) {
    let at = ["--ledger", ledger];
    house.ends(0, &[&["export", "1", "--out", "two.csv"][..], &at].concat());
    assert_eq!(house.read("one.csv"), house.read("two.csv"));
    house.ends(0, &[&["run", "night.csv", "--yes"][..], &at].concat());
    assert_eq!(house.debited(), 90);
    let posts: u32 = house.books().orders.values().map(|order| order.posts).sum();
    assert_eq!(posts, 90, "nothing was sent twice");
    house.ends(0, &[&["ledger", "verify"][..], &at].concat());
}

#[test]
fn l5_l9_a_move_that_is_killed_leaves_one_ledger_and_goes_on() {
    let house = begun();
    let began = Instant::now();
    moved(&house, ("levy.db", &house.url), Duration::ZERO, |_| {});
    // One whole move, and what is asked about it.
    let whole = began.elapsed() / 5;
    let mut at = house.url.clone();
    for moment in 1..=MOMENTS {
        let after = whole * moment / MOMENTS;
        let file = format!("back{moment}.db");
        moved(&house, (&at, &file), after, kill);
        at = Server::get().url(&Server::get().database());
        moved(&house, (&file, &at), after, kill);
    }
    goes_on(&house, &at);
}

#[test]
fn l5_l9_a_move_whose_server_ends_leaves_one_ledger_and_goes_on() {
    let house = begun();
    let server = stopped::Server::start();
    let base = format!("postgres://levy@127.0.0.1:{}", server.port());
    let url = format!("{base}/postgres");
    let began = Instant::now();
    moved(&house, ("levy.db", &url), Duration::ZERO, |_| {});
    let whole = began.elapsed() / 5;
    let mut at = url.clone();
    for moment in 1..=2 {
        let after = whole * moment / 3;
        let file = format!("back{moment}.db");
        moved(&house, (&at, &file), after, |_| server.restart());
        // Each in a database of its own: the one before is closed for good.
        let other = format!("other{moment}");
        server.ask(&format!("CREATE DATABASE {other}"));
        at = format!("{base}/{other}");
        moved(&house, (&file, &at), after, |_| server.restart());
    }
    goes_on(&house, &at);
}
