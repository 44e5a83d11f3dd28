//! `levy reconcile`: does the gateway, or a list, say what the ledger says?
//!
//! The gateway is asked in two steps. What is unfinished is driven first, as `resume` does it; then
//! each order that may be asked for is queried once. Every answer is in the ledger before anything is
//! compared, so that a reconciliation that was killed is given again, and asks again.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::against::against;
use super::args::{Moment, ReconcileArgs, TimeOfDay};
use super::drive::{Driver, at_hand, expiring};
use super::export::sandbox_directory;
use super::failure::{Exit, Failure};
use super::herald::Herald;
use super::run::{print, until};
use super::session::Session;
use super::target;
use crate::clock::{Clock, SystemClock, WallMs};
use crate::ledger::{
    AttemptId, Batch, Compared, Expiring, JournalHead, Ledger, LedgerError, Reach, ReplyFacts,
    Scope, Trust, Unsent,
};
use crate::order::{NextAction, Status};
use crate::reconcile::compare::compare;
use crate::reconcile::difference::{Counts, Kind, Paper};
use crate::reconcile::summary::{self, Summary};
use crate::report::log::hushed;
use crate::report::progress::say;
use crate::report::result::{Place, ResultFault};
use crate::report::summary::{grouped, orders, windows};
use crate::worker::errand::{join, quiet_before};
use crate::worker::limits::WINDOW_MS;
use crate::worker::{RunReport, may_be_queried};

/// Where differences go, unless somebody says otherwise.
const OUT: &str = "reconcile.diff.csv";

/// Reconciles, and tells what came of it.
pub fn reconcile(args: &ReconcileArgs) -> Exit {
    match &args.against {
        Some(list) => against(args, list).unwrap_or_else(|failure| {
            say(&format!("error: {failure}"));
            failure.exit()
        }),
        None => gateway(args),
    }
}

/// The gateway is asked.
fn gateway(args: &ReconcileArgs) -> Exit {
    let mut herald = Herald::begin_unheard("reconcile", &args.drive);
    let mut ended = Ended::new(herald.started_at());
    match open(args, &mut ended) {
        Err(failure) => {
            ended.fail(failure);
            ended.tell(args);
            herald.end(ended.exit, None)
        }
        Ok((mut session, mut desk)) => {
            if let Err(failure) = desk.all(&mut session, &mut ended) {
                ended.fail(failure);
            }
            ended.conclude(&mut session);
            ended.tell(args);
            herald.count(ended.report.as_ref(), &ended.alerts);
            let exit = herald.end(ended.exit, Some(&mut session));
            session.close();
            exit
        }
    }
}

