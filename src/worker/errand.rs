//! What a command does between its runs: which orders are driven, in which order, when new numbers
//! are given, and what keeps it from going on.
//!
//! It decides without doing: who drives a scope is handed in, so that the command with its client and
//! the simulator without one go the same way.

use super::RunReport;
use super::limits::WINDOW_QUIET_MS;
use crate::clock::WallMs;
use crate::ledger::{
    BatchId, Ledger, LedgerError, LedgerResult, Only, Rerun, Scope, Tally, Unsent,
};

/// Deductions that are issued again in one transaction.
const REISSUED_AT_ONCE: u32 = 1_000;

/// Who drives orders: a command with its client.
pub trait Drive {
    /// What goes wrong.
    type Fault: From<LedgerError>;

    /// The ledger, between two runs.
    fn ledger(&mut self) -> Result<&mut dyn Ledger, Self::Fault>;
    /// The local clock.
    fn now(&self) -> WallMs;
    /// A signal came.
    fn stopped(&self) -> bool;
    /// Drives a scope as far as it goes; `None` if there was nothing to do.
    fn go(&mut self, scope: Scope) -> Result<Option<RunReport>, Self::Fault>;
}

/// What became of it, as far as it came.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How its runs went, as one.
    pub report: Option<RunReport>,
    /// What was issued again.
    pub reissued: Option<Tally>,
}

impl Outcome {
    /// A run of it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.report.as_ref().is_some_and(|r| r.stop.is_some())
    }
}

/// A rerun of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Again {
    /// Which batch.
    pub batch: BatchId,
    /// Which dead orders are issued again.
    pub only: Only,
    /// What is sent in the end.
    pub rerun: Rerun,
}

/// Reruns a batch: what was sent and is open is driven, since that fetches the proofs that are
/// missing; then all that is proven dead gets its new order, in the ledger alone; then those are
/// sent. If the first run is stopped, nothing is issued. `issued` is called between the two halves.
///
/// # Errors
/// What had come to be is in `outcome` all the same.
pub fn rerun<D: Drive>(
    desk: &mut D,
    again: &Again,
    outcome: &mut Outcome,
    issued: impl FnOnce(&mut D) -> Result<(), D::Fault>,
) -> Result<(), D::Fault> {
    // What a backup forgot of this very file goes with it, as in a run.
    let own = match again.rerun.unsent() {
        Unsent::All => Unsent::All,
        Unsent::Reissues | Unsent::Nothing => Unsent::Reissues,
    };
    outcome.report = desk.go(Scope::OpenOf(again.batch, own))?;
    if outcome.is_stopped() || desk.stopped() {
        return Ok(());
    }
    outcome.reissued = Some(issue(desk, again)?);
    issued(desk)?;
    let report = desk.go(Scope::Rerun(again.batch, again.rerun))?;
    outcome.report = join(outcome.report.take(), report);
    Ok(())
}

/// Everything that is proven dead by now, in chunks; each is whole or not there.
fn issue<D: Drive>(desk: &mut D, again: &Again) -> Result<Tally, D::Fault> {
    let at = desk.now();
    let ledger = desk.ledger()?;
    let mut tally = Tally::default();
    let mut after = 0;
    loop {
        let page = ledger.proofs(again.batch, again.only, after, REISSUED_AT_ONCE, at)?;
        let Some((last, _)) = page.last() else {
            return Ok(tally);
        };
        after = *last;
        let proofs = page.into_iter().map(|(_, proof)| proof).collect();
        for reissued in ledger.reissue(again.batch, proofs, at)? {
            tally.add(&reissued);
        }
    }
}

/// Drives every open order of the ledger: those near the end of their window in a first run.
pub fn resume<D: Drive>(desk: &mut D, outcome: &mut Outcome) -> Result<(), D::Fault> {
    let now = desk.now();
    let cut = quiet_before(desk.ledger()?, now)?;
    for scope in [
        Scope::FirstSent(WallMs(i64::MIN), cut),
        Scope::FirstSent(cut, WallMs(i64::MAX)),
    ] {
        let report = desk.go(scope)?;
        outcome.report = join(outcome.report.take(), report);
        if outcome.is_stopped() {
            break;
        }
    }
    Ok(())
}

