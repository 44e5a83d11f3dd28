//! Whether money may move by what people have planned and approved: one file of questions, asked
//! wherever a file is taken in or what was never sent goes out.
//!
//! With `[batch] require_approval` a new deduction needs a plan that somebody else has approved. What
//! was sent once is never asked about again: it must come to its end.

use std::path::{Path, PathBuf};

use super::args::{FileArgs, RunArgs};
use super::config::Config;
use super::drive::at_hand;
use super::failure::Failure;
use super::freeze::person;
use super::session::Session;
use super::store::{SANDBOX_DIR, Store};
use crate::batch::{Encoding, digest_of};
use crate::clock::Clock;
use crate::ledger::{
    Admit, Batch, BatchId, By, Decision, FilePlan, Ledger, LedgerError, LedgerResult, Person,
    PlanId, PlanKey, TwoPeople,
};
use crate::order::OrderNo;
use crate::report::progress::say;
use crate::report::summary::orders;

/// Batches that are named where what no plan allows is left.
const LEFT_NAMED_MAX: usize = 5;

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
        // Nothing new needs no approval; that it was run by its plan is written down all the same.
        Some(plan) if session.plan.is_some() && plan.outcome.accepted.orders == 0 => {
            Admit::Planned(plan.id)
        }
        Some(_) | None => Admit::NothingNew,
    })
}

/// How the file of a plan is read and taken in: as it was planned, whatever is typed or set today.
pub fn as_planned(
    session: &mut Session,
    admit: Admit,
    typed: FileArgs,
) -> Result<FileArgs, Failure> {
    let Admit::Planned(id) = admit else {
        return Ok(typed);
    };
    let planned = known(at_hand(&mut session.ledger)?, id)?.reading;
    let other = |option: String| {
        Failure::Unapproved(format!(
            "plan {id} was made with {planned}, and {option} was typed: leave that out, or plan the file \
             again with it"
        ))
    };
    if let (Some(typed), Some(days)) = (typed.hold_days, planned.hold_days)
        && typed != days
    {
        return Err(other(format!("--hold-days {typed}")));
    }
    if let Some(encoding) = typed.encoding
        && planned.encoding.as_deref() != Some(encoding.as_str())
    {
        return Err(other(format!("--encoding {encoding}")));
    }
    if typed.accept_digits && !planned.accept_digits {
        return Err(other("--accept-digits".into()));
    }
    Ok(FileArgs {
        encoding: planned.encoding.as_deref().and_then(Encoding::from_word),
        accept_digits: planned.accept_digits,
        hold_days: planned.hold_days.or(typed.hold_days),
    })
}

/// A refusal for want of a plan that is approved and fits says how to come by one. `options` lead to
/// the ledger.
pub fn next_step(
    session: &mut Session,
    file: &Path,
    digest: &[u8; 32],
    admit: Admit,
    failure: Failure,
    options: &str,
) -> Failure {
    let words = match (admit, &failure) {
        (Admit::NothingNew | Admit::Planned(_), Failure::Ledger(LedgerError::Refused(words))) => {
            words
        }
        _ => return failure,
    };
    let plan = at_hand(&mut session.ledger).and_then(|ledger| {
        let plan = ledger.find_plan(PlanKey::File(digest))?;
        Ok(plan)
    });
    let newest = plan.ok().flatten();
    // The command names a plan: that of the newest is another one.
    let again = match session.plan {
        Some(named) => {
            let id = newest.as_ref().map_or(named, |plan| plan.id);
            format!("`levy run --plan {id}{options}`")
        }
        None => "this command again".into(),
    };
    let file = file.display();
    Failure::Unapproved(match newest {
        Some(FilePlan {
            id,
            approval,
            made_by,
            ..
        }) if admit != Admit::Planned(id) => match approval {
            None => format!(
                "{words}. Plan {id} by {made_by} waits: `levy approve {id} --by NAME{options}`, by \
                     somebody else, then {again}"
            ),
            Some(approval) => {
                format!(
                    "{words}. Plan {id} is approved, by {}: {again}",
                    approval.by
                )
            }
        },
        // The newest one is that which does not fit.
        Some(FilePlan { reading, .. }) => format!(
            "{words}: `levy plan {file} {reading}{options}` makes a new one, `levy approve ID --by \
             NAME{options}` approves it, by somebody else; then run that"
        ),
        None => format!(
            "{words}. `levy plan {file}{options}` makes a plan, `levy approve ID --by NAME{options}` \
             approves it, by somebody else; then {again}"
        ),
    })
}

