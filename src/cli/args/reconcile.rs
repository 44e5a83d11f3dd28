//! The options of `reconcile`.

use std::path::PathBuf;

use chrono::{Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use clap::Args;

use super::{DriveArgs, TimeOfDay, time_of_day};
use crate::clock::WallMs;

/// Forms of a date with a time of day.
const DATE_AND_TIME: [&str; 4] = [
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
];

/// `levy reconcile`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy reconcile --yes                      every order that was ever sent
  levy reconcile --since 2025-08-01 --until 2025-09-01 --yes
                                            what was first sent in August: the end is not in it
  levy reconcile --batch 3 --out /tmp/3.diff.csv
  levy reconcile --against court.csv        a list, compared with the ledger; nothing is asked
  levy reconcile --against night.result.csv --batch night.csv
                                            a result: does the ledger still say the same?
  levy reconcile --against finance.csv --since 2025-08-01 --until 2025-09-01
                                            August; what the list does not name is extra

Asks WeChat Pay again for every order of the period and compares number,
merchant, type, amount, state, change number and times with the ledger. What is
unfinished is brought to its end first, as `levy resume` does. What differs
goes into a CSV with both sides, which is written always: only its header means
that nothing was found. No order is deducted by this that was never sent, and
no final state changes. Killed or stopped, give the same command again: it asks
again.

With --against nothing is sent and no lock is taken. The list has an input's
columns (or is a result) and may have state, quota_change_no and success_time;
without a state a row stands for a deduction. Told are rows that the ledger
does not have, orders that no row names, what differs by field, what is there
twice, and rows that are no deductions.

Exit codes: 0 everything agrees and nothing is open, 3 differences or alerts, 4
something was not answered or is unfinished.")]
pub struct ReconcileArgs {
    /// Orders that were first sent from then on: YYYY-MM-DD (midnight here) or YYYY-MM-DDTHH:MM.
    #[arg(long, value_name = "DATE", value_parser = moment)]
    pub since: Option<Moment>,
    /// Orders that were first sent before then (DATE as for --since). A time of day alone means, as
    /// everywhere, that nothing is sent after it; both may be given.
    #[arg(long, value_name = "DATE|HH:MM", value_parser = until)]
    pub until: Vec<Until>,
    /// One batch: its number, the beginning of its digest, or its input file.
    #[arg(long, value_name = "BATCH")]
    pub batch: Option<String>,
    /// Compare this list with the ledger; the gateway is not asked.
    #[arg(long, value_name = "FILE.csv",
          conflicts_with_all = ["yes", "wait", "outage_wait", "sandbox_latency_ms", "sandbox_faults",
              "sandbox_limit", "sandbox_seed"])]
    pub against: Option<PathBuf>,
    /// Where the differences go; reconcile.diff.csv here, or NAME.diff.csv beside the list.
    #[arg(long, value_name = "DIFF.csv")]
    pub out: Option<PathBuf>,
    /// How it is driven.
    #[command(flatten)]
    pub drive: DriveArgs,
}

impl ReconcileArgs {
    /// The end of the period, and the time of day after which nothing is sent.
    ///
    /// # Errors
    /// In words, if there are two of one.
    pub fn ends(&self) -> Result<(Option<Moment>, Option<TimeOfDay>), String> {
        let (mut period, mut sending) = (None, None);
        for until in &self.until {
            let twice = match *until {
                Until::Moment(moment) => period.replace(moment).is_some(),
                Until::TimeOfDay(time) => sending.replace(time).is_some(),
            };
            if twice {
                return Err("--until: give one date and one time of day at most".into());
            }
        }
        Ok((period, sending))
    }
}

/// A moment by this machine's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub NaiveDateTime);

impl Moment {
    /// The moment in this machine's zone; the first one where clocks show it twice, none where they
    /// skip it.
    pub fn here(self) -> Option<WallMs> {
        let at = Local.from_local_datetime(&self.0).earliest()?;
        Some(WallMs(at.timestamp_millis()))
    }
}

/// What `--until` of `reconcile` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The end of the period.
    Moment(Moment),
    /// No new send after this time of day.
    TimeOfDay(TimeOfDay),
}

fn moment(text: &str) -> Result<Moment, String> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d");
    let date = date.map(|date| date.and_time(NaiveTime::MIN)).ok();
    let with_time = |form: &&str| NaiveDateTime::parse_from_str(text, form).ok();
    // chrono takes one digit where two are meant.
    let plain = text.len() >= "2025-08-01".len();
    date.or_else(|| DATE_AND_TIME.iter().find_map(with_time))
        .filter(|_| plain)
        .map(Moment)
        .ok_or_else(|| "must be a date such as 2025-08-01 or 2025-08-01T05:30".into())
}

fn until(text: &str) -> Result<Until, String> {
    if let Ok(time) = time_of_day(text) {
        return Ok(Until::TimeOfDay(time));
    }
    moment(text)
        .map(Until::Moment)
        .map_err(|words| format!("{words}, or a time of day such as 05:30"))
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command};
    use super::*;
    use clap::Parser;

    fn parsed(args: &[&str]) -> Option<Box<ReconcileArgs>> {
        let args = ["levy", "reconcile"].iter().chain(args);
        match Cli::try_parse_from(args).map(|cli| cli.command) {
            Ok(Command::Reconcile(args)) => Some(args),
            Ok(_) | Err(_) => None,
        }
    }

    #[test]
    fn a_date_is_its_midnight_and_may_have_a_time() {
        for (text, want) in [
            ("2025-08-01", Some("2025-08-01T00:00:00")),
            ("2025-08-01T05:30", Some("2025-08-01T05:30:00")),
            ("2025-08-01 05:30:09", Some("2025-08-01T05:30:09")),
            ("2025-02-30", None),
            ("2025-8-1", None),
            ("01.08.2025", None),
            ("2025-08-01T", None),
            ("", None),
        ] {
            let told = moment(text).ok();
            let told = told.map(|Moment(at)| at.format("%Y-%m-%dT%H:%M:%S").to_string());
            assert_eq!(told.as_deref(), want, "{text}");
        }
    }

    #[test]
    fn until_is_the_periods_end_or_the_time_of_the_last_send_or_both() {
        let ends = |args: &[&str]| parsed(args).map(|args| args.ends());
        let date = moment("2025-09-01").unwrap();
        let time = TimeOfDay {
            hour: 5,
            minute: 30,
        };
        assert_eq!(ends(&[]), Some(Ok((None, None))));
        let both = ["--until", "05:30", "--until", "2025-09-01"];
        assert_eq!(ends(&both), Some(Ok((Some(date), Some(time)))));
        let twice = ["--until", "05:30", "--until", "06:30"];
        assert!(ends(&twice).is_some_and(|ends| ends.is_err()));
        assert!(ends(&["--until", "tomorrow"]).is_none());
    }
}
