//! A transaction on PostgreSQL, and the rows that come out of it.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio_postgres::types::Type;

use super::dialect::{self, Field};
use super::fault::Trouble;
use super::wire::{Changed, Fault, Piece, Wire};
use crate::ledger::database::{EachRow, Go, Places, Row, Statement, Tx, Value, changed_one};
use crate::ledger::{LedgerError, LedgerResult};

/// Rows that a scan reads from its cursor at once.
const SCAN_ROWS: u64 = 500;

/// Rows that are inserted at once. A statement has at most 65,535 parameters.
const INSERT_ROWS_MAX: usize = 500;

/// The statements' texts as they are sent, by name.
#[derive(Debug)]
pub(super) struct Texts {
    stager: i64,
    made: HashMap<&'static str, Arc<str>>,
}

impl Texts {
    pub(super) fn of(stager: i64) -> Self {
        Self {
            stager,
            made: HashMap::new(),
        }
    }

    fn of_statement(&mut self, statement: &'static Statement) -> Arc<str> {
        let stager = self.stager;
        let made = self
            .made
            .entry(statement.name)
            .or_insert_with(|| dialect::of_postgres(statement.postgres, stager).into());
        Arc::clone(made)
    }
}

/// An open transaction.
pub(super) struct Open<'c> {
    wire: &'c Wire,
    texts: RefCell<&'c mut Texts>,
    /// What went wrong first: the transaction is over after that, whatever its user makes of it.
    trouble: RefCell<Option<Trouble>>,
    /// Rows are being read: the connection is busy.
    reading: Cell<bool>,
    cursors: Cell<u32>,
    /// What was sent and not waited for, in its order.
    put: RefCell<VecDeque<(&'static Statement, Changed)>>,
}

impl<'c> Open<'c> {
    pub(super) fn new(wire: &'c Wire, texts: &'c mut Texts) -> Self {
        Self {
            wire,
            texts: RefCell::new(texts),
            trouble: RefCell::default(),
            reading: Cell::new(false),
            cursors: Cell::new(0),
            put: RefCell::default(),
        }
    }

    /// Waits for what was put, before it may count.
    pub(super) fn settle(&self) -> LedgerResult<()> {
        // All of them out of the way: what failed first is told by itself, and not by what failed because of it.
        for (statement, changed) in self.put.take() {
            let rows = changed.rows();
            changed_one(
                statement,
                rows.map_err(|fault| self.failed(statement.name, &fault))?,
            )?;
        }
        Ok(())
    }

    /// What went wrong first.
    pub(super) fn trouble(self) -> Option<Trouble> {
        self.trouble.into_inner()
    }

    fn text(&self, statement: &'static Statement) -> Arc<str> {
        self.texts.borrow_mut().of_statement(statement)
    }

    /// A statement failed; or one that was put before it, and this one because of that.
    fn failed(&self, name: &str, fault: &Fault) -> LedgerError {
        let put = self.put.take();
        let first = put.iter().find_map(|(statement, changed)| {
            match changed.rows() {
                Err(fault @ Fault::Said(_)) => Some((statement.name, fault)),
                // Of those nobody knows; the statement's own fault says why.
                Ok(_) | Err(Fault::Gone | Fault::Silent | Fault::Unreached(_)) => None,
            }
        });
        let (name, trouble) = match &first {
            Some((name, fault)) => (*name, Trouble::of(fault)),
            None => (name, Trouble::of(fault)),
        };
        let words = LedgerError::Broken(format!("{} ({name})", trouble.words));
        self.trouble.borrow_mut().get_or_insert(trouble);
        words
    }

