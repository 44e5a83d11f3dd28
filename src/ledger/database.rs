//! What the ledger's books ask of a database: statements by name, values and rows of three kinds, and
//! transactions. Small, so that what decides is written once and is the same on every engine.
//!
//! It knows no table and no rule. An engine keeps its connection, its settings and its errors' words.

use std::cell::{Cell, RefCell};

use super::{LedgerError, LedgerResult};

/// A statement by its name, with its text for each engine. Parameters are written `?1`, `?2`… in both
/// texts; an engine that writes them otherwise changes them itself.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ledger) struct Statement {
    /// The name of its file in `sql/`.
    pub name: &'static str,
    /// For SQLite.
    pub sqlite: &'static str,
    /// For PostgreSQL: `sql/postgres/`, where it must differ.
    #[allow(dead_code, reason = "what the second engine executes")]
    pub postgres: &'static str,
}

/// A value, with the type that it has even where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Value<'a> {
    /// A whole number; a truth is 0 or 1.
    Int(Option<i64>),
    /// A text.
    Text(Option<&'a str>),
    /// Bytes.
    Blob(Option<&'a [u8]>),
}

/// The values of a statement's parameters, in their order: `values![batch.0, note]`.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$($crate::ledger::database::Value::from(&$value)),*]
    };
}
pub(in crate::ledger) use values;

/// What a parameter can be made of.
pub(in crate::ledger) trait AsValue {
    /// Nothing, of this type.
    const NONE: Value<'static>;

    fn as_value(&self) -> Value<'_>;
}

macro_rules! as_value {
    ($($type:ty => $kind:ident($given:ident: $made:expr),)+) => {$(
        impl AsValue for $type {
            const NONE: Value<'static> = Value::$kind(None);

            fn as_value(&self) -> Value<'_> {
                let $given = self;
                Value::$kind(Some($made))
            }
        }
    )+};
}

as_value! {
    i64 => Int(it: *it),
    u32 => Int(it: i64::from(*it)),
    u16 => Int(it: i64::from(*it)),
    u8 => Int(it: i64::from(*it)),
    bool => Int(it: i64::from(*it)),
    str => Text(it: it),
    String => Text(it: it),
    [u8] => Blob(it: it),
    Vec<u8> => Blob(it: it),
}

impl<const N: usize> AsValue for [u8; N] {
    const NONE: Value<'static> = Value::Blob(None);

    fn as_value(&self) -> Value<'_> {
        Value::Blob(Some(self))
    }
}

impl AsValue for std::borrow::Cow<'_, str> {
    const NONE: Value<'static> = Value::Text(None);

    fn as_value(&self) -> Value<'_> {
        Value::Text(Some(self))
    }
}

/// One that was read goes on as it is.
impl AsValue for Value<'_> {
    const NONE: Value<'static> = Value::Int(None);

    fn as_value(&self) -> Value<'_> {
        *self
    }
}

impl<T: AsValue + ?Sized> AsValue for &T {
    const NONE: Value<'static> = T::NONE;

    fn as_value(&self) -> Value<'_> {
        (**self).as_value()
    }
}

impl<T: AsValue> AsValue for Option<T> {
    const NONE: Value<'static> = T::NONE;

    fn as_value(&self) -> Value<'_> {
        self.as_ref().map_or(T::NONE, T::as_value)
    }
}

impl<'a, T: AsValue + ?Sized> From<&'a T> for Value<'a> {
    fn from(it: &'a T) -> Self {
        it.as_value()
    }
}

impl Value<'_> {
    fn is_none(self) -> bool {
        matches!(self, Self::Int(None) | Self::Text(None) | Self::Blob(None))
    }
}

/// What a column can be read as.
pub(in crate::ledger) trait FromValue<'v>: Sized {
    /// `None` if the column holds something else.
    fn from_value(value: Value<'v>) -> Option<Self>;
}

impl<'v> FromValue<'v> for Value<'v> {
    fn from_value(value: Value<'v>) -> Option<Self> {
        Some(value)
    }
}

macro_rules! from_int {
    ($($type:ty),+) => {$(
        impl FromValue<'_> for $type {
            fn from_value(value: Value<'_>) -> Option<Self> {
                match value {
                    Value::Int(Some(it)) => Self::try_from(it).ok(),
                    Value::Int(None) | Value::Text(_) | Value::Blob(_) => None,
                }
            }
        }
    )+};
}

from_int!(i64, u32, u16, u8);

impl FromValue<'_> for bool {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value).map(|it| it != 0)
    }
}

impl<'v> FromValue<'v> for &'v str {
    fn from_value(value: Value<'v>) -> Option<Self> {
        match value {
            Value::Text(text) => text,
            Value::Int(_) | Value::Blob(_) => None,
        }
    }
}

