//! `levy rerun`: what is proven dead is issued again, under new numbers.
//!
//! First what was sent and is open is driven, since a proof that is missing is fetched by that; then
//! everything that is proven dead gets its new order, in the ledger alone; then those are sent. A
//! rerun that was killed in between finds what it had issued, and goes on.

mod plan;

use std::path::{Path, PathBuf};

use super::approval;
use super::args::{OnlyDead, RerunArgs};
use super::drive::{Driver, Hands, at_hand};
use super::export::sandbox_directory;
use super::failure::{Exit, Failure};
use super::herald::Herald;
use super::run::{Told, driver, refuse};
use super::run_file::{Ended, afterwards, taken_in, terms};
use super::session::Session;
use super::target;
use crate::batch::{ControlTotals, Reader, Rules};
use crate::clock::{Clock, SystemClock};
use crate::ledger::{
    Batch, Ledger, LedgerResult, Only, Rehearsal, RehearsedOf, Rerun, Totals, Unsent,
};
use crate::order::Status;
use crate::report::progress::say;
use crate::report::result::{self, Place};
use crate::report::summary::{grouped, orders, rows as counted_rows, table};
use crate::worker::errand::{self, Again, Outcome};

/// Reruns, or says what a rerun would do.
pub fn rerun(args: &RerunArgs) -> Exit {
    let started_at = SystemClock::default().wall();
    let file = Path::new(&args.target);
    let file = file.is_file().then_some(file);
    if args.dry_run {
        return match plan::plan(args) {
            Ok(exit) => exit,
            Err(failure) => refuse(&args.drive, &[file], &failure, started_at),
        };
    }
    let mut herald = Herald::begin("rerun", &args.drive);
    let (mut session, driver, asked, place) = match open(args) {
        Ok(opened) => opened,
        Err(failure) => return herald.refuse(&[file], &failure),
    };
    let mut ended = Ended::new();
    let mut desk = Desk { args, driver };
    if let Err(failure) = desk.all(&mut session, &asked, &place, &mut ended) {
        ended.fail(failure);
    }
    let known = ended.batch.take();
    if let Some(batch) = &known {
        afterwards(&mut session, batch, Some(&place), &mut ended);
    }
    ended.batch = known;
    let told = Told {
        file,
        place: Some(&place),
        started_at,
        finished_at: session.clock.wall(),
    };
    herald.tell(&told, &ended);
    let exit = herald.end(ended.exit, Some(&mut session));
    session.close();
    exit
}

/// What was asked for.
pub enum Asked {
    /// A batch that the ledger has, and what of its unsent orders goes out.
    Known(Batch, Unsent),
    /// A result that came back, and that is no batch yet.
    CameBack(PathBuf),
}

type Opened<'a> = (Session, Driver<'a>, Asked, Place);

fn open(args: &RerunArgs) -> Result<Opened<'_>, Failure> {
    let dir = sandbox_directory(&args.target);
    let mut session = Session::open(&args.drive, false, &dir)?;
    let driver = driver(&args.drive, &args.first)?;
    let terms = terms(
        args.taking,
        &session.config,
        session.environment,
        session.clock.wall(),
    );
    let asked = asked(at_hand(&mut session.ledger)?, &args.target, terms.rules)?;
    let place = place(
        args,
        &asked,
        session.address.file(),
        session.config.file.as_deref(),
    )?
    .styled(args.result.style(session.config.result));
    driver.release(&mut session)?;
    Ok((session, driver, asked, place))
}

/// A batch by its number, its digest or its file; or a file with levy's columns, which becomes one.
pub fn asked(ledger: &mut dyn Ledger, text: &str, rules: Rules) -> Result<Asked, Failure> {
    let path = Path::new(text);
    let came_back = || Ok::<_, Failure>(Reader::open(path, rules)?.head().returned);
    match target::find(ledger, text)? {
        Some(found) => {
            // A result's changed rows are new deductions of this very file; what another file never
            // sent goes only with that file.
            let unsent = match found.input.is_some() && came_back()? {
                true => Unsent::All,
                false => Unsent::Reissues,
            };
            Ok(Asked::Known(found.batch, unsent))
        }
        None if path.is_file() => match came_back()? {
            true => Ok(Asked::CameBack(path.into())),
            false => Err(Failure::Usage(format!(
                "{text}: no batch of this ledger, and no result: it has none of levy's columns, so \
                 its rows would be new deductions. `levy run {text}` makes them"
            ))),
        },
        None => Err(target::unknown(text)),
    }
}

