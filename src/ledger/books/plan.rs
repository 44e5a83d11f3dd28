//! Plans: a file is taken in, what comes out is written down, and the rest is undone. Later it is
//! taken in only if the same comes out, in that very transaction.

use sha2::{Digest, Sha256};

use super::journal::Journal;
use super::{accept, read, reissue, sql};
use crate::clock::WallMs;
use crate::ledger::database::{End, Go, Row, Tx, values};
use crate::ledger::{
    Accepted, Admit, Approval, Batch, BatchId, Decided, DecisionKind, FilePlan, LedgerError,
    LedgerResult, NewPlan, OrderSum, Outcome, Person, PlanId, PlanKey, Reading, TwoPeople,
};
use crate::order::{ReductionType, State};

/// Plans the staged file. The same plan again is the one that is there already.
pub(super) fn plan(
    tx: &dyn Tx,
    new: &NewPlan<'_>,
    at: WallMs,
    hold_days: u32,
) -> LedgerResult<(FilePlan, End)> {
    tx.script(sql::script::STAGING)?;
    let head = new.head;
    if let Some(batch) = read::batch_by_digest(tx, &head.digest)? {
        return Err(LedgerError::Refused(format!(
            "{} is batch {} already: there is nothing to plan, `levy run` continues it",
            head.file, batch.id
        )));
    }
    tx.script(sql::script::SAVEPOINT)?;
    let (batch, accepted) = accept::accept_in(tx, head, at, hold_days)?;
    let outcome = outcome(tx, batch.id, accepted)?;
    let reading = Reading {
        hold_days: Some(hold_days),
        encoding: new.encoding.map(Into::into),
        accept_digits: new.accept_digits,
    };
    tx.script(sql::script::SAVEPOINT_UNDO)?;
    if let Some(plan) = find(tx, PlanKey::File(&head.digest))?
        && plan.outcome == outcome
        && plan.reading == reading
    {
        return Ok((plan, End::Undo));
    }
    let id = insert(tx, new, &reading, &outcome, at)?;
    Ok((known(tx, id)?, End::Commit))
}

fn insert(
    tx: &dyn Tx,
    new: &NewPlan<'_>,
    reading: &Reading,
    outcome: &Outcome,
    at: WallMs,
) -> LedgerResult<PlanId> {
    let [penalty, judicial] = outcome.to_send;
    let accepted = &outcome.accepted;
    let id = tx.insert(
        sql::PLAN_INSERT,
        values![
            &new.head.digest[..],
            new.head.file,
            new.path,
            accepted.rows as i64,
            accepted.orders as i64,
            accepted.held as i64,
            accepted.repeats as i64,
            accepted.conflicts as i64,
            accepted.invalid as i64,
            penalty.orders as i64,
            penalty.fen as i64,
            judicial.orders as i64,
            judicial.fen as i64,
            outcome.held_fen as i64,
            &outcome.orders_digest[..],
            new.by.as_str(),
            at.0,
            reading.hold_days,
            reading.encoding,
            reading.accept_digits,
            outcome.reissues.orders as i64,
            outcome.reissues.fen as i64,
        ],
    )?;
    Ok(PlanId(id))
}

/// What a batch that was just accepted comes to.
fn outcome(tx: &dyn Tx, batch: BatchId, accepted: Accepted) -> LedgerResult<Outcome> {
    let mut to_send = [OrderSum::default(); ReductionType::ALL.len()];
    let mut held_fen = 0_u64;
    let mut hash = Sha256::new();
    tx.each(sql::PLAN_ORDERS, values![batch.0], &mut |row| {
        let (ordinal, no): (i64, &str) = (row.get(0)?, row.get(1)?);
        let (digest, state): ([u8; 32], &str) = (row.get(2)?, row.get(3)?);
        hash.update(format!("{ordinal} {no} {state} ").as_bytes());
        hash.update(digest);
        let fen: u64 = row.get::<i64>(5)? as u64;
        if state == State::Held.as_str() {
            held_fen = added(held_fen, fen)?;
            return Ok(Go::On);
        }
        let kind: &str = row.get(4)?;
        let at = ReductionType::ALL.iter().position(|t| t.as_str() == kind);
        let sum = at.and_then(|at| to_send.get_mut(at));
        let sum = sum.ok_or_else(|| LedgerError::Broken("an order's type is none".into()))?;
        sum.orders += 1;
        sum.fen = added(sum.fen, fen)?;
        Ok(Go::On)
    })?;
    Ok(Outcome {
        accepted,
        to_send,
        held_fen,
        orders_digest: hash.finalize().into(),
        reissues: reissue::asked(tx, batch)?,
    })
}