/// What a file that is only looked at needs before it is run, where approval is required; `ledger` is
/// none if there is none yet.
pub fn standing(
    ledger: Option<&mut dyn Ledger>,
    file: &Path,
    digest: &[u8; 32],
    options: &str,
) -> LedgerResult<String> {
    let (plan, batch) = match ledger {
        Some(ledger) => {
            let batch = ledger.find_batch(digest)?;
            let left = match &batch {
                Some(batch) => ledger.unapproved(batch.id)?,
                None => 0,
            };
            (
                ledger.find_plan(PlanKey::File(digest))?,
                batch.map(|batch| (batch.id, left)),
            )
        }
        None => (None, None),
    };
    let file = file.display();
    Ok(match (batch, plan) {
        (Some((batch, 0)), _) => format!("batch {batch} needs no approval any more"),
        (Some((batch, left)), _) => format!(
            "no approved plan allows what of batch {batch} was never sent, {}: `levy cancel \
             {batch}{options}` withdraws them",
            orders(left)
        ),
        (
            None,
            Some(FilePlan {
                id,
                approval: Some(approval),
                ..
            }),
        ) => format!(
            "it has an approved plan: plan {id}, approved by {}; `levy run --plan {id}{options}` runs it, \
             if it still fits",
            approval.by
        ),
        (None, Some(FilePlan { id, made_by, .. })) => format!(
            "it needs an approved plan: plan {id} by {made_by} waits for `levy approve {id} --by \
             NAME{options}`, by somebody else"
        ),
        (None, None) => format!(
            "it needs an approved plan, and has none: `levy plan {file}{options}` makes one (a file \
             without new deductions needs none)"
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
             never sent: they are not sent. What was sent goes on (`levy resume`, or run the file). `levy cancel {id}` withdraws the \
             others (what is to be deducted after all goes into a planned file, under numbers of its \
             own)",
            batch.head.file,
            id = batch.id
        ))),
    }
}

/// Whether a worker may send all that was handed over: a host whose settings require no approval may have
/// handed over what nobody has approved.
pub fn nothing_left(session: &mut Session) -> Result<(), Failure> {
    if !session.config.require_approval {
        return Ok(());
    }
    let left = at_hand(&mut session.ledger)?.handed_unapproved()?;
    if left.is_empty() {
        return Ok(());
    }
    let all = left.iter().map(|(_, orders)| orders).sum();
    let of = |(batch, left): &(BatchId, u64)| format!("batch {batch}: {}", orders(*left));
    let named: Vec<String> = left.iter().take(LEFT_NAMED_MAX).map(of).collect();
    let more = match left.len() > LEFT_NAMED_MAX {
        true => ", …",
        false => "",
    };
    Err(Failure::Unapproved(format!(
        "{} that were handed over are not sent from here, since no approved plan allows them ({}{more}): they \
         came in on a host without `[batch] require_approval`, and workers there send them. Set it on every \
         host. `levy cancel BATCH` withdraws them (what is to be deducted after all goes into a planned file, \
         under numbers of its own)",
        orders(all),
        named.join(", ")
    )))
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

/// Who stands for what a ledger is told of sends that it does not know: two people, where approval is
/// required.
pub fn two(config: &Config, by: &str, approved_by: Option<&str>) -> Result<Box<dyn By>, Failure> {
    let by = person(by)?;
    let Some(approved_by) = approved_by else {
        return match config.require_approval {
            false => Ok(Box::new(by)),
            true => Err(Failure::Usage(
                "two people are needed, since approval is required here: give --approved-by NAME as well, \
                 somebody who has looked at it too"
                    .into(),
            )),
        };
    };
    let other = Person::parse(approved_by)
        .map_err(|fault| Failure::Usage(format!("--approved-by {fault}")))?;
    let both = TwoPeople::new(by, other);
    let both = both.map_err(|fault| Failure::Usage(format!("--approved-by: {fault}")))?;
    Ok(Box::new(both))
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
