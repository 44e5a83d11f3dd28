//! What a journal says of a ledger that moves: see `ledger::moved`.

use super::journal::{self, Journal};
use super::sql;
use crate::clock::WallMs;
use crate::ledger::database::{Tx, values};
use crate::ledger::decision::{MOVE, moved_copy, moved_to, moved_whole};
use crate::ledger::{
    Decided, DecisionKind, Frozen, JournalHead, LedgerError, LedgerResult, Person,
};

/// Frozen, for good. Frozen by the same move before, it stays so.
pub(in crate::ledger) fn leave(tx: &dyn Tx, by: &Person, to: &str, at: WallMs) -> LedgerResult<()> {
    match journal::frozen(tx)? {
        None => frozen(tx, by, moved_to(to), at),
        Some(frozen) if frozen.is_on_its_way(to) => Ok(()),
        Some(frozen) if frozen.is_moved() => Err(LedgerError::Refused(frozen.moved_words())),
        Some(frozen) => Err(a_persons(&frozen)),
    }
}

/// A freeze that a person decided stays where it is: the end of a move would lift it.
pub(in crate::ledger) fn a_persons(frozen: &Frozen) -> LedgerError {
    LedgerError::Refused(format!(
        "{frozen}. A move freezes it by itself: `levy unfreeze` comes first"
    ))
}

/// Whether all that was ever decided in it is that a ledger is to come to this place.
pub(in crate::ledger) fn waits(tx: &dyn Tx, place: &str) -> LedgerResult<bool> {
    let frozen = journal::frozen(tx)?;
    let waits = frozen.is_some_and(|frozen| frozen.is_on_its_way(place));
    Ok(waits && journal::entries(tx)? == 1)
}

/// What is copied is a ledger that was left for that very place, and by then nobody may have opened it again.
pub(in crate::ledger) fn left(tx: &dyn Tx, to: &str) -> LedgerResult<()> {
    match journal::frozen(tx)? {
        Some(frozen) if frozen.is_on_its_way(to) => Ok(()),
        Some(_) | None => Err(between()),
    }
}

/// Makes a copy one of its own, by an entry that no other copy has: two of one past would stand at one head.
/// One that stands at the head that was copied is made so; one that has its entry keeps it. Its head then.
pub(in crate::ledger) fn copy(
    tx: &dyn Tx,
    by: &Person,
    to: &str,
    (copied, id): (JournalHead, u64),
    at: WallMs,
) -> LedgerResult<JournalHead> {
    let head = journal::head(tx)?;
    match journal::frozen(tx)? {
        Some(is) if head == copied && is.is_moved_to(to) && is.moved_at().is_none() => {
            frozen(tx, by, moved_copy(to, id), at)?;
            journal::head(tx)
        }
        Some(is) if is.is_copy_at(to) => Ok(head),
        Some(_) | None => Err(between()),
    }
}

/// The copy at its new place that stands at this head is opened from now on, and no other: written once, and
/// before it is. From here on an empty ledger there is one that was lost, and not one that waits for its rows.
pub(in crate::ledger) fn whole(
    tx: &dyn Tx,
    by: &Person,
    to: &str,
    (own, there): (JournalHead, JournalHead),
    at: WallMs,
) -> LedgerResult<()> {
    match journal::frozen(tx)? {
        // Whoever comes second finds another head here.
        Some(is) if is.is_moved_to(to) && journal::head(tx)? == own => {
            frozen(tx, by, moved_whole(to, there), at)
        }
        Some(_) | None => Err(between()),
    }
}

/// The old one says that the copy at this head is the one that is opened, and nothing since.
pub(in crate::ledger) fn is_opened(tx: &dyn Tx, to: &str, head: JournalHead) -> LedgerResult<()> {
    match journal::frozen(tx)? {
        Some(is) if is.is_moved_to(to) && is.moved_at() == Some(head) => Ok(()),
        Some(_) | None => Err(between()),
    }
}

/// Opened again: nothing of it was copied.
pub(in crate::ledger) fn stay(tx: &dyn Tx, by: &Person, to: &str, at: WallMs) -> LedgerResult<()> {
    left(tx, to)?;
    thaw(tx, by, format!("{MOVE}not made"), at)
}

/// Opened at its new place, where nothing was written since it came there.
pub(in crate::ledger) fn arrive(
    tx: &dyn Tx,
    by: &Person,
    (from, to): (&str, &str),
    head: JournalHead,
    at: WallMs,
) -> LedgerResult<()> {
    let is_copy = journal::frozen(tx)?.is_some_and(|frozen| frozen.is_copy_at(to));
    if !is_copy || journal::head(tx)? != head {
        return Err(between());
    }
    thaw(tx, by, format!("{MOVE}from {from}"), at)
}

pub(in crate::ledger) fn between() -> LedgerError {
    LedgerError::Refused(
        "somebody else has moved one of the two ledgers, or written to it, at the same time: give the same \
         `levy ledger move` again, it says where that stands"
            .into(),
    )
}

/// Nothing is decided, taken in or begun in a ledger that has moved: asked in the very transaction, since it
/// may have moved while that waited for its turn. What comes back from the gateway is recorded still.
pub(in crate::ledger) fn refuse(tx: &dyn Tx) -> LedgerResult<()> {
    match journal::frozen(tx)?.filter(|frozen| frozen.is_moved()) {
        Some(frozen) => Err(LedgerError::Refused(frozen.moved_words())),
        None => Ok(()),
    }
}

fn frozen(tx: &dyn Tx, by: &Person, words: String, at: WallMs) -> LedgerResult<()> {
    let id = decided(tx, DecisionKind::Freeze, by, words, at)?;
    tx.execute(sql::META_FROZEN_BY, values![id]).map(drop)
}

fn thaw(tx: &dyn Tx, by: &Person, words: String, at: WallMs) -> LedgerResult<()> {
    decided(tx, DecisionKind::Unfreeze, by, words, at)?;
    tx.execute(sql::META_FROZEN_BY, values![None::<i64>])
        .map(drop)
}

fn decided(
    tx: &dyn Tx,
    kind: DecisionKind,
    by: &Person,
    words: String,
    at: WallMs,
) -> LedgerResult<i64> {
    let decided = Decided {
        kind,
        by_first: by.as_str().into(),
        by_second: None,
        at,
        words,
        since: None,
    };
    let mut journal = Journal::open(tx)?;
    let id = journal.decision(None, &decided)?;
    journal.close()?;
    Ok(id)
}
