//! What a deduction order is: its parts, its names, its states and what a reply comes to mean.
//!
//! Imports nothing else of ours. It does not know files, SQL, HTTP or the time.

mod amount;
mod comeback;
mod content;
mod echo;
mod name;
#[cfg(test)]
mod properties;
mod state;
mod status;
mod verdict;

pub(crate) use content::words;
pub(crate) use name::{is_invisible, looks_like_excel_damage};

pub use amount::{AMOUNT_FEN_MAX, AmountFault, Fen, yuan};
pub use comeback::Comeback;
pub use content::{Content, ContentDigest, Field, HoldKey, ReductionType, ReqScene};
pub use echo::Echo;
pub use name::{
    Account, CardNo, Merchant, NameFault, OrderNo, REASON_CHARS_MAX, Reason, SEALED_BYTES_MAX,
    SgnNo, mask,
};
pub use state::{Asked, Event, State};
pub use status::{Fate, NextAction, PROOF_RUNS_MAX, Resolution, Status};
pub use verdict::{Doubt, Meaning, Proof, Verdict, Weak};

/// One order: a number and the content that it stands for, for ever (law L2).
///
/// There is no other way to build one than from checked parts, so inside the crate every order is
/// valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// `out_request_no`.
    pub no: OrderNo,
    /// What is deducted from whom.
    pub content: Content,
}

#[cfg(test)]
mod tests;
