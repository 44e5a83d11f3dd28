//! Crashes of the real command, on a real disk, with a gateway in another process: the k-th thing
//! that it does to the disk fails, or it is killed there, or at a random moment, or the power goes.
//! What counts is what the gateway's books, the ledger and the result say afterwards.
//!
//! `cargo test` takes a sample. More of it, and how to repeat one case: `docs/TESTING.md`.

mod bench;
mod busy;
mod chance;
mod disk;
mod kill;
mod kth;
mod power;
mod sweep;
