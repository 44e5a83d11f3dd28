//! What people decide: each in one transaction with its entry in the journal.

use super::accept::one_row;
use super::journal::{self, Journal};
use super::{convert, lease, past, plan, sql};
use crate::clock::WallMs;
use crate::ledger::database::{Tx, values};
use crate::ledger::decision::MOVE;
use crate::ledger::{
    Decided, Decision, DecisionKind, Job, LedgerError, LedgerResult, Person, TwoPeople, Words,
};
use crate::order::{OrderNo, Resolution, State};

/// Writes a decision, and does what it says.
pub(super) fn decide(tx: &dyn Tx, decision: &Decision, at: WallMs) -> LedgerResult<Decided> {
    match decision {
        Decision::Freeze { by, reason } => freeze(tx, by, reason, at),
        Decision::Unfreeze { by } => unfreeze(tx, by, at),
        Decision::Resolve {
            no,
            resolution,
            by,
            evidence,
        } => resolve(tx, no, *resolution, by, evidence, at),
        Decision::Approve { plan, by } => plan::approve(tx, *plan, by, at),
    }
}

fn freeze(tx: &dyn Tx, by: &Person, reason: &Words, at: WallMs) -> LedgerResult<Decided> {
    if let Some(frozen) = journal::frozen(tx)? {
        return Err(LedgerError::Refused(format!("{frozen}; nothing to do")));
    }
    if reason.as_str().starts_with(MOVE) {
        return Err(LedgerError::Refused(
            "these words are a move\'s own; say it in others".into(),
        ));
    }
    let decided = Decided {
        kind: DecisionKind::Freeze,
        by_first: by.as_str().into(),
        by_second: None,
        at,
        words: reason.as_str().into(),
        since: None,
    };
    let mut journal = Journal::open(tx)?;
    let id = journal.decision(None, &decided)?;
    journal.close()?;
    tx.execute(sql::META_FROZEN_BY, values![id])?;
    Ok(decided)
}

fn unfreeze(tx: &dyn Tx, by: &Person, at: WallMs) -> LedgerResult<Decided> {
    match journal::frozen(tx)? {
        None => {
            let words = "the ledger is not frozen; nothing to do";
            return Err(LedgerError::Refused(words.into()));
        }
        Some(frozen) if frozen.is_moved() => {
            return Err(LedgerError::Refused(frozen.moved_words()));
        }
        Some(_) => {}
    }
    let decided = Decided {
        kind: DecisionKind::Unfreeze,
        by_first: by.as_str().into(),
        by_second: None,
        at,
        words: String::new(),
        since: None,
    };
    let mut journal = Journal::open(tx)?;
    journal.decision(None, &decided)?;
    journal.close()?;
    tx.execute(sql::META_FROZEN_BY, values![None::<i64>])?;
    Ok(decided)
}

fn resolve(
    tx: &dyn Tx,
    no: &OrderNo,
    resolution: Resolution,
    by: &TwoPeople,
    evidence: &Words,
    at: WallMs,
) -> LedgerResult<Decided> {
    let job = resolvable(tx, no, resolution, at)?;
    lease::quiet(tx, Some(&job.order.content.merchant))?;
    let (first, second) = by.names();
    let decided = Decided {
        kind: match resolution {
            Resolution::Success => DecisionKind::ResolveSuccess,
            Resolution::Failed => DecisionKind::ResolveFailed,
        },
        by_first: first.into(),
        by_second: Some(second.into()),
        at,
        words: evidence.as_str().into(),
        since: None,
    };
    let mut journal = Journal::open(tx)?;
    let job = past::as_it_may_stand(tx, &mut journal, job, at)?;
    journal.decision(Some((job.id, &job.order)), &decided)?;
    journal.close()?;
    let changed = tx.execute(sql::ORDER_RESOLVE, values![job.id.0, resolution.as_str()])?;
    one_row(changed, no.as_str())?;
    Ok(decided)
}

/// The order, if people may say what became of it.
fn resolvable(tx: &dyn Tx, no: &OrderNo, resolution: Resolution, at: WallMs) -> LedgerResult<Job> {
    let refused = |words: String| Err(LedgerError::Refused(words));
    let Some(job) = tx.optional(sql::JOB_BY_NO, values![no.as_str()], convert::job)? else {
        return refused(format!("this ledger does not know the number {no}"));
    };
    let state = job.standing.state;
    let in_gap = state == State::Pending && past::gap(tx, job.id, at)?.is_some();
    if state.is_unsent() && !in_gap {
        return refused(format!(
            "{no} is {state}: it was never sent, so there is nothing to find out. `levy cancel` \
             withdraws it"
        ));
    }
    if state.is_final() {
        return refused(format!(
            "{no} is {state} by a verified reply, which always wins over what people found out"
        ));
    }
    match job.standing.resolved {
        Some(before) if before == resolution => {
            return refused(format!("{no} is resolved as {before} already"));
        }
        Some(_) | None => {}
    }
    let reissued: bool = tx.one(sql::ORDER_REISSUED, values![job.id.0], |row| row.get(0))?;
    match reissued {
        true => refused(format!(
            "{no} was issued again under a new number: what is said of it now changes nothing there"
        )),
        false => Ok(job),
    }
}
