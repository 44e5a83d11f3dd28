//! Rows that have to do with no order and no other row of their group: each is an order of its own, and many
//! of them are taken in by one statement.
//!
//! SQLite keeps, for each statement that a trigger may abort, a copy of every page that it changes, and
//! writes it into a file; so what costs is the number of statements. Which rows go alone is decided
//! generously: a row that need not have is decided like any other.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use rusqlite::{params, types::ValueRef};

use super::{Acceptance, Staged, sql};
use crate::ledger::{LedgerError, LedgerResult};

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
        let mut statement = self.tx.prepare_cached(sql::GROUP_LOOK)?;
        let mut rows = statement.query([first, last])?;
        let secret = RandomState::new();
        let mut seen = HashSet::new();
        let mut is_new = |value: ValueRef<'_>| match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => seen.insert(secret.hash_one(bytes)),
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => true,
        };
        let mut alone = Vec::new();
        while let Some(row) = rows.next()? {
            if row.get(3)? {
                return Ok(None);
            }
            // Both are remembered, whatever the row is.
            let (number, debt) = (is_new(row.get_ref(1)?), is_new(row.get_ref(2)?));
            if !(row.get::<_, bool>(4)? && number && debt) {
                alone.push(row.get(0)?);
            }
        }
        Ok(Some(alone))
    }

    /// Rows of which each is an order of its own.
    fn together(&mut self, first: i64, last: i64) -> LedgerResult<()> {
        let rows = last + 1 - first;
        let whole = |inserted: usize, what: &str| match inserted as i64 == rows {
            true => Ok(()),
            false => Err(LedgerError::Broken(format!(
                "{inserted} {what} were made of {rows} staged rows"
            ))),
        };
        let mut statement = self.tx.prepare_cached(sql::GROUP_DEDUCTIONS)?;
        whole(statement.execute([first, last])?, "deductions")?;
        let before = self.tx.last_insert_rowid() - last;
        let mut statement = self.tx.prepare_cached(sql::GROUP_ROWS)?;
        let inserted = statement.execute(params![first, last, self.batch.0, before])?;
        whole(inserted, "rows")?;
        let mut statement = self.tx.prepare_cached(sql::GROUP_ORDERS)?;
        let inserted = statement.execute(params![first, last, self.batch.0, before, self.at.0])?;
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
        let mut statement = tx.prepare_cached(sql::STAGED_ROWS)?;
        let mut staged = statement.query([first, last])?;
        while let Some(row) = staged.next()? {
            self.row(&Staged::read(row)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
