//! What people see of a run: the result CSV, progress on a terminal, and the summary.
//!
//! It reads the ledger and never writes to it, and sends nothing. How a batch was read, and what
//! the exit code is, it is told.

pub mod failed;
pub mod lanes;
pub mod layout;
pub mod log;
pub mod marked;
pub mod page;
pub mod plan;
pub mod progress;
pub mod result;
mod sheet;
pub mod status;
pub mod story;
pub mod summary;
mod table;
pub mod template;
