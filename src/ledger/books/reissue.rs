//! New orders for deductions whose old one is proven dead, and the release of held ones.
//!
//! A reissue is a compare-and-set: inside its transaction the parent must be recorded as dead by a
//! verified reply, be its deduction's newest order, and be superseded by nothing. The schema asks
//! the same once more (law L5).

use super::accept::one_row;
use super::before::{dead_from, number};
use super::journal::Journal;
use super::{convert, sql, twin};
use crate::clock::WallMs;
use crate::ledger::database::{Tx, Value, values};
use crate::ledger::{
    BatchId, Decided, DecisionKind, Job, Kept, LedgerError, LedgerResult, Only, OrderId, OrderSum,
    Person, REISSUE_OF_RESOLVED_MS, Reissue, Reissued, Released,
};
use crate::order::{Event, OrderNo, Proof, State};

/// The proofs that the ledger has for a batch's deductions: made from what is recorded.
pub(super) fn proofs(
    tx: &dyn Tx,
    batch: BatchId,
    only: Only,
    after: u64,
    limit: u32,
    at: WallMs,
) -> LedgerResult<Vec<(u64, Proof)>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let (failed, closed) = (only.takes(State::Failed), only.takes(State::ClosedProven));
    let (WallMs(since), asked) = (at.plus_ms(-REISSUE_OF_RESOLVED_MS), only == Only::Asked);
    let values = values![batch.0, after, failed, closed, limit, since, asked];
    tx.all(sql::PROOFS_OF_BATCH, values, |row| {
        let ordinal: i64 = row.get(0)?;
        let no = convert::parsed(row.get(1)?, OrderNo::parse, "number", 0)?;
        Ok((ordinal as u64, Proof::of_failed(no)))
    })
}

/// Orders for which the batch's rows ask for a new number, where that may still come to something.
pub(super) fn asked(tx: &dyn Tx, batch: BatchId) -> LedgerResult<OrderSum> {
    tx.one(sql::REISSUES_ASKED, values![batch.0], |row| {
        Ok(OrderSum {
            orders: row.get::<i64>(0)? as u64,
            fen: row.get::<i64>(1)? as u64,
        })
    })
}

/// Issues an order for each proof.
pub(super) fn reissue(
    tx: &dyn Tx,
    batch: BatchId,
    proofs: &[Proof],
    at: WallMs,
) -> LedgerResult<Vec<Reissued>> {
    let desk = Desk { tx, batch, at };
    proofs.iter().map(|proof| desk.one(proof)).collect()
}

struct Desk<'t> {
    tx: &'t dyn Tx,
    batch: BatchId,
    at: WallMs,
}

/// A parent, as the ledger has it now.
struct Parent {
    job: Job,
    deduction: i64,
    generation: u32,
    hold_key: [u8; 16],
    settled_by_verified: bool,
    row: Option<i64>,
}

