//! `levy work`: drives what was handed over on a shared ledger, beside other hosts.

use super::approval;
use super::args::WorkArgs;
use super::drive::{Driver, at_hand};
use super::export::sandbox_directory;
use super::failure::{Exit, Failure};
use super::herald::Herald;
use super::resume::summed_up;
use super::run::{Told, until};
use super::run_file::Ended;
use super::session::Session;
use super::store::Store;
use crate::clock::Clock;
use crate::ledger::{Handed, Ledger, Scope};
use crate::report::progress::say;
use crate::report::summary::{grouped, orders};
use crate::worker::Term;

/// Works, and tells what became of it.
pub fn work(args: &WorkArgs) -> Exit {
    let mut herald = Herald::begin("work", &args.drive);
    let started_at = herald.started_at();
    let opened = open(args);
    let (mut session, mut driver) = match opened {
        Ok(opened) => opened,
        Err(failure) => return herald.refuse(&[None], &failure),
    };
    if args.forever {
        driver.pulse = store(args).ok().and_then(|store| herald.pulse(store));
    }
    let mut ended = Ended::new();
    if let Err(failure) = worked(args, &mut driver, &mut session, &mut ended) {
        ended.fail(failure);
    }
    driver.pulse = None;
    let told = Told {
        file: None,
        place: None,
        started_at,
        finished_at: session.clock.wall(),
    };
    herald.tell(&told, &ended);
    let exit = herald.end(ended.exit, Some(&mut session));
    session.close();
    exit
}

fn open(args: &WorkArgs) -> Result<(Session, Driver<'_>), Failure> {
    let session = Session::open(&args.drive, false, &sandbox_directory(""))?;
    if !session.is_shared() {
        return Err(Failure::Usage(format!(
            "{}: is a file, which one process at a time works on: `levy run FILE` and `levy resume` do. \
             `levy ledger move` brings it to a server",
            session.address
        )));
    }
    let driver = Driver {
        args: &args.drive,
        first: None,
        until: until(args.until)?,
        limit: None,
        pulse: None,
    };
    Ok((session, driver))
}

/// The ledger once more, for who looks at it while this works.
fn store(args: &WorkArgs) -> Result<Store, Failure> {
    match args.drive.sandbox {
        true => Store::sandbox(&args.drive.at, &sandbox_directory("")),
        false => Store::real(&args.drive.at),
    }
}

fn worked(
    args: &WorkArgs,
    driver: &mut Driver<'_>,
    session: &mut Session,
    ended: &mut Ended,
) -> Result<(), Failure> {
    let before = at_hand(&mut session.ledger)?.last_attempt()?;
    let term = match args.forever {
        true => Term::ForEver,
        false => Term::Once,
    };
    let scope = Scope::Shared(match session.config.require_approval {
        true => Handed::Approved,
        false => Handed::All,
    });
    let work = driver.work(session, scope)?;
    let asks = term == Term::ForEver || !driver.idle(work);
    let words = |_: &mut dyn Ledger| {
        let more = match term {
            Term::ForEver => ", and whatever is handed over from now on",
            Term::Once => "",
        };
        Ok(format!(
            "{} that were handed over and never sent, {} open{more}.",
            orders(work.pending),
            grouped(work.open)
        ))
    };
    if asks && !driver.may_send(session, words)? {
        say("nothing was sent");
    } else {
        if term == Term::ForEver {
            if let Err(left) = approval::nothing_left(session) {
                say(&left.to_string());
            }
            driver.note(&format!(
                "{}: works until a signal comes (Ctrl-C)",
                session.address
            ));
        }
        ended.report = driver.go_on(session, scope, term)?;
        ended.take_alerts();
    }
    summed_up(session, before, ended)?;
    approval::nothing_left(session)
}
