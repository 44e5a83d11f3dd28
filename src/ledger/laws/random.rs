//! Whatever comes: files and replies by chance, with the books checked after each story.

use std::collections::HashMap;

use super::fixture::{Came, Desk, Engine, MERCHANT, blank, no, numbered};
use crate::ledger::{BatchId, Only, OrderId, Phase, Rerun, Scope, StagedOrder, Unsent, Written};
use crate::order::{Asked, Comeback, Event, Merchant, Status};

const STORIES: u64 = 12;
const STEPS: u64 = 60;

/// Numbers by chance (xorshift); the seed is printed by what fails.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn row(chance: &mut Chance, numbers: &[String]) -> Result<StagedOrder, String> {
    // Few debts, so that they meet; a number has mostly the same content, and sometimes another.
    let debt = chance.below(40);
    let fen = if chance.below(8) == 0 { 2 } else { 1 };
    let mut row = match chance.below(10) {
        0 => return Err("amount: none".into()),
        1..=4 => blank(&debt.to_string(), fen),
        _ => numbered(&format!("N{debt}"), &debt.to_string(), fen),
    };
    if !numbers.is_empty() && chance.below(3) == 0 {
        let at = chance.below(numbers.len() as u64) as usize;
        row.returned = Some(no(&numbers[at]));
        row.comeback = Comeback::ALL[chance.below(3) as usize];
    }
    Ok(row)
}

fn send(desk: &mut Desk, chance: &mut Chance, batch: BatchId) {
    let merchant = Merchant::parse(MERCHANT).unwrap();
    let phase = if chance.below(2) == 0 {
        Phase::Pending
    } else {
        Phase::Open
    };
    let jobs = desk
        .ledger
        .deck(Scope::Batch(batch), phase, &merchant, OrderId(0), 5)
        .unwrap();
    let Some(job) = jobs.first() else { return };
    let asked = if chance.below(3) == 0 {
        Asked::Query
    } else {
        Asked::Submission
    };
    if job.standing.state.next(Event::Claimed(asked)).is_none() {
        return;
    }
    let came = match chance.below(10) {
        0 => Came::Success,
        1 => Came::Failed,
        2 => Came::ClosedProven,
        3 => Came::Processing,
        4 => Came::CloseClaimed,
        5 => Came::Throttled,
        6 => Came::NotSent,
        7 | 8 if job.standing.maybe_accepted == 0 => Came::Refused,
        _ => Came::Lost,
    };
    if chance.below(6) == 0 {
        // The process dies between intent and reply.
        desk.claim(job, asked);
        return;
    }
    desk.exchange(job, asked, came);
}

/// One that stands refused is submitted again under its own number, if the ledger lets it: not once a
/// mended row has its place, which the books would show.
fn resubmit(desk: &mut Desk, chance: &mut Chance, batch: BatchId) {
    let merchant = Merchant::parse(MERCHANT).unwrap();
    let scope = Scope::Rerun(batch, Rerun::IssuedAndRejected(Unsent::Nothing));
    let jobs = desk
        .ledger
        .deck(scope, Phase::Open, &merchant, OrderId(0), 5);
    let jobs = jobs.unwrap();
    let Some(job) = jobs.get(chance.below(2) as usize) else {
        return;
    };
    match desk.write(desk.ask(job, Asked::Submission)) {
        Written::Claimed(claimed) => {
            let flying = (claimed.attempt(), claimed.job());
            let before = claimed.before();
            let came = [Came::Refused, Came::Lost, Came::Success][chance.below(3) as usize];
            let answer = desk.answer(flying, Asked::Submission, before, came);
            desk.record(answer);
        }
        Written::Refused(..) => {}
        other => panic!("{other:?}"),
    }
}

/// Some of what is dead is issued again, some of what is held released.
fn rerun(desk: &mut Desk, chance: &mut Chance, batch: BatchId) {
    let only = [Only::Dead, Only::Asked][chance.below(2) as usize];
    let limit = 1 + chance.below(4) as u32;
    let page = desk.ledger.proofs(batch, only, 0, limit, desk.now).unwrap();
    let proofs: Vec<_> = page.into_iter().map(|(_, proof)| proof).collect();
    let asked = proofs.len();
    let reissued = desk.ledger.reissue(batch, proofs, desk.now).unwrap();
    assert_eq!(reissued.len(), asked);
    let mut held = desk.rows(batch).into_iter();
    let held = held.find(|row| row.status == Status::Held);
    if let Some(order) = held.and_then(|row| row.order) {
        desk.ledger
            .release(
                &[order.no],
                &crate::ledger::Person::parse("Li Wei").unwrap(),
                desk.now,
            )
            .unwrap();
    }
}

pub(in crate::ledger) fn l9_whatever_comes_in_whatever_order_the_books_verify(engine: &dyn Engine) {
    let mut settled: HashMap<String, Status> = HashMap::new();
    let mut numbers: Vec<String> = Vec::new();
    let mut batches: Vec<(BatchId, u64)> = Vec::new();
    for seed in 1..=STORIES {
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut desk = Desk::new(engine);
        for step in 0..STEPS {
            if chance.below(8) == 0 || batches.is_empty() {
                let rows: Vec<_> = (0..1 + chance.below(9))
                    .map(|_| row(&mut chance, &numbers))
                    .collect();
                let count = rows.len() as u64;
                let (batch, accepted) = desk.mixed(&format!("{seed}-{step}"), rows);
                let parts =
                    accepted.orders + accepted.repeats + accepted.conflicts + accepted.invalid;
                assert_eq!((accepted.rows, parts), (count, count), "seed {seed}");
                batches.push((batch, count));
            }
            let at = chance.below(batches.len() as u64) as usize;
            send(&mut desk, &mut chance, batches[at].0);
            // Half of the stories know of no backup.
            if seed > STORIES / 2 && chance.below(30) == 0 {
                let by = crate::ledger::Person::parse("Li Wei").unwrap();
                let hours = chance.below(3) as i64;
                let since = desk.now.plus_ms(-hours * 3_600_000);
                desk.ledger.restored(since, &by, desk.now).unwrap();
            }
            if chance.below(2) == 0 {
                resubmit(&mut desk, &mut chance, batches[at].0);
            }
            if chance.below(10) == 0 {
                rerun(&mut desk, &mut chance, batches[at].0);
            }
        }
        for (batch, count) in &batches {
            let rows = desk.rows(*batch);
            assert_eq!(rows.len() as u64, *count, "seed {seed}");
            for row in rows {
                let Some(order) = row.order else { continue };
                let number = order.no.as_str().to_owned();
                if let Some(before) = settled.get(&number) {
                    assert_eq!(*before, row.status, "seed {seed}: {number} changed");
                }
                if matches!(row.status, Status::Success | Status::Failed) {
                    settled.insert(number.clone(), row.status);
                }
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
        }
        let wrong = engine.verify();
        assert!(wrong.is_empty(), "seed {seed}: {wrong:?}");
    }
    assert!(
        settled.len() > 20,
        "the stories must come to something: {}",
        settled.len()
    );
}
