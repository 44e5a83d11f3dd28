//! A ledger that came back from a backup: what was never sent may have been, since.
//!
//! The journal of the time in between is lost. Three things keep money from moving twice. What was
//! never sent counts as sent from the backup's moment on. So does what comes into the ledger within
//! 29 days after that moment, from its first claim on: it may be a file of the lost time that is given
//! again, under the numbers that it had then. And nothing of all that is withdrawn, replaced or frozen
//! as if it had never been sent.

use super::accept::one_row;
use super::journal::Journal;
use super::{convert, lease, sql};
use crate::clock::WallMs;
use crate::ledger::database::{Tx, values};
use crate::ledger::{
    BatchId, By, Decided, DecisionKind, Job, LedgerError, LedgerResult, OrderId, Restored,
};
use crate::order::{Event, State};

/// Orders that are looked at between two pages of the statement.
const PAGE: u32 = 1_000;

/// Where an unsent order may have been sent without an entry in this journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// From when on.
    since: WallMs,
    /// Who told.
    by: String,
}

/// The gap in which an order may have been sent, if there is one, as it looks `at` this time. Asked of
/// orders that were never sent.
pub(super) fn gap(tx: &dyn Tx, order: OrderId, at: WallMs) -> LedgerResult<Option<Gap>> {
    tx.optional(sql::ORDER_GAP, values![order.0, at.0], |row| {
        Ok(Gap {
            since: WallMs(row.get(0)?),
            by: row.get(1)?,
        })
    })
}

/// Whether another tool has used the order's number.
pub(super) fn is_imported(tx: &dyn Tx, order: OrderId) -> LedgerResult<bool> {
    tx.exists(sql::ORDER_IS_IMPORTED, values![order.0])
}

/// Whether an order that the books call unsent may have been sent all the same. CONFLICT and CANCELLED
/// were not: nothing leads from there to a send.
pub(super) fn may_have_been_sent(
    tx: &dyn Tx,
    order: OrderId,
    state: State,
    at: WallMs,
) -> LedgerResult<bool> {
    match state {
        State::Pending | State::Held => Ok(gap(tx, order, at)?.is_some()),
        State::Conflict | State::Cancelled => Ok(false),
        State::Unknown | State::Processing | State::Closed | State::Rejected => Ok(true),
        State::Expired | State::Success | State::Failed | State::ClosedProven => Ok(true),
    }
}

/// Writes down that an order may have been sent without an entry in this journal; the order as it
/// stands since. `decided` says since when.
pub(super) fn maybe_sent(
    tx: &dyn Tx,
    journal: &mut Journal<'_>,
    mut job: Job,
    decided: &Decided,
) -> LedgerResult<Job> {
    let before = job.standing.state;
    let (Some(state), Some(since)) = (before.next(Event::MaybeSent), decided.since) else {
        return Err(LedgerError::Broken(format!(
            "{} is {before}, and cannot have been sent since",
            job.order.no
        )));
    };
    let past = match decided.kind {
        DecisionKind::Restored => "RESTORED",
        DecisionKind::Import | DecisionKind::ImportSuccess | DecisionKind::ImportFailed => {
            "IMPORTED"
        }
        DecisionKind::Release
        | DecisionKind::ResolveSuccess
        | DecisionKind::ResolveFailed
        | DecisionKind::Freeze
        | DecisionKind::Unfreeze
        | DecisionKind::Approve => {
            return Err(LedgerError::Broken(format!(
                "{} tells of no earlier send",
                decided.kind
            )));
        }
    };
    let first = job.standing.first_sent_at;
    let first = first.map_or(since, |first| first.min(since));
    journal.decision(Some((job.id, &job.order)), decided)?;
    let changed = tx.execute(
        sql::ORDER_MAYBE_SENT,
        values![job.id.0, before.as_str(), state.as_str(), first.0, past,],
    )?;
    one_row(changed, job.order.no.as_str())?;
    job.standing = tx
        .one(sql::JOB_BY_ID, values![job.id.0], convert::job)?
        .standing;
    Ok(job)
}