/// Sums of a plan fit the database's numbers.
fn added(sum: u64, fen: u64) -> LedgerResult<u64> {
    let sum = sum.checked_add(fen).filter(|sum| *sum <= i64::MAX as u64);
    sum.ok_or_else(|| LedgerError::Refused("the file adds up to more money than there is".into()))
}

/// Whether the batch that was just accepted may stay; an error undoes it.
pub(super) fn admit(
    tx: &dyn Tx,
    batch: &Batch,
    accepted: &Accepted,
    admit: Admit,
) -> LedgerResult<()> {
    let refused = |words: String| Err(LedgerError::Refused(words));
    let file = &batch.head.file;
    match admit {
        Admit::Any => Ok(()),
        Admit::NothingNew if accepted.orders == 0 => Ok(()),
        Admit::NothingNew => refused(format!(
            "{file}: {} of its {} rows are new deductions, and no approved plan allows them: \
             nothing was sent",
            accepted.orders, accepted.rows
        )),
        Admit::Planned(id) => {
            let plan = known(tx, id)?;
            if plan.digest != batch.head.digest {
                return refused(format!(
                    "{file}: its bytes are not those that plan {id} was made of ({}): nothing was \
                     sent",
                    plan.file
                ));
            }
            // Planned anew is what takes an approval back.
            if let Some(newer) = find(tx, PlanKey::File(&plan.digest))?
                && newer.id != id
            {
                return refused(format!(
                    "{file}: plan {id} was replaced by plan {}: nothing was sent",
                    newer.id
                ));
            }
            let now = outcome(tx, batch.id, *accepted)?;
            if let Some(words) = now.differs(&plan.outcome) {
                return refused(format!(
                    "{file}: the ledger has changed since plan {id} was made: {words}. Nothing was \
                     sent: plan it again"
                ));
            }
            tx.execute(sql::PLAN_RUN_INSERT, values![id.0, batch.id.0])?;
            Ok(())
        }
    }
}

/// Writes an approval into the journal, if this person may approve.
pub(super) fn approve(tx: &dyn Tx, id: PlanId, by: &Person, at: WallMs) -> LedgerResult<Decided> {
    let refused = |words: String| Err(LedgerError::Refused(words));
    let plan = known(tx, id)?;
    if let Some(batch) = read::batch_by_digest(tx, &plan.digest)? {
        return refused(format!(
            "plan {id}: {} is batch {} already, so there is nothing left to approve: `levy run` with that \
             file continues it",
            plan.file, batch.id
        ));
    }
    if let Some(approval) = &plan.approval {
        let (by, at) = (&approval.by, approval.at.rfc3339());
        return refused(format!(
            "plan {id} is approved already, by {by} on {at}: `levy run --plan {id}` runs it"
        ));
    }
    match find(tx, PlanKey::File(&plan.digest))? {
        Some(newer) if newer.id != id => {
            return refused(format!(
                "plan {id} was replaced by plan {newer} of the same file: look at that one, and `levy \
                 approve {newer} --by NAME`",
                newer = newer.id
            ));
        }
        Some(_) | None => {}
    }
    let maker = Person::parse(&plan.made_by)
        .map_err(|fault| LedgerError::Broken(format!("the maker of plan {id} {fault}")))?;
    let people = match TwoPeople::new(maker, by.clone()) {
        Ok(people) => people,
        Err(words) => {
            return refused(format!(
                "plan {id} was made by {}: somebody else approves it ({words})",
                plan.made_by
            ));
        }
    };
    let (first, second) = people.names();
    let words: String = tx.one(sql::PLAN_WORDS, values![id.0], |row| row.get(0))?;
    let decided = Decided {
        kind: DecisionKind::Approve,
        by_first: first.into(),
        by_second: Some(second.into()),
        at,
        words,
        since: None,
    };
    let mut journal = Journal::open(tx)?;
    journal.approval(id, &decided)?;
    journal.close()?;
    Ok(decided)
}

