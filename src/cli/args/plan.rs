//! What can be typed of plans: making one, and approving it.

use std::path::PathBuf;

use clap::Args;

use super::{ExpectArgs, FileArgs, Where};
use crate::ledger::{Person, PlanId};

/// `levy plan`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy plan night.csv                      what it would do, stored under a number
  levy plan night.csv --expect-rows 120 --expect-amount 4567890 --by 'Li Wei'
  levy approve 3 --by 'Wang Fang'          somebody else has looked at it
  levy run --plan 3 --yes                  exactly that, or nothing

Reads and checks the file as `levy run` would, beside what the ledger knows; takes nothing in and
sends nothing. The same file again, with the same outcome, is the same plan. Ends in 0 if every row
would be sent or is known already, 3 if some need a person (the plan is stored all the same).")]
pub struct PlanArgs {
    /// The file, .csv or .xlsx.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Who makes the plan; the user's name (USER) unless given.
    #[arg(long, value_name = "NAME", value_parser = Person::parse)]
    pub by: Option<Person>,
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Print the plan as JSON on stdout.
    #[arg(long)]
    pub json: bool,
    /// Print faults alone, and the plan's number.
    #[arg(long)]
    pub quiet: bool,
    /// The ledger of the gateway in a box, beside the file.
    #[arg(long)]
    pub sandbox: bool,
    /// How the file is read and taken in; part of the plan, so that `levy run` takes it from there.
    #[command(flatten)]
    pub taking: FileArgs,
    /// What it must add up to.
    #[command(flatten)]
    pub expect: ExpectArgs,
}

/// `levy approve`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy status                              which plans wait
  levy approve 3 --by 'Wang Fang'          plan 3, that somebody else has made
  levy run night.csv --yes                 from then on: from cron, or `levy run --plan 3`

Takes no lock: it may be used while a run is going on. `levy run --plan 3 --approved-by NAME`
approves and runs at once. What was approved stands in the journal and is never taken back; a
plan that no longer fits is not run.")]
pub struct ApproveArgs {
    /// The plan.
    #[arg(value_name = "ID", value_parser = id)]
    pub plan: PlanId,
    /// Who approves it; not who made it.
    #[arg(long, value_name = "NAME", value_parser = Person::parse)]
    pub by: Person,
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Print the plan as JSON on stdout.
    #[arg(long)]
    pub json: bool,
    /// Say nothing if all goes well.
    #[arg(long)]
    pub quiet: bool,
    /// The ledger of the gateway in a box, here.
    #[arg(long)]
    pub sandbox: bool,
}

/// A plan's number.
pub(super) fn id(text: &str) -> Result<PlanId, String> {
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    let id = plain.then(|| text.parse().ok()).flatten();
    let id = id.filter(|id| *id > 0);
    id.map(PlanId)
        .ok_or_else(|| "must be a plan's number, as `levy plan` and `levy status` tell it".into())
}
