//! A transaction on SQLite, as the ledger's books use it. Statements stay prepared.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Rows, params_from_iter};

use crate::ledger::database::{EachRow, Go, Places, Row, Statement, Tx, Value};
use crate::ledger::{LedgerError, LedgerResult};

/// What is open on a connection.
pub(super) struct Sqlite<'c>(pub &'c Connection);

impl Sqlite<'_> {
    fn prepared(&self, statement: &'static Statement) -> LedgerResult<CachedStatement<'_>> {
        Ok(self.0.prepare_cached(statement.sqlite)?)
    }
}

impl Tx for Sqlite<'_> {
    fn execute(&self, statement: &'static Statement, values: &[Value<'_>]) -> LedgerResult<u64> {
        let changed = self
            .prepared(statement)?
            .execute(params_from_iter(values))?;
        Ok(changed as u64)
    }

    fn insert(&self, statement: &'static Statement, values: &[Value<'_>]) -> LedgerResult<i64> {
        let mut prepared = self.prepared(statement)?;
        Ok(prepared.query_row(params_from_iter(values), |row| row.get(0))?)
    }

    fn each(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        each: EachRow<'_>,
    ) -> LedgerResult<()> {
        let mut prepared = self.prepared(statement)?;
        go_through(prepared.query(params_from_iter(values))?, each)
    }

    /// SQLite executes as many statements side by side as one likes.
    fn scan(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        each: EachRow<'_>,
    ) -> LedgerResult<()> {
        self.each(statement, values, each)
    }

    fn script(&self, statement: &'static Statement) -> LedgerResult<()> {
        Ok(self.0.execute_batch(statement.sqlite)?)
    }
}

fn go_through(mut rows: Rows<'_>, each: EachRow<'_>) -> LedgerResult<()> {
    let places = Places::default();
    while let Some(row) = rows.next()? {
        let found = Found {
            row,
            places: &places,
        };
        match each(&found)? {
            Go::On => {}
            Go::Enough => return Ok(()),
        }
    }
    Ok(())
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Int(Some(it)) => ValueRef::Integer(it),
            Value::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Value::Blob(Some(bytes)) => ValueRef::Blob(bytes),
            Value::Int(None) | Value::Text(None) | Value::Blob(None) => ValueRef::Null,
        }))
    }
}

/// A row, and where its statement's columns are.
struct Found<'r> {
    row: &'r rusqlite::Row<'r>,
    places: &'r Places,
}

impl Row for Found<'_> {
    fn value(&self, column: usize) -> LedgerResult<Value<'_>> {
        Ok(match self.row.get_ref(column)? {
            ValueRef::Null => Value::Int(None),
            ValueRef::Integer(it) => Value::Int(Some(it)),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Value::Text(Some(text)),
                Err(_) => Value::Blob(Some(bytes)),
            },
            ValueRef::Blob(bytes) => Value::Blob(Some(bytes)),
            ValueRef::Real(_) => {
                return Err(LedgerError::Broken(
                    "a number with a fraction stands in it, and levy writes none; the file is damaged \
                     or was changed by hand, restore it from a backup"
                        .into(),
                ));
            }
        })
    }

    fn column(&self, name: &'static str) -> LedgerResult<usize> {
        self.places
            .of(name, || Ok(self.row.as_ref().column_index(name)?))
    }
}
