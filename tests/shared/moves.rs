//! A ledger goes from a file to a server and back.

use super::house::{House, row, rows};
use super::server::Server;

#[test]
fn l5_l7_there_and_back_it_is_the_same_ledger_and_only_one_sends() {
    let house = House::new();
    let server = Server::get().url(&house.database);
    house.file("night.csv", &rows("N", 30, 3));
    let file = ["--ledger", "levy.db"];
    let with = |args: &[&'static str]| -> Vec<&'static str> { [args, &file].concat() };
    house.ends(
        4,
        &with(&[
            "run",
            "night.csv",
            "--yes",
            "--create-ledger",
            "--limit",
            "20",
        ]),
    );
    house.ends(0, &with(&["export", "1", "--out", "one.csv"]));
    let by = ["--by", "Li Wei"];
    house.ends(
        0,
        &[&["ledger", "move", "levy.db", &server][..], &by].concat(),
    );
    house.ends(0, &["export", "1", "--out", "two.csv"]);
    assert_eq!(house.read("one.csv"), house.read("two.csv"));
    // The old one can be looked at, and does nothing more; nor is it thawed.
    house.ends(0, &with(&["status"]));
    for args in [
        &["run", "night.csv", "--yes"][..],
        &["cancel", "1"],
        &["unfreeze", "--by", "Li Wei"],
        &["freeze", "--reason", "a look", "--by", "Li Wei"],
    ] {
        let said = house.ends(2, &[args, &file].concat());
        assert!(
            said.err.contains("this ledger has moved to postgres://"),
            "{said:?}"
        );
    }
    // Again, it says that it is done.
    let said = house.ends(
        0,
        &[&["ledger", "move", "levy.db", &server][..], &by].concat(),
    );
    assert!(said.err.contains("had moved here before"), "{said:?}");
    // Nowhere else: that would be a second one that sends.
    let elsewhere = Server::get().url(&Server::get().database());
    let said = house.ends(
        2,
        &[&["ledger", "move", "levy.db", &elsewhere][..], &by].concat(),
    );
    assert!(said.err.contains("is another"), "{said:?}");
    // The new one goes on where the old one stood.
    house.ends(0, &["run", "night.csv", "--yes"]);
    assert_eq!(house.debited(), 30);
    house.ends(0, &["export", "1", "--out", "three.csv"]);
    house.ends(
        0,
        &[&["ledger", "move", &server, "back.db"][..], &by].concat(),
    );
    let back = ["--ledger", "back.db"];
    house.ends(
        0,
        &[&["export", "1", "--out", "four.csv"][..], &back].concat(),
    );
    assert_eq!(house.read("three.csv"), house.read("four.csv"));
    house.ends(0, &[&["ledger", "verify"][..], &back].concat());
    house.ends(2, &["run", "night.csv", "--yes"]);
    house.file("more.csv", &[row("N00001", 1, 1, 1), row("M1", 1, 77, 5)]);
    house.ends(0, &[&["run", "more.csv", "--yes"][..], &back].concat());
    assert_eq!(house.debited(), 31, "a repeat is known, a new one is sent");
}

#[test]
fn a_ledger_that_is_used_is_no_place_to_move_to_and_a_held_one_stays() {
    let house = House::new();
    let server = Server::get().url(&house.database);
    house.file("night.csv", &rows("N", 3, 1));
    house.ends(0, &["run", "night.csv", "--yes", "--create-ledger"]);
    house.file("other.csv", &rows("O", 3, 1));
    let file = ["--ledger", "levy.db"];
    house.ends(
        0,
        &[&["run", "other.csv", "--yes", "--create-ledger"][..], &file].concat(),
    );
    let to_server = ["ledger", "move", "levy.db", &server, "--by", "Li Wei"];
    let said = house.ends(2, &to_server);
    assert!(said.err.contains("no empty ledger"), "{said:?}");
    // It is as it was.
    house.ends(0, &[&["run", "other.csv", "--yes"][..], &file].concat());
    house.ends(0, &["ledger", "verify"]);
}

/// What the new ledger has sent since the move is in no other: an empty database of its name gets no old past.
#[test]
fn l5_a_ledger_that_was_lost_after_its_move_is_not_filled_with_the_old_past() {
    let house = House::new();
    let server = Server::get();
    house.file("night.csv", &rows("N", 6, 2));
    let first = [
        "run",
        "night.csv",
        "--yes",
        "--create-ledger",
        "--limit",
        "2",
    ];
    house.ends(4, &[&first[..], &["--ledger", "levy.db"]].concat());
    let to_server = ["ledger", "move", "levy.db", &house.url, "--by", "Li Wei"];
    house.ends(0, &to_server);
    house.ends(0, &["run", "night.csv", "--yes"]);
    assert_eq!(house.debited(), 6);
    let name = &house.database;
    for change in [
        format!("DROP DATABASE {name} WITH (FORCE)"),
        format!("CREATE DATABASE {name}"),
    ] {
        server.ask("postgres", &change).unwrap();
    }
    let refused = || {
        let said = house.ends(2, &to_server);
        assert!(
            said.err.contains("had moved there whole at")
                && said.err.contains("levy ledger restored"),
            "{said:?}"
        );
    };
    refused();
    // Nothing was made there in which somebody could begin anew; where somebody did, it is no other.
    let missing = house.ends(2, &["run", "night.csv", "--yes"]);
    assert!(missing.err.contains("there is no ledger"), "{missing:?}");
    house.ends(0, &["init"]);
    refused();
    let orders = server.ask(name, "SELECT count(*) FROM levy.orders");
    assert_eq!(orders.as_deref(), Some("0"));
    house.ends(2, &["resume", "--yes", "--ledger", "levy.db"]);
}

#[test]
fn l5_two_who_move_one_ledger_at_once_come_to_one_place() {
    let house = House::new();
    let server = Server::get();
    house.file("night.csv", &rows("N", 40, 2));
    house.ends(
        4,
        &[
            "run",
            "night.csv",
            "--yes",
            "--create-ledger",
            "--limit",
            "10",
        ],
    );
    let there = server.url(&server.database());
    let places = [&there, "back.db"];
    let movers =
        places.map(|to| house.spawn(&["ledger", "move", &house.url, to, "--by", "Li Wei"]));
    let exits = movers.map(|mover| house.ended(mover).exit);
    assert!(matches!(exits, [0, 2] | [2, 0]), "{exits:?}");
    let (at, not) = match exits[0] {
        0 => (places[0], places[1]),
        _ => (places[1], places[0]),
    };
    let said = house.levy(&["status", "--json", "--ledger", not]);
    assert!(
        said.exit != 0 || said.out.contains("\"batches\":[]"),
        "{said:?}"
    );
    house.ends(0, &["run", "night.csv", "--yes", "--ledger", at]);
    assert_eq!(house.debited(), 40);
    let posts: u32 = house.books().orders.values().map(|order| order.posts).sum();
    assert_eq!(posts, 40);
}

#[test]
fn a_worker_on_a_ledger_that_moves_away_ends_and_says_where_it_went() {
    let house = House::new();
    house.ends(0, &["init"]);
    house.file("night.csv", &rows("N", 800, 2));
    let worker = house.spawn(&["work", "--forever", "--yes"]);
    let run = house.spawn(&["run", "night.csv", "--yes"]);
    house.wait_for_arrivals(20);
    let to_file = ["ledger", "move", &house.url, "back.db", "--by", "Li Wei"];
    // Closed at once; once nobody has a lane, the same command goes on.
    house.wait_until("it does not move", || house.levy(&to_file).exit == 0);
    let said = house.ended(worker);
    assert_eq!(said.exit, 2, "{said:?}");
    assert!(
        said.err.contains("has moved to") && said.err.contains("back.db"),
        "{said:?}"
    );
    house.ended(run);
    house.ends(0, &["run", "night.csv", "--yes", "--ledger", "back.db"]);
    assert_eq!(house.debited(), 800);
    assert!(house.most_in_a_second() <= 100);
    house.ends(0, &["ledger", "verify", "--ledger", "back.db"]);
}

#[test]
fn a_worker_without_work_hears_that_its_ledger_has_moved_away() {
    let house = House::new();
    house.ends(0, &["init"]);
    let worker = house.spawn(&["work", "--forever", "--yes"]);
    let works = || {
        house
            .levy(&["lanes", "--json"])
            .out
            .contains("\"workers\":[\"")
    };
    house.wait_until("it does not work", works);
    house.ends(
        0,
        &["ledger", "move", &house.url, "back.db", "--by", "Li Wei"],
    );
    let said = house.ends_by_itself(worker);
    assert_eq!(said.exit, 2, "{said:?}");
    assert!(
        said.err.contains("has moved to") && said.err.contains("back.db"),
        "{said:?}"
    );
}

/// It is the one that sends: to empty it would be to send again what it has sent.
#[test]
fn l5_nobody_is_told_to_empty_a_new_ledger_that_is_in_use_and_does_not_verify() {
    let house = House::new();
    house.file("night.csv", &rows("N", 6, 2));
    let file = ["--ledger", "levy.db"];
    house.ends(
        0,
        &[&["run", "night.csv", "--yes", "--create-ledger"][..], &file].concat(),
    );
    let to_server = ["ledger", "move", "levy.db", &house.url, "--by", "Li Wei"];
    house.ends(0, &to_server);
    for damage in [
        "ALTER TABLE levy.reply DISABLE TRIGGER ALL",
        "DELETE FROM levy.reply WHERE attempt_id = (SELECT min(attempt_id) FROM levy.reply)",
    ] {
        Server::get().ask(&house.database, damage);
    }
    let said = house.levy(&to_server);
    assert_ne!(said.exit, 0, "{said:?}");
    assert!(
        said.err.contains("empty nothing") && !said.err.contains("DROP SCHEMA"),
        "{said:?}"
    );
}

/// Killed before the very last step, or put back from before it: the ledgers can't tell which, a person can.
#[test]
fn l5_a_copy_that_may_have_been_opened_is_opened_by_a_persons_word_alone_and_no_other_then() {
    let house = House::new();
    let (server, name) = (Server::get(), &house.database);
    house.file("night.csv", &rows("N", 6, 2));
    let (file, by) = (["--ledger", "levy.db"], ["--by", "Li Wei"]);
    let first = ["run", "night.csv", "--yes", "--create-ledger"];
    house.ends(4, &[&first[..], &["--limit", "2"], &file].concat());
    let freeze = ["freeze", "--reason", "a look"];
    house.ends(0, &[&freeze[..], &by, &file].concat());
    house.ends(0, &[&["unfreeze"][..], &by, &file].concat());
    // The last step fails: it would thaw a second time.
    house.ends(0, &["init"]);
    let once = "CREATE UNIQUE INDEX once ON levy.decision (kind) WHERE kind = 'UNFREEZE'";
    server.ask(name, once).unwrap();
    let to_server = [&["ledger", "move", "levy.db", &house.url][..], &by].concat();
    assert_ne!(house.levy(&to_server).exit, 0);
    server.ask(name, "DROP INDEX levy.once").unwrap();
    let copy = format!("CREATE DATABASE {name}_put_back TEMPLATE {name}");
    // Not while the server still ends what levy has left.
    house.wait_until("a copy", || server.ask("postgres", &copy).is_some());
    let said = house.ends(2, &to_server);
    assert!(said.err.contains("--never-opened"), "{said:?}");
    house.ends(2, &["run", "night.csv", "--yes"]);
    let told = [&to_server[..], &["--never-opened"]].concat();
    house.ends(0, &told);
    house.ends(0, &["run", "night.csv", "--yes"]);
    assert_eq!(house.debited(), 6);
    let said = house.ends(0, &to_server);
    assert!(said.err.contains("had moved here before"), "{said:?}");
    // What stood where it stood is put back in its place, and is not opened whatever is said.
    for change in [
        format!("DROP DATABASE {name} WITH (FORCE)"),
        format!("ALTER DATABASE {name}_put_back RENAME TO {name}"),
    ] {
        server.ask("postgres", &change).unwrap();
    }
    for command in [&to_server, &told] {
        let said = house.ends(2, command);
        assert!(
            said.err.contains("a copy that was never opened"),
            "{said:?}"
        );
    }
    house.ends(2, &["run", "night.csv", "--yes"]);
}