/// Where the result goes: beside the file that was given, else here under the batch's file's name.
fn place(
    args: &RerunArgs,
    asked: &Asked,
    ledger: Option<&Path>,
    config: Option<&Path>,
) -> Result<Place, Failure> {
    let input = Path::new(&args.target);
    let input = input.is_file().then_some(input);
    let path = match (&args.out, input, asked) {
        (Some(out), _, _) => out.clone(),
        (None, Some(input), _) => result::beside(input),
        (None, None, Asked::Known(batch, _)) => result::beside(Path::new(&batch.head.file)),
        (None, None, Asked::CameBack(file)) => result::beside(file),
    };
    let mut taken: Vec<&Path> = ledger.into_iter().collect();
    taken.extend(config);
    taken.extend(input);
    Ok(Place::look(&path, &taken)?)
}

/// Which dead orders are issued again.
pub fn only(asked: &[OnlyDead]) -> Only {
    let closed = asked.contains(&OnlyDead::Closed);
    let failed = asked.contains(&OnlyDead::Failed);
    match (closed, failed) {
        (true, true) => Only::Dead,
        (true, false) => Only::Closed,
        (false, true) => Only::Failed,
        (false, false) => Only::Neither,
    }
}

/// What is sent in the end.
pub fn second_half(asked: &[OnlyDead], unsent: Unsent) -> Rerun {
    match asked.contains(&OnlyDead::Rejected) {
        true => Rerun::IssuedAndRejected(unsent),
        false => Rerun::Issued(unsent),
    }
}

struct Desk<'a> {
    args: &'a RerunArgs,
    driver: Driver<'a>,
}

impl Desk<'_> {
    fn all(
        &mut self,
        session: &mut Session,
        asked: &Asked,
        place: &Place,
        ended: &mut Ended,
    ) -> Result<(), Failure> {
        let (batch, unsent) = match asked {
            Asked::Known(batch, unsent) => {
                // Reissues move what was approved once, as that deduction.
                if *unsent == Unsent::All
                    && let Err(refused) = approval::may_go_on(session, batch)
                {
                    self.driver.take_back(session, batch.id)?;
                    return Err(refused);
                }
                (batch.clone(), *unsent)
            }
            Asked::CameBack(file) => {
                let batch = taken_in(
                    session,
                    file,
                    self.args.taking,
                    ControlTotals::default(),
                    &self.driver,
                )?;
                (batch, Unsent::All)
            }
        };
        place.hold(batch.rows)?;
        ended.batch = Some(batch.clone());
        let again = Again {
            batch: batch.id,
            only: only(&self.args.only),
            rerun: second_half(&self.args.only, unsent),
        };
        let asked = &self.args.only;
        let sent = again_as_told(&mut self.driver, session, &again, ended, |hands| {
            let totals = at_hand(&mut hands.session.ledger)?.totals(batch.id)?;
            for line in stays(&totals, asked) {
                hands.driver.note(&line);
            }
            Ok(())
        })?;
        if !sent {
            say("nothing was issued again, and nothing was sent");
        }
        Ok(())
    }
}

/// Reruns what the rows of a batch ask for (`levy_reissue`), and sends what of it was never sent: it is
/// run like any file.
pub fn as_asked(
    driver: &mut Driver<'_>,
    session: &mut Session,
    batch: &Batch,
    ended: &mut Ended,
) -> Result<(), Failure> {
    let again = Again {
        batch: batch.id,
        only: Only::Asked,
        rerun: Rerun::Issued(Unsent::All),
    };
    if !again_as_told(driver, session, &again, ended, |_| Ok(()))? {
        say("nothing was sent; `levy cancel` withdraws the batch");
    }
    Ok(())
}

/// Asks, then reruns; whether it was allowed.
fn again_as_told(
    driver: &mut Driver<'_>,
    session: &mut Session,
    again: &Again,
    ended: &mut Ended,
    issued: impl FnOnce(&mut Hands<'_, '_>) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    // What was never sent of it may be everybody's since a run before this one.
    let whole = again.rerun.unsent() == Unsent::All;
    if !may_send(driver, session, again)? {
        if whole {
            driver.take_back(session, again.batch)?;
        }
        return Ok(false);
    }
    if whole && driver.is_cut_short() {
        driver.take_back(session, again.batch)?;
    }
    let mut outcome = Outcome::default();
    let mut hands = Hands { driver, session };
    let done = errand::rerun(&mut hands, again, &mut outcome, issued);
    ended.report = outcome.report;
    ended.reissued = outcome.reissued;
    ended.take_alerts();
    done.map(|()| true)
}