/// What one reconciliation came to. Parts that never came to be are `None`.
struct Ended {
    batch: Option<Batch>,
    since: Option<WallMs>,
    until: Option<WallMs>,
    agreed: Vec<(&'static str, u64)>,
    counts: Counts,
    settled: Option<u64>,
    open: Option<u64>,
    report: Option<RunReport>,
    alerts: Vec<String>,
    expiring: Option<Expiring>,
    journal_head: Option<JournalHead>,
    written: Option<PathBuf>,
    failures: Vec<Failure>,
    started_at: WallMs,
    exit: Exit,
}

impl Ended {
    fn new(started_at: WallMs) -> Self {
        Self {
            batch: None,
            since: None,
            until: None,
            agreed: Vec::new(),
            counts: Counts::default(),
            settled: None,
            open: None,
            report: None,
            alerts: Vec::new(),
            expiring: None,
            journal_head: None,
            written: None,
            failures: Vec::new(),
            started_at,
            exit: Exit::Done,
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.exit = self.exit.worse(failure.exit());
        self.failures.push(failure);
    }

    fn stopped(&self) -> bool {
        self.report.as_ref().is_some_and(|r| r.stop.is_some())
    }

    /// One more run of it.
    fn ran(&mut self, report: Option<RunReport>) {
        self.report = join(self.report.take(), report);
        let report = self.report.iter();
        self.alerts = report.flat_map(|report| report.alerts.clone()).collect();
    }

    /// The exit code, and what the ledger can still tell.
    fn conclude(&mut self, session: &mut Session) {
        let found = |kind| self.counts.of(kind) > 0;
        let person = self.counts.differences() > 0 || found(Kind::NotCompared);
        let again = found(Kind::NotAnswered) || self.open.is_some_and(|open| open > 0);
        if person || !self.alerts.is_empty() {
            self.exit = self.exit.worse(Exit::NeedsPerson);
        }
        if again || self.stopped() {
            self.exit = self.exit.worse(Exit::NotFinished);
        }
        let now = session.clock.wall();
        let Ok(ledger) = at_hand(&mut session.ledger) else {
            return;
        };
        match ledger.journal_head() {
            Ok(head) => self.journal_head = Some(head),
            Err(e) => return self.fail(e.into()),
        }
        match expiring(ledger, now) {
            Ok(expiring) => self.expiring = Some(expiring),
            Err(e) => self.fail(e.into()),
        }
    }

    fn tell(&self, args: &ReconcileArgs) {
        let words: Vec<String> = self.failures.iter().map(ToString::to_string).collect();
        let words = words.join("; ");
        let summary = Summary {
            against: None,
            batch: self.batch.as_ref(),
            since: self.since,
            until: self.until,
            agreed: &self.agreed,
            counts: &self.counts,
            settled: self.settled,
            open: self.open,
            report: self.report.as_ref(),
            alerts: &self.alerts,
            started_at: self.started_at,
            finished_at: SystemClock::default().wall(),
            journal_head: self.journal_head,
            result: self.written.as_deref(),
            error: (!words.is_empty()).then_some(&words),
            exit_code: self.exit.code(),
        };
        let wrong = summary::wrong(&summary);
        let quiet = args.drive.quiet || (hushed() && self.exit == Exit::Done);
        match quiet || self.written.is_none() {
            false => say(summary::human(&summary).trim_end()),
            true if !wrong.is_empty() => say(&format!("error: {wrong}")),
            true => {}
        }
        if let Some(words) = self.expiring.as_ref().and_then(windows) {
            say(&words);
        }
        if args.drive.json {
            print(&summary::json(&summary));
        }
    }
}

/// What it is about, and where it goes.
struct Desk<'a> {
    driver: Driver<'a>,
    reach: Reach,
    place: Place,
}

fn open<'a>(args: &'a ReconcileArgs, ended: &mut Ended) -> Result<(Session, Desk<'a>), Failure> {
    let ((since, before), sending_ends) = period(args)?;
    if args.batch.is_some() && (since.is_some() || before.is_some()) {
        let words = "--batch is about all of a batch: give it without --since and --until DATE";
        return Err(Failure::Usage(words.into()));
    }
    (ended.since, ended.until) = (since, before);
    let dir = sandbox_directory(args.batch.as_deref().unwrap_or_default());
    let mut session = Session::open(&args.drive, false, &dir)?;
    let driver = Driver {
        args: &args.drive,
        first: None,
        until: until(sending_ends)?,
        limit: None,
        pulse: None,
    };
    let found = match &args.batch {
        Some(text) => Some(target::batch(at_hand(&mut session.ledger)?, text)?),
        None => None,
    };
    let out = args.out.as_deref().unwrap_or(Path::new(OUT));
    let mut taken: Vec<&Path> = session.address.file().into_iter().collect();
    taken.extend(session.config.file.as_deref());
    taken.extend(found.iter().filter_map(|found| found.input.as_deref()));
    let place = Place::look(out, &taken)?;
    let reach = match &found {
        Some(found) => Reach::Of(found.batch.id),
        None => Reach::Between(
            ended.since.unwrap_or(WallMs(i64::MIN)),
            ended.until.unwrap_or(WallMs(i64::MAX)),
        ),
    };
    ended.batch = found.map(|found| found.batch);
    let desk = Desk {
        driver,
        reach,
        place,
    };
    Ok((session, desk))
}

/// From when on, and before when.
type Period = (Option<WallMs>, Option<WallMs>);

/// The period; and the time of day after which nothing is sent.
pub(super) fn period(args: &ReconcileArgs) -> Result<(Period, Option<TimeOfDay>), Failure> {
    let (until, sending_ends) = args.ends().map_err(Failure::Usage)?;
    let since = args.since.map(here).transpose()?;
    let before = until.map(here).transpose()?;
    match since.zip(before) {
        Some((since, before)) if since >= before => Err(Failure::Usage(
            "--until must be after --since: what was first sent then is not in the period".into(),
        )),
        _ => Ok(((since, before), sending_ends)),
    }
}

fn here(moment: Moment) -> Result<WallMs, Failure> {
    let words = || format!("{}: this machine's clock skips this time", moment.0);
    moment.here().ok_or_else(|| Failure::Usage(words()))
}

