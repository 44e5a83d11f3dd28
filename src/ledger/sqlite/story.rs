//! An order's whole story, from every table that knows of it.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{before, convert, journal, result, sql, twin};
use crate::clock::WallMs;
use crate::ledger::overview::{STORY_ATTEMPTS_MAX, STORY_PLACES_MAX};
use crate::ledger::{
    Attempt, AttemptId, BatchId, Decided, LedgerResult, OrderId, Place, Relative, Reply, RunId,
    Story,
};
use crate::order::{Asked, Order, OrderNo};

/// The story of an order; one moment of the ledger.
pub(super) fn story(conn: &Connection, no: &OrderNo) -> LedgerResult<Option<Story>> {
    let tx = conn.unchecked_transaction()?;
    let mut statement = tx.prepare_cached(sql::JOB_BY_NO)?;
    let mut rows = statement.query([no.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let job = convert::job(row)?;
    let id = job.id.0;
    let mut statement = tx.prepare_cached(sql::STORY_ORDER)?;
    let mut rows = statement.query([id])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let deduction: i64 = row.get(4)?;
    let held_by: Option<i64> = row.get(5)?;
    let frozen_by = row.get::<_, Option<i64>>(6)?.zip(row.get(7)?);
    Ok(Some(Story {
        standing: job.standing,
        generation: row.get(0)?,
        created_at: WallMs(row.get(1)?),
        settled_at: row.get::<_, Option<i64>>(2)?.map(WallMs),
        attempts_sent: row.get(3)?,
        places: places(&tx, deduction)?,
        attempts: attempts(&tx, id)?,
        decisions: decisions(&tx, id)?,
        chain: chain(&tx, deduction)?,
        supersedes: numbers(&tx, sql::STORY_SUPERSEDES, deduction)?,
        superseded_by: numbers(&tx, sql::STORY_SUPERSEDED_BY, deduction)?.pop(),
        before: before::shown(&tx, id, job.standing.state, job.standing.resolved, true)?,
        new_number_from: before::dead_from(&tx, id)?,
        held_by: match held_by {
            Some(by) => {
                let holder = twin::holder(&tx, job.id, OrderId(by))?;
                let OrderId(holder) = holder.unwrap_or(OrderId(by));
                Some(before::number(&tx, holder)?)
            }
            None => None,
        },
        frozen_by: match frozen_by {
            Some((batch, ordinal)) => row_place(&tx, batch, ordinal)?,
            None => None,
        },
        order: Order::clone(&job.order),
    }))
}

fn places(conn: &Connection, deduction: i64) -> LedgerResult<Vec<Place>> {
    let mut statement = conn.prepare_cached(sql::STORY_PLACES)?;
    let most = STORY_PLACES_MAX as i64;
    let places = statement.query_map([deduction, most], |row| {
        Ok(Place {
            batch: BatchId(row.get(0)?),
            file: row.get(1)?,
            line: row.get::<_, i64>(2)? as u64,
        })
    })?;
    Ok(places.collect::<rusqlite::Result<_>>()?)
}

fn attempts(conn: &Connection, order: i64) -> LedgerResult<Vec<Attempt>> {
    let mut statement = conn.prepare_cached(sql::STORY_ATTEMPTS)?;
    let mut rows = statement.query([order, STORY_ATTEMPTS_MAX as i64])?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        attempts.push(attempt(row, order)?);
    }
    attempts.reverse();
    Ok(attempts)
}

fn attempt(row: &Row<'_>, order: i64) -> LedgerResult<Attempt> {
    let asked: String = row.get(2)?;
    let reply = match (row.get::<_, Option<i64>>(5)?, result::reply(row, order)?) {
        (Some(at), Some(facts)) => Some(Reply {
            at: WallMs(at),
            latency_ms: row.get::<_, i64>(6)? as u64,
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
        before: convert::state(&row.get::<_, String>(4)?, order)?,
        reply,
    })
}

fn decisions(conn: &Connection, order: i64) -> LedgerResult<Vec<Decided>> {
    let mut statement = conn.prepare_cached(sql::DECISIONS_OF_ORDER)?;
    let mut rows = statement.query([order])?;
    let mut decisions = Vec::new();
    while let Some(row) = rows.next()? {
        decisions.push(journal::decided(row)?);
    }
    Ok(decisions)
}

fn chain(conn: &Connection, deduction: i64) -> LedgerResult<Vec<Relative>> {
    let mut statement = conn.prepare_cached(sql::STORY_CHAIN)?;
    let mut rows = statement.query([deduction])?;
    let mut chain = Vec::new();
    while let Some(row) = rows.next()? {
        let no: String = row.get(0)?;
        chain.push(Relative {
            no: convert::parsed(&no, OrderNo::parse, "number", deduction)?,
            generation: row.get(1)?,
            state: convert::state(&row.get::<_, String>(2)?, deduction)?,
            resolved: convert::resolved(row.get(3)?, deduction)?,
        });
    }
    Ok(chain)
}

fn numbers(conn: &Connection, sql: &str, deduction: i64) -> LedgerResult<Vec<OrderNo>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([deduction])?;
    let mut numbers = Vec::new();
    while let Some(row) = rows.next()? {
        let no: String = row.get(0)?;
        numbers.push(convert::parsed(&no, OrderNo::parse, "number", deduction)?);
    }
    Ok(numbers)
}

fn row_place(conn: &Connection, batch: i64, ordinal: i64) -> LedgerResult<Option<(String, u64)>> {
    let mut statement = conn.prepare_cached(sql::PLACE_OF_ROW)?;
    Ok(statement
        .query_row(params![batch, ordinal], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)? as u64))
        })
        .optional()?)
}
