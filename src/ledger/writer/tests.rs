//! The adapter with a ledger that waits, fails or panics when it is told to.

use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::clock::WallMs;
use crate::ledger::{
    Accepted, Admit, AttemptId, Batch, BatchHead, BatchId, Beside, By, CancelTarget, Cancelled,
    Compared, Decided, Decision, Expiring, FilePlan, Frozen, Imported, JournalHead, LaneWork,
    LedgerError, ListScope, NewPlan, Only, Overview, OverviewAsk, Person, PlanKey, Planned, Reach,
    RecentSend, Rehearsal, Rehearsed, Reissued, Released, Restored, ResultRow, RunId, StagedRow,
    Story, Sum, Totals,
};
use crate::order::{ContentDigest, OrderNo, Proof};

/// What the ledger does with its next group.
enum Do {
    Commit,
    Fail,
    Panic,
}

struct Told {
    groups: Sender<usize>,
    orders: Receiver<Do>,
}

#[rustfmt::skip]
impl Ledger for Told {
    fn write(&mut self, writes: Vec<Write>) -> LedgerResult<Vec<Written>> {
        self.groups.send(writes.len()).unwrap();
        match self.orders.recv().unwrap() {
            Do::Commit => Ok(writes.into_iter().map(noted).collect()),
            Do::Fail => Err(LedgerError::Broken("disk full".into())),
            Do::Panic => panic!("told to"),
        }
    }
    fn deck(&mut self, _: Scope, _: Phase, _: &Merchant, _: OrderId, _: u32) -> LedgerResult<Vec<Job>> { Ok(Vec::new()) }

    fn find_batch(&mut self, _: &[u8; 32]) -> LedgerResult<Option<Batch>> { unreachable!() }
    fn batch(&mut self, _: BatchId) -> LedgerResult<Option<Batch>> { unreachable!() }
    fn stage_clear(&mut self) -> LedgerResult<()> { unreachable!() }
    fn stage(&mut self, _: &[StagedRow]) -> LedgerResult<()> { unreachable!() }
    fn accept_if(&mut self, _: &BatchHead, _: WallMs, _: u32, _: Admit) -> LedgerResult<(Batch, Accepted)> { unreachable!() }
    fn plan(&mut self, _: &NewPlan<'_>, _: WallMs, _: u32) -> LedgerResult<FilePlan> { unreachable!() }
    fn find_plan(&mut self, _: PlanKey<'_>) -> LedgerResult<Option<FilePlan>> { unreachable!() }
    fn plans_waiting(&mut self) -> LedgerResult<Vec<FilePlan>> { unreachable!() }
    fn handed_unapproved(&mut self) -> LedgerResult<Vec<(BatchId, u64)>> { unreachable!() }
    fn unapproved(&mut self, _: BatchId) -> LedgerResult<u64> { unreachable!() }
    fn note_failed_file(&mut self, _: &[u8; 32]) -> LedgerResult<()> { unreachable!() }
    fn wrote_failed_file(&mut self, _: &[u8; 32]) -> LedgerResult<bool> { unreachable!() }
    fn import(&mut self, _: &BatchHead, _: &dyn By, _: WallMs, _: u32) -> LedgerResult<Imported> { unreachable!() }
    fn restored(&mut self, _: WallMs, _: &dyn By, _: WallMs) -> LedgerResult<Restored> { unreachable!() }
    fn hand_over(&mut self, _: BatchId, _: WallMs) -> LedgerResult<()> { unreachable!() }
    fn take_back(&mut self, _: BatchId) -> LedgerResult<bool> { unreachable!() }
    fn begin_run(&mut self, _: WallMs) -> LedgerResult<RunId> { unreachable!() }
    fn lanes(&mut self, _: Scope) -> LedgerResult<Vec<LaneWork>> { unreachable!() }
    fn recent_sends(&mut self, _: WallMs) -> LedgerResult<Vec<RecentSend>> { unreachable!() }
    fn nth_unsent(&mut self, _: Scope, _: u64, _: WallMs) -> LedgerResult<Option<OrderId>> { unreachable!() }
    fn latest_signed_at(&mut self) -> LedgerResult<Option<WallMs>> { unreachable!() }
    fn rows(&mut self, _: BatchId, _: &mut dyn FnMut(ResultRow) -> std::io::Result<()>) -> LedgerResult<()> { unreachable!() }
    fn totals(&mut self, _: BatchId) -> LedgerResult<Totals> { unreachable!() }
    fn proofs(&mut self, _: BatchId, _: Only, _: u64, _: u32, _: WallMs) -> LedgerResult<Vec<(u64, Proof)>> { unreachable!() }
    fn reissues_asked(&mut self, _: BatchId) -> LedgerResult<u64> { unreachable!() }
    fn reissue(&mut self, _: BatchId, _: Vec<Proof>, _: WallMs) -> LedgerResult<Vec<Reissued>> { unreachable!() }
    fn try_out(&mut self, _: &BatchHead, _: WallMs, _: u32, _: &mut dyn FnMut(ResultRow) -> std::io::Result<()>) -> LedgerResult<Accepted> { unreachable!() }
    fn rehearse(&mut self, _: &Rehearsal<'_>, _: &mut dyn FnMut(Planned) -> std::io::Result<()>) -> LedgerResult<Rehearsed> { unreachable!() }
    fn release(&mut self, _: &[OrderNo], _: &Person, _: WallMs) -> LedgerResult<Released> { unreachable!() }
    fn expiring(&mut self, _: WallMs, _: u32) -> LedgerResult<Expiring> { unreachable!() }
    fn last_attempt(&mut self) -> LedgerResult<AttemptId> { unreachable!() }
    fn totals_since(&mut self, _: AttemptId) -> LedgerResult<Totals> { unreachable!() }
    fn compared(&mut self, _: Reach, _: AttemptId, _: &mut dyn FnMut(Compared) -> std::io::Result<()>) -> LedgerResult<()> { unreachable!() }
    fn cancel(&mut self, _: &CancelTarget, _: WallMs) -> LedgerResult<Cancelled> { unreachable!() }
    fn content_of(&mut self, _: &OrderNo) -> LedgerResult<Option<ContentDigest>> { unreachable!() }
    fn decide(&mut self, _: &Decision, _: WallMs) -> LedgerResult<Decided> { unreachable!() }
    fn frozen(&mut self) -> LedgerResult<Option<Frozen>> { unreachable!() }
    fn journal_head(&mut self) -> LedgerResult<JournalHead> { unreachable!() }
    fn overview(&mut self, _: &OverviewAsk) -> LedgerResult<Overview> { unreachable!() }
    fn report(&mut self, _: BatchId, _: &mut dyn FnMut(crate::ledger::Reported)) -> LedgerResult<crate::ledger::ReportHead> { unreachable!() }
    fn beside(&mut self, _: &ListScope, _: &mut dyn FnMut(Beside) -> std::io::Result<()>) -> LedgerResult<Sum> { unreachable!() }
    fn story(&mut self, _: &OrderNo) -> LedgerResult<Option<Story>> { unreachable!() }
}

fn noted(write: Write) -> Written {
    match write {
        Write::ProofMissed(order) => Written::Noted(order),
        Write::Claim(_) | Write::Record(_) => unreachable!(),
    }
}

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