impl Desk<'_> {
    fn all(&mut self, session: &mut Session, ended: &mut Ended) -> Result<(), Failure> {
        let before = at_hand(&mut session.ledger)?.last_attempt()?;
        if !self.may_send(session)? {
            let words = "nothing was sent, and nothing compared";
            return Err(Failure::Stopped(words.into()));
        }
        // What people called dead is asked for before its reissue is submitted again.
        let mut scopes = vec![Scope::Replaced(self.reach)];
        scopes.extend(self.unfinished(session)?);
        for scope in scopes {
            let report = self.driver.go(session, scope)?;
            ended.ran(report);
            if ended.stopped() {
                return Ok(());
            }
        }
        if *session.stop.borrow() {
            let words = "a signal came before anything was compared";
            return Err(Failure::Stopped(words.into()));
        }
        let after = at_hand(&mut session.ledger)?.last_attempt()?;
        let past = past_window(session)?;
        let report = self.driver.go(session, Scope::Sent(self.reach, past))?;
        ended.ran(report);
        self.compare(session, (before, after), past, ended)
    }

    /// What of it is open, what is near its window's end first.
    fn unfinished(&self, session: &mut Session) -> Result<Vec<Scope>, Failure> {
        let now = session.clock.wall();
        Ok(match self.reach {
            Reach::Of(batch) => vec![Scope::OpenOf(batch, Unsent::Nothing)],
            Reach::Between(from, to) => {
                let cut = quiet_before(at_hand(&mut session.ledger)?, now)?;
                let cut = cut.clamp(from, to.max(from));
                vec![Scope::FirstSent(from, cut), Scope::FirstSent(cut, to)]
            }
        })
    }

    fn may_send(&self, session: &mut Session) -> Result<bool, Failure> {
        let past = past_window(session)?;
        let reach = self.reach;
        let open = self.unfinished(session)?;
        let words = |ledger: &mut dyn Ledger| {
            let mut count = |scope| {
                let lanes = ledger.lanes(scope)?;
                Ok::<u64, LedgerError>(lanes.iter().map(|lane| lane.open).sum())
            };
            let mut unfinished = 0;
            for scope in open {
                unfinished += count(scope)?;
            }
            let asked = count(Scope::Sent(reach, past))?;
            Ok(format!(
                "{} open, which would be brought to their end; {} would be asked for.",
                orders(unfinished),
                grouped(asked)
            ))
        };
        self.driver.may_send(session, words)
    }

    /// Both sides of every order, out of the ledger, onto paper.
    fn compare(
        &self,
        session: &mut Session,
        (before, after): (AttemptId, AttemptId),
        past: WallMs,
        ended: &mut Ended,
    ) -> Result<(), Failure> {
        let mut paper = Paper::begin(&self.place)?;
        let mut tally = Tally {
            before,
            past,
            stopped: ended.stopped(),
            agreed: BTreeMap::new(),
            settled: 0,
            open: 0,
        };
        let mut failed = None;
        let ledger = at_hand(&mut session.ledger)?;
        let told = ledger.compared(self.reach, after, &mut |compared| {
            tally.add(&compared, &mut paper).map_err(|e| {
                let kind = e.kind();
                failed.get_or_insert(e);
                kind.into()
            })
        });
        if let Some(e) = failed {
            return Err(ResultFault::Disk(self.place.path().into(), e).into());
        }
        told?;
        ended.counts = paper.finish()?;
        ended.written = Some(self.place.path().into());
        ended.settled = Some(tally.settled);
        ended.open = Some(tally.open);
        let agreed = |status: &Status| {
            let count = tally.agreed.get(status.as_str());
            count.map(|count| (status.as_str(), *count))
        };
        ended.agreed = Status::ALL.iter().filter_map(agreed).collect();
        Ok(())
    }
}

/// Orders that were first sent at this moment or before it are past their window, by the later of local
/// and signed time.
fn past_window(session: &mut Session) -> Result<WallMs, Failure> {
    let now = session.clock.wall();
    let latest = at_hand(&mut session.ledger)?.latest_signed_at()?;
    let latest = latest.map_or(now, |at| at.max(now));
    Ok(latest.plus_ms(-WINDOW_MS))
}

/// A query for it has left the house, as far as is known.
fn left(compared: &Compared) -> bool {
    let not_sent = |facts: &ReplyFacts| facts.trust == Trust::NotSent;
    let asked = compared.asked.as_ref();
    asked.is_some_and(|asked| !asked.facts.as_ref().is_some_and(not_sent))
}

/// What the orders add up to.
struct Tally {
    /// The last attempt before all of it.
    before: AttemptId,
    /// Orders first sent then, or before, are past their window.
    past: WallMs,
    /// Not all of them were asked for.
    stopped: bool,
    agreed: BTreeMap<&'static str, u64>,
    settled: u64,
    open: u64,
}

impl Tally {
    fn add(&mut self, compared: &Compared, paper: &mut Paper) -> io::Result<()> {
        let standing = compared.job.standing;
        let settled = standing.state.is_final() && compared.shown > Some(self.before);
        self.settled += u64::from(settled);
        let next = NextAction::shown(standing.state, standing.proof_runs, standing.resolved);
        self.open += u64::from(next == NextAction::RunAgain);
        let past = standing.first_sent_at.is_some_and(|at| at <= self.past);
        let found = compare(compared, may_be_queried(standing, past));
        if found.is_empty() {
            let status = Status::shown(standing.state, standing.resolved);
            *self.agreed.entry(status.as_str()).or_default() += 1;
        }
        for difference in found {
            // Of a run that was stopped, what it did not come to is counted and not listed.
            let not_asked = difference.kind == Kind::NotAnswered && !left(compared);
            match self.stopped && not_asked {
                true => paper.count(difference.kind),
                false => paper.add(&difference)?,
            }
        }
        Ok(())
    }
}
