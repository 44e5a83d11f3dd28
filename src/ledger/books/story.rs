//! An order's whole story, from every table that knows of it.

use super::{before, convert, journal, result, sql, twin};
use crate::clock::WallMs;
use crate::ledger::database::{Row, Statement, Tx, values};
use crate::ledger::overview::{STORY_ATTEMPTS_MAX, STORY_PLACES_MAX};
use crate::ledger::{
    Attempt, AttemptId, BatchId, Decided, LedgerResult, OrderId, Place, Relative, Reply, RunId,
    Story,
};
use crate::order::{Asked, Order, OrderNo};

/// The story of an order; one moment of the ledger.
pub(super) fn story(tx: &dyn Tx, no: &OrderNo) -> LedgerResult<Option<Story>> {
    let Some(job) = tx.optional(sql::JOB_BY_NO, values![no.as_str()], convert::job)? else {
        return Ok(None);
    };
    let id = job.id.0;
    let told = tx.one(sql::STORY_ORDER, values![id], Told::read)?;
    let deduction = told.deduction;
    Ok(Some(Story {
        standing: job.standing,
        generation: told.generation,
        created_at: told.created_at,
        settled_at: told.settled_at,
        attempts_sent: told.attempts_sent,
        places: places(tx, deduction)?,
        attempts: attempts(tx, id)?,
        decisions: decisions(tx, id)?,
        chain: chain(tx, deduction)?,
        supersedes: numbers(tx, sql::STORY_SUPERSEDES, deduction)?,
        superseded_by: numbers(tx, sql::STORY_SUPERSEDED_BY, deduction)?.pop(),
        before: before::shown(tx, id, job.standing.state, job.standing.resolved, true)?,
        new_number_from: before::dead_from(tx, id)?,
        held_by: match told.held_by {
            Some(by) => {
                let holder = twin::holder(tx, job.id, OrderId(by))?;
                let OrderId(holder) = holder.unwrap_or(OrderId(by));
                Some(before::number(tx, holder)?)
            }
            None => None,
        },
        frozen_by: match told.frozen_by {
            Some((batch, ordinal)) => row_place(tx, batch, ordinal)?,
            None => None,
        },
        order: Order::clone(&job.order),
    }))
}

/// What its own row tells.
struct Told {
    generation: u32,
    created_at: WallMs,
    settled_at: Option<WallMs>,
    attempts_sent: u32,
    deduction: i64,
    held_by: Option<i64>,
    frozen_by: Option<(i64, i64)>,
}

impl Told {
    fn read(row: &dyn Row) -> LedgerResult<Self> {
        Ok(Self {
            generation: row.get(0)?,
            created_at: WallMs(row.get(1)?),
            settled_at: row.get::<Option<i64>>(2)?.map(WallMs),
            attempts_sent: row.get(3)?,
            deduction: row.get(4)?,
            held_by: row.get(5)?,
            frozen_by: row.get::<Option<i64>>(6)?.zip(row.get(7)?),
        })
    }
}

fn places(tx: &dyn Tx, deduction: i64) -> LedgerResult<Vec<Place>> {
    let most = STORY_PLACES_MAX as i64;
    tx.all(sql::STORY_PLACES, values![deduction, most], |row| {
        Ok(Place {
            batch: BatchId(row.get(0)?),
            file: row.get(1)?,
            line: row.get::<i64>(2)? as u64,
        })
    })
}

fn attempts(tx: &dyn Tx, order: i64) -> LedgerResult<Vec<Attempt>> {
    let values = values![order, STORY_ATTEMPTS_MAX as i64];
    let mut attempts = tx.all(sql::STORY_ATTEMPTS, values, |row| attempt(row, order))?;
    attempts.reverse();
    Ok(attempts)
}

fn attempt(row: &dyn Row, order: i64) -> LedgerResult<Attempt> {
    let asked: String = row.get(2)?;
    let reply = match (row.get::<Option<i64>>(5)?, result::reply(row, order)?) {
        (Some(at), Some(facts)) => Some(Reply {
            at: WallMs(at),
            latency_ms: row.get::<i64>(6)? as u64,
            meaning: row.get(7)?,
            alert: row.get(8)?,
            facts,
        }),
        (Some(_) | None, _) => None,
    };
    Ok(Attempt {
        id: AttemptId(row.get(0)?),
        run: RunId(row.get(1)?),
        asked: convert::word(Asked::from_word(&asked), "attempt", order)?,
        at: WallMs(row.get(3)?),
        before: convert::state(&row.get::<String>(4)?, order)?,
        reply,
    })
}

fn decisions(tx: &dyn Tx, order: i64) -> LedgerResult<Vec<Decided>> {
    tx.all(sql::DECISIONS_OF_ORDER, values![order], journal::decided)
}

fn chain(tx: &dyn Tx, deduction: i64) -> LedgerResult<Vec<Relative>> {
    tx.all(sql::STORY_CHAIN, values![deduction], |row| {
        Ok(Relative {
            no: convert::parsed(row.get(0)?, OrderNo::parse, "number", deduction)?,
            generation: row.get(1)?,
            state: convert::state(&row.get::<String>(2)?, deduction)?,
            resolved: convert::resolved(row.get(3)?, deduction)?,
        })
    })
}

fn numbers(
    tx: &dyn Tx,
    statement: &'static Statement,
    deduction: i64,
) -> LedgerResult<Vec<OrderNo>> {
    tx.all(statement, values![deduction], |row| {
        convert::parsed(row.get(0)?, OrderNo::parse, "number", deduction)
    })
}

fn row_place(tx: &dyn Tx, batch: i64, ordinal: i64) -> LedgerResult<Option<(String, u64)>> {
    tx.optional(sql::PLACE_OF_ROW, values![batch, ordinal], |row| {
        Ok((row.get(0)?, row.get::<i64>(1)? as u64))
    })
}
