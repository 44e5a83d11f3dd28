//! `levy reconcile`: does the gateway, or a list, say what the ledger says?

use super::against::against;
use super::args::ReconcileArgs;
use super::failure::{Exit, Failure};
use crate::report::progress::say;

/// Reconciles, and tells what came of it.
pub fn reconcile(args: &ReconcileArgs) -> Exit {
    let done = match &args.against {
        Some(list) => against(args, list),
        None => gateway(args),
    };
    done.unwrap_or_else(|failure| {
        say(&format!("error: {failure}"));
        failure.exit()
    })
}

/// The gateway is asked.
fn gateway(_: &ReconcileArgs) -> Result<Exit, Failure> {
    Err(Failure::Usage("reconcile is not there yet".into()))
}
