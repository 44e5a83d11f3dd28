//! What a row costs, counted in allocations: they are the same on every machine and however busy it is. The
//! limits are half as much again as was measured: what trips them is a copy for each row, or a text made
//! of what nobody reads, not a change of a compiler.

#[path = "../../benches/parts/work.rs"]
mod work;

use allocation_counter::{AllocationInfo, measure};
use levy::batch::Alike;
use levy::pace::Lane;
use std::time::Duration;
use work::{Books, Wire};

/// Allocations of one round, from those of many and of twice as many: what is made once is left out.
fn each(rounds: u64, mut work: impl FnMut(u64)) -> f64 {
    let mut counted = |rounds| measure(|| work(rounds)).count_total as f64;
    (counted(2 * rounds) - counted(rounds)) / rounds as f64
}

fn at_most(what: &str, most: f64, counted: f64) {
    println!("{what}: {counted:.2} allocations, at most {most}");
    assert!(
        counted <= most,
        "{what}: {counted:.2} allocations of {most}"
    );
}

#[test]
fn a_row_that_is_read_and_checked_is_copied_once() {
    let csv = [work::csv(1_000), work::csv(2_000)];
    let csv = |rows| &csv[rows as usize / 1_000 - 1];
    at_most(
        "a row without its cells",
        6.0,
        each(1_000, |rows| {
            work::read(csv(rows), false, &mut |row| drop(row))
        }),
    );
    at_most(
        "a row with its cells",
        16.0,
        each(1_000, |rows| {
            work::read(csv(rows), true, &mut |row| drop(row))
        }),
    );
    at_most(
        "a row of a file that is checked beside no ledger",
        6.0,
        each(1_000, |rows| {
            let mut alike = Alike::default();
            work::read(csv(rows), false, &mut |row| {
                alike.add(&row.outcome.unwrap())
            });
        }),
    );
}

/// SQLite's own allocations are not seen here.
#[test]
fn a_row_that_is_staged_and_accepted_is_not_looked_at_one_by_one() {
    let staged = [work::staged(1_000), work::staged(2_000)];
    at_most(
        "a row, staged and accepted",
        8.0,
        each(1_000, |rows| {
            Books::new().take_in(&staged[rows as usize / 1_000 - 1])
        }),
    );
}

#[test]
fn a_row_of_a_result_is_read_without_looking_for_its_columns() {
    let mut books = [1_000, 2_000].map(|rows| {
        let mut books = Books::new();
        books.take_in(&work::staged(rows));
        books
    });
    at_most(
        "a row of a result, and its share of the sums",
        15.0,
        each(1_000, |rows| {
            assert_eq!(books[rows as usize / 1_000 - 1].show(), rows);
        }),
    );
}

#[test]
fn an_order_is_claimed_sent_verified_and_settled() {
    let wire = Wire::new();
    let content = &wire.order.content;
    at_most(
        "digest and hold key",
        6.0,
        each(100, |n| {
            (0..n).for_each(|_| {
                let _ = (content.digest(), content.hold_key());
            })
        }),
    );
    let signed = |n| (0..n).for_each(|_| drop(wire.caller.signature(&[b'q'; 620])));
    at_most("a signature", 5.0, each(20, signed));
    let submission = |n| (0..n).for_each(|_| drop(wire.protocol.submission(&wire.order)));
    at_most("a submission", 45.0, each(100, submission));
    let sent = wire.protocol.submission(&wire.order);
    let mut replies: Vec<_> = (0..60).map(|_| wire.reply()).collect();
    let verified = |n| (0..n).for_each(|_| drop(wire.verified(&sent, &replies.pop().unwrap())));
    at_most("a reply, verified", 23.0, each(20, verified));
    let exchange = wire.verified(&sent, &wire.reply());
    let classified = |n| (0..n).for_each(|_| drop(wire.classified(&exchange)));
    at_most("a reply, classified", 0.5, each(100, classified));
    let (mut lane, mut now) = (Lane::new(100), Duration::ZERO);
    let permits = |n| (0..n).for_each(|_| work::permit(&mut lane, &mut now));
    at_most("a permit", 0.5, each(1_000, permits));
    let mut books = Books::new();
    books.take_in(&work::staged(1_000));
    let settled = |n| {
        let jobs = books.jobs(n as u32);
        let claimed = books.claim(jobs);
        books.settle(claimed);
    };
    at_most(
        "an order, claimed and settled in a group",
        80.0,
        each(100, settled),
    );
}

#[test]
fn memory_of_a_file_does_not_grow_with_its_rows() {
    let csv = [work::csv(1_000), work::csv(20_000)];
    let peak = |csv: &Vec<u8>| -> AllocationInfo {
        measure(|| work::read(csv, true, &mut |row| drop(row)))
    };
    let (few, many) = (peak(&csv[0]).bytes_max, peak(&csv[1]).bytes_max);
    assert!(
        many < few + few / 10,
        "{few} bytes for 1,000 rows, {many} for 20,000"
    );
}
