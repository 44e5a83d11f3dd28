//! What stands before an order: earlier numbers of its debt that a verified reply has called paid, or
//! that are dead by people's word alone. While they do, the order is not submitted (law L5), and
//! whoever looks at it is told. The one place that says from when on people's word is worth a number.

use super::{convert, sql};
use crate::clock::WallMs;
use crate::ledger::database::{Tx, values};
use crate::ledger::{Before, LedgerResult, REISSUE_OF_RESOLVED_MS};
use crate::order::{OrderNo, Resolution, State};

/// What keeps an order from being submitted, if anything does. The worst of it.
pub(super) fn of(tx: &dyn Tx, order: i64) -> LedgerResult<Option<Before>> {
    if !tx.exists(sql::ORDER_HAS_PAST, values![order])? {
        return Ok(None);
    }
    let found = tx.all(sql::ORDER_PAID_BEFORE, values![order], |row| {
        Ok((row.get::<i64>(0)?, row.get::<bool>(1)?))
    })?;
    let mut worst: Option<Before> = None;
    for (earlier, paid) in found {
        let no = number(tx, earlier)?;
        if paid {
            return Ok(Some(Before::Paid(no)));
        }
        worst = match (dead_from(tx, earlier)?, worst) {
            (_, Some(Before::Undead(undead))) => Some(Before::Undead(undead)),
            (None, _) => Some(Before::Undead(no)),
            (Some(from), Some(Before::Waits(other, later))) if later >= from => {
                Some(Before::Waits(other, later))
            }
            (Some(from), _) => Some(Before::Waits(no, from)),
        };
    }
    Ok(worst)
}

/// The same for an order as its row, its batch's sums and the ledger's overview show it: only what
/// would be submitted next is kept from it, and what is held waits for a person anyway. `has_past`
/// spares those that nothing stands before.
pub(super) fn shown(
    tx: &dyn Tx,
    order: i64,
    state: State,
    resolved: Option<Resolution>,
    has_past: bool,
) -> LedgerResult<Option<Before>> {
    match (state, resolved) {
        (State::Pending | State::Unknown | State::Closed | State::Rejected, None) if has_past => {
            of(tx, order)
        }
        (State::Held, None) if has_past => Ok(of(tx, order)?.filter(Before::wants_a_person)),
        (_, Some(_) | None) => Ok(None),
    }
}

/// From when on a new number may take the place of an order that people found dead; none while their
/// word is worth none, and of every other order.
pub(super) fn dead_from(tx: &dyn Tx, order: i64) -> LedgerResult<Option<WallMs>> {
    let since: Option<i64> =
        tx.optional(sql::ORDER_DEAD_SINCE, values![order], |row| row.get(0))?;
    Ok(since.map(|since| WallMs(since).plus_ms(REISSUE_OF_RESOLVED_MS)))
}

/// An order's number.
pub(super) fn number(tx: &dyn Tx, order: i64) -> LedgerResult<OrderNo> {
    let no: String = tx.one(sql::PLACE_OF_ORDER, values![order], |row| row.get(0))?;
    convert::parsed(&no, OrderNo::parse, "number", order)
}
