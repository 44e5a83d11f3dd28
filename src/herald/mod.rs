//! Tells those who were not there how a command that drives orders ended: metrics for Prometheus, a
//! message to a group's robot or a webhook, a ping to a watchdog.
//!
//! It decides nothing about orders, and nothing that fails here fails a run.

pub mod message;
pub mod metrics;
pub mod post;

use crate::clock::WallMs;
use crate::ledger::Overview;
use crate::order::{NextAction, Status};
use crate::worker::traffic::Traffic;

/// How a command ended.
#[derive(Debug)]
pub struct Ending {
    /// `run`, `sweep`, `resume`, `rerun`, `work` or `reconcile`.
    pub command: &'static str,
    /// The machine's name; empty if it has none.
    pub host: String,
    /// When it began.
    pub started_at: WallMs,
    /// When it was done.
    pub finished_at: WallMs,
    /// Whether it goes on: `finished_at` is now then, and it has no exit code yet.
    pub is_going: bool,
    /// Its exit code.
    pub exit_code: u8,
    /// What it was about, in order.
    pub files: Vec<FileEnd>,
    /// How the ledger stands afterwards, if it can still tell.
    pub ledger: Option<Overview>,
    /// What its requests were like.
    pub traffic: Traffic,
    /// Gateway minus local clock in milliseconds, by the last signed reply.
    pub clock_skew_ms: Option<i64>,
    /// Messages and pings that were not taken.
    pub notify_failures: usize,
}

impl Ending {
    /// A command that begins; nothing came to be yet.
    pub fn begin(command: &'static str, host: String, started_at: WallMs) -> Self {
        Self {
            command,
            host,
            started_at,
            finished_at: started_at,
            is_going: false,
            exit_code: 0,
            files: Vec::new(),
            ledger: None,
            traffic: Traffic::default(),
            clock_skew_ms: None,
            notify_failures: 0,
        }
    }

    /// Finished: nothing says RUN_AGAIN, though a person may be needed.
    pub fn is_success(&self) -> bool {
        !self.is_going && matches!(self.exit_code, 0 | 3)
    }
}

/// What became of one file, batch, or of the ledger's open orders.
#[derive(Clone, Debug, Default)]
pub struct FileEnd {
    /// What it is about, in a word.
    pub name: String,
    /// Its batch, as a number.
    pub batch: Option<String>,
    /// Rows and fen by status.
    pub by_status: Vec<(Status, u64, u128)>,
    /// Rows by what is to be done next.
    pub by_action: Vec<(NextAction, u64)>,
    /// What a person must see.
    pub alerts: Vec<String>,
    /// What was wrong, in a line; empty if nothing was.
    pub wrong: String,
    /// Its exit code.
    pub exit_code: u8,
}