impl FromValue<'_> for String {
    fn from_value(value: Value<'_>) -> Option<Self> {
        <&str>::from_value(value).map(Into::into)
    }
}

impl<'v> FromValue<'v> for &'v [u8] {
    fn from_value(value: Value<'v>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => bytes,
            Value::Int(_) | Value::Text(_) => None,
        }
    }
}

impl FromValue<'_> for Vec<u8> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        <&[u8]>::from_value(value).map(Into::into)
    }
}

impl<const N: usize> FromValue<'_> for [u8; N] {
    fn from_value(value: Value<'_>) -> Option<Self> {
        <&[u8]>::from_value(value).and_then(|bytes| bytes.try_into().ok())
    }
}

impl<'v, T: FromValue<'v>> FromValue<'v> for Option<T> {
    fn from_value(value: Value<'v>) -> Option<Self> {
        match value.is_none() {
            true => Some(None),
            false => T::from_value(value).map(Some),
        }
    }
}

/// A row that was found, as long as it is looked at.
pub(in crate::ledger) trait Row {
    /// What stands in a column, counted from 0. Truths are numbers, 0 and 1. Text that is not UTF-8 is
    /// bytes: only a damaged file has some.
    fn value(&self, column: usize) -> LedgerResult<Value<'_>>;

    /// Where the column of this name is.
    fn column(&self, name: &'static str) -> LedgerResult<usize>;
}

/// Where a statement's columns are, as they are asked for by name: each is looked for once, whatever the
/// rows, and each row is asked for the same names in the same order.
#[derive(Default)]
pub(in crate::ledger) struct Places {
    found: RefCell<Vec<(&'static str, usize)>>,
    next: Cell<usize>,
}

impl Places {
    /// The place of a name; `look` finds it the first time.
    pub(in crate::ledger) fn of(
        &self,
        name: &'static str,
        look: impl FnOnce() -> LedgerResult<usize>,
    ) -> LedgerResult<usize> {
        let mut found = self.found.borrow_mut();
        let next = self.next.get();
        // One text in the program: its letters need not be compared.
        let is_it = |(known, _): &(&'static str, usize)| std::ptr::eq(*known, name);
        let at = match found.get(next).is_some_and(is_it) {
            true => Some(next),
            false => found.iter().position(is_it),
        };
        let at = match at {
            Some(at) => at,
            None => {
                found.push((name, look()?));
                found.len() - 1
            }
        };
        self.next.set(at + 1);
        Ok(found[at].1)
    }
}

/// A column by its place or by its name.
pub(in crate::ledger) trait Column: Copy {
    fn place(self, row: &dyn Row) -> LedgerResult<usize>;

    fn words(self) -> String;
}

impl Column for usize {
    fn place(self, _: &dyn Row) -> LedgerResult<usize> {
        Ok(self)
    }

    fn words(self) -> String {
        format!("the column {self}")
    }
}

impl Column for &'static str {
    fn place(self, row: &dyn Row) -> LedgerResult<usize> {
        row.column(self)
    }

    fn words(self) -> String {
        format!("the column {self}")
    }
}

impl dyn Row + '_ {
    /// What a column holds.
    pub(in crate::ledger) fn get<'r, T: FromValue<'r>>(
        &'r self,
        column: impl Column,
    ) -> LedgerResult<T> {
        let value = self.value(column.place(self)?)?;
        T::from_value(value).ok_or_else(|| {
            LedgerError::Broken(format!(
                "{} of a row holds what levy never writes there; the database is damaged or was \
                 changed by hand, restore it from a backup",
                column.words()
            ))
        })
    }
}

/// Whether more rows are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Go {
    /// The next one.
    On,
    /// None.
    Enough,
}

/// What is done with each row.
pub(in crate::ledger) type EachRow<'e> = &'e mut dyn FnMut(&dyn Row) -> LedgerResult<Go>;

