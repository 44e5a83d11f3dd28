//! Several processes on one ledger: workers, runs, one that is killed.

use levy::sandbox::Options;

use super::house::{House, row, rows};
use super::server::Server;

fn slow() -> Options {
    Options {
        latency_ms: 5..=20,
        ..Options::default()
    }
}

#[test]
fn l1_l6_two_workers_and_a_run_send_each_order_once_at_the_pace() {
    let house = House::with(slow());
    house.ends(0, &["init"]);
    house.file("night.csv", &rows("N", 600, 6));
    let workers = [(); 2].map(|()| house.spawn(&["work", "--forever", "--yes"]));
    house.wait_until("nobody works", || {
        let living = Server::get().ask(&house.database, "SELECT count(*) FROM levy.worker");
        living.as_deref() == Some("2")
    });
    house.ends(0, &["run", "night.csv", "--yes"]);
    assert_eq!(house.debited(), 600);
    assert!(house.read("night.result.csv").matches("SUCCESS").count() >= 600);
    assert!(house.most_in_a_second() <= 100);
    for worker in workers {
        let said = house.stopped(worker);
        assert!(said.exit == 0 || said.exit == 4, "{said:?}");
    }
    let posts: u32 = house.books().orders.values().map(|order| order.posts).sum();
    assert_eq!(posts, 600, "nothing was sent twice");
    let lanes = house.ends(0, &["lanes"]);
    assert!(
        lanes.out.contains("nobody works on this ledger"),
        "{lanes:?}"
    );
    house.ends(0, &["ledger", "verify"]);
}

#[test]
fn l9_what_a_killed_run_leaves_another_process_brings_to_its_end() {
    let house = House::with(slow());
    house.ends(0, &["init"]);
    house.file("night.csv", &rows("N", 120, 2));
    let mut run = house.spawn(&["run", "night.csv", "--yes"]);
    house.wait_for_arrivals(20);
    run.kill().unwrap();
    house.ended(run);
    // What it had handed over goes on by any worker, once its leases are over.
    house.ends(0, &["work", "--yes"]);
    assert_eq!(house.debited(), 120);
    assert!(house.most_in_a_second() <= 100);
    // The same command again finds nothing left to do.
    house.ends(0, &["run", "night.csv", "--yes"]);
    house.ends(0, &["resume", "--yes"]);
    house.ends(0, &["ledger", "verify"]);
}

/// What an earlier run handed over to everybody is one run's alone again, once that run is to send a part of it.
#[test]
fn l7_a_limit_holds_for_what_was_handed_over_before() {
    let house = House::new();
    house.ends(0, &["init"]);
    house.file("night.csv", &rows("N", 6, 2));
    let part = ["run", "night.csv", "--yes", "--limit", "2"];
    house.ends(4, &part);
    let ask = |text: &str| Server::get().ask(&house.database, text);
    ask("INSERT INTO levy.handed VALUES (1, 99, 0)");
    house.ends(4, &part);
    assert_eq!(
        ask("SELECT count(*) FROM levy.handed").as_deref(),
        Some("0")
    );
    house.ends(0, &["work", "--yes"]);
    assert_eq!(house.debited(), 4, "two, two, and nothing by the worker");
    // Without a limit it goes whole.
    house.ends(0, &["run", "night.csv", "--yes"]);
    assert_eq!(house.debited(), 6);
}

/// Whoever says that a batch is not sent says so for all workers.
#[test]
fn l7_a_no_and_a_missing_approval_take_back_what_was_handed_over() {
    let house = House::new();
    house.config("strict.toml", "[batch]\nrequire_approval = true\n");
    house.ends(0, &["init"]);
    house.file("night.csv", &rows("N", 6, 2));
    house.ends(4, &["run", "night.csv", "--yes", "--limit", "2"]);
    let ask = |text: &str| Server::get().ask(&house.database, text);
    house.file("more.csv", &[row("M1", 1, 50, 9)]);
    let taken_back = |command: &str, exit: i32, said: (i32, String)| {
        assert_eq!(said.0, exit, "{command}: {}", said.1);
        assert!(said.1.contains("was taken back"), "{command}: {}", said.1);
        let left = ask("SELECT count(*) FROM levy.handed");
        assert_eq!(left.as_deref(), Some("0"), "{command}");
    };
    for (command, exit) in [
        ("run night.csv", 4),
        ("resume --batch 1", 4),
        ("run more.csv night.csv --yes --limit 1", 4),
        ("run night.csv --yes --config strict.toml", 2),
        ("resume --batch 1 --yes --config strict.toml", 2),
    ] {
        ask("INSERT INTO levy.handed VALUES (1, 99, 0)").unwrap();
        taken_back(command, exit, house.on_a_terminal(command, "no\n"));
    }
    house.ends(0, &["work", "--yes"]);
    assert_eq!(house.debited(), 2 + 1, "nobody has sent the rest");
}

