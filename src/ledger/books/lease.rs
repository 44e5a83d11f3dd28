//! What several hosts that share the books must agree on: by which holding of a lane a claim goes, whether
//! anybody may be sending, and which batches are everybody's.

use std::collections::HashSet;

use super::accept::one_row;
use super::read;
use crate::clock::WallMs;
use crate::ledger::database::{Tx, values};
use crate::ledger::{
    Ask, BatchId, Epoch, Handed, Held, LedgerError, LedgerResult, OrderId, Write, sql,
};
use crate::order::{Merchant, State};

/// Milliseconds after which a batch of which nothing waits is handed over no more: what was in flight then
/// has long come back.
const HANDED_FOR_MS: i64 = 40 * 86_400_000;

/// The holdings that a group's claims go by and that last, found by one statement.
pub(super) fn lasting(tx: &dyn Tx, writes: &[Write]) -> LedgerResult<HashSet<Held>> {
    let asked: HashSet<(&str, i64)> = writes
        .iter()
        .filter_map(|write| match write {
            Write::Claim(ask) => ask.lease.map(|Epoch(epoch)| (lane(ask).as_str(), epoch)),
            Write::Record(_) | Write::ProofMissed(_) => None,
        })
        .collect();
    if asked.is_empty() {
        return Ok(HashSet::new());
    }
    let asked = serde_json::to_string(&asked).expect("texts and numbers");
    let held = tx.all(sql::LEASE_CHECK, values![asked], |row| {
        Ok(Held {
            merchant: read::merchant(row)?,
            epoch: Epoch(row.get(1)?),
        })
    })?;
    Ok(held.into_iter().collect())
}

/// Whether a claim goes by a holding that is over, or another's by now.
pub(super) fn is_lost(lasting: &HashSet<Held>, ask: &Ask) -> bool {
    ask.lease.is_some_and(|epoch| {
        !lasting.contains(&Held {
            merchant: lane(ask).clone(),
            epoch,
        })
    })
}

/// Of a group's claims that go because their batch was handed over, and were never sent, those whose batch
/// is so still, found by one statement for each rule.
pub(super) fn still_handed(tx: &dyn Tx, writes: &[Write]) -> LedgerResult<HashSet<OrderId>> {
    let mut still = HashSet::new();
    for rule in [Handed::All, Handed::Approved] {
        let asked: Vec<i64> = writes
            .iter()
            .filter_map(|write| match write {
                Write::Claim(ask) if goes_by(ask) == Some(rule) => Some(ask.job.id.0),
                Write::Claim(_) | Write::Record(_) | Write::ProofMissed(_) => None,
            })
            .collect();
        if asked.is_empty() {
            continue;
        }
        let asked = serde_json::to_string(&asked).expect("numbers");
        let only = read::only_approved(rule);
        let found = tx.all(sql::HANDED_STILL, values![asked, only], |row| {
            Ok(OrderId(row.get(0)?))
        })?;
        still.extend(found);
    }
    Ok(still)
}

/// Whether a claim's batch was taken back since it was dealt.
pub(super) fn is_taken_back(still: &HashSet<OrderId>, ask: &Ask) -> bool {
    goes_by(ask).is_some() && !still.contains(&ask.job.id)
}

/// What was sent once comes to its end, whoever has taken back what.
fn goes_by(ask: &Ask) -> Option<Handed> {
    ask.handed
        .filter(|_| ask.job.standing.state == State::Pending)
}

fn lane(ask: &Ask) -> &Merchant {
    &ask.job.order.content.merchant
}

/// Nobody may be sending, on this lane or on any: else `Held`, with who holds what. Asked in the
/// transaction of what needs it.
pub(super) fn quiet(tx: &dyn Tx, lane: Option<&Merchant>) -> LedgerResult<()> {
    let lane = lane.map(Merchant::as_str);
    let held: Vec<(String, String, i64)> = tx.all(sql::LEASE_LIVE, values![lane], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let Some((lane, who, left_ms)) = held.first() else {
        return Ok(());
    };
    let more = match held.len() {
        1 => String::new(),
        all => format!(", and {} more lanes are somebody's", all - 1),
    };
    Err(LedgerError::Held(format!(
        "{who} holds the lane of merchant {lane} for another {} s{more}: nothing may be sent meanwhile. Stop \
         what works on this ledger (`levy lanes` lists it), or `levy freeze` it, which makes it let go; then \
         give the same command again",
        left_ms / 1000 + 1
    )))
}

/// Takes a batch back that was handed over: what was not sent waits for its own command again. Whether it was
/// anybody's.
pub(super) fn take_back(tx: &dyn Tx, batch: BatchId) -> LedgerResult<bool> {
    Ok(tx.execute(sql::HANDED_TAKE_BACK, values![batch.0])? > 0)
}

/// Hands a batch over: its orders that were never sent are everybody's to send, those of now.
pub(super) fn hand_over(tx: &dyn Tx, batch: BatchId, at: WallMs) -> LedgerResult<()> {
    let handed = tx.execute(sql::HANDED_SAVE, values![batch.0, at.0])?;
    one_row(handed, &format!("batch {batch}"))?;
    let old = at.plus_ms(-HANDED_FOR_MS);
    tx.execute(sql::HANDED_SWEEP, values![old.0])?;
    Ok(())
}
