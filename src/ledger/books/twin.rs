//! What else there is for an order's debt: the one answer to who holds a new order, a reissue, and an
//! order that would be submitted again.

use super::{convert, past, sql};
use crate::clock::WallMs;
use crate::ledger::database::{Tx, Value, values};
use crate::ledger::{LedgerResult, OrderId};
use crate::order::State;

/// Whatever succeeded holds, however long ago.
pub(super) const ANY_AGE: WallMs = WallMs(i64::MIN);

/// An order of another deduction for the debt with this key that is alive or may be, or was settled at
/// or after a moment.
pub(super) fn holding(
    tx: &dyn Tx,
    key: Value<'_>,
    since: WallMs,
    deduction: i64,
) -> LedgerResult<Option<OrderId>> {
    let values = values![key, since.0, deduction];
    let found = tx.optional(sql::ORDER_HOLDING, values, |row| row.get(0))?;
    Ok(found.map(OrderId))
}

/// The same for an order that the ledger has, whatever its age: who would hold it today.
pub(super) fn holding_today(tx: &dyn Tx, order: OrderId) -> LedgerResult<Option<OrderId>> {
    let (key, deduction): ([u8; 16], i64) = tx.one(sql::ORDER_DEBT, values![order.0], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    holding(tx, Value::from(&key), ANY_AGE, deduction)
}

/// What keeps an order that holds nobody, or did not while others came in, from being submitted again:
/// one that was refused, or that another tool has sent, which may have tried again under another number.
pub(super) fn forbids(tx: &dyn Tx, order: OrderId, state: State) -> LedgerResult<Option<OrderId>> {
    match state {
        State::Rejected => match holding_today(tx, order)? {
            Some(twin) => Ok(Some(twin)),
            None => younger(tx, order),
        },
        State::Unknown | State::Processing | State::Closed => match past::is_imported(tx, order)? {
            true => holding_today(tx, order),
            false => Ok(None),
        },
        // Never sent, or submitted no more.
        State::Pending | State::Held | State::Conflict | State::Cancelled => Ok(None),
        State::Expired | State::Success | State::Failed | State::ClosedProven => Ok(None),
    }
}

/// A younger order for the same debt under another reason: whoever corrected a refused row may have given
/// it as one of its own.
pub(super) fn younger(tx: &dyn Tx, order: OrderId) -> LedgerResult<Option<OrderId>> {
    let found = tx.optional(sql::ORDER_YOUNGER, values![order.0], |row| row.get(0))?;
    Ok(found.map(OrderId))
}

/// Who holds a held order now: what held it when it came in, or, if that is dead since, another.
pub(super) fn holder(tx: &dyn Tx, order: OrderId, by: OrderId) -> LedgerResult<Option<OrderId>> {
    let state: String = tx.one(sql::ORDER_STATE, values![by.0], |row| row.get(0))?;
    match convert::state(&state, by.0)?.holds_others() {
        true => Ok(Some(by)),
        false => holding_today(tx, order),
    }
}

/// Two orders with the same merchant, account, type and amount, and the same reason by its words.
pub(super) fn is_same_debt(tx: &dyn Tx, one: OrderId, other: OrderId) -> LedgerResult<bool> {
    let key = |order: OrderId| {
        tx.one(sql::ORDER_DEBT, values![order.0], |row| {
            row.get::<[u8; 16]>(0)
        })
    };
    Ok(key(one)? == key(other)?)
}
