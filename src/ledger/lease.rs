//! Lanes of a ledger that several hosts share: each lane belongs to one process at a time, for a while.
//!
//! A lease protects the pace and spares work. Safety never rests on it: numbers, states and unique indices
//! do that (laws L1 to L5). Whether a lease is over is decided by the database's clock; a holder goes by a
//! clock of its own that does not stop with the machine, from before it asked.

use super::{LaneWork, LedgerResult, Scope};
use crate::order::Merchant;

/// Which holding of a lane: each taking makes it larger, so that a holder of long ago is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub i64);

/// A lane and the holding of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// The lane.
    pub merchant: Merchant,
    /// The holding.
    pub epoch: Epoch,
}

/// A lane that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The lane and the holding of it.
    pub held: Held,
    /// Milliseconds in which nothing may be sent yet: what was sent before may still count at the gateway.
    /// Counted from the end of the last holding, whoever had it; 0 where nobody ever did.
    pub rest_ms: u64,
}

/// A lane that goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// The lane and the holding of it.
    pub held: Held,
    /// Milliseconds in which whoever takes it may send nothing yet: what was sent by this holding still
    /// counts at the gateway for so long.
    pub rest_ms: u64,
}

/// Whose a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Nobody's: never taken, let go, or its lease is over.
    Nobodys,
    /// This process's.
    Ours,
    /// Another process's.
    Anothers,
}

/// A lane that has something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it has to do.
    pub work: LaneWork,
    /// Whose it is.
    pub whose: Whose,
}

/// A lane as people are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneLine {
    /// The lane.
    pub merchant: Merchant,
    /// Its newest holding, if there ever was one.
    pub epoch: Option<Epoch>,
    /// Host and process of who holds it, or held it last.
    pub owner: Option<String>,
    /// Milliseconds that the newest holding is old, by the database's clock.
    pub age_ms: i64,
    /// Milliseconds until it is over, by the database's clock; 0 or less: it is over.
    pub left_ms: i64,
    /// Orders that were sent and are not final.
    pub open: u64,
    /// Orders that were never sent.
    pub pending: u64,
}

/// The lanes of a shared ledger, as one process uses them: on a connection of its own, so that a lease is
/// renewed while the ledger is busy.
pub trait Lanes: Send {
    /// Milliseconds that a lease lasts.
    fn lease_ms(&self) -> u64;
    /// Says that this process lives, for as long as a lease, and how many lanes it could drive, those that
    /// it holds among them; the same of all who live, this one among them.
    fn alive(&mut self, lanes: u32) -> LedgerResult<Vec<u32>>;
    /// Whether all sending is stopped: by a person, or because the ledger moves or has moved.
    fn is_frozen(&mut self) -> LedgerResult<bool>;
    /// Lanes with something to do in a scope, by merchant.
    fn offers(&mut self, scope: Scope) -> LedgerResult<Vec<Offer>>;
    /// Takes those of the lanes that are nobody's, for as long as a lease; which.
    fn take(&mut self, lanes: &[Merchant]) -> LedgerResult<Vec<Taken>>;
    /// Makes the leases of held lanes last anew; those that are another's by now, or were over.
    fn renew(&mut self, held: &[Held]) -> LedgerResult<Vec<Held>>;
    /// Lets go of lanes on which nothing is in flight; those that are another's by now stay that.
    fn let_go(&mut self, lanes: &[Returned]) -> LedgerResult<()>;
    /// Says that this process ends.
    fn leave(&mut self) -> LedgerResult<()>;
}
