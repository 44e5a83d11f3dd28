//! From what went wrong to the exit code: one map, exhaustive.
//!
//! Errors are put into words where they happen; here they only get their number.

use std::fmt;

use super::config::ConfigFault;
use crate::batch::FileFault;
use crate::ledger::{LedgerError, Totals};
use crate::order::NextAction;
use crate::report::result::ResultFault;
use crate::worker::RunReport;
use crate::worker::intake::IntakeFault;

/// How a command ends, for its shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every row's next action is NONE.
    Done,
    /// levy itself failed: disk, ledger, a bug.
    Failed,
    /// Usage, configuration, keys or the file as a whole are wrong; nothing was sent.
    Usage,
    /// Finished: no row says RUN_AGAIN, some need a person.
    NeedsPerson,
    /// Some row says RUN_AGAIN, or the run was stopped after an intent was written.
    NotFinished,
    /// Another run holds the ledger.
    Busy,
}

impl Exit {
    /// Every exit, from the worst to the best: of several files the worst one counts. What levy
    /// could not do at all goes before what it did in part.
    pub const WORST_FIRST: [Self; 6] = [
        Self::Failed,
        Self::Busy,
        Self::Usage,
        Self::NotFinished,
        Self::NeedsPerson,
        Self::Done,
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NeedsPerson => 3,
            Self::NotFinished => 4,
            Self::Busy => 75,
        }
    }

    /// The worse of two.
    pub fn worse(self, other: Self) -> Self {
        let worst = Self::WORST_FIRST
            .into_iter()
            .find(|exit| *exit == self || *exit == other);
        worst.unwrap_or(self)
    }

    /// How a run of a batch ended, by what the ledger says of its rows afterwards.
    pub fn of_run(totals: &Totals, report: Option<&RunReport>, alerts: usize) -> Self {
        let mut exit = Self::Done;
        for (action, rows) in &totals.by_action {
            let one = match action {
                NextAction::None => Self::Done,
                NextAction::RunAgain => Self::NotFinished,
                NextAction::Reissue | NextAction::FixRow | NextAction::Review => Self::NeedsPerson,
            };
            if *rows > 0 {
                exit = exit.worse(one);
            }
        }
        if alerts > 0 {
            exit = exit.worse(Self::NeedsPerson);
        }
        match report {
            Some(report) if report.stop.is_some() && report.intents > 0 => {
                exit.worse(Self::NotFinished)
            }
            Some(_) | None => exit,
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// What was typed makes no sense together.
    Usage(String),
    /// The settings.
    Config(ConfigFault),
    /// What people must approve first. The file itself is good.
    Unapproved(String),
    /// A key, a certificate, or the connection's settings.
    Keys(String),
    /// The file as a whole.
    File(FileFault),
    /// The file changed while it was read.
    Changed(String),
    /// The ledger.
    Ledger(LedgerError),
    /// The result.
    Result(ResultFault),
    /// A signal came before anything was sent.
    Stopped(String),
    /// Anything else: the machine, or a bug.
    Other(anyhow::Error),
}

impl Failure {
    /// Its exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Unapproved(_) | Self::Config(_) | Self::Keys(_) => Exit::Usage,
            Self::File(_) | Self::Changed(_) => Exit::Usage,
            Self::Ledger(e) => ledger_exit(e),
            Self::Result(ResultFault::Place(..)) => Exit::Usage,
            Self::Result(ResultFault::Content(..) | ResultFault::Disk(..)) => Exit::Failed,
            Self::Result(ResultFault::Ledger(e)) => ledger_exit(e),
            Self::Stopped(_) => Exit::NotFinished,
            Self::Other(_) => Exit::Failed,
        }
    }
}

