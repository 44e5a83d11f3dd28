//! How a server does at this moment: for people, before a night. What would break a promise was refused when
//! the ledger was opened.

use std::time::Instant;

use tokio_postgres::SimpleQueryRow;

use super::url::Url;
use super::wire::{Fault, Wire};
use crate::clock::{Clock, SystemClock};

const ASK: &str = "SELECT current_setting('server_version') AS version, \
     (SELECT version FROM levy.schema_version) AS schema_version, \
     CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS now_ms, \
     (SELECT count(*) FROM pg_stat_replication) AS standbys, \
     (SELECT count(*) FROM pg_locks WHERE NOT granted AND database = \
         (SELECT oid FROM pg_database WHERE datname = current_database())) AS waiting";

/// What a server tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHealth {
    /// The server's own version.
    pub version: String,
    /// The version of the ledger's tables.
    pub schema_version: u32,
    /// Whether the way to it is encrypted, and its certificate checked.
    pub is_encrypted: bool,
    /// Milliseconds from a question to its answer.
    pub round_trip_ms: u64,
    /// Milliseconds that its clock is ahead of this host's, as far as the round trip lets that be seen.
    pub clock_ahead_ms: i64,
    /// Standby servers that are connected to it, as far as this role may see them.
    pub standbys: u64,
    /// Transactions that wait for another's lock.
    pub waiting: u64,
}

pub(super) fn ask(wire: &Wire, url: &Url) -> Result<ServerHealth, Fault> {
    let clock = SystemClock::default();
    // Whatever has to be set up for a first question is not counted.
    wire.script("SELECT 1".into())?;
    let began = Instant::now();
    wire.script("SELECT 1".into())?;
    let round_trip_ms = began.elapsed().as_millis() as u64;
    let before = clock.wall().0;
    let rows = wire.script(ASK.into())?;
    let after = clock.wall().0;
    let row = rows.first();
    let now = number(row, "now_ms");
    Ok(ServerHealth {
        version: text(row, "version").to_owned(),
        schema_version: number(row, "schema_version") as u32,
        is_encrypted: url.is_encrypted(),
        round_trip_ms,
        clock_ahead_ms: (now - after).max(0) - (before - now).max(0),
        standbys: number(row, "standbys") as u64,
        waiting: number(row, "waiting") as u64,
    })
}

fn text<'r>(row: Option<&'r SimpleQueryRow>, column: &str) -> &'r str {
    row.and_then(|row| row.try_get(column).ok().flatten())
        .unwrap_or_default()
}

fn number(row: Option<&SimpleQueryRow>, column: &str) -> i64 {
    text(row, column).parse().unwrap_or_default()
}