    /// Sends a statement and goes through its rows; how many it changed, unless enough was seen before.
    fn run(
        &self,
        name: &str,
        text: &str,
        values: &[Value<'_>],
        row: EachRow<'_>,
    ) -> LedgerResult<u64> {
        if self.reading.get() {
            return Err(LedgerError::Broken(format!(
                "{name} was asked while the rows of another statement were read"
            )));
        }
        let failed = |fault| self.failed(name, &fault);
        let pieces = self.wire.query(text, values).map_err(failed)?;
        let places = Places::default();
        loop {
            match pieces.next().map_err(failed)? {
                Piece::Done(rows) => return Ok(rows),
                Piece::Rows(rows) => {
                    for found in &rows {
                        self.reading.set(true);
                        let go = row(&Found(found, &places));
                        self.reading.set(false);
                        if go? == Go::Enough {
                            return Ok(0);
                        }
                    }
                }
            }
        }
    }

    /// The same with rows that others may be asked beside.
    fn page(&self, name: &str, text: &str) -> LedgerResult<Vec<tokio_postgres::Row>> {
        let failed = |fault| self.failed(name, &fault);
        let pieces = self.wire.query(text, &[]).map_err(failed)?;
        let mut page = Vec::new();
        loop {
            match pieces.next().map_err(failed)? {
                Piece::Done(_) => return Ok(page),
                Piece::Rows(rows) => page.extend(rows),
            }
        }
    }
}

impl Tx for Open<'_> {
    fn execute(&self, statement: &'static Statement, values: &[Value<'_>]) -> LedgerResult<u64> {
        let text = self.text(statement);
        self.run(statement.name, &text, values, &mut |_| Ok(Go::On))
    }

    fn put(&self, statement: &'static Statement, values: &[Value<'_>]) -> LedgerResult<()> {
        let sent = self.wire.change(&self.text(statement), values);
        let changed = sent.map_err(|fault| self.failed(statement.name, &fault))?;
        self.put.borrow_mut().push_back((statement, changed));
        Ok(())
    }

    fn execute_each(
        &self,
        statement: &'static Statement,
        rows: &[&[Value<'_>]],
    ) -> LedgerResult<()> {
        let text = self.text(statement);
        if rows.is_empty() {
            return Ok(());
        }
        if let Some(copied) = dialect::copied(&text) {
            let rows_copied = rows.iter().map(|row| {
                copied.fields.iter().map(|field| match *field {
                    Field::Given(at) => row[at],
                    Field::Is(it) => Value::Int(Some(it)),
                })
            });
            let inserted = self.wire.copy(&copied.text, rows_copied);
            let inserted = inserted.map_err(|fault| self.failed(statement.name, &fault))?;
            return inserted_all(statement, inserted, rows.len());
        }
        for rows in rows.chunks(INSERT_ROWS_MAX) {
            let text = dialect::for_rows(&text, rows.len());
            let values: Vec<Value<'_>> = rows.concat();
            let inserted = self.run(statement.name, &text, &values, &mut |_| Ok(Go::On))?;
            inserted_all(statement, inserted, rows.len())?;
        }
        Ok(())
    }

    fn insert(&self, statement: &'static Statement, values: &[Value<'_>]) -> LedgerResult<i64> {
        let mut id = None;
        self.each(statement, values, &mut |row| {
            id = Some(row.get(0)?);
            Ok(Go::On)
        })?;
        id.ok_or_else(|| LedgerError::Broken(format!("{} gave its row no number", statement.name)))
    }

    fn each(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        row: EachRow<'_>,
    ) -> LedgerResult<()> {
        let text = self.text(statement);
        self.run(statement.name, &text, values, row).map(drop)
    }

    fn scan(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        row: EachRow<'_>,
    ) -> LedgerResult<()> {
        let name = statement.name;
        let cursor = self.cursors.get() + 1;
        self.cursors.set(cursor);
        let text = self.text(statement);
        let open = format!("DECLARE scan_{cursor} NO SCROLL CURSOR FOR {text}");
        self.run(name, &open, values, &mut |_| Ok(Go::On))?;
        let fetch = format!("FETCH FORWARD {SCAN_ROWS} FROM scan_{cursor}");
        let places = Places::default();
        loop {
            let page = self.page(name, &fetch)?;
            for found in &page {
                if row(&Found(found, &places))? == Go::Enough {
                    return Ok(());
                }
            }
            if (page.len() as u64) < SCAN_ROWS {
                return Ok(());
            }
        }
    }

    fn script(&self, statement: &'static Statement) -> LedgerResult<()> {
        let text = self.text(statement);
        let done = self.wire.script(text.to_string());
        done.map(drop)
            .map_err(|fault| self.failed(statement.name, &fault))
    }
}

fn inserted_all(statement: &Statement, inserted: u64, rows: usize) -> LedgerResult<()> {
    if inserted == rows as u64 {
        return Ok(());
    }
    Err(LedgerError::Broken(format!(
        "{inserted} of {rows} rows were inserted ({})",
        statement.name
    )))
}

/// A row, and where its statement's columns are.
struct Found<'r>(&'r tokio_postgres::Row, &'r Places);

impl Row for Found<'_> {
    fn value(&self, column: usize) -> LedgerResult<Value<'_>> {
        let strange =
            |what: &str| LedgerError::Broken(format!("the column {column} of a row is {what}"));
        let Some(found) = self.0.columns().get(column) else {
            return Err(strange("not there"));
        };
        let value = match *found.type_() {
            Type::INT8 => self.0.try_get(column).map(Value::Int),
            Type::INT4 => self
                .0
                .try_get::<_, Option<i32>>(column)
                .map(|it| Value::Int(it.map(i64::from))),
            Type::BOOL => self
                .0
                .try_get::<_, Option<bool>>(column)
                .map(|it| Value::Int(it.map(i64::from))),
            Type::TEXT => self.0.try_get(column).map(Value::Text),
            Type::BYTEA => self.0.try_get(column).map(Value::Blob),
            ref other => return Err(strange(&format!("of the type {other}"))),
        };
        value.map_err(|e| strange(&format!("not readable: {e}")))
    }

    fn column(&self, name: &'static str) -> LedgerResult<usize> {
        self.1.of(name, || {
            let columns = self.0.columns();
            let found = columns.iter().position(|column| column.name() == name);
            found.ok_or_else(|| LedgerError::Broken(format!("a row has no column {name}")))
        })
    }
}