/// An open transaction.
pub(in crate::ledger) trait Tx {
    /// Executes a statement that gives no rows; how many rows it changed.
    fn execute(&self, statement: &'static Statement, values: &[Value<'_>]) -> LedgerResult<u64>;

    /// Executes one that changes one row and no other: else it is `Broken`. An engine whose statements travel sends it
    /// and does not wait: what goes wrong is told by a later statement, at the latest by the transaction's end,
    /// which then undoes it all.
    fn put(&self, statement: &'static Statement, values: &[Value<'_>]) -> LedgerResult<()> {
        changed_one(statement, self.execute(statement, values)?)
    }

    /// Executes one that inserts `VALUES (…)` for each of many rows. An engine whose statements travel sends
    /// many rows with one of them.
    fn execute_each(
        &self,
        statement: &'static Statement,
        rows: &[&[Value<'_>]],
    ) -> LedgerResult<()> {
        for values in rows {
            self.execute(statement, values)?;
        }
        Ok(())
    }

    /// Executes one that inserts a row and ends with `RETURNING` its id.
    fn insert(&self, statement: &'static Statement, values: &[Value<'_>]) -> LedgerResult<i64>;

    /// Goes through the rows of a statement as they come. Meanwhile no other is executed: see
    /// [`Tx::scan`].
    fn each(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        row: EachRow<'_>,
    ) -> LedgerResult<()>;

    /// The same for what is too much to be held, while others are executed for each row. They may write:
    /// the rows are those of the moment at which this began. An engine whose connection does one thing at
    /// a time reads a page of them at once, from a cursor that ends with the transaction.
    fn scan(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        row: EachRow<'_>,
    ) -> LedgerResult<()>;

    /// Executes several statements without values.
    fn script(&self, statement: &'static Statement) -> LedgerResult<()>;
}

/// A statement of one row must have changed one.
pub(in crate::ledger) fn changed_one(statement: &Statement, changed: u64) -> LedgerResult<()> {
    if changed == 1 {
        return Ok(());
    }
    Err(LedgerError::Broken(format!(
        "{changed} rows were changed and not one ({}): what it is about stands otherwise than it was just read",
        statement.name
    )))
}

impl dyn Tx + '_ {
    /// The first row, if there is one.
    pub(in crate::ledger) fn optional<T>(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> LedgerResult<T>,
    ) -> LedgerResult<Option<T>> {
        let mut found = None;
        self.each(statement, values, &mut |row| {
            found = Some(read(row)?);
            Ok(Go::Enough)
        })?;
        Ok(found)
    }

    /// The row that must be there.
    pub(in crate::ledger) fn one<T>(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        read: impl FnMut(&dyn Row) -> LedgerResult<T>,
    ) -> LedgerResult<T> {
        self.optional(statement, values, read)?.ok_or_else(|| {
            LedgerError::Broken(format!(
                "a row that must be there is not ({})",
                statement.name
            ))
        })
    }

    /// All rows, of which there are few.
    pub(in crate::ledger) fn all<T>(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> LedgerResult<T>,
    ) -> LedgerResult<Vec<T>> {
        let mut found = Vec::new();
        self.each(statement, values, &mut |row| {
            found.push(read(row)?);
            Ok(Go::On)
        })?;
        Ok(found)
    }

    /// Whether there is a row.
    pub(in crate::ledger) fn exists(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
    ) -> LedgerResult<bool> {
        Ok(self.optional(statement, values, |_| Ok(()))?.is_some())
    }
}

/// How a transaction that writes ends. After an error it is undone as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum End {
    /// It counts from now on.
    Commit,
    /// It was only tried.
    Undo,
}

/// A transaction that may write.
pub(in crate::ledger) type Work<'w> = &'w mut dyn FnMut(&dyn Tx) -> LedgerResult<End>;
/// A transaction that reads.
pub(in crate::ledger) type Look<'w> = &'w mut dyn FnMut(&dyn Tx) -> LedgerResult<()>;

/// A database that holds a ledger's books.
pub(in crate::ledger) trait Database: Send {
    /// One transaction, alone among those that write. `work` is run again where the engine could not keep
    /// it apart from others, so that it begins from nothing each time: what it finds goes into variables
    /// that it sets anew.
    fn write(&mut self, work: Work<'_>) -> LedgerResult<()>;

    /// The same, to take a file in: it goes through the indices at random, for which an engine may want
    /// more memory.
    fn accept(&mut self, work: Work<'_>) -> LedgerResult<()> {
        self.write(work)
    }

    /// Reads at one moment, and waits for no writer. `look` is run once: it may have told somebody already.
    fn read(&mut self, look: Look<'_>) -> LedgerResult<()>;

    /// The same beside the staging, which alone is written to. Other processes' stagings are not seen.
    fn stage(&mut self, look: Look<'_>) -> LedgerResult<()>;

    /// It was opened to be read.
    fn is_read_only(&self) -> LedgerResult<bool>;

    /// [`Database::write`], committed, for what comes out of it.
    fn commit<T>(&mut self, mut work: impl FnMut(&dyn Tx) -> LedgerResult<T>) -> LedgerResult<T>
    where
        Self: Sized,
    {
        let mut done = None;
        self.write(&mut |tx| {
            done = Some(work(tx)?);
            Ok(End::Commit)
        })?;
        Ok(done.expect("it was committed"))
    }

    /// [`Database::read`], for what is found.
    fn look<T>(&mut self, mut look: impl FnMut(&dyn Tx) -> LedgerResult<T>) -> LedgerResult<T>
    where
        Self: Sized,
    {
        let mut found = None;
        self.read(&mut |tx| {
            found = Some(look(tx)?);
            Ok(())
        })?;
        Ok(found.expect("it was read"))
    }
}
