//! What a run asks the ledger: batches, lanes and their decks, and what was sent lately.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{before, convert, sql};
use crate::clock::WallMs;
use crate::ledger::{
    AttemptId, Batch, BatchHead, BatchId, Expiring, Job, LaneWork, LedgerError, LedgerResult,
    OrderId, Phase, Reach, RecentSend, Scope, Unsent,
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
            let all = Unsent::All.generation_min();
            count(conn, sql::LANES_OPEN_OF_BATCH, [batch, all], |m, n| {
                lanes.entry(m).or_default().0 = n;
            })?;
            count(conn, sql::LANES_PENDING, [batch, all], |m, n| {
                lanes.entry(m).or_default().1 = n;
            })?;
        }
        Scope::OpenOf(BatchId(batch), unsent) => {
            let generation = unsent.generation_min();
            count(
                conn,
                sql::LANES_OPEN_OF_BATCH,
                [batch, generation],
                |m, n| {
                    lanes.entry(m).or_default().0 = n;
                },
            )?;
        }
        Scope::Rerun(BatchId(batch), rerun) => {
            if rerun.sends_rejected() {
                count(conn, sql::LANES_REJECTED_OF_BATCH, [batch], |m, n| {
                    lanes.entry(m).or_default().0 = n;
                })?;
            }
            let generation = rerun.unsent().generation_min();
            count(conn, sql::LANES_PENDING, [batch, generation], |m, n| {
                lanes.entry(m).or_default().1 = n;
            })?;
        }
        Scope::Open | Scope::FirstSent(..) => {
            let (from, to) = first_sent(scope);
            count(conn, sql::LANES_OPEN, [from, to], |m, n| {
                lanes.entry(m).or_default().0 = n;
            })?;
        }
        Scope::Sent(Reach::Between(WallMs(from), WallMs(to)), past) => {
            count(conn, sql::LANES_SENT, [from, to, past.0], |m, n| {
                lanes.entry(m).or_default().0 = n;
            })?;
        }
        Scope::Sent(Reach::Of(BatchId(batch)), past) => {
            count(conn, sql::LANES_SENT_OF_BATCH, [batch, past.0], |m, n| {
                lanes.entry(m).or_default().0 = n;
            })?;
        }
        Scope::Replaced(reach) => {
            let (from, to, batch) = bounds(reach);
            count(
                conn,
                sql::LANES_REPLACED,
                params![from, to, batch],
                |m, n| {
                    lanes.entry(m).or_default().0 = n;
                },
            )?;
        }
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

/// The range of first sends that an open scope is about.
fn first_sent(scope: Scope) -> (i64, i64) {
    match scope {
        Scope::FirstSent(WallMs(from), WallMs(to)) => (from, to),
        Scope::Open | Scope::Batch(_) | Scope::OpenOf(..) => (i64::MIN, i64::MAX),
        Scope::Rerun(..) | Scope::Sent(..) | Scope::Replaced(_) => (i64::MIN, i64::MAX),
    }
}

/// From when on and before when its orders were first sent, and whose batch's they are.
pub(super) fn bounds(reach: Reach) -> (i64, i64, Option<i64>) {
    match reach {
        Reach::Between(from, to) => (from.0, to.0, None),
        Reach::Of(BatchId(batch)) => (i64::MIN, i64::MAX, Some(batch)),
    }
}