impl Desk<'_> {
    fn one(&self, proof: &Proof) -> LedgerResult<Reissued> {
        let parent = self.parent(proof.no())?;
        let amount = parent.job.order.content.amount;
        let outcome = match self.kept(&parent)? {
            Some(kept) => Reissue::Kept(kept),
            None => self.issue(proof, &parent)?,
        };
        Ok(Reissued {
            parent: proof.no().clone(),
            amount,
            outcome,
        })
    }

    /// Why nothing may be issued for it.
    fn kept(&self, parent: &Parent) -> LedgerResult<Option<Kept>> {
        let standing = parent.job.standing;
        let id = parent.job.id.0;
        let proven = match standing.state.is_final() {
            true => {
                parent.settled_by_verified
                    && !self.tx.exists(sql::ORDER_CALLED_PAID, values![id])?
            }
            false => dead_from(self.tx, id)?.is_some_and(|from| self.at >= from),
        };
        if !proven || !standing.may_be_reissued(self.at) {
            return Ok(Some(Kept::NoProof(standing.state)));
        }
        let (newest, no): (i64, String) =
            self.tx
                .one(sql::ORDER_NEWEST, values![parent.deduction], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
        if newest != parent.job.id.0 {
            let no = convert::parsed(&no, OrderNo::parse, "number", newest)?;
            return Ok(Some(Kept::IssuedBefore(no)));
        }
        let by: Option<i64> = self.tx.one(
            sql::DEDUCTION_SUPERSEDED_BY,
            values![parent.deduction],
            |row| row.get(0),
        )?;
        Ok(by.map(|_| Kept::Superseded))
    }

    fn issue(&self, proof: &Proof, parent: &Parent) -> LedgerResult<Reissue> {
        let child = proof.no().reissued(parent.generation + 1);
        let taken: Option<i64> =
            self.tx
                .optional(sql::ORDER_BY_NO, values![child.as_str()], |row| row.get(0))?;
        if taken.is_some() {
            return Ok(Reissue::Kept(Kept::NumberTaken(child)));
        }
        let row = parent.row.ok_or_else(|| {
            LedgerError::Broken(format!(
                "no row of batch {} shows {}",
                self.batch,
                proof.no()
            ))
        })?;
        let holding = self.holding(parent)?;
        let state = match holding {
            Some(_) => State::Held,
            None => State::Pending,
        };
        let changed = self.tx.execute(
            sql::ORDER_REISSUE,
            values![
                parent.job.id.0,
                parent.job.standing.state.as_str(),
                child.as_str(),
                self.batch.0,
                row,
                state.as_str(),
                self.at.0,
                holding.as_ref().map(|(id, _)| id),
            ],
        )?;
        one_row(changed, proof.no().as_str())?;
        Ok(match holding {
            Some((_, by)) => Reissue::Held { child, by },
            None => Reissue::Issued { child },
        })
    }

    /// An order of another deduction for the same debt that is alive or succeeded, however long ago:
    /// while the parent was dead it held no other, and the debt may have been given afresh.
    fn holding(&self, parent: &Parent) -> LedgerResult<Option<(i64, OrderNo)>> {
        let (key, deduction) = (&parent.hold_key, parent.deduction);
        let found = twin::holding(self.tx, Value::from(key), twin::ANY_AGE, deduction)?;
        let named = found.map(|OrderId(id)| Ok::<_, LedgerError>((id, number(self.tx, id)?)));
        named.transpose()
    }

    fn parent(&self, no: &OrderNo) -> LedgerResult<Parent> {
        let (no, BatchId(batch)) = (no.as_str(), self.batch);
        let values = values![no, batch];
        let found = self.tx.optional(sql::ORDER_PARENT, values, |row| {
            Ok(Parent {
                job: convert::job(row)?,
                deduction: row.get("deduction_id")?,
                generation: row.get("generation")?,
                hold_key: row.get("hold_key")?,
                settled_by_verified: row.get("settled_by_verified")?,
                row: row.get("shown_at")?,
            })
        })?;
        found.ok_or_else(|| LedgerError::Broken(format!("there is no order {no}")))
    }
}

/// Releases held orders; who decided it is written down first.
pub(super) fn release(
    tx: &dyn Tx,
    numbers: &[OrderNo],
    by: &Person,
    at: WallMs,
) -> LedgerResult<Released> {
    let mut journal = Journal::open(tx)?;
    let decided = Decided {
        kind: DecisionKind::Release,
        by_first: by.as_str().into(),
        by_second: None,
        at,
        words: String::new(),
        since: None,
    };
    let mut released = Released::default();
    for no in numbers {
        let Some(job) = tx.optional(sql::JOB_BY_NO, values![no.as_str()], convert::job)? else {
            return Err(LedgerError::Refused(format!(
                "this ledger does not know the number {no}; nothing was released"
            )));
        };
        let state = job.standing.state;
        let Some(next) = state.next(Event::Released) else {
            released.left.push((no.clone(), state));
            continue;
        };
        journal.decision(Some((job.id, &job.order)), &decided)?;
        let changed = tx.execute(
            sql::ORDER_RELEASE,
            values![job.id.0, state.as_str(), next.as_str()],
        )?;
        one_row(changed, no.as_str())?;
        let amount = job.order.content.amount;
        released.released.push((no.clone(), amount));
    }
    journal.close()?;
    Ok(released)
}
