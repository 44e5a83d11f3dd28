//! Whether others say what the ledger says: the gateway, or a list.
//!
//! `compare` puts an answer of the gateway beside what the ledger has, `against` a list; `difference`
//! is one finding, with both sides, and the CSV of them; `summary` puts what came of it into words. It
//! compares and tells; it sends nothing by itself and never writes into the ledger.

pub mod against;
pub mod compare;
pub mod difference;
pub mod summary;
