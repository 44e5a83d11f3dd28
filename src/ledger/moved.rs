//! A ledger moves: from a file to a server, or back. What was one ledger stays one: the old one is closed for
//! good before a row of it is copied, and the new one is opened only when it is the same to the last entry.
//!
//! Two ledgers of one past that both send would deduct twice, so that every step leaves at most one that does:
//!
//! 0. the new one, which is empty, is frozen, so that nobody begins anew in it meanwhile;
//! 1. the old one is frozen, by a decision in its journal that says where it goes; nothing thaws it but the
//!    end of a move that was not made;
//! 2. all of it is copied in one transaction, its freeze among the rest, in place of the new one's own;
//! 3. the new one says by a decision of its own that it is this copy: no other stands at its head then. Both are
//!    verified, and are one up to there;
//! 4. the old one says by another decision at which head the copy stands that is opened, once and for all;
//! 5. the new one is thawed, by a decision in its journal that says where it came from, if the old one says still
//!    what it said in step 4.
//!
//! Given again after a crash, the same move goes on from where it stands. Each step asks in its own transaction
//! whether the one before still holds, so that two movers at once are never in two places. After step 4 a new
//! one that is empty was lost with what it had sent, and one that stands at that very head may have been put
//! back from before it sent: nobody fills the one, and only a person's word opens the other.

mod tables;
#[cfg(test)]
mod tests;

use self::tables::{Kind, Late, STATEMENTS, Statements};
use super::books::{Audit, moved};
use super::database::{Database, End, Go, Row, Statement, Tx, Value, values};
use super::{
    Environment, Frozen, JournalHead, Ledger, LedgerError, LedgerResult, Person, PostgresLedger,
    SqliteLedger, sql,
};
use crate::clock::WallMs;

/// One of a move's two ledgers.
pub enum Shelf {
    /// A file; its lock is the caller's.
    File(Box<SqliteLedger>),
    /// A database on a server.
    Server(Box<PostgresLedger>),
}

/// Where a move stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was copied: the new one is empty.
    NotBegun,
    /// All was copied, and neither sends.
    Copied,
    /// The old one says that the copy may be opened, and it is as it was before. A move was killed just there;
    /// or it was opened, has sent, and was put back.
    Unsure,
    /// It is done.
    Done,
    /// It was done, and the new one is empty: what it had sent since nobody knows.
    Lost,
    /// The new one has another past.
    Another,
}

impl Shelf {
    /// Its books.
    pub fn ledger(&mut self) -> &mut dyn Ledger {
        match self {
            Self::File(ledger) => &mut **ledger,
            Self::Server(ledger) => &mut **ledger,
        }
    }

    /// Goes through all of it.
    pub fn audit(&mut self, expect: Option<JournalHead>) -> LedgerResult<Audit> {
        match self {
            Self::File(ledger) => ledger.audit(expect),
            Self::Server(ledger) => ledger.audit(expect),
        }
    }

    fn database(&mut self) -> &mut dyn Database {
        match self {
            Self::File(ledger) => &mut **ledger,
            Self::Server(ledger) => &mut **ledger,
        }
    }

    fn commit<T>(&mut self, mut work: impl FnMut(&dyn Tx) -> LedgerResult<T>) -> LedgerResult<T> {
        let mut done = None;
        self.database().write(&mut |tx| {
            done = Some(work(tx)?);
            Ok(End::Commit)
        })?;
        Ok(done.expect("it was committed"))
    }

    fn look<T>(&mut self, mut look: impl FnMut(&dyn Tx) -> LedgerResult<T>) -> LedgerResult<T> {
        let mut found = None;
        self.database().read(&mut |tx| {
            found = Some(look(tx)?);
            Ok(())
        })?;
        Ok(found.expect("it was read"))
    }
}

/// What has moved goes nowhere else: two ledgers of one past would deduct twice. `to` is where it is to go.
pub fn one_way(from: &mut Shelf, to: &str) -> LedgerResult<()> {
    match from.ledger().frozen()? {
        Some(by) if !by.is_moved() => Err(moved::a_persons(&by)),
        Some(by) if !by.is_moved_to(to) => {
            let words = format!("{}; {to} is another", by.moved_words());
            Err(LedgerError::Refused(words))
        }
        Some(_) | None => Ok(()),
    }
}

