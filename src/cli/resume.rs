//! `levy resume`: what was sent is brought to its end, without a file.

use std::path::{Path, PathBuf};

use super::approval;
use super::args::ResumeArgs;
use super::drive::{Driver, Hands, at_hand, expiring};
use super::export::sandbox_directory;
use super::failure::{Exit, Failure};
use super::herald::{Herald, overview_of};
use super::run::{Told, driver};
use super::run_file::{Ended, afterwards};
use super::session::Session;
use super::target::{self, Found};
use crate::clock::Clock;
use crate::ledger::{AttemptId, Ledger, Scope, Unsent};
use crate::report::progress::say;
use crate::report::result::Place;
use crate::report::summary::{grouped, orders, table};
use crate::worker::errand::{self, Outcome};

/// Resumes, and tells what became of it.
pub fn resume(args: &ResumeArgs) -> Exit {
    let mut herald = Herald::begin("resume", &args.drive);
    let started_at = herald.started_at();
    let (mut session, opened) = match open(args) {
        Ok(opened) => opened,
        Err(failure) => return herald.refuse(&[None], &failure),
    };
    let Opened {
        mut driver,
        found,
        place,
    } = opened;
    let mut ended = Ended::new();
    let done = match &found {
        Some(found) => batch(&mut driver, &mut session, found, &mut ended),
        None => everything(&mut driver, &mut session, &mut ended),
    };
    if let Err(failure) = done {
        ended.fail(failure);
    }
    if let Some(found) = found {
        afterwards(&mut session, &found.batch, place.as_ref(), &mut ended);
        ended.batch = Some(found.batch);
    }
    let told = Told {
        file: None,
        place: place.as_ref(),
        started_at,
        finished_at: session.clock.wall(),
    };
    herald.tell(&told, &ended);
    let exit = herald.end(ended.exit, Some(&mut session));
    session.close();
    exit
}

struct Opened<'a> {
    driver: Driver<'a>,
    found: Option<Found>,
    place: Option<Place>,
}

fn open(args: &ResumeArgs) -> Result<(Session, Opened<'_>), Failure> {
    if args.batch.is_none() && args.first.limit.is_some() {
        let words = "--limit counts orders that were never sent: it needs --batch";
        return Err(Failure::Usage(words.into()));
    }
    let dir = args.batch.as_deref().map_or_else(here, sandbox_directory);
    let mut session = Session::open(&args.drive, false, &dir)?;
    let driver = driver(&args.drive, &args.first)?;
    let found = match &args.batch {
        Some(text) => Some(target::batch(at_hand(&mut session.ledger)?, text)?),
        None => None,
    };
    let place = match &args.out {
        Some(out) => {
            let mut taken: Vec<&Path> = session.address.file().into_iter().collect();
            taken.extend(session.config.file.as_deref());
            taken.extend(found.iter().filter_map(|found| found.input.as_deref()));
            let place = Place::look(out, &taken)?.styled(args.result.style(session.config.result));
            if let Some(found) = &found {
                place.hold(found.batch.rows)?;
            }
            Some(place)
        }
        None => None,
    };
    driver.release(&mut session)?;
    let opened = Opened {
        driver,
        found,
        place,
    };
    Ok((session, opened))
}

fn here() -> PathBuf {
    sandbox_directory("")
}

/// One batch, as its own file would do it.
fn batch(
    driver: &mut Driver<'_>,
    session: &mut Session,
    found: &Found,
    ended: &mut Ended,
) -> Result<(), Failure> {
    let approved = approval::may_go_on(session, &found.batch);
    let scope = match &approved {
        Ok(()) => Scope::Batch(found.batch.id),
        // What was sent comes to its end whoever approved it.
        Err(_) => {
            driver.take_back(session, found.batch.id)?;
            Scope::OpenOf(found.batch.id, Unsent::Reissues)
        }
    };
    let work = driver.work(session, scope)?;
    if driver.idle(work) {
        return approved;
    }
    let words = |ledger: &mut dyn Ledger| {
        let totals = ledger.totals(found.batch.id)?;
        Ok(format!(
            "{}\n{} never sent, {} open.",
            table(&totals).trim_end(),
            orders(work.pending),
            grouped(work.open)
        ))
    };
    if !driver.may_send(session, words)? {
        driver.take_back(session, found.batch.id)?;
        say("nothing was sent");
        return approved;
    }
    driver.hand_over(session, scope)?;
    ended.report = driver.go(session, scope)?;
    ended.take_alerts();
    approved
}

/// Every open order of the ledger: those near the end of their window in a first run.
fn everything(
    driver: &mut Driver<'_>,
    session: &mut Session,
    ended: &mut Ended,
) -> Result<(), Failure> {
    let before = at_hand(&mut session.ledger)?.last_attempt()?;
    let work = driver.work(session, Scope::Open)?;
    let words = |_: &mut dyn Ledger| Ok(format!("{} open, in all batches.", orders(work.open)));
    if !driver.idle(work) && !driver.may_send(session, words)? {
        say("nothing was sent");
    } else {
        let mut outcome = Outcome::default();
        let mut hands = Hands {
            driver: &mut *driver,
            session: &mut *session,
        };
        let done = errand::resume(&mut hands, &mut outcome);
        ended.report = outcome.report;
        done?;
        ended.take_alerts();
    }
    summed_up(session, before, ended)?;
    let overview = overview_of(at_hand(&mut session.ledger)?);
    ended.never_sent = overview.map(|overview| overview.never_sent());
    Ok(())
}

/// What became of all that was asked for after an attempt, or is open, whatever batch it is of.
pub fn summed_up(
    session: &mut Session,
    before: AttemptId,
    ended: &mut Ended,
) -> Result<(), Failure> {
    let now = session.clock.wall();
    let ledger = at_hand(&mut session.ledger)?;
    let totals = ledger.totals_since(before)?;
    let exit = Exit::of_run(&totals, ended.report.as_ref(), ended.alerts.len());
    ended.exit = ended.exit.worse(exit);
    ended.totals = Some(totals);
    ended.journal_head = Some(ledger.journal_head()?);
    ended.expiring = Some(expiring(ledger, now)?);
    Ok(())
}
