//! What a keeper makes of what the database says that there is.

use super::super::*;
use super::house::{House, LEASE, Port, merchant, stopped};
use crate::ledger::{LaneWork, Taken};

/// One lane with an open order, and so many that were never sent.
struct Offered(Port, Arc<std::sync::Mutex<u64>>);

#[rustfmt::skip]
impl Lanes for Offered {
    fn offers(&mut self, _: Scope) -> LedgerResult<Vec<Offer>> {
        let work = LaneWork { merchant: merchant(0), open: 1, pending: *self.1.lock().unwrap() };
        Ok(vec![Offer { work, whose: Whose::Nobodys }])
    }
    fn lease_ms(&self) -> u64 { self.0.lease_ms() }
    fn alive(&mut self, lanes: u32) -> LedgerResult<Vec<u32>> { self.0.alive(lanes) }
    fn is_frozen(&mut self) -> LedgerResult<bool> { self.0.is_frozen() }
    fn take(&mut self, lanes: &[Merchant]) -> LedgerResult<Vec<Taken>> { self.0.take(lanes) }
    fn renew(&mut self, held: &[Held]) -> LedgerResult<Vec<Held>> { self.0.renew(held) }
    fn let_go(&mut self, lanes: &[Returned]) -> LedgerResult<()> { self.0.let_go(lanes) }
    fn leave(&mut self) -> LedgerResult<()> { self.0.leave() }
}

#[test]
fn a_run_that_only_waits_says_that_it_could_drive_nothing() {
    let house = House::new(2, 2, 100);
    let mut keeper = house.keeper(Scope::Batch(house.batch), Term::Once);
    let could_drive = || house.board.lock().unwrap().workers[&0].1;
    let taken = keeper.turn();
    assert_eq!((taken.len(), could_drive()), (2, 2));
    for told in taken {
        let Told::Joined { work, epoch, .. } = told else {
            panic!("{told:?}")
        };
        keeper.hear(stopped(work.merchant, epoch));
        house.clock.advance(LOOKS_APART);
        keeper.turn();
    }
    // Another goes on with both.
    let mut other = house.port(1);
    assert_eq!(other.take(&[merchant(0), merchant(1)]).unwrap().len(), 2);
    house.clock.advance(LEASE / 3);
    let told = keeper.turn();
    assert!(matches!(&told[..], [Told::Notice(_)]), "{told:?}");
    assert_eq!(could_drive(), 0);
}

/// Counting what waits costs the database more, the more there is: it does little else otherwise.
#[test]
fn a_database_that_takes_long_to_say_what_there_is_is_asked_less_often() {
    for (takes_ms, apart_ms) in [(1, 1_000), (300, 3_000), (900, 9_000)] {
        let house = House::new(2, 2, 100);
        house.board.lock().unwrap().look_takes = Duration::from_millis(takes_ms);
        let mut keeper = house.keeper(Scope::Batch(house.batch), Term::Once);
        let Some(Told::Joined { work, epoch, .. }) = keeper.turn().pop() else {
            panic!("nothing was taken");
        };
        keeper.hear(stopped(work.merchant, epoch));
        assert_eq!(keeper.pause(), Duration::from_millis(apart_ms));
    }
}

/// Three were dealt and refused, since their batch is handed over no more; the lane has an open order still.
#[test]
fn what_was_taken_back_is_no_leftover_that_new_orders_wait_for() {
    let house = House::new(1, 1, 100);
    let work = |pending| LaneWork {
        merchant: merchant(0),
        open: 1,
        pending,
    };
    let offered = Arc::new(std::sync::Mutex::new(3));
    let port = Port {
        me: 0,
        board: Arc::clone(&house.board),
        ledger: Arc::clone(&house.ledger),
    };
    let lanes = Offered(port, Arc::clone(&offered));
    let clock = Arc::new(house.clock.clone());
    let mut keeper = Keeper::new(Box::new(lanes), clock, Scope::Open, Term::ForEver);
    let joined = |told: Vec<Told>| match told.into_iter().next() {
        Some(Told::Joined { work, epoch, .. }) => (work, epoch),
        other => panic!("{other:?}"),
    };
    let (dealt, epoch) = joined(keeper.turn());
    assert_eq!(dealt, work(3));
    keeper.hear(Say::Clear(Clear {
        held: Held {
            merchant: merchant(0),
            epoch,
        },
        end: LaneEnd::Driven { pending_left: 3 },
        rested_at: Mono::ZERO,
    }));
    let mut later = |pending| {
        *offered.lock().unwrap() = pending;
        house.clock.advance(LEASE / 3);
        keeper.turn()
    };
    // They are as many as were left; then none; then two others.
    assert!(later(3).is_empty());
    assert!(later(0).is_empty());
    assert_eq!(joined(later(2)).0, work(2));
}
