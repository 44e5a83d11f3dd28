//! One file of `levy run`: known or taken in, asked about, run, told, its result written.

use std::path::{Path, PathBuf};

use super::approval;
use super::args::{ExpectArgs, FileArgs};
use super::config::Config;
use super::drive::{Driver, at_hand, expiring, lost};
use super::failure::{Exit, Failure};
use super::plan;
use super::rerun;
use super::session::Session;
use crate::batch::{AddedUp, ControlTotals, Encoding, Form, InputRow, Rules, digest_of};
use crate::clock::{Clock, WallMs};
use crate::ledger::{
    Accepted, Admit, Batch, Environment, Expiring, JournalHead, Ledger, NeverSent, Scope, Tally,
    Totals, Unsent,
};
use crate::report::failed::{self, Failed};
use crate::report::progress::say;
use crate::report::result::{self, Place, ResultFault};
use crate::report::summary::{counted, grouped, orders, rows, table};
use crate::worker::RunReport;
use crate::worker::intake::{IntakeFault, Terms, Watcher, take_in};

/// Faults of rows that are shown before the rest is only counted; the result has them all.
const FAULTS_SHOWN_MAX: u64 = 20;

/// What the files of one command share as they go.
pub struct Course<'a> {
    /// What drives the orders.
    pub driver: Driver<'a>,
    /// Days within which another order for the same debt holds a new one, if they were typed.
    pub taking: FileArgs,
    /// What each must add up to.
    pub expect: ExpectArgs,
    /// Why no other file is begun.
    pub halted: Option<Halt>,
}

/// Why the files after one are not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// A run was stopped: a signal, or what stopped it would stop the next one too.
    Stopped,
    /// The ledger or levy failed.
    Broken,
}

/// What became of one file. Parts that never came to be are `None`.
#[derive(Debug)]
pub struct Ended {
    /// Its batch.
    pub batch: Option<Batch>,
    /// The batch's sums.
    pub totals: Option<Totals>,
    /// How the run went.
    pub report: Option<RunReport>,
    /// What was issued again, by a rerun.
    pub reissued: Option<Tally>,
    /// Orders of the ledger whose window comes to its end.
    pub expiring: Option<Expiring>,
    /// Orders of the whole ledger that were never sent, where that was asked for.
    pub never_sent: Option<NeverSent>,
    /// What a person must see.
    pub alerts: Vec<String>,
    /// Where the journal stands afterwards.
    pub journal_head: Option<JournalHead>,
    /// The result was written.
    pub written: bool,
    /// Where those of its rows are that need somebody.
    pub failed: Option<PathBuf>,
    /// What went wrong, in order.
    pub failures: Vec<Failure>,
    /// How it ended.
    pub exit: Exit,
}

impl Ended {
    /// Nothing came to be yet.
    pub fn new() -> Self {
        Self {
            batch: None,
            totals: None,
            report: None,
            reissued: None,
            expiring: None,
            never_sent: None,
            alerts: Vec::new(),
            journal_head: None,
            written: false,
            failed: None,
            failures: Vec::new(),
            exit: Exit::Done,
        }
    }

    /// What the run has alerted of is told with the rest.
    pub fn take_alerts(&mut self) {
        let report = self.report.iter();
        self.alerts = report.flat_map(|report| report.alerts.clone()).collect();
    }

    /// One more thing went wrong.
    pub fn fail(&mut self, failure: Failure) {
        self.exit = self.exit.worse(failure.exit());
        self.failures.push(failure);
    }
}