/// Where the move from one to the other stands. Both were verified before, or will be.
pub fn standing(from: &mut Shelf, to: &mut Shelf, place: &str) -> LedgerResult<Standing> {
    let left = from.ledger().frozen()?.filter(Frozen::is_moved);
    let whole = left.as_ref().and_then(Frozen::moved_at);
    let head = match whole {
        Some(head) => head,
        None => from.ledger().journal_head()?,
    };
    let is_copy = to.ledger().frozen()?.is_some_and(|by| by.is_copy_at(place));
    let unopened =
        to.ledger().journal_head()? == head || is_copy && left.is_some() && has(to, head)?;
    if left.is_some() && unopened {
        return Ok(match whole {
            Some(_) => Standing::Unsure,
            None => Standing::Copied,
        });
    }
    if to.look(|tx| is_empty(tx, place))? {
        return Ok(match whole {
            Some(_) => Standing::Lost,
            None => Standing::NotBegun,
        });
    }
    Ok(match left.is_some() && has(to, head)? {
        true => Standing::Done,
        false => Standing::Another,
    })
}

/// Whether its journal once stood at this head, and all of it is as it was written.
fn has(to: &mut Shelf, head: JournalHead) -> LedgerResult<bool> {
    Ok(to.audit(Some(head))?.wrong.is_empty())
}

/// The tables that have a row where a ledger was closed before anything came.
const CLOSED: [&str; 3] = ["decision", "decision_link", "lane_head"];

