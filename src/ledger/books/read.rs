//! What a run asks the ledger: batches, lanes and their decks, and what was sent lately.

use std::collections::BTreeMap;

use super::{before, convert, sql};
use crate::clock::WallMs;
use crate::ledger::database::{Go, Row, Statement, Tx, Value, values};
use crate::ledger::{
    AttemptId, Batch, BatchHead, BatchId, Expiring, Handed, Job, LaneWork, LedgerError,
    LedgerResult, OrderId, Phase, Reach, RecentSend, Scope, Unsent,
};
use crate::order::{ContentDigest, Merchant, OrderNo};

pub(super) fn batch_by_digest(tx: &dyn Tx, digest: &[u8; 32]) -> LedgerResult<Option<Batch>> {
    tx.optional(sql::BATCH_BY_DIGEST, values![&digest[..]], batch)
}

pub(super) fn batch_by_id(tx: &dyn Tx, id: BatchId) -> LedgerResult<Option<Batch>> {
    tx.optional(sql::BATCH_BY_ID, values![id.0], batch)
}

pub(super) fn batch(row: &dyn Row) -> LedgerResult<Batch> {
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
        rows: row.get::<i64>(5)? as u64,
        accepted_at: WallMs(row.get(6)?),
    })
}

/// A JSON array of texts.
pub(super) fn texts(json: &str, what: &str) -> LedgerResult<Vec<String>> {
    serde_json::from_str(json)
        .map_err(|_| LedgerError::Broken(format!("the {what} is not what was written")))
}

