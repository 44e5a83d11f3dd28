//! The outside world: WeChat Pay's 特殊减额 interface, from sealed request to checked reply.
//!
//! `http` seals, signs, sends and verifies, in that order, once for each call; `classify` says what a
//! checked reply means. Nothing here knows the ledger, the pace or when to try again.

mod classify;
pub mod reply;

pub use classify::{Asking, classify};