impl Course<'_> {
    /// Does one file, whole. Whatever happens, the caller has something to tell.
    pub fn file(&mut self, session: &mut Session, file: &Path, place: &Place) -> Ended {
        let mut ended = Ended::new();
        match self.halted {
            Some(Halt::Stopped) => {
                let words = "not begun, since the run before it was stopped";
                ended.fail(Failure::Stopped(words.into()));
                return ended;
            }
            Some(Halt::Broken) => {
                ended.fail(Failure::Other(anyhow::anyhow!(
                    "not begun, since levy failed before it"
                )));
                return ended;
            }
            None => {}
        }
        let taken = expected(file, &self.expect)
            .and_then(|expected| taken_in(session, file, self.taking, expected, &self.driver))
            .and_then(|batch| place.hold(batch.rows).map(|()| batch).map_err(Into::into));
        match taken {
            Ok(batch) => {
                if let Err(failure) = self.run(session, &batch, &mut ended) {
                    ended.fail(failure);
                }
                afterwards(session, &batch, Some(place), &mut ended);
                ended.batch = Some(batch);
            }
            Err(failure) => ended.fail(failure),
        }
        self.halt(&ended);
        ended
    }

    /// Does a batch without its file, as far as that goes: no result is written.
    pub fn batch(&mut self, session: &mut Session, batch: Batch) -> Ended {
        let mut ended = Ended::new();
        if self.halted.is_some() {
            let words = "not begun, since the run before it was stopped";
            ended.fail(Failure::Stopped(words.into()));
        } else {
            if let Err(failure) = self.run(session, &batch, &mut ended) {
                ended.fail(failure);
            }
            afterwards(session, &batch, None, &mut ended);
            self.halt(&ended);
        }
        ended.batch = Some(batch);
        ended
    }

    fn halt(&mut self, ended: &Ended) {
        // A cell that no workbook takes breaks nothing for the other files.
        let content =
            |failure: &Failure| matches!(failure, Failure::Result(ResultFault::Content(..)));
        let broken = |failure: &Failure| match failure.exit() {
            _ if content(failure) => false,
            Exit::Failed | Exit::Busy => true,
            Exit::Done | Exit::Usage | Exit::NeedsPerson | Exit::NotFinished => false,
        };
        let stopped = ended.report.as_ref().is_some_and(|r| r.stop.is_some())
            || ended
                .failures
                .iter()
                .any(|f| matches!(f, Failure::Stopped(_)));
        if ended.failures.iter().any(broken) {
            self.halted = Some(Halt::Broken);
        } else if stopped {
            self.halted = Some(Halt::Stopped);
        }
    }

    /// Drives the batch's orders, if there is anything to do for them.
    fn run(
        &mut self,
        session: &mut Session,
        batch: &Batch,
        ended: &mut Ended,
    ) -> Result<(), Failure> {
        let approved = approval::may_go_on(session, batch);
        let scope = match &approved {
            Ok(()) if at_hand(&mut session.ledger)?.reissues_asked(batch.id)? > 0 => {
                return rerun::as_asked(&mut self.driver, session, batch, ended);
            }
            Ok(()) => Scope::Batch(batch.id),
            // What was sent comes to its end whoever approved it.
            Err(_) => {
                self.driver.take_back(session, batch.id)?;
                Scope::OpenOf(batch.id, Unsent::Reissues)
            }
        };
        self.drive(session, batch, scope, ended)?;
        approved
    }

    fn drive(
        &mut self,
        session: &mut Session,
        batch: &Batch,
        scope: Scope,
        ended: &mut Ended,
    ) -> Result<(), Failure> {
        let work = self.driver.work(session, scope)?;
        if self.driver.idle(work) {
            // The files before it have used up the limit.
            if work.pending > 0 {
                self.driver.take_back(session, batch.id)?;
            }
            return Ok(());
        }
        let words = |ledger: &mut dyn Ledger| {
            let totals = ledger.totals(batch.id)?;
            Ok(format!(
                "{}\n{} never sent, {} open.",
                table(&totals).trim_end(),
                orders(work.pending),
                grouped(work.open)
            ))
        };
        if !self.driver.may_send(session, words)? {
            self.driver.take_back(session, batch.id)?;
            say("nothing was sent; `levy cancel` withdraws the batch");
            return Ok(());
        }
        self.driver.hand_over(session, scope)?;
        ended.report = self.driver.go(session, scope)?;
        ended.take_alerts();
        Ok(())
    }
}

