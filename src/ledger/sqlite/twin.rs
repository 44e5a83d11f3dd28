//! What else there is for an order's debt: the one answer to who holds a new order, a reissue, and an
//! order that would be submitted again.

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::{convert, past, sql};
use crate::clock::WallMs;
use crate::ledger::{LedgerResult, OrderId};
use crate::order::State;

/// Whatever succeeded holds, however long ago.
pub(super) const ANY_AGE: WallMs = WallMs(i64::MIN);

/// An order of another deduction for the debt with this key that is alive or may be, or was settled at
/// or after a moment.
pub(super) fn holding(
    conn: &Connection,
    key: &dyn ToSql,
    since: WallMs,
    deduction: i64,
) -> LedgerResult<Option<OrderId>> {
    let mut statement = conn.prepare_cached(sql::ORDER_HOLDING)?;
    let found = statement.query_row(params![key, since.0, deduction], |row| row.get(0));
    Ok(found.optional()?.map(OrderId))
}

/// The same for an order that the ledger has, whatever its age: who would hold it today.
pub(super) fn holding_today(conn: &Connection, order: OrderId) -> LedgerResult<Option<OrderId>> {
    let mut statement = conn.prepare_cached(sql::ORDER_DEBT)?;
    let (key, deduction): ([u8; 16], i64) =
        statement.query_row([order.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    holding(conn, &key, ANY_AGE, deduction)
}

/// What keeps an order that holds nobody, or did not while others came in, from being submitted again:
/// one that was refused, or that another tool has sent, which may have tried again under another number.
pub(super) fn forbids(
    conn: &Connection,
    order: OrderId,
    state: State,
) -> LedgerResult<Option<OrderId>> {
    match state {
        State::Rejected => match holding_today(conn, order)? {
            Some(twin) => Ok(Some(twin)),
            None => younger(conn, order),
        },
        State::Unknown | State::Processing | State::Closed => {
            match past::is_imported(conn, order)? {
                true => holding_today(conn, order),
                false => Ok(None),
            }
        }
        // Never sent, or submitted no more.
        State::Pending | State::Held | State::Conflict | State::Cancelled => Ok(None),
        State::Expired | State::Success | State::Failed | State::ClosedProven => Ok(None),
    }
}

/// A younger order for the same debt under another reason: whoever corrected a refused row may have given
/// it as one of its own.
pub(super) fn younger(conn: &Connection, order: OrderId) -> LedgerResult<Option<OrderId>> {
    let mut statement = conn.prepare_cached(sql::ORDER_YOUNGER)?;
    let found = statement.query_row([order.0], |row| row.get(0));
    Ok(found.optional()?.map(OrderId))
}

/// Who holds a held order now: what held it when it came in, or, if that is dead since, another.
pub(super) fn holder(
    conn: &Connection,
    order: OrderId,
    by: OrderId,
) -> LedgerResult<Option<OrderId>> {
    let mut statement = conn.prepare_cached(sql::ORDER_STATE)?;
    let state: String = statement.query_row([by.0], |row| row.get(0))?;
    match convert::state(&state, by.0)?.holds_others() {
        true => Ok(Some(by)),
        false => holding_today(conn, order),
    }
}

/// Two orders with the same merchant, account, type and amount, and the same reason by its words.
pub(super) fn is_same_debt(conn: &Connection, one: OrderId, other: OrderId) -> LedgerResult<bool> {
    let mut statement = conn.prepare_cached(sql::ORDER_DEBT)?;
    let mut key = |order: OrderId| statement.query_row([order.0], |row| row.get::<_, [u8; 16]>(0));
    Ok(key(one)? == key(other)?)
}
