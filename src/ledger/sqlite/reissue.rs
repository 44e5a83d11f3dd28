//! New orders for deductions whose old one is proven dead, and the release of held ones.
//!
//! A reissue is a compare-and-set: inside its transaction the parent must be recorded as dead by a
//! verified reply, be its deduction's newest order, and be superseded by nothing. The schema asks
//! the same once more (law L5).

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::accept::one_row;
use super::before::{dead_from, number};
use super::journal::Journal;
use super::{convert, sql, twin};
use crate::clock::WallMs;
use crate::ledger::{
    BatchId, Decided, DecisionKind, Job, Kept, LedgerError, LedgerResult, Only, OrderId, OrderSum,
    Person, REISSUE_OF_RESOLVED_MS, Reissue, Reissued, Released,
};
use crate::order::{Event, OrderNo, Proof, State};

/// The proofs that the ledger has for a batch's deductions: made from what is recorded.
pub(super) fn proofs(
    conn: &Connection,
    batch: BatchId,
    only: Only,
    after: u64,
    limit: u32,
    at: WallMs,
) -> LedgerResult<Vec<(u64, Proof)>> {
    let mut statement = conn.prepare_cached(sql::PROOFS_OF_BATCH)?;
    let mut rows = statement.query(params![
        batch.0,
        i64::try_from(after).unwrap_or(i64::MAX),
        only.takes(State::Failed),
        only.takes(State::ClosedProven),
        limit,
        at.plus_ms(-REISSUE_OF_RESOLVED_MS).0,
        only == Only::Asked
    ])?;
    let mut proofs = Vec::new();
    while let Some(row) = rows.next()? {
        let ordinal: i64 = row.get(0)?;
        let no = convert::parsed(&row.get::<_, String>(1)?, OrderNo::parse, "number", 0)?;
        proofs.push((ordinal as u64, Proof::of_failed(no)));
    }
    Ok(proofs)
}

/// Orders for which the batch's rows ask for a new number, where that may still come to something.
pub(super) fn asked(conn: &Connection, batch: BatchId) -> LedgerResult<OrderSum> {
    let mut statement = conn.prepare_cached(sql::REISSUES_ASKED)?;
    Ok(statement.query_row([batch.0], |row| {
        Ok(OrderSum {
            orders: row.get::<_, i64>(0)? as u64,
            fen: row.get::<_, i64>(1)? as u64,
        })
    })?)
}

/// Issues an order for each proof, all of them in one transaction.
pub(super) fn reissue(
    conn: &mut Connection,
    batch: BatchId,
    proofs: Vec<Proof>,
    at: WallMs,
) -> LedgerResult<Vec<Reissued>> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let reissued = reissue_in(&tx, batch, proofs, at)?;
    tx.commit()?;
    Ok(reissued)
}

/// The same inside a transaction of the caller's.
pub(super) fn reissue_in(
    tx: &Transaction<'_>,
    batch: BatchId,
    proofs: Vec<Proof>,
    at: WallMs,
) -> LedgerResult<Vec<Reissued>> {
    let desk = Desk { tx, batch, at };
    proofs.into_iter().map(|proof| desk.one(proof)).collect()
}

struct Desk<'t> {
    tx: &'t Transaction<'t>,
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
    fn one(&self, proof: Proof) -> LedgerResult<Reissued> {
        let parent = self.parent(proof.no())?;
        let amount = parent.job.order.content.amount;
        let outcome = match self.kept(&parent)? {
            Some(kept) => Reissue::Kept(kept),
            None => self.issue(&proof, &parent)?,
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
                let mut statement = self.tx.prepare_cached(sql::ORDER_CALLED_PAID)?;
                parent.settled_by_verified && !statement.exists([id])?
            }
            false => dead_from(self.tx, id)?.is_some_and(|from| self.at >= from),
        };
        if !proven || !standing.may_be_reissued(self.at) {
            return Ok(Some(Kept::NoProof(standing.state)));
        }
        let mut statement = self.tx.prepare_cached(sql::ORDER_NEWEST)?;
        let (newest, no): (i64, String) =
            statement.query_row([parent.deduction], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if newest != parent.job.id.0 {
            let no = convert::parsed(&no, OrderNo::parse, "number", newest)?;
            return Ok(Some(Kept::IssuedBefore(no)));
        }
        let mut statement = self.tx.prepare_cached(sql::DEDUCTION_SUPERSEDED_BY)?;
        let by: Option<i64> = statement.query_row([parent.deduction], |row| row.get(0))?;
        Ok(by.map(|_| Kept::Superseded))
    }

    fn issue(&self, proof: &Proof, parent: &Parent) -> LedgerResult<Reissue> {
        let child = proof.no().reissued(parent.generation + 1);
        let taken: Option<i64> = self
            .tx
            .prepare_cached(sql::ORDER_BY_NO)?
            .query_row([child.as_str()], |row| row.get(0))
            .optional()?;
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
        let changed = self
            .tx
            .prepare_cached(sql::ORDER_REISSUE)?
            .execute(params![
                parent.job.id.0,
                parent.job.standing.state.as_str(),
                child.as_str(),
                self.batch.0,
                row,
                state.as_str(),
                self.at.0,
                holding.as_ref().map(|(id, _)| id),
            ])?;
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
        let found = twin::holding(self.tx, key, twin::ANY_AGE, deduction)?;
        let named = found.map(|OrderId(id)| Ok::<_, LedgerError>((id, number(self.tx, id)?)));
        named.transpose()
    }

    fn parent(&self, no: &OrderNo) -> LedgerResult<Parent> {
        let mut statement = self.tx.prepare_cached(sql::ORDER_PARENT)?;
        let mut rows = statement.query(params![no.as_str(), self.batch.0])?;
        let row = rows
            .next()?
            .ok_or_else(|| LedgerError::Broken(format!("there is no order {no}")))?;
        Ok(Parent {
            job: convert::job(row)?,
            deduction: row.get("deduction_id")?,
            generation: row.get("generation")?,
            hold_key: row.get("hold_key")?,
            settled_by_verified: row.get("settled_by_verified")?,
            row: row.get("shown_at")?,
        })
    }
}

/// Releases held orders; who decided it is written down first.
pub(super) fn release(
    conn: &mut Connection,
    numbers: &[OrderNo],
    by: &Person,
    at: WallMs,
) -> LedgerResult<Released> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut journal = Journal::open(&tx)?;
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
        let mut statement = tx.prepare_cached(sql::JOB_BY_NO)?;
        let mut rows = statement.query([no.as_str()])?;
        let Some(row) = rows.next()? else {
            return Err(LedgerError::Refused(format!(
                "this ledger does not know the number {no}; nothing was released"
            )));
        };
        let job = convert::job(row)?;
        let state = job.standing.state;
        let Some(next) = state.next(Event::Released) else {
            released.left.push((no.clone(), state));
            continue;
        };
        journal.decision(Some((job.id, &job.order)), &decided)?;
        let changed = tx.prepare_cached(sql::ORDER_RELEASE)?.execute(params![
            job.id.0,
            state.as_str(),
            next.as_str()
        ])?;
        one_row(changed, no.as_str())?;
        let amount = job.order.content.amount;
        released.released.push((no.clone(), amount));
    }
    journal.close()?;
    tx.commit()?;
    Ok(released)
}