/// Open orders first sent before this moment come to the end of their window soon, or have come to
/// it. Age is measured as the run measures it: by the later of local and signed time.
pub fn quiet_before(ledger: &mut dyn Ledger, now: WallMs) -> LedgerResult<WallMs> {
    let latest = ledger.latest_signed_at()?.map_or(now, |at| at.max(now));
    Ok(latest.plus_ms(-WINDOW_QUIET_MS))
}

/// Two runs of one command, as one.
pub fn join(first: Option<RunReport>, second: Option<RunReport>) -> Option<RunReport> {
    let (mut joined, second) = match (first, second) {
        (Some(first), Some(second)) => (first, second),
        (one, other) => return one.or(other),
    };
    joined.stop = joined.stop.or(second.stop);
    joined.stopped_lanes.extend(second.stopped_lanes);
    joined.alerts.extend(second.alerts);
    joined.attempts += second.attempts;
    joined.intents += second.intents;
    joined.traffic.join(&second.traffic);
    joined.clock_skew_ms = second.clock_skew_ms.or(joined.clock_skew_ms);
    Some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::Stop;

    /// Its first run is stopped, by itself or by a signal that came too late for it.
    struct Stopped(Option<Stop>, Vec<Scope>);

    impl Drive for Stopped {
        type Fault = LedgerError;

        fn ledger(&mut self) -> Result<&mut dyn Ledger, LedgerError> {
            panic!("nothing is asked of the ledger after a stop");
        }

        fn now(&self) -> WallMs {
            WallMs(0)
        }

        fn stopped(&self) -> bool {
            self.0.is_none()
        }

        fn go(&mut self, scope: Scope) -> Result<Option<RunReport>, LedgerError> {
            self.1.push(scope);
            Ok(Some(RunReport {
                stop: self.0.clone(),
                ..RunReport::default()
            }))
        }
    }

    /// What a backup has forgotten of a file that asks for new numbers goes with that very file, before
    /// anything is issued; of a batch that is named, only what was sent, and its reissues.
    #[test]
    fn l4_a_rerun_that_issues_first_drives_the_open_orders_of_its_own_file() {
        for (unsent, own) in [
            (Unsent::All, Unsent::All),
            (Unsent::Reissues, Unsent::Reissues),
            (Unsent::Nothing, Unsent::Reissues),
        ] {
            let rerun_of = Rerun::Issued(unsent);
            let mut desk = Quiet {
                ledger: crate::ledger::SqliteLedger::scratch().unwrap(),
                went: Vec::new(),
            };
            let again = Again {
                batch: BatchId(1),
                only: Only::Asked,
                rerun: rerun_of,
            };
            let mut outcome = Outcome::default();
            let mut scopes_then = Vec::new();
            rerun(&mut desk, &again, &mut outcome, |desk| {
                scopes_then = desk.went.clone();
                Ok(())
            })
            .unwrap();
            assert_eq!(scopes_then, [Scope::OpenOf(BatchId(1), own)], "{unsent:?}");
            assert_eq!(desk.went[1..], [Scope::Rerun(BatchId(1), rerun_of)]);
            assert_eq!(outcome.reissued, Some(Tally::default()));
        }
    }

    /// Nothing is stopped, and nothing is dead.
    struct Quiet {
        ledger: crate::ledger::SqliteLedger,
        went: Vec<Scope>,
    }

    impl Drive for Quiet {
        type Fault = LedgerError;

        fn ledger(&mut self) -> Result<&mut dyn Ledger, LedgerError> {
            Ok(&mut self.ledger)
        }

        fn now(&self) -> WallMs {
            WallMs(0)
        }

        fn stopped(&self) -> bool {
            false
        }

        fn go(&mut self, scope: Scope) -> Result<Option<RunReport>, LedgerError> {
            self.went.push(scope);
            Ok(None)
        }
    }

    #[test]
    fn l5_nothing_is_issued_after_the_run_that_fetches_the_proofs_was_stopped() {
        for stop in [Some(Stop::Until), Some(Stop::Frozen), None] {
            let mut desk = Stopped(stop, Vec::new());
            let again = Again {
                batch: BatchId(1),
                only: Only::Dead,
                rerun: Rerun::Issued(Unsent::Reissues),
            };
            let mut outcome = Outcome::default();
            let done = rerun(&mut desk, &again, &mut outcome, |_| {
                panic!("nothing was issued")
            });
            assert!(done.is_ok() && outcome.report.is_some() && outcome.reissued.is_none());
            assert_eq!(desk.1, [Scope::OpenOf(BatchId(1), Unsent::Reissues)]);
        }
    }
}
