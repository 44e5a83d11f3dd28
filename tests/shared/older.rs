//! A ledger that an older levy made on a server, with orders in it.

use super::house::{House, rows};
use super::server::Server;

/// The tables as levy's first version on a server made them.
const FIRST: &str = include_str!("../../src/ledger/sql/postgres/schema_0001.sql");
/// What the first version did not have, and what says which version it is.
const LATER: &[&str] = &["schema_version", "handed", "worker", "lane", "staged*"];

#[test]
fn l5_l9_a_ledger_of_the_first_version_goes_on_after_an_upgrade() {
    let house = House::new();
    let server = Server::get();
    house.file("night.csv", &rows("N", 30, 3));
    house.ends(0, &["init"]);
    house.ends(4, &["run", "night.csv", "--yes", "--limit", "20"]);
    let older = server.database();
    let tables =
        format!("BEGIN; CREATE SCHEMA levy; SET LOCAL search_path = levy, pg_temp; {FIRST} COMMIT");
    server.ask(&older, &tables).unwrap();
    server.fill(&older, &server.dump(&house.database, LATER));
    assert_eq!(
        server.ask(&older, "SELECT version FROM levy.schema_version"),
        Some("1".into())
    );
    let at = server.url(&older);
    let ends = |exit, args: &[&str]| house.ends(exit, &[args, &["--ledger", &at]].concat());
    for args in [
        &["status"][..],
        &["run", "night.csv", "--yes"],
        &["work", "--yes"],
        &["lanes"],
    ] {
        let said = ends(2, args);
        assert!(said.err.contains("`levy ledger upgrade`"), "{said:?}");
    }
    assert_eq!(house.debited(), 20);
    ends(0, &["ledger", "upgrade"]);
    ends(0, &["ledger", "upgrade"]);
    ends(0, &["ledger", "verify"]);
    house.ends(0, &["export", "1", "--out", "before.csv"]);
    ends(0, &["export", "1", "--out", "after.csv"]);
    assert_eq!(house.read("before.csv"), house.read("after.csv"));
    ends(0, &["run", "night.csv", "--yes"]);
    assert_eq!(house.debited(), 30);
    let posts: u32 = house.books().orders.values().map(|order| order.posts).sum();
    assert_eq!(posts, 30, "nothing was sent twice");
    ends(0, &["ledger", "verify"]);
}
