//! Whether money may move by what people have planned and approved: one file of questions, asked
//! wherever a file is taken in or what was never sent goes out.
//!
//! With `[batch] require_approval` a new deduction needs a plan that somebody else has approved. What
//! was sent once is never asked about again: it must come to its end.

use std::path::{Path, PathBuf};

use super::args::RunArgs;
use super::drive::at_hand;
use super::failure::Failure;
use super::session::Session;
use super::store::{SANDBOX_DIR, Store};
use crate::batch::digest_of;
use crate::clock::Clock;
use crate::ledger::{
    Admit, Batch, Decision, FilePlan, Ledger, LedgerError, Person, PlanId, PlanKey,
};
use crate::order::OrderNo;
use crate::report::progress::say;

/// Which files a run takes: those that were named, or that of the plan.
pub fn files(args: &RunArgs) -> Result<Vec<PathBuf>, Failure> {
    let Some(id) = args.plan else {
        return Ok(args.files.clone());
    };
    match args.files.as_slice() {
        [_] => return Ok(args.files.clone()),
        [] => {}
        _ => return Err(Failure::Usage("--plan is for one file".into())),
    }
    let at = &args.drive.at;
    let store = match args.drive.sandbox {
        true => Store::sandbox(at, Path::new(SANDBOX_DIR))?,
        false => Store::real(at)?,
    };
    let plan = known(&mut *store.look()?, id)?;
    match plan.path.map(PathBuf::from) {
        Some(path) if path.is_file() => Ok(vec![path]),
        Some(path) => Err(Failure::Usage(format!(
            "plan {id}: its file is no longer at {}: name it, `levy run FILE --plan {id}`",
            path.display()
        ))),
        None => Err(Failure::Usage(format!(
            "plan {id} could not write down where {} lies: name it, `levy run FILE --plan {id}`",
            plan.file
        ))),
    }
}

/// Binds the session to the plan that was named, and writes down who approves it.
pub fn take(session: &mut Session, args: &RunArgs, files: &[PathBuf]) -> Result<(), Failure> {
    let (Some(id), [file]) = (args.plan, files) else {
        return Ok(());
    };
    let at = session.clock.wall();
    let ledger = at_hand(&mut session.ledger)?;
    let plan = known(ledger, id)?;
    let digest = digest_of(file)?;
    if digest != plan.digest {
        return Err(Failure::Usage(format!(
            "{}: its bytes are not those that plan {id} was made of ({}, by {}): nothing was sent. \
             Give that file, or plan this one: `levy plan {}`",
            file.display(),
            plan.file,
            plan.made_by,
            file.display()
        )));
    }
    session.plan = Some(id);
    let batch = ledger.find_batch(&digest)?;
    if let Some(batch) = batch {
        // Run already: the same command continues it.
        return match plan.batch == Some(batch.id) {
            true => Ok(()),
            false => Err(Failure::Usage(format!(
                "{}: is batch {} already, and that was not run by plan {id}: `levy run {}` continues \
                 it",
                file.display(),
                batch.id,
                file.display()
            ))),
        };
    }
    match (&args.approved_by, &plan.approval) {
        (None, _) => Ok(()),
        (Some(by), None) => {
            let by = by.clone();
            ledger.decide(&Decision::Approve { plan: id, by }, at)?;
            Ok(())
        }
        (Some(by), Some(approval)) => {
            if !one_person(by, &approval.by) && !args.drive.quiet {
                say(&format!(
                    "plan {id} was approved already, by {}",
                    approval.by
                ));
            }
            Ok(())
        }
    }
}

/// Whether the file with these bytes, which is no batch yet, may become one.
pub fn approved(session: &mut Session, digest: &[u8; 32]) -> Result<Admit, Failure> {
    let required = session.config.require_approval;
    let key = match session.plan {
        Some(id) => PlanKey::Id(id),
        None if required => PlanKey::File(digest),
        None => return Ok(Admit::Any),
    };
    let plan = at_hand(&mut session.ledger)?.find_plan(key)?;
    Ok(match plan {
        Some(plan) if !required || plan.approval.is_some() => Admit::Planned(plan.id),
        Some(_) | None => Admit::NothingNew,
    })
}

/// A refusal for want of an approved plan says how to come by one.
pub fn next_step(
    session: &mut Session,
    file: &Path,
    digest: &[u8; 32],
    admit: Admit,
    failure: Failure,
) -> Failure {
    let words = match (admit, &failure) {
        (Admit::NothingNew, Failure::Ledger(LedgerError::Refused(words))) => words,
        _ => return failure,
    };
    let file = file.display();
    let plan = at_hand(&mut session.ledger).and_then(|ledger| {
        let plan = ledger.find_plan(PlanKey::File(digest))?;
        Ok(plan)
    });
    Failure::Unapproved(match plan {
        Ok(Some(plan)) => format!(
            "{words}. Plan {id} by {} waits: `levy approve {id} --by NAME`, by somebody else, then \
             this command again",
            plan.made_by,
            id = plan.id
        ),
        Ok(None) | Err(_) => format!(
            "{words}. `levy plan {file}` makes a plan, `levy approve ID --by NAME` approves it, by \
             somebody else; then this command again"
        ),
    })
}

/// Whether a batch's orders that were never sent may go out.
pub fn may_go_on(session: &mut Session, batch: &Batch) -> Result<(), Failure> {
    if !session.config.require_approval {
        return Ok(());
    }
    match at_hand(&mut session.ledger)?.unapproved(batch.id)? {
        0 => Ok(()),
        orders => Err(Failure::Unapproved(format!(
            "batch {id} ({}) was taken in without an approved plan, and {orders} of its orders were \
             never sent: they are not sent. What was sent goes on. `levy cancel {id}` withdraws the \
             others (what is to be deducted after all goes into a planned file, under numbers of its \
             own)",
            batch.head.file,
            id = batch.id
        ))),
    }
}

/// Whether this person may release these orders: who planned to hold them may not.
pub fn may_release(session: &mut Session, numbers: &[OrderNo], by: &Person) -> Result<(), Failure> {
    if !session.config.require_approval {
        return Ok(());
    }
    let ledger = at_hand(&mut session.ledger)?;
    for no in numbers {
        if let Some(plan) = ledger.find_plan(PlanKey::Order(no))?
            && one_person(by, &plan.made_by)
        {
            return Err(Failure::Usage(format!(
                "{no} is not released: {} made plan {} that it came in by, and somebody else \
                 releases what it holds",
                plan.made_by, plan.id
            )));
        }
    }
    Ok(())
}

/// A plan that must be there.
fn known(ledger: &mut dyn Ledger, id: PlanId) -> Result<FilePlan, Failure> {
    ledger.find_plan(PlanKey::Id(id))?.ok_or_else(|| {
        Failure::Usage(format!(
            "this ledger has no plan {id}: `levy status` lists those that wait"
        ))
    })
}

fn one_person(by: &Person, other: &str) -> bool {
    Person::parse(other).is_ok_and(|other| by.is(&other))
}
