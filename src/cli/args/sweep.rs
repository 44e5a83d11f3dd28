//! `levy sweep`.

use std::path::PathBuf;

use clap::Args;

use super::{DriveArgs, FileArgs, ResultArgs, TimeOfDay, WAIT_SECONDS_MAX, time_of_day};
use crate::inbox::QUIET_SECONDS_DEFAULT;

/// `levy sweep`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy sweep /srv/inbox --yes              what is finished in the folder, once
  levy sweep /srv/inbox --yes --require-ok
                                           only files whose control totals (NAME.csv.ok) are there
  levy sweep /srv/inbox --yes --watch      stays, and looks again every 30 s, until Ctrl-C
  levy sweep inbox --sandbox --quiet-seconds 0 --wait 5    try it: no account, no real money
  */10 * * * * cd /srv/levy && levy sweep /srv/inbox --yes --quiet --json >> sweep.jsonl
                                           from cron: 75 (another run has the ledger) is no trouble

A file goes from DIR to DIR/processing/, is run as `levy run FILE` runs it, and
ends in DIR/done/, or in DIR/rejected/ where it is refused as a whole, with its
result and NAME.receipt.txt beside it. What is not final stays in processing/,
and the next sweep goes on with it. Killed at any moment, give it again.

A file is finished if it has not changed for --quiet-seconds and nobody is seen
writing to it, or if NAME.csv.ok (or NAME.ok) is beside it. Best is to write it
under another name (NAME.csv.tmp), or elsewhere on the same file system, and to
rename it when it is whole.")]
pub struct SweepArgs {
    /// The drop folder.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Take only files with control totals beside: NAME.csv.ok or NAME.ok.
    #[arg(long)]
    pub require_ok: bool,
    /// Seconds for which a file without control totals must have been quiet.
    #[arg(long, value_name = "SECONDS", default_value_t = QUIET_SECONDS_DEFAULT,
          value_parser = clap::value_parser!(u32).range(0..=WAIT_SECONDS_MAX))]
    pub quiet_seconds: u32,
    /// Stay, and look again and again. The ledger is held only while there is something to do.
    #[arg(long)]
    pub watch: bool,
    /// Seconds between two looks of --watch.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, requires = "watch",
          value_parser = clap::value_parser!(u32).range(1..=WAIT_SECONDS_MAX))]
    pub every: u32,
    /// No new send after this time of day, by this machine's clock and zone (the next time it comes).
    #[arg(long, value_name = "HH:MM", value_parser = time_of_day, conflicts_with = "watch")]
    pub until: Option<TimeOfDay>,
    /// Of all files together, send only the first N never sent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..),
          conflicts_with = "watch")]
    pub limit: Option<u64>,
    /// How the files are read and taken in.
    #[command(flatten)]
    pub taking: FileArgs,
    /// What the results look like.
    #[command(flatten)]
    pub result: ResultArgs,
    /// How they are driven.
    #[command(flatten)]
    pub drive: DriveArgs,
}
