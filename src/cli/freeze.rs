//! `levy freeze` and `levy unfreeze`: stop all sending on a ledger, and allow it again.
//!
//! They take no lock: a run that is going on is what is to be stopped.

use super::args::{FreezeArgs, UnfreezeArgs, Where};
use super::failure::{Exit, Failure};
use super::store::Store;
use crate::clock::{Clock, SystemClock};
use crate::ledger::{Decision, Ledger, Person, Words};
use crate::report::progress::say;

/// Stops all sending.
pub fn freeze(args: &FreezeArgs) -> Result<Exit, Failure> {
    let decision = Decision::Freeze {
        by: person(&args.by)?,
        reason: Words::parse(&args.reason)
            .map_err(|fault| Failure::Usage(format!("--reason {fault}")))?,
    };
    decide(&args.at, args.sandbox, &decision)?;
    if !args.quiet {
        say(
            "frozen: nothing is sent on this ledger until `levy unfreeze`. What was on the wire is \
             still recorded when it comes",
        );
    }
    Ok(Exit::Done)
}

/// Lets it send again.
pub fn unfreeze(args: &UnfreezeArgs) -> Result<Exit, Failure> {
    let by = person(&args.by)?;
    decide(&args.at, args.sandbox, &Decision::Unfreeze { by })?;
    if !args.quiet {
        say("no longer frozen: the next run sends again");
    }
    Ok(Exit::Done)
}

fn decide(at: &Where, sandbox: bool, decision: &Decision) -> Result<(), Failure> {
    let store = Store::here(at, sandbox)?;
    let mut ledger = store.open_beside_a_run()?;
    ledger.decide(decision, SystemClock::default().wall())?;
    Ok(())
}

/// A name that was given with `--by`.
pub fn person(text: &str) -> Result<Person, Failure> {
    Person::parse(text).map_err(|fault| Failure::Usage(format!("--by {fault}")))
}

/// A frozen ledger begins no run: nothing of it was begun (exit 2).
pub fn refuse_frozen(ledger: &mut dyn Ledger) -> Result<(), Failure> {
    match ledger.frozen()? {
        None => Ok(()),
        Some(frozen) => Err(Failure::Usage(format!(
            "{frozen}. Nothing was begun; `levy unfreeze --by NAME` lets it send again"
        ))),
    }
}