fn ledger_exit(e: &LedgerError) -> Exit {
    match e {
        LedgerError::Missing(_) | LedgerError::Refused(_) => Exit::Usage,
        LedgerError::Held(_) => Exit::Busy,
        LedgerError::Unusable(_) | LedgerError::Broken(_) => Exit::Failed,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(words) | Self::Unapproved(words) | Self::Keys(words) => f.write_str(words),
            Self::Changed(words) | Self::Stopped(words) => f.write_str(words),
            Self::Config(fault) => fault.fmt(f),
            Self::File(fault) => fault.fmt(f),
            Self::Ledger(e) => e.fmt(f),
            Self::Result(fault) => fault.fmt(f),
            Self::Other(e) => write!(f, "{e:#}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<ConfigFault> for Failure {
    fn from(fault: ConfigFault) -> Self {
        Self::Config(fault)
    }
}

impl From<LedgerError> for Failure {
    fn from(e: LedgerError) -> Self {
        Self::Ledger(e)
    }
}

impl From<FileFault> for Failure {
    fn from(fault: FileFault) -> Self {
        Self::File(fault)
    }
}

impl From<ResultFault> for Failure {
    fn from(fault: ResultFault) -> Self {
        Self::Result(fault)
    }
}

impl From<IntakeFault> for Failure {
    fn from(fault: IntakeFault) -> Self {
        let words = fault.to_string();
        match fault {
            IntakeFault::File(fault) => Self::File(fault),
            IntakeFault::Changed => Self::Changed(words),
            IntakeFault::Totals(_) | IntakeFault::Ceiling(_) => Self::Usage(words),
            IntakeFault::Ledger(e) => Self::Ledger(e),
            IntakeFault::Stopped => Self::Stopped(words),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(e: anyhow::Error) -> Self {
        Self::Other(e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::Stop;
    use std::io;

    #[test]
    fn the_map_from_failure_to_exit_code_is_that_of_the_specification() {
        let broken = || LedgerError::Broken("disk".into());
        for (failure, code) in [
            (Failure::Usage("x".into()), 2),
            (Failure::Config(ConfigFault("x".into())), 2),
            (Failure::Keys("x".into()), 2),
            (Failure::Changed("x".into()), 2),
            (Failure::Ledger(LedgerError::Missing("x".into())), 2),
            (Failure::Ledger(LedgerError::Refused("x".into())), 2),
            (Failure::Ledger(LedgerError::Unusable("x".into())), 1),
            (Failure::Ledger(LedgerError::Held("x".into())), 75),
            (Failure::Ledger(broken()), 1),
            (
                Failure::Result(ResultFault::Place("x".into(), "y".into())),
                2,
            ),
            (
                Failure::Result(ResultFault::Disk("x".into(), io::Error::other("full"))),
                1,
            ),
            (Failure::Result(ResultFault::Ledger(broken())), 1),
            (Failure::Stopped("x".into()), 4),
            (Failure::Other(anyhow::anyhow!("x")), 1),
        ] {
            assert_eq!(failure.exit().code(), code, "{failure:?}");
        }
    }

    #[test]
    fn of_several_files_the_worst_counts() {
        let order = Exit::WORST_FIRST;
        let codes: Vec<u8> = order.iter().map(|e| e.code()).collect();
        assert_eq!(codes, [1, 75, 2, 4, 3, 0]);
        for (i, worse) in order.iter().enumerate() {
            for better in &order[i..] {
                assert_eq!(worse.worse(*better), *worse);
                assert_eq!(better.worse(*worse), *worse);
            }
        }
    }

    #[test]
    fn a_run_ends_by_what_its_rows_want() {
        use NextAction::*;
        let stopped = |intents| RunReport {
            stop: Some(Stop::Asked),
            intents,
            ..RunReport::default()
        };
        let whole = RunReport::default();
        /// Rows by action, the run, alerts, and the exit code.
        type Case<'a> = (&'a [(NextAction, u64)], Option<RunReport>, usize, u8);
        let table: &[Case<'_>] = &[
            (&[(None, 9)], Some(whole.clone()), 0, 0),
            (&[(None, 9)], Option::None, 0, 0),
            (&[(None, 9), (RunAgain, 0)], Some(whole.clone()), 0, 0),
            (&[(None, 9)], Some(whole.clone()), 1, 3),
            (&[(None, 9), (Reissue, 1)], Some(whole.clone()), 0, 3),
            (&[(None, 9), (FixRow, 1)], Some(whole.clone()), 0, 3),
            (&[(None, 9), (Review, 1)], Some(whole.clone()), 0, 3),
            (&[(RunAgain, 1), (Review, 1)], Some(whole), 1, 4),
            (&[(None, 9)], Some(stopped(1)), 0, 4),
            (&[(None, 9)], Some(stopped(0)), 0, 0),
        ];
        for (by_action, report, alerts, code) in table {
            let totals = Totals {
                by_action: by_action.to_vec(),
                ..Totals::default()
            };
            let exit = Exit::of_run(&totals, report.as_ref(), *alerts);
            assert_eq!(exit.code(), *code, "{by_action:?} {report:?} {alerts}");
        }
    }
}