/// Nothing is in it but, perhaps, that it waits for what is to come to this place.
fn is_empty(tx: &dyn Tx, place: &str) -> LedgerResult<bool> {
    let waits = moved::waits(tx, place)?;
    for statements in STATEMENTS.iter() {
        let own = waits && CLOSED.contains(&statements.table.name);
        if !own && tx.exists(statements.any, &[])? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Closes the new one, while it is empty, for what is to come.
pub fn await_it(to: &mut Shelf, by: &Person, place: &str, at: WallMs) -> LedgerResult<()> {
    to.commit(|tx| match is_empty(tx, place)? {
        true => moved::leave(tx, by, place, at),
        false => Err(not_empty()),
    })
}

fn not_empty() -> LedgerError {
    LedgerError::Refused("somebody else has written to the new ledger since".into())
}

/// Closes the old one for good. `to` says where it goes.
pub fn leave(from: &mut Shelf, by: &Person, to: &str, at: WallMs) -> LedgerResult<()> {
    from.commit(|tx| moved::leave(tx, by, to, at))
}

/// Who may still have something of it on the wire; none may when it is copied.
pub fn senders(from: &mut Shelf) -> LedgerResult<Vec<String>> {
    let Shelf::Server(ledger) = from else {
        return Ok(Vec::new());
    };
    let held = ledger.lines()?.into_iter().filter(|line| line.left_ms > 0);
    let who = held.map(|line| format!("{}: {}", line.merchant, line.owner.unwrap_or_default()));
    Ok(who.collect())
}

/// Opens the old one again, of which nothing was copied to `to`.
pub fn stay(from: &mut Shelf, by: &Person, to: &str, at: WallMs) -> LedgerResult<()> {
    from.commit(|tx| moved::stay(tx, by, to, at))
}

/// Says in the new one that it is this copy of what stood at the head `copied`; at which head it stands then.
pub fn own(
    to: &mut Shelf,
    by: &Person,
    place: &str,
    copied: JournalHead,
    at: WallMs,
) -> LedgerResult<JournalHead> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random numbers");
    let id = u64::from_ne_bytes(bytes);
    to.commit(|tx| moved::copy(tx, by, place, (copied, id), at))
}

/// Says in the old one, which stands at the first of these heads, that the copy at the second is opened.
/// Before it is.
pub fn whole(
    from: &mut Shelf,
    by: &Person,
    to: &str,
    heads: (JournalHead, JournalHead),
    at: WallMs,
) -> LedgerResult<()> {
    from.commit(|tx| moved::whole(tx, by, to, heads, at))
}

/// The new one has been opened, and the old one may not say so: an older levy did not write it, or it was put
/// back from just before. From then on a new one that is empty was lost.
pub fn was_opened(from: &mut Shelf, by: &Person, to: &str, at: WallMs) -> LedgerResult<()> {
    let frozen = from.ledger().frozen()?;
    if frozen.is_some_and(|by| by.moved_at().is_some()) {
        return Ok(());
    }
    let head = from.ledger().journal_head()?;
    whole(from, by, to, (head, head), at)
}

/// What somebody is told who comes too late, or between.
pub fn between() -> LedgerError {
    moved::between()
}

/// Opens the new one, which stands at this head. `names` say where it came from, and where it is. The old one is
/// asked once more whether that is the copy to be opened: a person's word may have opened another since.
pub fn arrive(
    from: &mut Shelf,
    to: &mut Shelf,
    by: &Person,
    names: (&str, &str),
    head: JournalHead,
    at: WallMs,
) -> LedgerResult<()> {
    to.commit(|into| {
        from.look(|tx| moved::is_opened(tx, names.1, head))?;
        moved::arrive(into, by, names, head, at)
    })
}

/// Copies all of it in one transaction, or nothing; how many rows. `place` says where it goes.
pub fn copy(from: &mut Shelf, to: &mut Shelf, place: &str) -> LedgerResult<u64> {
    // The rules that keep a history as it was written would not let one be written at once.
    if let Shelf::File(ledger) = to {
        ledger.guards(false)?;
    }
    let copied = to.commit(|into| {
        if !is_empty(into, place)? {
            return Err(not_empty());
        }
        into.script(sql::script::GUARDS_OFF)?;
        into.execute(sql::META_FROZEN_BY, values![None::<i64>])?;
        for statements in STATEMENTS.iter().rev() {
            if CLOSED.contains(&statements.table.name) {
                into.execute(statements.clear, &[])?;
            }
        }
        let rows = from.look(|tx| {
            moved::left(tx, place)?;
            all_of(tx, into)
        })?;
        into.script(sql::script::GUARDS_ON)?;
        Ok(rows)
    });
    if let Shelf::File(ledger) = to {
        ledger.guards(true)?;
    }
    copied
}

fn all_of(from: &dyn Tx, into: &dyn Tx) -> LedgerResult<u64> {
    let mut rows = 0;
    for statements in STATEMENTS.iter() {
        rows += table(from, into, statements)?;
    }
    for statements in STATEMENTS.iter() {
        for late in &statements.late {
            filled(from, into, late)?;
        }
    }
    meta(from, into)?;
    Ok(rows)
}

fn table(from: &dyn Tx, into: &dyn Tx, statements: &Statements) -> LedgerResult<u64> {
    let table = statements.table;
    let insert = (statements.insert_many, statements.insert_one);
    let mut crate_ = Crate::new(
        table.name,
        table.columns.len(),
        statements.rows_at_once,
        insert,
    );
    from.scan(statements.read, &[], &mut |row| {
        for (place, (name, kind)) in table.columns.iter().enumerate() {
            let is_late = table.late.contains(name);
            let value = if is_late {
                Value::Int(None)
            } else {
                row.value(place)?
            };
            crate_.put(Cell::of(value, *kind)?);
        }
        crate_.row(into)?;
        Ok(Go::On)
    })?;
    crate_.end(into)
}

fn filled(from: &dyn Tx, into: &dyn Tx, late: &Late) -> LedgerResult<()> {
    let fill = (late.fill_many, late.fill_one);
    let mut crate_ = Crate::new(late.read.name, 2, late.rows_at_once, fill);
    from.scan(late.read, &[], &mut |row| {
        for place in 0..2 {
            crate_.put(Cell::of(row.value(place)?, Kind::Int)?);
        }
        crate_.row(into)?;
        Ok(Go::On)
    })?;
    crate_.end(into).map(drop)
}

fn meta(from: &dyn Tx, into: &dyn Tx) -> LedgerResult<()> {
    let whole = |row: &dyn Row| {
        let environment: String = row.get(1)?;
        let is_real = environment == Environment::Real.as_str();
        let owner: (String, bool) = (row.get(0)?, is_real);
        let rest: [Option<i64>; 4] = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
        Ok((owner, rest))
    };
    let (owner, [created, signed, entries, frozen]) = from.one(sql::META_WHOLE, &[], whole)?;
    let (other, _) = into.one(sql::META_WHOLE, &[], whole)?;
    if owner != other {
        return Err(LedgerError::Refused(
            "the two ledgers belong to two merchants, or one is the sandbox\'s".into(),
        ));
    }
    let moved = into.execute(sql::META_MOVE, values![created, signed, entries, frozen])?;
    exactly("meta", moved, 1)
}

/// A value of its own, for as long as its statement is filled.
enum Cell {
    Int(Option<i64>),
    Text(Option<String>),
    Blob(Option<Vec<u8>>),
}

impl Cell {
    fn of(value: Value<'_>, kind: Kind) -> LedgerResult<Self> {
        let is_none = matches!(
            value,
            Value::Int(None) | Value::Text(None) | Value::Blob(None)
        );
        Ok(match (kind, value) {
            (Kind::Int, _) if is_none => Self::Int(None),
            (Kind::Text, _) if is_none => Self::Text(None),
            (Kind::Blob, _) if is_none => Self::Blob(None),
            (Kind::Int, Value::Int(it)) => Self::Int(it),
            (Kind::Text, Value::Text(text)) => Self::Text(text.map(str::to_owned)),
            (Kind::Blob, Value::Blob(bytes)) => Self::Blob(bytes.map(<[u8]>::to_vec)),
            (Kind::Int | Kind::Text | Kind::Blob, _) => {
                return Err(LedgerError::Broken(
                    "a row holds what levy never writes there; `levy ledger verify` says more"
                        .into(),
                ));
            }
        })
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Int(it) => Value::Int(*it),
            Self::Text(text) => Value::Text(text.as_deref()),
            Self::Blob(bytes) => Value::Blob(bytes.as_deref()),
        }
    }
}