/// The file says yes to a new number for what is dead, and has a row that was never sent.
#[test]
fn l7_a_file_that_asks_for_a_new_number_is_taken_back_like_any_other() {
    let poor = Options {
        balance_fen: 100,
        ..Options::default()
    };
    let house = House::with(poor);
    house.ends(0, &["init"]);
    house.file("night.csv", &[row("N1", 1, 1, 1_000)]);
    house.ends(3, &["run", "night.csv", "--yes"]);
    let failed = house.read("night.failed.csv");
    let mut mended = csv::Writer::from_writer(Vec::new());
    let mut failed = csv::Reader::from_reader(failed.as_bytes());
    let header = failed.headers().unwrap().clone();
    mended.write_record(&header).unwrap();
    let dead = failed.records().next().unwrap().unwrap();
    let cells = header.iter().zip(&dead);
    let said = cells.map(|(name, cell)| match name {
        "levy_reissue" => "yes",
        _ => cell,
    });
    mended.write_record(said).unwrap();
    let fresh = row("N2", 2, 2, 50);
    let mut fresh = fresh.split(',');
    mended
        .write_record(header.iter().map(|_| fresh.next().unwrap_or("")))
        .unwrap();
    let mended = String::from_utf8(mended.into_inner().unwrap()).unwrap();
    std::fs::write(house.path("mended.csv"), mended).unwrap();
    assert_eq!(house.on_a_terminal("run mended.csv", "no\n").0, 4);
    let ask = |text: &str| Server::get().ask(&house.database, text);
    house.config("strict.toml", "[batch]\nrequire_approval = true\n");
    for (command, exits) in [
        ("run mended.csv", 4),
        ("rerun mended.csv --yes --config strict.toml", 2),
        ("rerun mended.csv", 4),
        ("run mended.csv --yes --limit 1", 4),
    ] {
        ask("INSERT INTO levy.handed VALUES (2, 99, 0)").unwrap();
        let (exit, said) = house.on_a_terminal(command, "no\n");
        assert_eq!(exit, exits, "{command}: {said}");
        assert!(said.contains("was taken back"), "{command}: {said}");
        let left = ask("SELECT count(*) FROM levy.handed WHERE batch_id = 2");
        assert_eq!(left.as_deref(), Some("0"), "{command}");
    }
    let sent = house.arrivals().len();
    house.ends(0, &["work", "--yes"]);
    assert_eq!(house.arrivals().len(), sent, "nobody has sent the rest");
}

/// Stopped as a whole, its connections stand: nobody is told that nothing will come.
#[test]
fn l6_l9_a_server_that_is_stopped_keeps_no_process_from_ending_at_a_signal() {
    let server = Server::own();
    let houses = [(); 2].map(|()| House::on(server, slow()));
    let runs = houses.each_ref().map(|house| {
        house.ends(0, &["init"]);
        house.file("night.csv", &rows("N", 300, 3));
        house.spawn(&["run", "night.csv", "--yes"])
    });
    for house in &houses {
        house.wait_for_arrivals(20);
    }
    server.signal("STOP");
    let [one, two] = &houses;
    let [twice, once] = runs;
    // Two signals end it at once, whatever it waits for.
    one.signal(&twice, "INT");
    one.signal(&twice, "TERM");
    let said = one.ends_by_itself(twice);
    assert_eq!(said.exit, 4, "{said:?}");
    // One ends it as well, once what was on the wire has come and the ledger was waited for.
    two.signal(&once, "TERM");
    let said = two.ends_by_itself(once);
    assert_eq!(said.exit, 1, "{said:?}");
    for words in ["can't be renewed", "it has said nothing for 30 s"] {
        assert!(said.err.contains(words), "{said:?}");
    }
    server.signal("CONT");
    // What had come to be committed is read, and the rest asked for again.
    for house in &houses {
        house.ends(0, &["run", "night.csv", "--yes"]);
        assert_eq!(house.debited(), 300);
        assert!(house.most_in_a_second() <= 100);
        house.ends(0, &["ledger", "verify"]);
    }
}