/// An order before its first claim, or before people say what became of it: one in a gap counts as sent
/// from then on.
pub(super) fn as_it_may_stand(
    tx: &dyn Tx,
    journal: &mut Journal<'_>,
    job: Job,
    at: WallMs,
) -> LedgerResult<Job> {
    if job.standing.state != State::Pending {
        return Ok(job);
    }
    let Some(gap) = gap(tx, job.id, at)? else {
        return Ok(job);
    };
    let decided = Decided {
        kind: DecisionKind::Restored,
        by_first: gap.by,
        by_second: None,
        at,
        words: String::new(),
        since: Some(gap.since),
    };
    maybe_sent(tx, journal, job, &decided)
}

/// Tells a ledger that it knows nothing of what happened after `since`, until it came back.
pub(super) fn restored(
    tx: &dyn Tx,
    since: WallMs,
    by: &dyn By,
    at: WallMs,
) -> LedgerResult<Restored> {
    check(tx, since, at)?;
    let known = tx.exists(sql::GAP_KNOWN, values![since.0])?;
    let mut restored = Restored {
        known,
        ..Restored::default()
    };
    if !known {
        lease::quiet(tx, None)?;
        // Each file's own run asks for what of it may have been sent.
        tx.execute(sql::HANDED_CLEAR, &[])?;
        let (first, second) = by.by();
        let decided = Decided {
            kind: DecisionKind::Restored,
            by_first: first.into(),
            by_second: second.map(Into::into),
            at,
            words: String::new(),
            since: Some(since),
        };
        let mut journal = Journal::open(tx)?;
        journal.decision(None, &decided)?;
        every_order(tx, &mut journal, &decided, since, &mut restored)?;
        journal.close()?;
    }
    tell(tx, &mut restored)?;
    Ok(restored)
}

fn check(tx: &dyn Tx, since: WallMs, at: WallMs) -> LedgerResult<()> {
    let refused = |words: String| Err(LedgerError::Refused(words));
    if since > at {
        return refused(format!(
            "{} lies in the future: give the moment at which the backup was made",
            since.rfc3339()
        ));
    }
    let created: i64 = tx.one(sql::META_CREATED_AT, &[], |row| row.get(0))?;
    // A clock that is behind the ledger's own beginning can't tell.
    if since.0 < created && created <= at.0 {
        return refused(format!(
            "{} lies before this ledger was made ({}): give the moment at which the backup was made",
            since.rfc3339(),
            WallMs(created).rfc3339()
        ));
    }
    Ok(())
}

fn every_order(
    tx: &dyn Tx,
    journal: &mut Journal<'_>,
    decided: &Decided,
    since: WallMs,
    restored: &mut Restored,
) -> LedgerResult<()> {
    let mut after = 0_i64;
    loop {
        let page = page(tx, after, since, decided.at)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.id.0;
        for job in page {
            let unsent = job.standing.state.is_unsent();
            restored.unknown += u64::from(unsent);
            restored.others += u64::from(!unsent);
            maybe_sent(tx, journal, job, decided)?;
        }
    }
}

fn page(tx: &dyn Tx, after: i64, since: WallMs, at: WallMs) -> LedgerResult<Vec<Job>> {
    let values = values![after, since.0, PAGE, at.0];
    tx.all(sql::RESTORED_ORDERS, values, convert::job)
}

fn tell(tx: &dyn Tx, restored: &mut Restored) -> LedgerResult<()> {
    restored.held = tx.one(sql::HELD_COUNT, &[], |row| row.get::<i64>(0))? as u64;
    restored.batches = tx.all(sql::RESTORED_BATCHES, &[], |row| {
        Ok((BatchId(row.get(0)?), row.get(1)?, row.get::<i64>(2)? as u64))
    })?;
    Ok(())
}