/// The batch that a file's bytes are: known already, or accepted now.
pub fn taken_in(
    session: &mut Session,
    file: &Path,
    taking: FileArgs,
    expected: ControlTotals,
    driver: &Driver<'_>,
) -> Result<Batch, Failure> {
    let digest = digest_of(file)?;
    let mut desk = Desk::new(file, session.stop.clone());
    let known = at_hand(&mut session.ledger)?.find_batch(&digest)?;
    if let Some(batch) = known {
        let added_up = match expected.asks_for_sums() {
            true => added_up(at_hand(&mut session.ledger)?.totals(batch.id)?),
            false => AddedUp::default(),
        };
        if let Some(words) = expected.differ(&added_up, &digest) {
            return Err(IntakeFault::Totals(format!("{}: {words}", desk.name)).into());
        }
        driver.note(&format!(
            "{}: batch {} already, accepted at {}; it is continued",
            desk.name,
            batch.id,
            batch.accepted_at.rfc3339()
        ));
        return Ok(batch);
    }
    let admit = approval::approved(session, &digest)?;
    let taking = approval::as_planned(session, admit, taking)?;
    let at = session.clock.wall();
    let terms = Terms {
        expected,
        admit,
        ..terms(taking, &session.config, session.environment, at)
    };
    let ledger = at_hand(&mut session.ledger)?;
    let taken = take_in(ledger, file, Some(digest), &terms, &mut desk);
    let intake = match taken {
        Ok(intake) => intake,
        Err(fault) => {
            let args = driver.args;
            let options = plan::options(&args.at, args.sandbox, &session.address);
            let fault = fault.into();
            return Err(approval::next_step(
                session, file, &digest, admit, fault, &options,
            ));
        }
    };
    desk.conclude();
    for warning in &intake.warnings {
        say(&format!("{}: warning: {warning}", desk.name));
    }
    if intake.form != Form::Csv(Encoding::Utf8) {
        driver.note(&format!("{}: read as {}", desk.name, intake.form));
    }
    driver.note(&accepted(&desk.name, &intake.batch, &intake.accepted));
    Ok(intake.batch)
}

fn added_up(totals: Totals) -> AddedUp {
    AddedUp {
        rows: totals.rows,
        amount_fen: totals.by_status.iter().map(|(_, _, fen)| fen).sum(),
        unreadable: totals.unreadable_amounts,
    }
}

/// How a file is taken in: what was typed goes before what is set.
pub fn terms(taking: FileArgs, config: &Config, environment: Environment, at: WallMs) -> Terms {
    Terms {
        rules: Rules {
            amount_fen_max: Some(config.amount_fen_max),
            sandbox_scripts_allowed: environment == Environment::Sandbox,
            encoding: taking.encoding,
            accept_digits: taking.accept_digits,
            history_until: None,
        },
        expected: ControlTotals::default(),
        total_fen_max: config.total_fen_max,
        admit: Admit::Any,
        hold_days: taking.hold_days.unwrap_or(config.hold_days),
        at,
    }
}

/// What a file must add up to: as typed, or as a file beside it tells.
pub fn expected(file: &Path, typed: &ExpectArgs) -> Result<ControlTotals, Failure> {
    let beside = match ControlTotals::side_file(file) {
        Some(path) => ControlTotals::read(&path).map_err(Failure::Usage)?,
        None => ControlTotals::default(),
    };
    let one = |typed: Option<u64>, beside: Option<u64>, flag: &str| match (typed, beside) {
        (Some(typed), Some(beside)) if typed != beside => Err(Failure::Usage(format!(
            "{}: {flag} {typed}, but the file beside it tells {beside}: nothing was sent",
            file.display()
        ))),
        (typed, beside) => Ok(typed.or(beside)),
    };
    Ok(ControlTotals {
        rows: one(typed.expect_rows, beside.rows, "--expect-rows")?,
        amount_fen: one(typed.expect_amount, beside.amount_fen, "--expect-amount")?,
        sha256: beside.sha256,
    })
}

