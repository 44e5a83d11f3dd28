//! `levy resolve`: what two people found out elsewhere about an order that was sent.

use super::args::ResolveArgs;
use super::failure::{Exit, Failure};
use super::freeze::person;
use super::store::Store;
use crate::clock::{Clock, SystemClock};
use crate::ledger::{Decision, TwoPeople, Words};
use crate::order::{OrderNo, Resolution};
use crate::report::progress::say;

/// Writes it into the journal.
pub fn resolve(args: &ResolveArgs) -> Result<Exit, Failure> {
    let usage = |words: String| Failure::Usage(words);
    let no = OrderNo::parse(&args.no).map_err(|fault| usage(format!("{}: {fault}", args.no)))?;
    let [first, second] = args.by.as_slice() else {
        return Err(usage("--by: two different people are needed".into()));
    };
    let by = TwoPeople::new(person(first)?, person(second)?)
        .map_err(|fault| usage(format!("--by: {fault}")))?;
    let evidence =
        Words::parse(&args.evidence).map_err(|fault| usage(format!("--evidence {fault}")))?;
    let store = Store::here(&args.at, args.sandbox)?;
    // What a run has on the wire at this moment is not settled behind its back, nor it behind theirs.
    let _hold = store.hold()?;
    let mut ledger = store.open(false)?;
    let resolution = args.outcome.resolution();
    let decision = Decision::Resolve {
        no,
        resolution,
        by,
        evidence,
    };
    let decided = ledger.decide(&decision, SystemClock::default().wall())?;
    if !args.quiet {
        say(&format!("{}: {decided}", args.no));
        say(match resolution {
            Resolution::Success => {
                "no run sends it any more; a verified reply that says otherwise wins, with an alert"
            }
            Resolution::Failed => {
                "no run sends it any more; `levy rerun` may give it a new number once 31 days have \
                 passed since its first send (`levy show` says when)"
            }
        });
    }
    Ok(Exit::Done)
}