/// A host that requires no approval has taken a file in and handed it over.
#[test]
fn a_worker_that_requires_approval_leaves_what_nobody_approved_and_says_so() {
    let house = House::new();
    house.config("strict.toml", "[batch]\nrequire_approval = true\n");
    let strict = ["--config", "strict.toml"];
    house.ends(0, &["init"]);
    house.file("night.csv", &rows("N", 6, 2));
    house.ends(4, &["run", "night.csv", "--yes", "--limit", "2"]);
    let good: Vec<String> = (1..=3)
        .map(|n| row(&format!("G{n}"), 1, 50 + n, 9))
        .collect();
    house.file("good.csv", &good);
    house.ends(0, &["plan", "good.csv", "--by", "Li Wei"]);
    house.ends(0, &["approve", "1", "--by", "Wang Fang"]);
    let part = ["run", "good.csv", "--yes", "--limit", "1"];
    house.ends(4, &[&part[..], &strict].concat());
    let ask = |text: &str| Server::get().ask(&house.database, text);
    ask("INSERT INTO levy.handed VALUES (1, 99, 0), (2, 99, 0)").unwrap();
    // It sends what was approved, and tells of the rest.
    let said = house.ends(2, &[&["work", "--yes", "--quiet"][..], &strict].concat());
    assert_eq!(house.debited(), 2 + 3);
    for words in ["4 orders that were handed over are not sent", "batch 1: 4"] {
        assert!(said.err.contains(words), "{said:?}");
    }
    // One for ever says so before it begins, and when it ends.
    let worker = house.spawn(&[&["work", "--forever", "--yes"][..], &strict].concat());
    house.wait_until("nobody works", || {
        ask("SELECT count(*) FROM levy.worker").as_deref() == Some("1")
    });
    let said = house.stopped(worker);
    assert_eq!(said.exit, 2, "{said:?}");
    assert_eq!(said.err.matches("are not sent from here").count(), 2);
    assert_eq!(house.debited(), 2 + 3);
    house.ends(0, &["resume", "--yes", "--config", "strict.toml"]);
    assert_eq!(house.debited(), 2 + 3);
    // Withdrawn, nothing is left to be told.
    house.ends(0, &["cancel", "1"]);
    house.ends(0, &[&["work", "--yes"][..], &strict].concat());
    assert_eq!(house.debited(), 2 + 3);
}

#[test]
fn a_worker_is_for_a_shared_ledger() {
    let house = House::new();
    house.file("one.csv", &rows("N", 1, 1));
    house.ends(
        0,
        &[
            "run",
            "one.csv",
            "--yes",
            "--create-ledger",
            "--ledger",
            "levy.db",
        ],
    );
    let said = house.ends(2, &["work", "--yes", "--ledger", "levy.db"]);
    assert!(said.err.contains("is a file"), "{said:?}");
    let said = house.ends(0, &["lanes", "--ledger", "levy.db"]);
    assert!(said.out.contains("one process at a time"), "{said:?}");
}

/// Whoever is told to end has done nothing wrong.
#[test]
fn a_worker_that_a_signal_ends_with_nothing_left_says_so_and_calls_it_no_error() {
    let house = House::new();
    house.ends(0, &["init"]);
    let worker = house.spawn(&["work", "--forever", "--yes", "--quiet"]);
    house.wait_until("nobody works", || {
        let living = Server::get().ask(&house.database, "SELECT count(*) FROM levy.worker");
        living.as_deref() == Some("1")
    });
    let said = house.stopped(worker);
    assert_eq!(said.exit, 0, "{said:?}");
    let words = "\nopen orders: stopped: by a signal; nothing that was sent is lost\n";
    assert!(
        said.err.ends_with(words) && !said.err.contains("error"),
        "{said:?}"
    );
}
