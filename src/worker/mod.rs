//! The run: what is done for each order, when, and when to stop.
//!
//! `engine` decides: a synchronous function from an event and a time to actions, without threads,
//! sockets or clocks of its own. `run` is the loop around it, `send` the only place that submits.
//! `errand` is what a command does between its runs.

pub mod balances;
pub mod engine;
pub mod errand;
pub mod intake;
pub mod limits;

mod brakes;
mod deadline;
mod keeper;
mod run;
mod send;
mod step;
pub mod traffic;

pub use keeper::Term;
pub use run::{Shared, prepare, run, run_shared};
pub use step::may_be_queried;

use std::time::Duration;

use crate::clock::WallMs;
use crate::ledger::{OrderId, RunId};

/// What a run is told.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// Requests a second for one target merchant, at most.
    pub per_merchant_qps: u32,
    /// Requests on the wire at once, over all lanes.
    pub max_in_flight: u32,
    /// Seconds after which the client gives a request up (for what a dead run left behind).
    pub timeout: Duration,
    /// How long an order's PROCESSING is followed.
    pub wait: Duration,
    /// How long an outage is sat out with probes.
    pub outage_wait: Duration,
    /// No new send after this moment.
    pub until: Option<WallMs>,
    /// Unsent orders after this one are left alone (`--limit`).
    pub last_fresh: Option<OrderId>,
    /// Whether there is a standby host.
    pub standby: bool,
    /// The run's number in the journal.
    pub run: RunId,
    /// Seed of the jitter.
    pub seed: u64,
}

/// Why a run ended before its work was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A signal.
    Asked,
    /// `--until`.
    Until,
    /// A person froze the ledger.
    Frozen,
    /// 401 three times in a row; in words, with what the gateway said of our signature.
    Unauthorized(String),
    /// Ten refusals with one code and no acceptance; the code.
    Refusals(String),
    /// Three stale replies in a row; gateway minus local, in seconds.
    Stale(i64),
    /// The first order got no verified reply in all its attempts; the last thing that came.
    Canary(String),
    /// Transport failures or 5xx for longer than the outage is sat out; the last one.
    Outage(String),
}

/// How a run went.
#[derive(Clone, Debug, Default)]
pub struct RunReport {
    /// Why it ended early, if it did.
    pub stop: Option<Stop>,
    /// Lanes that were stopped, and why.
    pub stopped_lanes: Vec<(String, String)>,
    /// What a person must see.
    pub alerts: Vec<String>,
    /// Requests sent.
    pub attempts: u64,
    /// Whether an intent was written.
    pub intents: u64,
    /// Gateway minus local clock in milliseconds, by the last signed reply.
    pub clock_skew_ms: Option<i64>,
    /// What its requests were like.
    pub traffic: traffic::Traffic,
}

/// Where a run stands, for the progress bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Orders that the run is about.
    pub orders: u64,
    /// Of those, settled or given up for this run.
    pub done: u64,
    /// SUCCESS.
    pub succeeded: u64,
    /// CLOSED or FAILED or REJECTED.
    pub closed: u64,
    /// UNKNOWN or PROCESSING, given up for this run.
    pub unknown: u64,
    /// Requests on the wire.
    pub in_flight: u32,
    /// Requests sent.
    pub attempts: u64,
    /// Replies that said: too fast.
    pub throttled: u64,
}

/// Who watches a run.
pub trait Observer: Send {
    /// Where it stands; called often.
    fn progress(&mut self, progress: &Progress);
    /// What it came to so far; called as often.
    fn so_far(&mut self, _: &RunReport) {}
    /// Something that a person must see.
    fn alert(&mut self, words: &str);
    /// Something worth a line: a lane stopped, the host was switched, an outage began.
    fn notice(&mut self, words: &str);
    /// A request leaves.
    fn sent(&mut self, _: &engine::Sent) {}
    /// A request came to its end, with a reply or without.
    fn came(&mut self, _: &engine::Reply) {}
}
