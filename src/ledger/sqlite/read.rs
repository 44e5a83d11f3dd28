//! What a run asks the ledger: batches, lanes and their decks, and what was sent lately.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{convert, sql};
use crate::clock::WallMs;
use crate::ledger::{
    Batch, BatchHead, BatchId, Job, LaneWork, LedgerError, LedgerResult, OrderId, Phase,
    RecentSend, Scope,
};
use crate::order::{ContentDigest, Merchant, OrderNo};

pub(super) fn batch_by_digest(conn: &Connection, digest: &[u8; 32]) -> LedgerResult<Option<Batch>> {
    let mut statement = conn.prepare_cached(sql::BATCH_BY_DIGEST)?;
    let mut rows = statement.query([&digest[..]])?;
    rows.next()?.map(batch).transpose()
}

pub(super) fn batch_by_id(conn: &Connection, id: BatchId) -> LedgerResult<Option<Batch>> {
    let mut statement = conn.prepare_cached(sql::BATCH_BY_ID)?;
    let mut rows = statement.query([id.0])?;
    rows.next()?.map(batch).transpose()
}

pub(super) fn batch(row: &Row<'_>) -> LedgerResult<Batch> {
    let id: i64 = row.get(0)?;
    let header: String = row.get(3)?;
    Ok(Batch {
        id: BatchId(id),
        head: BatchHead {
            digest: row.get(1)?,
            file: row.get(2)?,
            header: texts(&header, &format!("header of batch {id}"))?,
            delimiter: row.get(4)?,
        },
        rows: row.get::<_, i64>(5)? as u64,
        accepted_at: WallMs(row.get(6)?),
    })
}

/// A JSON array of texts.
pub(super) fn texts(json: &str, what: &str) -> LedgerResult<Vec<String>> {
    serde_json::from_str(json)
        .map_err(|_| LedgerError::Broken(format!("the {what} is not what was written")))
}

pub(super) fn lanes(conn: &Connection, scope: Scope) -> LedgerResult<Vec<LaneWork>> {
    let mut lanes: BTreeMap<Merchant, (u64, u64)> = BTreeMap::new();
    match scope {
        Scope::Batch(BatchId(batch)) => {
            count(conn, sql::LANES_OPEN_OF_BATCH, Some(batch), |m, n| {
                lanes.entry(m).or_default().0 = n;
            })?;
            count(conn, sql::LANES_PENDING, Some(batch), |m, n| {
                lanes.entry(m).or_default().1 = n;
            })?;
        }
        Scope::Open => count(conn, sql::LANES_OPEN, None, |m, n| {
            lanes.entry(m).or_default().0 = n;
        })?,
    }
    Ok(lanes
        .into_iter()
        .map(|(merchant, (open, pending))| LaneWork {
            merchant,
            open,
            pending,
        })
        .collect())
}

fn count(
    conn: &Connection,
    sql: &str,
    batch: Option<i64>,
    mut each: impl FnMut(Merchant, u64),
) -> LedgerResult<()> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = match batch {
        Some(batch) => statement.query([batch])?,
        None => statement.query([])?,
    };
    while let Some(row) = rows.next()? {
        each(merchant(row)?, row.get::<_, i64>(1)? as u64);
    }
    Ok(())
}

/// A merchant in the first column.
fn merchant(row: &Row<'_>) -> LedgerResult<Merchant> {
    Merchant::parse(&row.get::<_, String>(0)?)
        .map_err(|_| LedgerError::Broken("an order's merchant is none".into()))
}

pub(super) fn deck(
    conn: &Connection,
    scope: Scope,
    phase: Phase,
    merchant: &Merchant,
    after: OrderId,
    limit: u32,
) -> LedgerResult<Vec<Job>> {
    let merchant = merchant.as_str();
    match (scope, phase) {
        (Scope::Batch(batch), Phase::Pending) => jobs(
            conn,
            sql::DECK_PENDING,
            params![batch.0, merchant, after.0, limit],
        ),
        (Scope::Batch(batch), Phase::Open) => jobs(
            conn,
            sql::DECK_OPEN_OF_BATCH,
            params![batch.0, merchant, after.0, limit],
        ),
        (Scope::Open, Phase::Open) => jobs(conn, sql::DECK_OPEN, params![merchant, after.0, limit]),
        // What was never sent goes only with its own file.
        (Scope::Open, Phase::Pending) => Ok(Vec::new()),
    }
}

fn jobs(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> LedgerResult<Vec<Job>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(convert::job(row)?);
    }
    Ok(jobs)
}

pub(super) fn latest_signed_at(conn: &Connection) -> LedgerResult<Option<WallMs>> {
    let mut statement = conn.prepare_cached(sql::META_LATEST_SIGNED_AT)?;
    let latest: Option<i64> = statement.query_row([], |row| row.get(0))?;
    Ok(latest.map(WallMs))
}

pub(super) fn recent_sends(conn: &Connection, since: WallMs) -> LedgerResult<Vec<RecentSend>> {
    let mut statement = conn.prepare_cached(sql::RECENT_SENDS)?;
    let mut rows = statement.query([since.0])?;
    let mut sends = Vec::new();
    while let Some(row) = rows.next()? {
        sends.push(RecentSend {
            merchant: merchant(row)?,
            claimed_at: WallMs(row.get(1)?),
            answered_at: row.get::<_, Option<i64>>(2)?.map(WallMs),
            given_up: row.get(3)?,
        });
    }
    Ok(sends)
}

pub(super) fn nth_pending(
    conn: &Connection,
    batch: BatchId,
    n: u64,
) -> LedgerResult<Option<OrderId>> {
    let n = i64::try_from(n.max(1)).unwrap_or(i64::MAX);
    let mut statement = conn.prepare_cached(sql::NTH_PENDING)?;
    Ok(statement
        .query_row([batch.0, n], |row| row.get(0).map(OrderId))
        .optional()?)
}

pub(super) fn content_of(conn: &Connection, no: &OrderNo) -> LedgerResult<Option<ContentDigest>> {
    let mut statement = conn.prepare_cached(sql::ORDER_BY_NO)?;
    Ok(statement
        .query_row([no.as_str()], |row| row.get(3).map(ContentDigest))
        .optional()?)
}