/// Rows on their way, many to a statement.
struct Crate {
    name: &'static str,
    width: usize,
    rows_at_once: usize,
    many: &'static Statement,
    one: &'static Statement,
    cells: Vec<Cell>,
    rows: u64,
}

impl Crate {
    fn new(
        name: &'static str,
        width: usize,
        rows_at_once: usize,
        (many, one): (&'static Statement, &'static Statement),
    ) -> Self {
        Self {
            name,
            width,
            rows_at_once,
            many,
            one,
            cells: Vec::with_capacity(width * rows_at_once),
            rows: 0,
        }
    }

    fn put(&mut self, cell: Cell) {
        self.cells.push(cell);
    }

    /// A row is whole.
    fn row(&mut self, into: &dyn Tx) -> LedgerResult<()> {
        if self.cells.len() == self.width * self.rows_at_once {
            self.send(into, self.many, self.rows_at_once)?;
        }
        Ok(())
    }

    fn send(
        &mut self,
        into: &dyn Tx,
        statement: &'static Statement,
        rows: usize,
    ) -> LedgerResult<()> {
        let values: Vec<Value<'_>> = self.cells.iter().map(Cell::value).collect();
        for values in values.chunks(self.width * rows) {
            let changed = into.execute(statement, values)?;
            exactly(self.name, changed, rows as u64)?;
            self.rows += rows as u64;
        }
        drop(values);
        self.cells.clear();
        Ok(())
    }

    /// What is left goes one by one; how many there were.
    fn end(mut self, into: &dyn Tx) -> LedgerResult<u64> {
        self.send(into, self.one, 1)?;
        Ok(self.rows)
    }
}

fn exactly(name: &str, changed: u64, rows: u64) -> LedgerResult<()> {
    if changed == rows {
        return Ok(());
    }
    Err(LedgerError::Broken(format!(
        "of {rows} rows of {name} only {changed} arrived; nothing was copied"
    )))
}
