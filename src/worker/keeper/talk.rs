//! What a keeper and its run say to each other.

use std::time::Duration;

use crate::ledger::{Epoch, Held, LaneWork};
use crate::order::Merchant;
use crate::worker::deadline::Deadline;
use crate::worker::engine::Clear;

/// What the run is told.
#[derive(Debug)]
pub(in crate::worker) enum Told {
    /// A lane was taken.
    Joined {
        /// What it has to do.
        work: LaneWork,
        /// The holding.
        epoch: Epoch,
        /// How long nothing may be sent on it.
        rest: Duration,
        /// Until when it is ours.
        deadline: Deadline,
    },
    /// All sending is stopped, or the ledger has moved: a run without work would not hear of it.
    Frozen,
    /// A lane goes back, or is another's by now.
    Leave(Merchant),
    /// Something worth a line.
    Notice(String),
    /// Nothing is left for this run.
    Done,
    /// Nothing is taken any more.
    Resting,
}

/// What the run says.
#[derive(Debug)]
pub(in crate::worker) enum Say {
    /// A lane may be let go.
    Clear(Clear),
    /// The same of one that the run never drove.
    Unused(Held),
    /// Nothing more is to be taken; what is held is kept until it is clear.
    Enough,
    /// Neither is it kept: the run is over, or pauses.
    Rest,
    /// Lanes may be taken again.
    Go,
}
