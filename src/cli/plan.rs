//! `levy plan` and `levy approve`: what a file would do is stored, and somebody else says yes to
//! exactly that.
//!
//! Planning takes the run's lock, since a run would have to wait for it otherwise; approving takes
//! none, as other decisions.

use std::path::Path;

use serde_json::Value;
use tokio::sync::watch;

use super::args::{ApproveArgs, PlanArgs, Where};
use super::failure::{Exit, Failure};
use super::run_file::{Desk, expected, terms};
use super::session::make_directory;
use super::status::print;
use super::store::{SANDBOX_DIR, Store, sandbox_beside};
use crate::batch::{Encoding, digest_of};
use crate::clock::{Clock, SystemClock};
use crate::ledger::{Address, Decision, FilePlan, Ledger, NewPlan, Person, PlanKey};
use crate::report::plan as report;
use crate::report::progress::say;
use crate::worker::intake::{Terms, stage};

/// Stores what the file would do.
pub fn plan(args: &PlanArgs) -> Result<Exit, Failure> {
    let by = match &args.by {
        Some(by) => by.clone(),
        None => user()?,
    };
    let expected = expected(&args.file, &args.expect)?;
    let digest = digest_of(&args.file)?;
    let store = match args.sandbox {
        true => {
            let dir = sandbox_beside(&args.file);
            if args.at.ledger.is_none() {
                make_directory(&dir)?;
            }
            Store::sandbox(&args.at, &dir)?
        }
        false => Store::real(&args.at)?,
    };
    let _hold = store.hold()?;
    let mut ledger = store.open(args.sandbox)?;
    let now = SystemClock::default().wall();
    let terms = Terms {
        expected,
        ..terms(args.taking, &store.config, store.environment, now)
    };
    let before = ledger.find_plan(PlanKey::File(&digest))?;
    let made = planned(&mut *ledger, args, digest, &by, &terms);
    // The next to stage clears it too; a second failure would hide the first.
    let _ = ledger.stage_clear();
    let plan = made?;
    if let Some(before) = before.filter(|_| !args.quiet) {
        let id = before.id;
        match id == plan.id {
            true => say(&format!("this is plan {id} already; it still fits")),
            false => say(&format!(
                "plan {id} of this file no longer fits: plan {} replaces it",
                plan.id
            )),
        }
    }
    let accepted = &plan.outcome.accepted;
    let clean = accepted.invalid == 0 && accepted.conflicts == 0 && accepted.held == 0;
    let exit = if clean { Exit::Done } else { Exit::NeedsPerson };
    let required = store.config.require_approval;
    let next = next(
        &plan,
        required,
        &options(&args.at, args.sandbox, &store.address),
    );
    tell(&plan, Some(&next), args.json, args.quiet, exit);
    Ok(exit)
}

fn planned(
    ledger: &mut dyn Ledger,
    args: &PlanArgs,
    digest: [u8; 32],
    by: &Person,
    terms: &Terms,
) -> Result<FilePlan, Failure> {
    let (_running, stop) = watch::channel(false);
    let mut desk = Desk::new(&args.file, stop);
    ledger.stage_clear()?;
    let staged = stage(ledger, &args.file, Some(digest), terms, &mut desk)?;
    desk.conclude();
    for warning in &staged.warnings {
        say(&format!("{}: warning: {warning}", desk.name));
    }
    let path = std::path::absolute(&args.file).ok();
    let new = NewPlan {
        head: &staged.head,
        path: path.as_deref().and_then(Path::to_str),
        by,
        encoding: terms.rules.encoding.map(Encoding::as_str),
        accept_digits: terms.rules.accept_digits,
    };
    Ok(ledger.plan(&new, terms.at, terms.hold_days)?)
}

/// Says yes to a plan that somebody else has made.
pub fn approve(args: &ApproveArgs) -> Result<Exit, Failure> {
    let store = Store::here(&args.at, args.sandbox)?;
    let mut ledger = store.open_beside_a_run()?;
    let decision = Decision::Approve {
        plan: args.plan,
        by: args.by.clone(),
    };
    ledger.decide(&decision, SystemClock::default().wall())?;
    if let Some(plan) = ledger.find_plan(PlanKey::Id(args.plan))? {
        let options = options(&args.at, args.sandbox, &store.address);
        let next = next(&plan, store.config.require_approval, &options);
        match args.quiet && !args.json {
            true => {}
            false => tell(&plan, Some(&next), args.json, args.quiet, Exit::Done),
        }
    }
    Ok(Exit::Done)
}

/// Who runs levy, by the environment's word.
fn user() -> Result<Person, Failure> {
    let name = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    let name = name.ok_or_else(|| {
        Failure::Usage("who makes the plan is not known here: give --by NAME".into())
    })?;
    Person::parse(&name).map_err(|fault| Failure::Usage(format!("USER {fault}: give --by NAME")))
}

/// The options that lead to the same ledger again, wherever its file lies.
pub fn options(at: &Where, sandbox: bool, address: &Address) -> String {
    let mut text = String::new();
    if let Some(config) = &at.config {
        text.push_str(&format!(" --config {}", config.display()));
    }
    // The ledger of the box of another directory is found by its name alone.
    let real = |path: &Path| path.canonicalize().ok();
    let directory = address.file().and_then(Path::parent);
    let elsewhere = sandbox && directory.and_then(real) != real(Path::new(SANDBOX_DIR));
    if at.ledger.is_some() || elsewhere {
        text.push_str(&format!(" --ledger {}", address.option()));
    }
    if sandbox {
        text.push_str(" --sandbox");
    }
    text
}

fn next(plan: &FilePlan, required: bool, options: &str) -> String {
    let id = plan.id;
    match (required, &plan.approval) {
        (_, Some(_)) | (false, None) => format!("`levy run --plan {id}{options}`"),
        (true, None) => format!(
            "somebody other than {} looks at it: `levy approve {id} --by NAME{options}`, then `levy \
             run --plan {id}{options}`",
            plan.made_by
        ),
    }
}

fn tell(plan: &FilePlan, next: Option<&str>, json: bool, quiet: bool, exit: Exit) {
    match (json, quiet) {
        (true, _) => {
            let mut object = report::json(plan);
            if let Value::Object(object) = &mut object {
                object.insert("next".into(), next.into());
                object.insert("exit_code".into(), exit.code().into());
            }
            print(&object.to_string());
        }
        (false, true) => print(&format!("plan {}", plan.id)),
        (false, false) => {
            let mut text = report::human(plan);
            if let Some(next) = next {
                text.push_str(&format!("next: {next}\n"));
            }
            print(&text);
        }
    }
}
