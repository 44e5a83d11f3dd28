//! Rows that have to do with no order and no other row of their group: each is an order of its own, and many
//! of them are taken in by one statement.
//!
//! SQLite keeps, for each statement that a trigger may abort, a copy of every page that it changes, and
//! writes it into a file; so what costs is the number of statements. Which rows go alone is decided
//! generously: a row that need not have is decided like any other.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use super::{Acceptance, Staged, sql};
use crate::clock::WallMs;
use crate::ledger::database::{Go, Value, values};
use crate::ledger::{BatchId, LedgerError, LedgerResult};

/// Rows that are looked at together.
const GROUP_ROWS: i64 = 100_000;
/// Rows from which on one statement for all is the cheaper way.
const TOGETHER_MIN: i64 = if cfg!(test) { 2 } else { 32 };

impl Acceptance<'_> {
    /// Takes in all staged rows, of which the last is `last`.
    pub(super) fn rows(&mut self, last: i64) -> LedgerResult<()> {
        let mut first = 1;
        while first <= last {
            let end = last.min(first + GROUP_ROWS - 1);
            self.group(first, end)?;
            first = end + 1;
        }
        Ok(())
    }

    fn group(&mut self, first: i64, last: i64) -> LedgerResult<()> {
        let Some(alone) = self.alone(first, last)? else {
            return self.one_by_one(first, last);
        };
        // Rows before `from` that are not taken in yet go one by one.
        let (mut waiting, mut from) = (first, first);
        for end in alone.into_iter().chain([last + 1]) {
            if end - from >= TOGETHER_MIN {
                self.one_by_one(waiting, from - 1)?;
                self.together(from, end - 1)?;
                waiting = end;
            }
            from = end + 1;
        }
        self.one_by_one(waiting, last)
    }

    /// The rows of a group that must be decided one by one; all of them, where a row comes back as an
    /// order: such a row may move others.
    fn alone(&self, first: i64, last: i64) -> LedgerResult<Option<Vec<i64>>> {
        let secret = RandomState::new();
        let mut seen = HashSet::new();
        let mut is_new = |value: Value<'_>| match value {
            Value::Text(Some(text)) => seen.insert(secret.hash_one(text.as_bytes())),
            Value::Blob(Some(bytes)) => seen.insert(secret.hash_one(bytes)),
            Value::Int(_) | Value::Text(None) | Value::Blob(None) => true,
        };
        let mut alone = Some(Vec::new());
        let tx = self.tx;
        tx.each(sql::GROUP_LOOK, values![first, last], &mut |row| {
            if row.get(3)? {
                alone = None;
                return Ok(Go::Enough);
            }
            // Both are remembered, whatever the row is.
            let (number, debt) = (is_new(row.value(1)?), is_new(row.value(2)?));
            if !(row.get::<bool>(4)? && number && debt)
                && let Some(alone) = &mut alone
            {
                alone.push(row.get(0)?);
            }
            Ok(Go::On)
        })?;
        Ok(alone)
    }

    /// Rows of which each is an order of its own.
    fn together(&mut self, first: i64, last: i64) -> LedgerResult<()> {
        let rows = last + 1 - first;
        let whole = |inserted: u64, what: &str| match inserted as i64 == rows {
            true => Ok(()),
            false => Err(LedgerError::Broken(format!(
                "{inserted} {what} were made of {rows} staged rows"
            ))),
        };
        let (tx, BatchId(batch), WallMs(at)) = (self.tx, self.batch, self.at);
        let inserted = tx.execute(sql::GROUP_DEDUCTIONS, values![first, last])?;
        whole(inserted, "deductions")?;
        // Whoever writes is alone, so that they have numbers without a gap.
        let newest: i64 = tx.one(sql::DEDUCTION_NEWEST, &[], |row| row.get(0))?;
        let before = newest - last;
        let inserted = tx.execute(sql::GROUP_ROWS, values![first, last, batch, before])?;
        whole(inserted, "rows")?;
        let inserted = tx.execute(sql::GROUP_ORDERS, values![first, last, batch, before, at])?;
        whole(inserted, "orders")?;
        self.tally.rows += rows as u64;
        self.tally.orders += rows as u64;
        Ok(())
    }

    /// Rows as they come, each beside those before it.
    pub(super) fn one_by_one(&mut self, first: i64, last: i64) -> LedgerResult<()> {
        if first > last {
            return Ok(());
        }
        let tx = self.tx;
        tx.scan(sql::STAGED_ROWS, values![first, last], &mut |row| {
            self.row(&Staged::read(row)?)?;
            Ok(Go::On)
        })
    }
}

#[cfg(test)]
mod tests;