fn count(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    mut each: impl FnMut(Merchant, u64),
) -> LedgerResult<()> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
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
    let pending = |batch: BatchId, unsent: Unsent| {
        let generation = unsent.generation_min();
        let params = params![batch.0, merchant, after.0, limit, generation];
        jobs(conn, sql::DECK_PENDING, params)
    };
    let open = |batch: BatchId, unsent: Unsent| {
        let generation = unsent.generation_min();
        let params = params![batch.0, merchant, after.0, limit, generation];
        jobs(conn, sql::DECK_OPEN_OF_BATCH, params)
    };
    match (scope, phase) {
        (Scope::Batch(batch), Phase::Pending) => pending(batch, Unsent::All),
        (Scope::Rerun(batch, rerun), Phase::Pending) => pending(batch, rerun.unsent()),
        (Scope::Batch(batch), Phase::Open) => open(batch, Unsent::All),
        (Scope::OpenOf(batch, unsent), Phase::Open) => open(batch, unsent),
        (Scope::Rerun(batch, rerun), Phase::Open) if rerun.sends_rejected() => {
            let params = params![batch.0, merchant, after.0, limit];
            jobs(conn, sql::DECK_REJECTED_OF_BATCH, params)
        }
        // Its open orders were asked in the rerun's first half.
        (Scope::Rerun(..), Phase::Open) => Ok(Vec::new()),
        (Scope::Open | Scope::FirstSent(..), Phase::Open) => {
            let (from, to) = first_sent(scope);
            let params = params![merchant, after.0, limit, from, to];
            jobs(conn, sql::DECK_OPEN, params)
        }
        (Scope::Sent(Reach::Between(from, to), past), Phase::Open) => {
            let params = params![merchant, after.0, limit, from.0, to.0, past.0];
            jobs(conn, sql::DECK_SENT, params)
        }
        (Scope::Sent(Reach::Of(batch), past), Phase::Open) => {
            let params = params![batch.0, merchant, after.0, limit, past.0];
            jobs(conn, sql::DECK_SENT_OF_BATCH, params)
        }
        // What was never sent goes only with its own file.
        (Scope::Open | Scope::FirstSent(..) | Scope::OpenOf(..), Phase::Pending) => Ok(Vec::new()),
        (Scope::Replaced(reach), Phase::Open) => {
            let (from, to, batch) = bounds(reach);
            let params = params![merchant, after.0, limit, from, to, batch];
            jobs(conn, sql::DECK_REPLACED, params)
        }
        (Scope::Sent(..) | Scope::Replaced(_), Phase::Pending) => Ok(Vec::new()),
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

pub(super) fn nth_unsent(
    conn: &Connection,
    scope: Scope,
    n: u64,
    at: WallMs,
) -> LedgerResult<Option<OrderId>> {
    let (batch, unsent) = match scope {
        Scope::Batch(batch) => (batch, Unsent::All),
        Scope::Rerun(batch, rerun) => (batch, rerun.unsent()),
        Scope::Open
        | Scope::FirstSent(..)
        | Scope::OpenOf(..)
        | Scope::Sent(..)
        | Scope::Replaced(_) => {
            return Ok(None);
        }
    };
    let mut left = n.max(1);
    let mut statement = conn.prepare_cached(sql::PENDING_OF_BATCH)?;
    let mut rows = statement.query([batch.0, unsent.generation_min()])?;
    while let Some(row) = rows.next()? {
        let order: i64 = row.get(0)?;
        // One whose claim would be refused is none of them, or the run would come to nothing for ever.
        if before::of(conn, order)?.is_some_and(|before| before.forbids(at)) {
            continue;
        }
        left -= 1;
        if left == 0 {
            return Ok(Some(OrderId(order)));
        }
    }
    Ok(None)
}

/// What a batch has that was never sent, by merchant: orders and fen.
pub(super) fn unsent(
    conn: &Connection,
    batch: BatchId,
    unsent: Unsent,
) -> LedgerResult<Vec<(Merchant, u64, u128)>> {
    let mut statement = conn.prepare_cached(sql::UNSENT_OF_BATCH)?;
    let mut rows = statement.query([batch.0, unsent.generation_min()])?;
    let mut sums: Vec<(Merchant, u64, u128)> = Vec::new();
    while let Some(row) = rows.next()? {
        let merchant = merchant(row)?;
        let fen = u128::from(convert::fen(row.get(1)?, 0)?.get());
        match sums.last_mut() {
            Some(last) if last.0 == merchant => {
                last.1 += 1;
                last.2 += fen;
            }
            Some(_) | None => sums.push((merchant, 1, fen)),
        }
    }
    Ok(sums)
}

pub(super) fn expiring(conn: &Connection, before: WallMs, limit: u32) -> LedgerResult<Expiring> {
    let mut statement = conn.prepare_cached(sql::EXPIRING_COUNT)?;
    let count: i64 = statement.query_row([before.0], |row| row.get(0))?;
    let mut statement = conn.prepare_cached(sql::EXPIRING_FIRST)?;
    let mut rows = statement.query(params![before.0, limit])?;
    let mut first = Vec::new();
    while let Some(row) = rows.next()? {
        let no = convert::parsed(&row.get::<_, String>(0)?, OrderNo::parse, "number", 0)?;
        first.push((no, WallMs(row.get(1)?)));
    }
    Ok(Expiring {
        count: count as u64,
        first,
    })
}

pub(super) fn last_attempt(conn: &Connection) -> LedgerResult<AttemptId> {
    let mut statement = conn.prepare_cached(sql::ATTEMPT_LAST)?;
    Ok(statement.query_row([], |row| row.get(0).map(AttemptId))?)
}

pub(super) fn content_of(conn: &Connection, no: &OrderNo) -> LedgerResult<Option<ContentDigest>> {
    let mut statement = conn.prepare_cached(sql::ORDER_BY_NO)?;
    Ok(statement
        .query_row([no.as_str()], |row| row.get(3).map(ContentDigest))
        .optional()?)
}

/// A failed file that levy wrote.
pub(super) fn wrote_failed_file(conn: &Connection, digest: &[u8; 32]) -> LedgerResult<bool> {
    let mut statement = conn.prepare_cached(sql::FAILED_FILE_KNOWN)?;
    Ok(statement.exists([&digest[..]])?)
}
