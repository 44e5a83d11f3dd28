//! What a person should know of a row, in words.

use super::{Shown, order_no, wish};
use crate::ledger::books::{before, convert, journal, sql, twin};
use crate::ledger::database::{Row, Tx, values};
use crate::ledger::{Before, DecisionKind, LedgerError, LedgerResult, OrderId};
use crate::order::{Resolution, State};

/// Everything that a person should know of the row.
pub(super) fn note(
    tx: &dyn Tx,
    row: &dyn Row,
    shown: Shown,
    duplicate_of: Option<&str>,
    superseded_by: Option<i64>,
    before: Option<Before>,
) -> LedgerResult<String> {
    let mut notes: Vec<String> = Vec::new();
    notes.extend(row.get::<Option<String>>("note")?);
    if let Some(place) = duplicate_of {
        notes.push(format!(
            "not sent: already in {place}; to deduct again give it a number of its own"
        ));
    }
    let state = match shown {
        Shown::Invalid | Shown::Conflict => None,
        Shown::Order { state, .. } => Some(state),
    };
    // Otherwise "run again" would be done with this file, for ever and in vain.
    if state == Some(State::Pending)
        && let Some(file) = row.get::<Option<String>>("other_file")?
    {
        notes.push(format!("it is sent only with its own file: run {file}"));
    }
    if let (Some(State::Held), Some(by)) = (state, row.get::<Option<i64>>("held_by")?) {
        notes.push(held(tx, OrderId(row.get("order_id")?), OrderId(by))?);
    }
    let frozen_by = (
        row.get::<Option<i64>>("frozen_by_batch")?,
        row.get::<Option<i64>>("frozen_by_ordinal")?,
    );
    if let (Some(State::Conflict), (Some(batch), Some(ordinal))) = (state, frozen_by) {
        let place = place_of_row(tx, batch, ordinal)?;
        notes.push(format!(
            "its number was asked for with another content in {place}: neither is sent; give \
             another number, or clear it and the row's levy_ columns"
        ));
    }
    if let Some(by) = superseded_by
        && let Some(place) = place_of_deduction(tx, by)?
    {
        notes.push(format!("replaced by {place}"));
    } else if let Shown::Order {
        resolved: Some(resolved),
        ..
    } = shown
    {
        notes.push(found_out(tx, row, resolved)?);
    } else if let Some(state) = state {
        notes.extend(not_reissued(tx, row, state)?);
    }
    if let Shown::Order {
        state,
        resolved,
        superseded: false,
        ..
    } = shown
    {
        notes.extend(wish::unfulfilled(row, state, resolved)?);
    }
    if let (Some(before), Some(state)) = (before, state) {
        let no = order_no(row)?;
        notes.push(before.words(&no, state));
    }
    if row.get::<Option<i64>>("alerts")?.unwrap_or(0) > 0 {
        notes.extend(alerts(tx, row.get("order_id")?)?);
    }
    Ok(notes.join("; "))
}

/// Why a rerun leaves the order as it is, where its state does not say so already.
fn not_reissued(tx: &dyn Tx, row: &dyn Row, state: State) -> LedgerResult<Option<String>> {
    match state {
        State::Closed => Ok(Some(
            "not issued again: no verified answer has proven the close yet".into(),
        )),
        State::Expired => Ok(Some(
            "not issued again: past its window, and no verified answer has settled it".into(),
        )),
        State::Failed | State::ClosedProven => {
            let child = order_no(row)?.reissued(row.get::<u32>("generation")? + 1);
            let taken: Option<i64> = tx.optional(sql::ORDER_BY_NO, values![child.as_str()], |row| row.get(0))?;
            let Some(other) = taken else { return Ok(None) };
            let (_, place) = place_of_order(tx, other)?;
            Ok(Some(format!(
                "cannot be issued again: the number that it would get, {child}, is taken by {place}"
            )))
        }
        State::Rejected => refused(tx, row),
        State::Pending | State::Held | State::Conflict | State::Cancelled => Ok(None),
        State::Unknown if never_asked(row)? => Ok(Some(
            "never sent by this ledger, and perhaps since the backup that it came back from: it is asked \
             for with its own file (or `levy resume --batch`)"
                .into(),
        )),
        State::Unknown => {
            let order = OrderId(row.get("order_id")?);
            let Some(OrderId(twin)) = twin::forbids(tx, order, state)? else {
                return Ok(None);
            };
            let (no, place) = place_of_order(tx, twin)?;
            Ok(Some(format!(
                "not submitted: the other tool that has used its number may have tried again as {no} in \
                 {place}, which is alive or succeeded; past its window it is asked for, and until then \
                 `levy resolve` is for who finds out"
            )))
        }
        State::Processing | State::Success => Ok(None),
    }
}

