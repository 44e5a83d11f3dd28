//! The parts of a row, by themselves: `cargo bench --bench parts`. What they come to together is told by
//! `end_to_end`.

mod work;

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use levy::batch::Alike;
use levy::pace::Lane;
use work::{Books, Wire};

const ROWS: u64 = 10_000;
/// Orders whose intents, or replies, share a commit.
const GROUP: u32 = 20;

fn file(c: &mut Criterion) {
    let csv = work::csv(ROWS);
    let mut group = c.benchmark_group("10,000 rows");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("decode and check", |b| {
        b.iter(|| work::read(&csv, true, &mut |row| drop(row)));
    });
    group.bench_function("decode and check, without cells", |b| {
        b.iter(|| work::read(&csv, false, &mut |row| drop(row)));
    });
    group.bench_function("… and which have to do with each other", |b| {
        b.iter(|| {
            let mut alike = Alike::default();
            work::read(&csv, false, &mut |row| {
                alike.add(&row.outcome.expect("a deduction"))
            });
            assert!(alike.shared().expect("few rows").is_empty());
        });
    });
    let staged = work::staged(ROWS);
    group.bench_function("stage and accept", |b| {
        b.iter_batched(
            Books::new,
            |mut books| books.take_in(&staged),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("show and add up", |b| {
        let mut books = Books::new();
        books.take_in(&staged);
        b.iter(|| assert_eq!(books.show(), ROWS));
    });
    group.finish();
}

fn wire(c: &mut Criterion) {
    let wire = Wire::new();
    let mut group = c.benchmark_group("an order");
    let content = wire.order.content.clone();
    group.bench_function("digest", |b| b.iter(|| content.digest()));
    group.bench_function("hold key", |b| b.iter(|| content.hold_key()));
    group.bench_function("sign", |b| b.iter(|| wire.caller.signature(&[b'q'; 620])));
    // The account is sealed once, and remembered.
    group.bench_function("submission, its account sealed before", |b| {
        b.iter(|| wire.protocol.submission(&wire.order));
    });
    group.bench_function("submission of an account of its own", |b| {
        let mut n = 0_u64;
        let mut order = wire.order.clone();
        b.iter(|| {
            n += 1;
            let account = levy::order::Account::parse(&format!("8609cb22e1774a50{n:022}"));
            order.content.account = account.expect("an account");
            wire.protocol.submission(&order)
        });
    });
    let sent = wire.protocol.submission(&wire.order);
    group.bench_function("verify", |b| {
        let verified = |came| wire.verified(&sent, &came);
        b.iter_batched(|| wire.reply(), verified, BatchSize::SmallInput);
    });
    let exchange = wire.verified(&sent, &wire.reply());
    group.bench_function("classify", |b| b.iter(|| wire.classified(&exchange)));
    group.bench_function("permit", |b| {
        let (mut lane, mut now) = (Lane::new(100), Duration::ZERO);
        b.iter(|| work::permit(&mut lane, &mut now));
    });
    group.finish();
}

fn ledger(c: &mut Criterion) {
    let mut group = c.benchmark_group("20 orders in one commit");
    group.throughput(Throughput::Elements(GROUP.into()));
    let staged = work::staged(ROWS);
    let with_rows = || {
        let mut books = Books::new();
        books.take_in(&staged);
        let jobs = books.jobs(GROUP);
        (books, jobs)
    };
    group.sample_size(10);
    group.bench_function("claim", |b| {
        b.iter_batched(
            with_rows,
            |(mut books, jobs)| books.claim(jobs),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("settle", |b| {
        let claimed = || {
            let (mut books, jobs) = with_rows();
            let claimed = books.claim(jobs);
            (books, claimed)
        };
        b.iter_batched(
            claimed,
            |(mut books, claimed)| books.settle(claimed),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(parts, file, wire, ledger);
criterion_main!(parts);
