//! levy: a batch worker for court and penalty deductions on WeChat Pay (特殊减额).
//!
//! Money moves once: `docs/SPEC.md` has the nine laws, `docs/ARCHITECTURE.md` the map.

pub mod batch;
pub mod cli;
pub mod clock;
pub mod doctor;
pub mod gateway;
pub mod herald;
pub mod inbox;
pub mod ledger;
pub mod order;
pub mod pace;
pub mod reconcile;
pub mod report;
pub mod sandbox;
pub mod secret;
pub mod worker;
