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