pub(in crate::ledger) fn lanes(tx: &dyn Tx, scope: Scope) -> LedgerResult<Vec<LaneWork>> {
    let mut lanes: BTreeMap<Merchant, (u64, u64)> = BTreeMap::new();
    match scope {
        Scope::Batch(BatchId(batch)) => {
            let all = Unsent::All.generation_min();
            count(tx, sql::LANES_OPEN_OF_BATCH, values![batch, all], |m, n| {
                lanes.entry(m).or_default().0 = n;
            })?;
            count(tx, sql::LANES_PENDING, values![batch, all], |m, n| {
                lanes.entry(m).or_default().1 = n;
            })?;
        }
        Scope::OpenOf(BatchId(batch), unsent) => {
            let generation = unsent.generation_min();
            count(
                tx,
                sql::LANES_OPEN_OF_BATCH,
                values![batch, generation],
                |m, n| {
                    lanes.entry(m).or_default().0 = n;
                },
            )?;
        }
        Scope::Rerun(BatchId(batch), rerun) => {
            if rerun.sends_rejected() {
                count(tx, sql::LANES_REJECTED_OF_BATCH, values![batch], |m, n| {
                    lanes.entry(m).or_default().0 = n;
                })?;
            }
            let generation = rerun.unsent().generation_min();
            count(
                tx,
                sql::LANES_PENDING,
                values![batch, generation],
                |m, n| {
                    lanes.entry(m).or_default().1 = n;
                },
            )?;
        }
        Scope::Open | Scope::FirstSent(..) => {
            let (from, to) = first_sent(scope);
            count(tx, sql::LANES_OPEN, values![from, to], |m, n| {
                lanes.entry(m).or_default().0 = n;
            })?;
        }
        Scope::Sent(Reach::Between(WallMs(from), WallMs(to)), past) => {
            count(tx, sql::LANES_SENT, values![from, to, past.0], |m, n| {
                lanes.entry(m).or_default().0 = n;
            })?;
        }
        Scope::Sent(Reach::Of(BatchId(batch)), past) => {
            count(
                tx,
                sql::LANES_SENT_OF_BATCH,
                values![batch, past.0],
                |m, n| {
                    lanes.entry(m).or_default().0 = n;
                },
            )?;
        }
        Scope::Shared(handed) => {
            count(tx, sql::LANES_SHARED_OPEN, &[], |m, n| {
                lanes.entry(m).or_default().0 = n;
            })?;
            let only = only_approved(handed);
            let values = values![only];
            count(tx, sql::LANES_SHARED_PENDING, values, |m, n| {
                lanes.entry(m).or_default().1 = n;
            })?;
        }
        Scope::Replaced(reach) => {
            let (from, to, batch) = bounds(reach);
            count(tx, sql::LANES_REPLACED, values![from, to, batch], |m, n| {
                lanes.entry(m).or_default().0 = n;
            })?;
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

/// Whether what no approved plan allows stays, as the statements take it.
pub(super) fn only_approved(handed: Handed) -> i64 {
    match handed {
        Handed::All => 0,
        Handed::Approved => 1,
    }
}

/// The range of first sends that an open scope is about.
fn first_sent(scope: Scope) -> (i64, i64) {
    match scope {
        Scope::FirstSent(WallMs(from), WallMs(to)) => (from, to),
        Scope::Open | Scope::Batch(_) | Scope::OpenOf(..) | Scope::Shared(_) => {
            (i64::MIN, i64::MAX)
        }
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
    tx: &dyn Tx,
    statement: &'static Statement,
    values: &[Value<'_>],
    mut each: impl FnMut(Merchant, u64),
) -> LedgerResult<()> {
    tx.each(statement, values, &mut |row| {
        each(merchant(row)?, row.get::<i64>(1)? as u64);
        Ok(Go::On)
    })
}

/// A merchant in the first column.
pub(in crate::ledger) fn merchant(row: &dyn Row) -> LedgerResult<Merchant> {
    Merchant::parse(&row.get::<String>(0)?)
        .map_err(|_| LedgerError::Broken("an order's merchant is none".into()))
}

pub(super) fn deck(
    tx: &dyn Tx,
    scope: Scope,
    phase: Phase,
    merchant: &Merchant,
    after: OrderId,
    limit: u32,
) -> LedgerResult<Vec<Job>> {
    let merchant = merchant.as_str();
    let pending = |batch: BatchId, unsent: Unsent| {
        let generation = unsent.generation_min();
        let params = values![batch.0, merchant, after.0, limit, generation];
        jobs(tx, sql::DECK_PENDING, params)
    };
    let open = |batch: BatchId, unsent: Unsent| {
        let generation = unsent.generation_min();
        let params = values![batch.0, merchant, after.0, limit, generation];
        jobs(tx, sql::DECK_OPEN_OF_BATCH, params)
    };
    match (scope, phase) {
        (Scope::Batch(batch), Phase::Pending) => pending(batch, Unsent::All),
        (Scope::Rerun(batch, rerun), Phase::Pending) => pending(batch, rerun.unsent()),
        (Scope::Batch(batch), Phase::Open) => open(batch, Unsent::All),
        (Scope::OpenOf(batch, unsent), Phase::Open) => open(batch, unsent),
        (Scope::Rerun(batch, rerun), Phase::Open) if rerun.sends_rejected() => {
            let params = values![batch.0, merchant, after.0, limit];
            jobs(tx, sql::DECK_REJECTED_OF_BATCH, params)
        }
        // Its open orders were asked in the rerun's first half.
        (Scope::Rerun(..), Phase::Open) => Ok(Vec::new()),
        (Scope::Open | Scope::FirstSent(..), Phase::Open) => {
            let (from, to) = first_sent(scope);
            let params = values![merchant, after.0, limit, from, to];
            jobs(tx, sql::DECK_OPEN, params)
        }
        (Scope::Sent(Reach::Between(from, to), past), Phase::Open) => {
            let params = values![merchant, after.0, limit, from.0, to.0, past.0];
            jobs(tx, sql::DECK_SENT, params)
        }
        (Scope::Sent(Reach::Of(batch), past), Phase::Open) => {
            let params = values![batch.0, merchant, after.0, limit, past.0];
            jobs(tx, sql::DECK_SENT_OF_BATCH, params)
        }
        (Scope::Shared(_), Phase::Open) => {
            let params = values![merchant, after.0, limit];
            jobs(tx, sql::DECK_SHARED_OPEN, params)
        }
        (Scope::Shared(handed), Phase::Pending) => {
            let only = only_approved(handed);
            let params = values![merchant, after.0, limit, only];
            jobs(tx, sql::DECK_SHARED_PENDING, params)
        }
        // What was never sent goes only with its own file.
        (Scope::Open | Scope::FirstSent(..) | Scope::OpenOf(..), Phase::Pending) => Ok(Vec::new()),
        (Scope::Replaced(reach), Phase::Open) => {
            let (from, to, batch) = bounds(reach);
            let params = values![merchant, after.0, limit, from, to, batch];
            jobs(tx, sql::DECK_REPLACED, params)
        }
        (Scope::Sent(..) | Scope::Replaced(_), Phase::Pending) => Ok(Vec::new()),
    }
}

fn jobs(
    tx: &dyn Tx,
    statement: &'static Statement,
    values: &[Value<'_>],
) -> LedgerResult<Vec<Job>> {
    tx.all(statement, values, convert::job)
}

pub(super) fn latest_signed_at(tx: &dyn Tx) -> LedgerResult<Option<WallMs>> {
    let latest: Option<i64> = tx.one(sql::META_LATEST_SIGNED_AT, &[], |row| row.get(0))?;
    Ok(latest.map(WallMs))
}

pub(super) fn recent_sends(tx: &dyn Tx, since: WallMs) -> LedgerResult<Vec<RecentSend>> {
    tx.all(sql::RECENT_SENDS, values![since.0], |row| {
        Ok(RecentSend {
            merchant: merchant(row)?,
            claimed_at: WallMs(row.get(1)?),
            answered_at: row.get::<Option<i64>>(2)?.map(WallMs),
            given_up: row.get(3)?,
        })
    })
}

pub(super) fn nth_unsent(
    tx: &dyn Tx,
    scope: Scope,
    n: u64,
    at: WallMs,
) -> LedgerResult<Option<OrderId>> {
    let (batch, unsent) = match scope {
        Scope::Batch(batch) => (batch, Unsent::All),
        Scope::Rerun(batch, rerun) => (batch, rerun.unsent()),
        // What is handed over is never cut short.
        Scope::Open
        | Scope::Shared(_)
        | Scope::FirstSent(..)
        | Scope::OpenOf(..)
        | Scope::Sent(..)
        | Scope::Replaced(_) => {
            return Ok(None);
        }
    };
    let mut left = n.max(1);
    let mut found = None;
    let generation = unsent.generation_min();
    let values = values![batch.0, generation];
    tx.scan(sql::PENDING_OF_BATCH, values, &mut |row| {
        let order: i64 = row.get(0)?;
        // One whose claim would be refused is none of them, or the run would come to nothing for ever.
        if before::of(tx, order)?.is_some_and(|before| before.forbids(at)) {
            return Ok(Go::On);
        }
        left -= 1;
        if left == 0 {
            found = Some(OrderId(order));
            return Ok(Go::Enough);
        }
        Ok(Go::On)
    })?;
    Ok(found)
}

/// What a batch has that was never sent, by merchant: orders and fen.
pub(super) fn unsent(
    tx: &dyn Tx,
    batch: BatchId,
    unsent: Unsent,
) -> LedgerResult<Vec<(Merchant, u64, u128)>> {
    let mut sums: Vec<(Merchant, u64, u128)> = Vec::new();
    let generation = unsent.generation_min();
    let values = values![batch.0, generation];
    tx.each(sql::UNSENT_OF_BATCH, values, &mut |row| {
        let merchant = merchant(row)?;
        let fen = u128::from(convert::fen(row.get(1)?, 0)?.get());
        match sums.last_mut() {
            Some(last) if last.0 == merchant => {
                last.1 += 1;
                last.2 += fen;
            }
            Some(_) | None => sums.push((merchant, 1, fen)),
        }
        Ok(Go::On)
    })?;
    Ok(sums)
}

pub(super) fn expiring(tx: &dyn Tx, before: WallMs, limit: u32) -> LedgerResult<Expiring> {
    let count: i64 = tx.one(sql::EXPIRING_COUNT, values![before.0], |row| row.get(0))?;
    let first = tx.all(sql::EXPIRING_FIRST, values![before.0, limit], |row| {
        let no = convert::parsed(row.get(0)?, OrderNo::parse, "number", 0)?;
        Ok((no, WallMs(row.get(1)?)))
    })?;
    Ok(Expiring {
        count: count as u64,
        first,
    })
}

pub(super) fn last_attempt(tx: &dyn Tx) -> LedgerResult<AttemptId> {
    tx.one(sql::ATTEMPT_LAST, &[], |row| row.get(0).map(AttemptId))
}

pub(super) fn content_of(tx: &dyn Tx, no: &OrderNo) -> LedgerResult<Option<ContentDigest>> {
    tx.optional(sql::ORDER_BY_NO, values![no.as_str()], |row| {
        row.get(3).map(ContentDigest)
    })
}

/// A failed file that levy wrote.
pub(super) fn wrote_failed_file(tx: &dyn Tx, digest: &[u8; 32]) -> LedgerResult<bool> {
    tx.exists(sql::FAILED_FILE_KNOWN, values![&digest[..]])
}
