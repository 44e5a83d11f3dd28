//! The adapter with a ledger that waits, fails or panics when it is told to.

use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::told::{Do, Told};
use super::*;

struct Bench {
    writer: Writer,
    done: UnboundedReceiver<Done>,
    groups: Receiver<usize>,
    tell: Sender<Do>,
}

impl Bench {
    fn new() -> Self {
        let (group, groups) = channel();
        let (tell, orders) = channel();
        let (answers, done) = unbounded_channel();
        let ledger = Told {
            groups: group,
            orders,
            jobs: Vec::new(),
        };
        let writer = Writer::start(Box::new(ledger), answers);
        Self {
            writer,
            done,
            groups,
            tell,
        }
    }

    fn write(&self, tags: std::ops::Range<u64>) {
        for tag in tags {
            let write = Write::ProofMissed(OrderId(tag as i64));
            self.writer.send(Command::Write { write, tag });
        }
    }

    fn deck(&self, tag: u64) {
        self.writer.send(Command::Deck(DeckAsked {
            scope: Scope::Open,
            phase: Phase::Open,
            merchant: Merchant::parse("19").unwrap(),
            after: OrderId(0),
            limit: 1,
            tag,
        }));
    }

    /// The next answer's tag, or the words of a failure.
    fn answer(&mut self) -> Result<u64, String> {
        match self.done.blocking_recv().unwrap() {
            Done::Written {
                tag,
                written: Written::Noted(order),
            } => {
                assert_eq!(order.0 as u64, tag);
                Ok(tag)
            }
            Done::Written { written, .. } => panic!("{written:?}"),
            Done::Deck { tag, .. } => Ok(tag),
            Done::Failed(words) => Err(words),
        }
    }
}

#[test]
fn what_is_queued_while_a_commit_is_under_way_shares_the_next_one() {
    let mut bench = Bench::new();
    bench.write(0..1);
    assert_eq!(bench.groups.recv().unwrap(), 1);
    let queued = GROUP_WRITES_MAX as u64 + 88;
    bench.write(1..queued + 1);
    assert!(
        bench.done.try_recv().is_err(),
        "nothing is answered before its commit"
    );
    bench.tell.send(Do::Commit).unwrap();
    assert_eq!(bench.groups.recv().unwrap(), GROUP_WRITES_MAX);
    bench.tell.send(Do::Commit).unwrap();
    assert_eq!(bench.groups.recv().unwrap(), 88);
    bench.tell.send(Do::Commit).unwrap();
    for tag in 0..queued + 1 {
        assert_eq!(bench.answer(), Ok(tag));
    }
    assert_eq!(bench.writer.groups(), 3);
}

#[test]
fn a_deck_is_read_after_the_writes_before_it_and_ends_no_group() {
    let mut bench = Bench::new();
    bench.write(0..1);
    bench.groups.recv().unwrap();
    bench.write(1..3);
    bench.deck(3);
    bench.write(4..5);
    bench.deck(5);
    for _ in 0..2 {
        bench.tell.send(Do::Commit).unwrap();
    }
    assert_eq!(bench.groups.recv(), Ok(3));
    for tag in [0, 1, 2, 4, 3, 5] {
        assert_eq!(bench.answer(), Ok(tag));
    }
}

#[test]
fn after_a_failure_or_a_panic_nothing_is_done_any_more_and_each_command_is_told() {
    for (failure, want) in [(Do::Fail, "disk full"), (Do::Panic, "bug")] {
        let mut bench = Bench::new();
        bench.write(0..1);
        bench.groups.recv().unwrap();
        bench.write(1..3);
        bench.tell.send(Do::Commit).unwrap();
        assert_eq!(bench.groups.recv().unwrap(), 2);
        bench.tell.send(failure).unwrap();
        // Whatever it is asked from now on, it panics.
        bench.tell = channel().0;
        bench.write(3..5);
        bench.deck(5);
        assert_eq!(bench.answer(), Ok(0));
        for _ in 1..6 {
            let words = bench.answer().unwrap_err();
            assert!(words.contains(want), "{words}");
        }
        assert_eq!(bench.writer.groups(), 1);
        assert!(bench.groups.try_recv().is_err(), "the ledger is left alone");
        bench.writer.stop();
    }
}

#[test]
fn stopping_carries_out_what_is_queued_and_gives_the_ledger_back() {
    let mut bench = Bench::new();
    bench.write(0..3);
    for _ in 0..3 {
        bench.tell.send(Do::Commit).unwrap();
    }
    let mut ledger = bench.writer.stop();
    let mut tags = Vec::new();
    while let Ok(Done::Written { tag, .. }) = bench.done.try_recv() {
        tags.push(tag);
    }
    assert_eq!(tags, [0, 1, 2]);
    let deck = ledger.deck(
        Scope::Open,
        Phase::Open,
        &Merchant::parse("19").unwrap(),
        OrderId(0),
        1,
    );
    assert!(deck.is_ok());
}