/// Totals, exit code and result, from whatever the ledger can still tell.
pub fn afterwards(session: &mut Session, batch: &Batch, place: Option<&Place>, ended: &mut Ended) {
    let now = session.clock.wall();
    let Some(ledger) = session.ledger.as_deref_mut() else {
        if ended.failures.is_empty() {
            ended.fail(lost());
        }
        return;
    };
    match ledger.totals(batch.id) {
        Ok(totals) => {
            let exit = Exit::of_run(&totals, ended.report.as_ref(), ended.alerts.len());
            ended.exit = ended.exit.worse(exit);
            ended.totals = Some(totals);
        }
        Err(e) => ended.fail(e.into()),
    }
    match ledger.journal_head() {
        Ok(head) => ended.journal_head = Some(head),
        Err(e) => ended.fail(e.into()),
    }
    match expiring(ledger, now) {
        Ok(expiring) => ended.expiring = Some(expiring),
        Err(e) => ended.fail(e.into()),
    }
    let Some(place) = place else { return };
    match result::write(ledger, batch, place) {
        Ok(_) => {
            ended.written = true;
            failed_rows(ledger, batch, place, ended);
        }
        Err(fault) => {
            ended.fail(fault.into());
            say(&format!(
                "the result of batch {id} was not written; nothing is lost: `levy export {id}` \
                 writes it again",
                id = batch.id
            ));
        }
    }
}

/// The rows that need somebody, beside the result.
fn failed_rows(ledger: &mut dyn Ledger, batch: &Batch, place: &Place, ended: &mut Ended) {
    let Some(totals) = &ended.totals else { return };
    match failed::write(ledger, batch, totals, place) {
        Ok(Failed::Nobody) => {}
        Ok(Failed::Written(path, _)) => ended.failed = Some(path),
        Ok(Failed::Taken(path)) => say(&not_ours(&path)),
        Ok(Failed::Mended(path)) => say(&mended(&path)),
        Err(fault) => ended.fail(fault.into()),
    }
}

/// A failed file's place is another's.
pub fn not_ours(path: &Path) -> String {
    format!(
        "the rows that need somebody are in the result alone: {} is another file; move it away, and \
         `levy export` writes them there",
        path.display()
    )
}

/// A failed file that somebody has changed, and nobody has run.
pub fn mended(path: &Path) -> String {
    format!(
        "{} was changed since levy wrote it, and not run: it is left as it is, and the rows that need \
         somebody are in the result alone. Save it under another name, and run or drop that; once it is \
         gone from here, `levy export` writes the rows anew",
        path.display()
    )
}

fn accepted(name: &str, batch: &Batch, accepted: &Accepted) -> String {
    format!(
        "{name}: batch {}, {}: {} ({} held), {}, {} in conflict, {} invalid",
        batch.id,
        rows(accepted.rows),
        orders(accepted.orders),
        grouped(accepted.held),
        counted(accepted.repeats, "repeat"),
        grouped(accepted.conflicts),
        grouped(accepted.invalid)
    )
}

/// Shows the first faults of a file's rows and counts the rest.
pub struct Desk {
    /// The file, as it was named.
    pub name: String,
    shown: u64,
    faults: u64,
    rows: u64,
    doubts: u64,
    stop: tokio::sync::watch::Receiver<bool>,
}

impl Watcher for Desk {
    fn row(&mut self, row: &InputRow) {
        for doubt in &row.doubts {
            self.doubts += 1;
            if self.doubts <= FAULTS_SHOWN_MAX {
                say(&doubt.warning_in_file(&self.name));
            }
        }
        let Err(faults) = &row.outcome else { return };
        self.rows += 1;
        for fault in faults {
            self.faults += 1;
            if self.shown < FAULTS_SHOWN_MAX {
                self.shown += 1;
                say(&fault.in_file(&self.name));
            }
        }
    }

    fn stopped(&self) -> bool {
        *self.stop.borrow()
    }
}

impl Desk {
    /// Watches a file being read.
    pub fn new(file: &Path, stop: tokio::sync::watch::Receiver<bool>) -> Self {
        Self {
            name: file.display().to_string(),
            shown: 0,
            faults: 0,
            rows: 0,
            doubts: 0,
            stop,
        }
    }

    /// Says how many faults and doubts were not shown.
    pub fn conclude(&self) {
        if self.doubts > FAULTS_SHOWN_MAX {
            say(&format!(
                "{}: {} warnings in all; `levy check` tells every one",
                self.name,
                grouped(self.doubts)
            ));
        }
        if self.faults > self.shown {
            say(&format!(
                "{}: {} in {} in all; the result has every one",
                self.name,
                counted(self.faults, "fault"),
                rows(self.rows)
            ));
        }
    }
}