/// A plan that must be there.
fn known(tx: &dyn Tx, id: PlanId) -> LedgerResult<FilePlan> {
    find(tx, PlanKey::Id(id))?.ok_or_else(|| {
        LedgerError::Refused(format!(
            "this ledger has no plan {id}: `levy status` lists those that wait"
        ))
    })
}

/// A plan, if there is one.
pub(super) fn find(tx: &dyn Tx, key: PlanKey<'_>) -> LedgerResult<Option<FilePlan>> {
    match key {
        PlanKey::Id(id) => tx.optional(sql::PLAN_BY_ID, values![id.0], read_plan),
        PlanKey::File(digest) => tx.optional(sql::PLAN_BY_DIGEST, values![digest], read_plan),
        PlanKey::Batch(batch) => tx.optional(sql::PLAN_BY_BATCH, values![batch.0], read_plan),
        PlanKey::Order(no) => tx.optional(sql::PLAN_BY_ORDER, values![no.as_str()], read_plan),
    }
}

/// Plans whose file is no batch yet, the newest of each.
pub(super) fn waiting(tx: &dyn Tx) -> LedgerResult<Vec<FilePlan>> {
    tx.all(sql::PLANS_WAITING, &[], read_plan)
}

/// Orders of a batch that were never sent, are no reissues, and that no approved plan allows.
pub(super) fn unapproved(tx: &dyn Tx, batch: BatchId) -> LedgerResult<u64> {
    let count: i64 = tx.one(sql::UNAPPROVED_OF_BATCH, values![batch.0], |row| row.get(0))?;
    Ok(count as u64)
}

/// The same of every batch that was handed over.
pub(super) fn handed_unapproved(tx: &dyn Tx) -> LedgerResult<Vec<(BatchId, u64)>> {
    tx.all(sql::HANDED_UNAPPROVED, &[], |row| {
        Ok((BatchId(row.get(0)?), row.get::<i64>(1)? as u64))
    })
}

/// A row of the view `file_plan`.
fn read_plan(row: &dyn Row) -> LedgerResult<FilePlan> {
    let number = |column: &'static str| row.get::<i64>(column).map(|n| n as u64);
    let sum = |orders: &'static str, fen: &'static str| -> LedgerResult<OrderSum> {
        Ok(OrderSum {
            orders: number(orders)?,
            fen: number(fen)?,
        })
    };
    let by: Option<String> = row.get("approved_by")?;
    let at: Option<i64> = row.get("approved_at_ms")?;
    Ok(FilePlan {
        id: PlanId(row.get("plan_id")?),
        digest: row.get("digest")?,
        file: row.get("file")?,
        path: row.get("path")?,
        reading: Reading {
            hold_days: row.get("hold_days")?,
            encoding: row.get("encoding")?,
            accept_digits: row.get("accept_digits")?,
        },
        outcome: Outcome {
            accepted: Accepted {
                rows: number("row_count")?,
                orders: number("orders")?,
                repeats: number("repeats")?,
                conflicts: number("conflicts")?,
                held: number("held")?,
                invalid: number("invalid")?,
            },
            to_send: [
                sum("penalty_orders", "penalty_fen")?,
                sum("judicial_orders", "judicial_fen")?,
            ],
            held_fen: number("held_fen")?,
            orders_digest: row.get("orders_digest")?,
            reissues: sum("reissues", "reissue_fen")?,
        },
        made_by: row.get("made_by")?,
        made_at: WallMs(row.get("made_at_ms")?),
        approval: by.zip(at).map(|(by, at)| Approval { by, at: WallMs(at) }),
        batch: row.get::<Option<i64>>("batch_id")?.map(BatchId),
    })
}