/// Who holds the order now: what held it when it came in may be dead since.
fn held(tx: &dyn Tx, order: OrderId, by: OrderId) -> LedgerResult<String> {
    let holder = twin::holder(tx, order, by)?;
    let (no, place) = place_of_order(tx, holder.unwrap_or(by).0)?;
    let release = "release it by its number if it is another deduction (--release NO --by NAME)";
    Ok(match holder {
        None => format!(
            "held when it came in, by {no} in {place}, which is dead by now: release it by its number \
             (--release NO --by NAME) if this is to be deducted, else withdraw it (`levy cancel NO`)"
        ),
        Some(holder) if twin::is_same_debt(tx, order, holder)? => format!(
            "looks like {no} in {place} (same merchant, account, type, amount and reason): {release}"
        ),
        Some(_) => format!(
            "looks like {no} in {place} (same merchant, account, type and amount, be it of the row that \
             this one replaces): {release}"
        ),
    })
}

/// Why a refused order is not submitted again under its own number, or not yet to be mended.
fn refused(tx: &dyn Tx, row: &dyn Row) -> LedgerResult<Option<String>> {
    let order = OrderId(row.get("order_id")?);
    let restored = row.get::<String>("past")? == "RESTORED";
    let Some(twin) = twin::forbids(tx, order, State::Rejected)? else {
        return Ok(restored.then(|| RESTORED.into()));
    };
    let (no, place) = place_of_order(tx, twin.0)?;
    let like = match twin::is_same_debt(tx, order, twin)? {
        true => format!("looks like {no} in {place}, which is alive or succeeded, or may be"),
        false => format!(
            "{no} in {place} came in later for the same merchant, account, type and amount, and is not \
             dead: perhaps this row under a corrected reason"
        ),
    };
    let both = match restored {
        // In the time that the backup forgot it may have been deducted itself.
        true => "find out whether this one was deducted since the backup, then `levy resolve` it",
        false => "if both are meant, give this row in a file under another number",
    };
    Ok(Some(format!("not submitted again: {like}; {both}")))
}

/// Of an order that was refused before the backup was made.
const RESTORED: &str = "it may have been submitted again, and accepted, since the backup that this ledger \
     came back from: ask for it under its own number (`levy rerun BATCH --only rejected`) before the row is \
     mended, unless a mended row took its place since the backup: then `levy resolve` it";

/// It may have been sent before the ledger came back from a backup, and was not asked for since.
fn never_asked(row: &dyn Row) -> LedgerResult<bool> {
    let restored = row.get::<String>("past")? == "RESTORED";
    Ok(restored && row.get::<u32>("attempts")? == 0)
}

/// Of an order that people called dead.
const NO_NEW_NUMBER: &str =
    "; no new number is given on that word: see `levy show` and ask for it (`levy reconcile`)";

/// What people found out, and what that allows.
fn found_out(tx: &dyn Tx, row: &dyn Row, resolved: Resolution) -> LedgerResult<String> {
    let order: i64 = row.get("order_id")?;
    let decisions = tx.all(sql::DECISIONS_OF_ORDER, values![order], journal::decided)?;
    let latest = decisions
        .into_iter()
        .rfind(|decided| decided.kind.resolution().is_some());
    let decided =
        latest.ok_or_else(|| LedgerError::Broken("an order resolved by nobody".into()))?;
    let found = |kind| {
        matches!(
            kind,
            DecisionKind::ResolveSuccess | DecisionKind::ResolveFailed
        )
    };
    let mut words = match &decided.by_second {
        Some(second) if found(decided.kind) => format!(
            "resolved as {resolved} by {} and {second} on {}: {}",
            decided.by_first,
            decided.at.rfc3339(),
            decided.words
        ),
        Some(_) | None => decided.to_string(),
    };
    let state = convert::state(&row.get::<String>("state")?, 0)?;
    if resolved == Resolution::Failed && !state.is_final() {
        match before::dead_from(tx, row.get("order_id")?)? {
            Some(from) => {
                let from = from.rfc3339();
                words.push_str(&format!("; a new number is given from {from} on"));
            }
            None => words.push_str(NO_NEW_NUMBER),
        }
    }
    Ok(words)
}

fn place_of_order(tx: &dyn Tx, order: i64) -> LedgerResult<(String, String)> {
    tx.one(sql::PLACE_OF_ORDER, values![order], |row| {
        let (file, line): (String, i64) = (row.get(1)?, row.get(2)?);
        Ok((row.get(0)?, format!("{file}:{line}")))
    })
}

fn place_of_row(tx: &dyn Tx, batch: i64, ordinal: i64) -> LedgerResult<String> {
    tx.one(sql::PLACE_OF_ROW, values![batch, ordinal], |row| {
        let (file, line): (String, i64) = (row.get(0)?, row.get(1)?);
        Ok(format!("{file}:{line}"))
    })
}

fn place_of_deduction(tx: &dyn Tx, deduction: i64) -> LedgerResult<Option<String>> {
    tx.optional(sql::PLACE_OF_DEDUCTION, values![deduction], |row| {
        let (file, line): (String, i64) = (row.get(1)?, row.get(2)?);
        Ok(format!("{file}:{line}"))
    })
}

fn alerts(tx: &dyn Tx, order: i64) -> LedgerResult<Vec<String>> {
    tx.all(sql::ORDER_ALERTS, values![order], |row| row.get(0))
}