fn may_send(
    driver: &mut Driver<'_>,
    session: &mut Session,
    again: &Again,
) -> Result<bool, Failure> {
    let rehearsal = Rehearsal {
        of: RehearsedOf::Batch(again.batch),
        only: again.only,
        rerun: again.rerun,
        at: session.clock.wall(),
        hold_days: session.config.hold_days,
    };
    let words = |ledger: &mut dyn Ledger| -> LedgerResult<String> {
        let said = ledger.rehearse(&rehearsal, &mut |_| Ok(()))?;
        let pending: u64 = said.lanes.iter().map(|lane| lane.pending).sum();
        let totals = ledger.totals(again.batch)?;
        let mut text = table(&totals);
        text.push_str(&plan::words(&said));
        text.push_str(&format!(
            "{} would be sent now, {} open; what is proven dead on the way is \
             issued again too.",
            orders(pending),
            grouped(said.open)
        ));
        Ok(text)
    };
    driver.may_send(session, words)
}

/// Why rows are not issued again, by status; after the reissues, before they are sent.
fn stays(totals: &Totals, asked: &[OnlyDead]) -> Vec<String> {
    let told = |(status, rows, _): &(Status, u64, u128)| {
        let why = match status {
            Status::Success | Status::Cancelled | Status::Pending => return None,
            Status::Failed if asked.contains(&OnlyDead::Failed) => {
                "replaced, its new number is taken, or people found it out and its old one may still be \
                 used: levy_note says which"
            }
            Status::Closed if asked.contains(&OnlyDead::Closed) => {
                "no verified answer has proven the close yet, or it was replaced: levy_note says which"
            }
            Status::Failed | Status::Closed => "not asked for (--only)",
            Status::Unknown | Status::Processing => {
                "may still deduct: asked for again under its own number"
            }
            Status::Rejected if asked.contains(&OnlyDead::Rejected) => {
                "submitted again under its own number, unless it was replaced or looks like another \
                 order: levy_note says which"
            }
            Status::Rejected => {
                "refused: mend the row; or `--only rejected`, if a setting was the cause"
            }
            Status::Expired => "past its window, and no answer has settled it: a person finds out",
            Status::Held => "looks like another order: `--release NO --by NAME` if it is none",
            Status::Conflict | Status::Invalid => "was never sent: levy_note says why",
        };
        let rows = counted_rows(*rows);
        Some(format!("not issued again: {rows} {status}: {why}"))
    };
    totals.by_status.iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_that_stays_says_why() {
        let totals = Totals {
            by_status: Status::ALL.iter().map(|&s| (s, 2, 0)).collect(),
            ..Totals::default()
        };
        let dead = [OnlyDead::Closed, OnlyDead::Failed];
        let told = stays(&totals, &dead);
        assert_eq!(told.len(), Status::ALL.len() - 3);
        for (asked, status, want) in [
            (&dead[..], "REJECTED", "--only rejected"),
            (&[OnlyDead::Rejected], "REJECTED", "under its own number"),
            (&[OnlyDead::Rejected], "FAILED", "not asked for"),
            (&[OnlyDead::Failed], "CLOSED", "not asked for"),
            (&dead, "CLOSED", "no verified answer"),
            (&dead, "UNKNOWN", "may still deduct"),
            (&dead, "HELD", "--release NO --by NAME"),
        ] {
            let line = stays(&totals, asked)
                .into_iter()
                .find(|line| line.contains(&format!("2 rows {status}: ")));
            assert!(
                line.is_some_and(|line| line.contains(want)),
                "{status} {want}"
            );
        }
    }

    #[test]
    fn what_is_issued_again_is_what_was_asked_for() {
        use OnlyDead::*;
        for (asked, want, rejected) in [
            (&[Closed, Failed][..], Only::Dead, false),
            (&[Closed], Only::Closed, false),
            (&[Failed, Rejected], Only::Failed, true),
            (&[Rejected], Only::Neither, true),
        ] {
            assert_eq!(only(asked), want);
            let half = second_half(asked, Unsent::All);
            assert_eq!(half.sends_rejected(), rejected);
            assert_eq!(half.unsent(), Unsent::All);
        }
    }
}
