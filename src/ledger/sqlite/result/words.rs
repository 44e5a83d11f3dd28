//! What a person should know of a row, in words.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{Shown, order_no, wish};
use crate::ledger::sqlite::{before, convert, journal, sql, twin};
use crate::ledger::{Before, DecisionKind, LedgerError, LedgerResult, OrderId};
use crate::order::{Resolution, State};

/// Everything that a person should know of the row.
pub(super) fn note(
    conn: &Connection,
    row: &Row<'_>,
    shown: Shown,
    duplicate_of: Option<&str>,
    superseded_by: Option<i64>,
    before: Option<Before>,
) -> LedgerResult<String> {
    let mut notes: Vec<String> = Vec::new();
    notes.extend(row.get::<_, Option<String>>("note")?);
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
        && let Some(file) = row.get::<_, Option<String>>("other_file")?
    {
        notes.push(format!("it is sent only with its own file: run {file}"));
    }
    if let (Some(State::Held), Some(by)) = (state, row.get::<_, Option<i64>>("held_by")?) {
        notes.push(held(conn, OrderId(row.get("order_id")?), OrderId(by))?);
    }
    let frozen_by = (
        row.get::<_, Option<i64>>("frozen_by_batch")?,
        row.get::<_, Option<i64>>("frozen_by_ordinal")?,
    );
    if let (Some(State::Conflict), (Some(batch), Some(ordinal))) = (state, frozen_by) {
        let place = place_of_row(conn, batch, ordinal)?;
        notes.push(format!(
            "its number was asked for with another content in {place}: neither is sent; give \
             another number, or clear it and the row's levy_ columns"
        ));
    }
    if let Some(by) = superseded_by
        && let Some(place) = place_of_deduction(conn, by)?
    {
        notes.push(format!("replaced by {place}"));
    } else if let Shown::Order {
        resolved: Some(resolved),
        ..
    } = shown
    {
        notes.push(found_out(conn, row, resolved)?);
    } else if let Some(state) = state {
        notes.extend(not_reissued(conn, row, state)?);
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
    if row.get::<_, Option<i64>>("alerts")?.unwrap_or(0) > 0 {
        notes.extend(alerts(conn, row.get("order_id")?)?);
    }
    Ok(notes.join("; "))
}

/// Why a rerun leaves the order as it is, where its state does not say so already.
fn not_reissued(conn: &Connection, row: &Row<'_>, state: State) -> LedgerResult<Option<String>> {
    match state {
        State::Closed => Ok(Some(
            "not issued again: no verified answer has proven the close yet".into(),
        )),
        State::Expired => Ok(Some(
            "not issued again: past its window, and no verified answer has settled it".into(),
        )),
        State::Failed | State::ClosedProven => {
            let child = order_no(row)?.reissued(row.get::<_, u32>("generation")? + 1);
            let mut statement = conn.prepare_cached(sql::ORDER_BY_NO)?;
            let taken: Option<i64> = statement
                .query_row([child.as_str()], |row| row.get(0))
                .optional()?;
            let Some(other) = taken else { return Ok(None) };
            let (_, place) = place_of_order(conn, other)?;
            Ok(Some(format!(
                "cannot be issued again: the number that it would get, {child}, is taken by {place}"
            )))
        }
        State::Rejected => refused(conn, row),
        State::Pending | State::Held | State::Conflict | State::Cancelled => Ok(None),
        State::Unknown if never_asked(row)? => Ok(Some(
            "never sent by this ledger, and perhaps since the backup that it came back from: it is asked \
             for with its own file (or `levy resume --batch`)"
                .into(),
        )),
        State::Unknown => {
            let order = OrderId(row.get("order_id")?);
            let Some(OrderId(twin)) = twin::forbids(conn, order, state)? else {
                return Ok(None);
            };
            let (no, place) = place_of_order(conn, twin)?;
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
fn held(conn: &Connection, order: OrderId, by: OrderId) -> LedgerResult<String> {
    let holder = twin::holder(conn, order, by)?;
    let (no, place) = place_of_order(conn, holder.unwrap_or(by).0)?;
    let release = "release it by its number if it is another deduction (--release NO --by NAME)";
    Ok(match holder {
        None => format!(
            "held when it came in, by {no} in {place}, which is dead by now: release it by its number \
             (--release NO --by NAME) if this is to be deducted, else withdraw it (`levy cancel NO`)"
        ),
        Some(holder) if twin::is_same_debt(conn, order, holder)? => format!(
            "looks like {no} in {place} (same merchant, account, type, amount and reason): {release}"
        ),
        Some(_) => format!(
            "looks like {no} in {place} (same merchant, account, type and amount, be it of the row that \
             this one replaces): {release}"
        ),
    })
}

/// Why a refused order is not submitted again under its own number, or not yet to be mended.
fn refused(conn: &Connection, row: &Row<'_>) -> LedgerResult<Option<String>> {
    let order = OrderId(row.get("order_id")?);
    let restored = row.get::<_, String>("past")? == "RESTORED";
    let Some(twin) = twin::forbids(conn, order, State::Rejected)? else {
        return Ok(restored.then(|| RESTORED.into()));
    };
    let (no, place) = place_of_order(conn, twin.0)?;
    let like = match twin::is_same_debt(conn, order, twin)? {
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
fn never_asked(row: &Row<'_>) -> LedgerResult<bool> {
    let restored = row.get::<_, String>("past")? == "RESTORED";
    Ok(restored && row.get::<_, u32>("attempts")? == 0)
}

/// Of an order that people called dead.
const NO_NEW_NUMBER: &str =
    "; no new number is given on that word: see `levy show` and ask for it (`levy reconcile`)";

/// What people found out, and what that allows.
fn found_out(conn: &Connection, row: &Row<'_>, resolved: Resolution) -> LedgerResult<String> {
    let mut statement = conn.prepare_cached(sql::DECISIONS_OF_ORDER)?;
    let mut decisions = statement.query([row.get::<_, i64>("order_id")?])?;
    let mut latest = None;
    while let Some(decision) = decisions.next()? {
        let decided = journal::decided(decision)?;
        if decided.kind.resolution().is_some() {
            latest = Some(decided);
        }
    }
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
    let state = convert::state(&row.get::<_, String>("state")?, 0)?;
    if resolved == Resolution::Failed && !state.is_final() {
        match before::dead_from(conn, row.get("order_id")?)? {
            Some(from) => {
                let from = from.rfc3339();
                words.push_str(&format!("; a new number is given from {from} on"));
            }
            None => words.push_str(NO_NEW_NUMBER),
        }
    }
    Ok(words)
}

fn place_of_order(conn: &Connection, order: i64) -> LedgerResult<(String, String)> {
    let mut statement = conn.prepare_cached(sql::PLACE_OF_ORDER)?;
    Ok(statement.query_row([order], |row| {
        let (file, line): (String, i64) = (row.get(1)?, row.get(2)?);
        Ok((row.get(0)?, format!("{file}:{line}")))
    })?)
}

fn place_of_row(conn: &Connection, batch: i64, ordinal: i64) -> LedgerResult<String> {
    let mut statement = conn.prepare_cached(sql::PLACE_OF_ROW)?;
    Ok(statement.query_row([batch, ordinal], |row| {
        let (file, line): (String, i64) = (row.get(0)?, row.get(1)?);
        Ok(format!("{file}:{line}"))
    })?)
}

fn place_of_deduction(conn: &Connection, deduction: i64) -> LedgerResult<Option<String>> {
    let mut statement = conn.prepare_cached(sql::PLACE_OF_DEDUCTION)?;
    Ok(statement
        .query_row([deduction], |row| {
            let (file, line): (String, i64) = (row.get(1)?, row.get(2)?);
            Ok(format!("{file}:{line}"))
        })
        .optional()?)
}

fn alerts(conn: &Connection, order: i64) -> LedgerResult<Vec<String>> {
    let mut statement = conn.prepare_cached(sql::ORDER_ALERTS)?;
    let alerts = statement.query_map([order], |row| row.get(0))?;
    Ok(alerts.collect::<rusqlite::Result<_>>()?)
}
