//! What drives orders: the options that `run`, `resume` and `rerun` share (`reconcile` has most of
//! them), and those of `resume` and `rerun`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{FileArgs, ResultArgs, SandboxTuning, TimeOfDay, WAIT_SECONDS_MAX, Where, time_of_day};
use crate::ledger::Person;
use crate::order::OrderNo;

/// What every command shares that asks the gateway for orders.
#[derive(Args, Clone, Debug)]
pub struct DriveArgs {
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Print a summary as JSON on stdout.
    #[arg(long)]
    pub json: bool,
    /// No progress, no summary for people; faults, alerts and what is left to do only.
    #[arg(long)]
    pub quiet: bool,
    /// Do not ask before the first send.
    #[arg(long)]
    pub yes: bool,
    /// How long an order's PROCESSING is followed, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120,
          value_parser = clap::value_parser!(u32).range(0..=WAIT_SECONDS_MAX))]
    pub wait: u32,
    /// Seconds that an outage of the gateway is sat out.
    #[arg(long, value_name = "SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u32).range(0..=WAIT_SECONDS_MAX))]
    pub outage_wait: u32,
    /// Write metrics for Prometheus' textfile collector there, in place of `[metrics] file`.
    #[arg(long, value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
    /// Use the gateway in a box: no account, no network, no real money. Its ledger, keys and books
    /// are kept in .levy-sandbox/, beside the input or here.
    #[arg(long)]
    pub sandbox: bool,
    /// How the gateway in a box behaves.
    #[command(flatten)]
    pub tuning: SandboxTuning,
}

/// What `run`, `resume` and `rerun` share besides: until when they send, and what they may send for
/// the first time.
#[derive(Args, Clone, Debug)]
pub struct FirstArgs {
    /// No new send after this time of day, by this machine's clock and zone (the next time it comes).
    #[arg(long, value_name = "HH:MM", value_parser = time_of_day)]
    pub until: Option<TimeOfDay>,
    /// Send only the first N orders that were never sent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Held orders that are no repetitions: they are sent like any other from now on.
    #[arg(long, value_name = "NO", num_args = 1.., value_delimiter = ',', requires = "by",
          value_parser = order_no)]
    pub release: Vec<OrderNo>,
    /// Who releases them; it is written into the ledger.
    #[arg(long, value_name = "NAME", requires = "release", value_parser = Person::parse)]
    pub by: Option<Person>,
}

/// `levy resume`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy resume --yes --quiet               from cron: every order that was sent and is not final
  levy resume --batch 3                   the orders of batch 3, those never sent too
  levy resume --batch 3 --release N7 --by 'Li Wei'
                                          N7 looked like another order and is none: send it

Needs no file. What comes near the end of its window goes first. Without --batch nothing is sent
that was never sent before.")]
pub struct ResumeArgs {
    /// One batch: its number, the beginning of its digest, or its input file.
    #[arg(long, value_name = "BATCH")]
    pub batch: Option<String>,
    /// Write the batch's result there.
    #[arg(long, value_name = "RESULT.csv", requires = "batch")]
    pub out: Option<PathBuf>,
    /// What the result looks like.
    #[command(flatten)]
    pub result: ResultArgs,
    /// How it is driven.
    #[command(flatten)]
    pub drive: DriveArgs,
    /// What is sent for the first time.
    #[command(flatten)]
    pub first: FirstArgs,
}

/// `levy rerun`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy rerun 3 --dry-run                          what would be issued again, with totals
  levy rerun 3 --dry-run --out approve.csv        the same as a CSV, for approval
  levy rerun approve.csv                          those rows, and no others
  levy rerun night.result.csv                     a result in which amounts were corrected and rows
                                                  deleted: corrected ones are new deductions, the
                                                  others are issued again, deleted ones are left
  levy rerun 3 --only rejected                    what a wrong setting had refused: again,
                                                  under its own number

A row gets a new number only if WeChat Pay has said, signed, that its old one failed; where that is
missing it is asked for first. What may still deduct is asked again under its own number. Given
twice, or again after a crash, each row is issued once.")]
pub struct RerunArgs {
    /// A batch (its number, the beginning of its digest, or its input file), or a result that a
    /// person has edited.
    #[arg(value_name = "BATCH|RESULT.csv")]
    pub target: String,
    /// Which orders.
    #[arg(long, value_name = "STATUS,…", value_delimiter = ',',
          default_values_t = [OnlyDead::Closed, OnlyDead::Failed])]
    pub only: Vec<OnlyDead>,
    /// Send nothing, write nothing into the ledger; say what would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// Where the result goes; with --dry-run the rows that would be sent, to be approved.
    #[arg(long, value_name = "CSV")]
    pub out: Option<PathBuf>,
    /// What the result looks like.
    #[command(flatten)]
    pub result: ResultArgs,
    /// How the file is read and taken in.
    #[command(flatten)]
    pub taking: FileArgs,
    /// How it is driven.
    #[command(flatten)]
    pub drive: DriveArgs,
    /// What is sent for the first time.
    #[command(flatten)]
    pub first: FirstArgs,
}

/// What `--only` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnlyDead {
    /// Closed by the gateway, proven.
    Closed,
    /// Failed, proven.
    Failed,
    /// Refused: under its own number.
    Rejected,
}

impl std::fmt::Display for OnlyDead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
        })
    }
}

fn order_no(text: &str) -> Result<OrderNo, String> {
    OrderNo::parse(text.trim()).map_err(|fault| format!("an order's number {fault}"))
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command};
    use super::*;
    use clap::Parser;

    #[test]
    fn numbers_are_released_by_somebody() {
        let parsed = |args: &[&str]| Cli::try_parse_from(args).map(|cli| cli.command);
        let run = [
            "levy",
            "run",
            "a.csv",
            "--release",
            "N1",
            "N2,N3",
            "--by",
            " Li Wei ",
        ];
        let Ok(Command::Run(args)) = parsed(&run) else {
            panic!("it is a run");
        };
        let numbers: Vec<&str> = args.first.release.iter().map(OrderNo::as_str).collect();
        assert_eq!(numbers, ["N1", "N2", "N3"]);
        assert_eq!(args.first.by.as_ref().map(Person::as_str), Some("Li Wei"));
        for bad in [
            &["levy", "run", "a.csv", "--release", "N1"][..],
            &["levy", "run", "a.csv", "--by", "Li Wei"],
            &["levy", "run", "a.csv", "--release", "N1", "--by", " "],
            &["levy", "run", "--release", "N1", "a.csv", "--by", "Li Wei"],
            &["levy", "resume", "--release", "", "--by", "Li Wei"],
        ] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_rerun_is_of_what_is_dead_unless_it_is_told_otherwise() {
        let only = |args: &[&str]| match Cli::try_parse_from(args).map(|cli| cli.command) {
            Ok(Command::Rerun(args)) => Some(args.only),
            Ok(_) | Err(_) => None,
        };
        let dead = vec![OnlyDead::Closed, OnlyDead::Failed];
        assert_eq!(only(&["levy", "rerun", "3"]), Some(dead));
        let refused = ["levy", "rerun", "3", "--only", "rejected,failed"];
        assert_eq!(
            only(&refused),
            Some(vec![OnlyDead::Rejected, OnlyDead::Failed])
        );
        assert_eq!(only(&["levy", "rerun", "3", "--only", "unknown"]), None);
    }
}
