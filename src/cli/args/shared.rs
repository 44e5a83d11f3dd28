//! What can be typed of the commands for a ledger that several hosts share.

use clap::Args;

use super::{DriveArgs, TimeOfDay, Where, time_of_day};

/// `levy work`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy work --forever --yes       as a service, on each host: sends whatever is handed over
  levy work --yes                 from cron: sends what there is, and ends
  levy work --forever --yes --until 05:30

For a ledger on a server (postgres://…). `levy run FILE` hands its batch over
to all workers once it is accepted; a worker takes lanes (target merchants)
that nobody has, its fair share of them, and drives what was handed over and
whatever was sent and is not final. No merchant is driven by two at a time, so
that the pace holds. A worker that dies loses its lanes after [ledger] lease
seconds, and another goes on. With --forever metrics are written each minute.
Ctrl-C or SIGTERM finishes what is on the wire and lets go.")]
pub struct WorkArgs {
    /// Go on until a signal, or until --until.
    #[arg(long)]
    pub forever: bool,
    /// No new send after this time of day, by this machine's clock and zone (the next time it comes).
    #[arg(long, value_name = "HH:MM", value_parser = time_of_day)]
    pub until: Option<TimeOfDay>,
    /// How it is driven.
    #[command(flatten)]
    pub drive: DriveArgs,
}

/// `levy lanes`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy lanes             whose each target merchant is, for how long, and what waits there
  levy lanes --json      the same as one JSON object, for a monitor

On a ledger in a file one process at a time has all lanes: it is told which.
Takes no lock and changes nothing.")]
pub struct LanesArgs {
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// The ledger of the gateway in a box.
    #[arg(long)]
    pub sandbox: bool,
}
