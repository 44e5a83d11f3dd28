//! The commands behind PgBouncer in transaction mode.

use super::house::{House, row, rows};
use super::server::Server;

#[test]
fn l1_l6_l7_every_command_does_behind_a_pooler_what_it_does_elsewhere() {
    let house = House::pooled();
    house.file("night.csv", &rows("N", 120, 6));
    house.ends(0, &["init"]);
    house.ends(0, &["doctor", "--offline"]);
    house.ends(0, &["check", "night.csv"]);
    let workers = [(); 2].map(|()| house.spawn(&["work", "--forever", "--yes"]));
    house.ends(0, &["run", "night.csv", "--yes"]);
    assert_eq!(house.debited(), 120);
    let lanes = house.ends(0, &["lanes"]);
    assert!(lanes.out.contains("pid"), "{lanes:?}");
    for worker in workers {
        let said = house.stopped(worker);
        assert!(matches!(said.exit, 0 | 4), "{said:?}");
    }
    assert!(house.most_in_a_second() <= 100);
    let arrivals = house.arrivals().len();
    house.ends(0, &["run", "night.csv", "--yes"]);
    house.ends(0, &["work", "--yes"]);
    house.ends(0, &["resume", "--yes"]);
    assert_eq!(house.arrivals().len(), arrivals, "nothing was sent again");
    house.ends(0, &["ledger", "verify"]);
    house.ends(0, &["export", "1", "--out", "one.csv"]);
    // There and back, and to another database of the same pooler.
    let elsewhere = Server::get().pooled_url(&Server::get().database());
    let by = |from: &str, to: &str| {
        house.ends(0, &["ledger", "move", from, to, "--by", "Li Wei"]);
    };
    by(&house.url, "back.db");
    by("back.db", &elsewhere);
    let there = ["--ledger", &elsewhere];
    house.ends(
        0,
        &[&["export", "1", "--out", "two.csv"][..], &there].concat(),
    );
    assert_eq!(house.read("one.csv"), house.read("two.csv"));
    house.file("more.csv", &[row("N00001", 1, 1, 1), row("M1", 1, 77, 5)]);
    house.ends(2, &["run", "more.csv", "--yes"]);
    house.ends(0, &[&["run", "more.csv", "--yes"][..], &there].concat());
    assert_eq!(house.debited(), 121);
    house.ends(0, &[&["ledger", "verify"][..], &there].concat());
}
