//! What a journal says of a ledger that moves: see `ledger::moved`.

use super::journal::{self, Journal};
use super::sql;
use crate::clock::WallMs;
use crate::ledger::database::{Tx, values};
use crate::ledger::decision::MOVED_TO;
use crate::ledger::{Decided, DecisionKind, LedgerError, LedgerResult, Person};

/// Frozen, for good.
pub(in crate::ledger) fn leave(tx: &dyn Tx, by: &Person, to: &str, at: WallMs) -> LedgerResult<()> {
    if let Some(frozen) = journal::frozen(tx)? {
        return Err(LedgerError::Refused(format!(
            "{frozen}. A move freezes it by itself: `levy unfreeze` comes first"
        )));
    }
    let id = decided(tx, DecisionKind::Freeze, by, format!("{MOVED_TO}{to}"), at)?;
    tx.execute(sql::META_FROZEN_BY, values![id]).map(drop)
}

/// Nothing is decided, taken in or begun in a ledger that has moved: asked in the very transaction, since it
/// may have moved while that waited for its turn. What comes back from the gateway is recorded still.
pub(in crate::ledger) fn refuse(tx: &dyn Tx) -> LedgerResult<()> {
    match journal::frozen(tx)?.filter(|frozen| frozen.is_moved()) {
        Some(frozen) => Err(LedgerError::Refused(frozen.moved_words())),
        None => Ok(()),
    }
}

/// Not frozen any more, where a move had frozen it.
pub(in crate::ledger) fn thaw(
    tx: &dyn Tx,
    by: &Person,
    words: &str,
    at: WallMs,
) -> LedgerResult<()> {
    if !journal::frozen(tx)?.is_some_and(|frozen| frozen.is_moved()) {
        return Err(LedgerError::Refused(
            "somebody has decided about it since: it was not frozen by a move".into(),
        ));
    }
    decided(tx, DecisionKind::Unfreeze, by, words.into(), at)?;
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
