//! Accepting a batch: from staged rows to orders, in input order and in one transaction.
//!
//! Rows are streamed, never collected: a batch of a million takes no more memory than one of ten.

mod decide;
mod group;
mod import;

use super::result::wish;
use super::{plan, read, sql, twin};
use crate::clock::WallMs;
use crate::ledger::database::{Row, Tx, Value, values};
use crate::ledger::{
    Accepted, Admit, Batch, BatchHead, BatchId, DeductionId, LedgerError, LedgerResult, OrderId,
};
use crate::order::{Comeback, State};
pub(in crate::ledger) use decide::changed_no;
use decide::{Decision, NewOrder};
pub(super) use import::import;

const MS_PER_DAY: i64 = 86_400_000;

/// Turns the staged rows into a batch, if that may be.
pub(super) fn accept(
    tx: &dyn Tx,
    head: &BatchHead,
    at: WallMs,
    hold_days: u32,
    admit: Admit,
) -> LedgerResult<(Batch, Accepted)> {
    tx.script(sql::script::STAGING)?;
    let (batch, accepted) = accept_in(tx, head, at, hold_days)?;
    plan::admit(tx, &batch, &accepted, admit)?;
    Ok((batch, accepted))
}

/// The same for whoever commits it, or not.
pub(super) fn accept_in(
    tx: &dyn Tx,
    head: &BatchHead,
    at: WallMs,
    hold_days: u32,
) -> LedgerResult<(Batch, Accepted)> {
    if let Some(batch) = read::batch_by_digest(tx, &head.digest)? {
        return Err(LedgerError::Refused(format!(
            "{} was accepted already, as batch {}",
            head.file, batch.id
        )));
    }
    let (batch, numbered) = begin(tx, head, at)?;
    // Derived numbers cannot clash among themselves: content and ordinal make them.
    if numbered > 0 {
        tx.script(sql::script::CLASH_FILL)?;
    }
    let mut acceptance = Acceptance::of(tx, batch.id, at, hold_days, numbered > 0);
    acceptance.rows(batch.rows as i64)?;
    whole(&batch, acceptance.tally.rows)?;
    Ok((batch, acceptance.tally))
}

/// Every staged row was taken in: between counting and reading them somebody else could have emptied the
/// staging, where several hosts share it.
fn whole(batch: &Batch, taken_in: u64) -> LedgerResult<()> {
    match batch.rows == taken_in {
        true => Ok(()),
        false => Err(LedgerError::Broken(format!(
            "{} has {} rows, but {taken_in} of them were found when they were taken in; nothing of it was: \
             give the same command again",
            batch.head.file, batch.rows
        ))),
    }
}

/// The batch that the staged rows become, and how many of them have a number of their own.
fn begin(tx: &dyn Tx, head: &BatchHead, at: WallMs) -> LedgerResult<(Batch, i64)> {
    let (rows, last, numbered): (i64, i64, i64) = tx.one(sql::STAGED_COUNT, &[], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    if rows == 0 {
        return Err(LedgerError::Refused(format!("{} has no rows", head.file)));
    }
    if rows != last {
        return Err(LedgerError::Broken(format!(
            "{} has {last} rows, but {rows} were staged",
            head.file
        )));
    }
    Ok((insert_batch(tx, head, rows, at)?, numbered))
}

/// Settled orders that were created and settled before this hold no other.
pub(super) fn hold_since(at: WallMs, hold_days: u32) -> WallMs {
    at.plus_ms(-i64::from(hold_days).saturating_mul(MS_PER_DAY))
}

fn insert_batch(tx: &dyn Tx, head: &BatchHead, rows: i64, at: WallMs) -> LedgerResult<Batch> {
    let header = serde_json::to_string(&head.header).expect("texts");
    let id = tx.insert(
        sql::BATCH_INSERT,
        values![
            &head.digest[..],
            head.file,
            header,
            head.delimiter,
            rows,
            at.0
        ],
    )?;
    Ok(Batch {
        id: BatchId(id),
        head: head.clone(),
        rows: rows as u64,
        accepted_at: at,
    })
}

/// A staged row: what decides, read; the rest is copied column by column.
struct Staged<'r> {
    row: &'r dyn Row,
    ordinal: i64,
    line: i64,
    fault: Option<String>,
    own_no: Option<String>,
    derived_no: Option<String>,
    returned: Option<String>,
    comeback: Comeback,
    digest: [u8; 32],
}

/// Columns of `staged_rows.sql` that are copied.
mod column {
    pub const CELLS: usize = 2;
    pub const AMOUNT: usize = 3;
    pub const MERCHANT: usize = 8;
    pub const DIGEST: usize = 15;
    pub const HOLD_KEY: usize = 16;
    pub const FIRST_SENT_AT: usize = 17;
    pub const OUTCOME: usize = 18;
    pub const CHANGE_NO: usize = 19;
    pub const COMEBACK: usize = 20;
}

impl<'r> Staged<'r> {
    fn read(row: &'r dyn Row) -> LedgerResult<Self> {
        let fault: Option<String> = row.get(4)?;
        let digest = match fault {
            Some(_) => [0; 32],
            None => row.get(column::DIGEST)?,
        };
        let comeback: Option<String> = row.get(column::COMEBACK)?;
        Ok(Self {
            comeback: comeback
                .and_then(|word| Comeback::from_word(&word))
                .unwrap_or(Comeback::First),
            row,
            ordinal: row.get(0)?,
            line: row.get(1)?,
            fault,
            own_no: row.get(5)?,
            derived_no: row.get(6)?,
            returned: row.get(7)?,
            digest,
        })
    }

    /// A column as it is.
    fn raw(&self, index: usize) -> LedgerResult<Value<'_>> {
        self.row.value(index)
    }
}

/// A batch that is being accepted.
struct Acceptance<'t> {
    tx: &'t dyn Tx,
    batch: BatchId,
    at: WallMs,
    /// Settled orders that were created and settled before hold no other.
    hold_since: WallMs,
    may_clash: bool,
    tally: Accepted,
}

/// Where a row's deduction came first.
struct FirstPlace {
    batch: i64,
    line: i64,
}

impl<'t> Acceptance<'t> {
    fn of(tx: &'t dyn Tx, batch: BatchId, at: WallMs, hold_days: u32, may_clash: bool) -> Self {
        Self {
            tx,
            batch,
            at,
            hold_since: hold_since(at, hold_days),
            may_clash,
            tally: Accepted::default(),
        }
    }
}

impl Acceptance<'_> {
    fn row(&mut self, staged: &Staged<'_>) -> LedgerResult<()> {
        self.tally.rows += 1;
        match self.decide(staged)? {
            Decision::Invalid(note) => {
                self.tally.invalid += 1;
                self.insert_row(staged, "INVALID", None, None, Some(&note))
            }
            Decision::Conflict(note) => {
                self.tally.conflicts += 1;
                self.insert_row(staged, "CONFLICT", None, None, Some(&note))
            }
            Decision::Repeat(deduction) => {
                self.tally.repeats += 1;
                let first = self.first_place(deduction)?;
                let note = self.vain_wish(staged)?;
                self.insert_row(
                    staged,
                    "ORDER",
                    Some(deduction),
                    Some(first),
                    note.as_deref(),
                )
            }
            Decision::New(new) => self.new_order(staged, &new),
        }
    }

    fn new_order(&mut self, staged: &Staged<'_>, new: &NewOrder) -> LedgerResult<()> {
        let supersedes = new.supersedes;
        let id = self.tx.insert(sql::DEDUCTION_INSERT, &[])?;
        let deduction = DeductionId(id);
        if let Some(old) = supersedes {
            let changed = self
                .tx
                .execute(sql::DEDUCTION_SUPERSEDE, values![old.0, id])?;
            one_row(changed, "a superseded deduction")?;
        }
        self.insert_row(staged, "ORDER", Some(deduction), None, None)?;
        let held_by = match (self.holding(staged, deduction)?, supersedes, new.beside) {
            (None, Some(old), _) => match self.held_before(staged, old)? {
                None => self.given_afresh(old)?,
                held_by => held_by,
            },
            (None, None, beside) => beside,
            (held_by, _, _) => held_by,
        };
        let state = match held_by {
            Some(_) => State::Held,
            None => State::Pending,
        };
        let copied = |i: usize| staged.raw(column::MERCHANT + i);
        self.tx.execute(
            sql::ORDER_INSERT,
            values![
                new.no,
                id,
                1_i64,
                self.batch.0,
                staged.ordinal,
                copied(0)?,
                copied(1)?,
                copied(2)?,
                staged.raw(column::AMOUNT)?,
                copied(3)?,
                copied(4)?,
                copied(5)?,
                copied(6)?,
                &staged.digest[..],
                staged.raw(column::HOLD_KEY)?,
                state.as_str(),
                self.at.0,
                held_by,
            ],
        )?;
        self.tally.orders += 1;
        self.tally.held += u64::from(state == State::Held);
        Ok(())
    }

    /// An order for the same debt that is alive or succeeded.
    fn holding(&self, staged: &Staged<'_>, own: DeductionId) -> LedgerResult<Option<i64>> {
        let key = staged.raw(column::HOLD_KEY)?;
        let found = twin::holding(self.tx, key, self.hold_since, own.0)?;
        Ok(found.map(|OrderId(id)| id))
    }

    /// A row asks for a new number, and its order can't need one now: it is told so, and the wish is not
    /// kept for a day on which nobody thinks of it any more.
    fn vain_wish(&self, staged: &Staged<'_>) -> LedgerResult<Option<String>> {
        let Some(asked) = &staged.returned else {
            return Ok(None);
        };
        if staged.comeback != Comeback::Reissue {
            return Ok(None);
        }
        let known = self.by_no(asked)?;
        let why = known.and_then(|known| wish::in_vain(known.state));
        Ok(why.map(|why| wish::words(asked, why)))
    }

    /// A row that was refused, and that this one mends, was perhaps mended and given as one of its own
    /// before.
    fn given_afresh(&self, old: DeductionId) -> LedgerResult<Option<i64>> {
        let newest = self.newest(old)?;
        match newest.state {
            State::Rejected => Ok(twin::younger(self.tx, newest.id())?.map(|OrderId(id)| id)),
            State::Pending | State::Held | State::Conflict | State::Cancelled => Ok(None),
            State::Unknown | State::Processing | State::Closed | State::Expired => Ok(None),
            State::Success | State::Failed | State::ClosedProven => Ok(None),
        }
    }

    /// What held the order that this one takes the place of, if only words have changed.
    fn held_before(&self, staged: &Staged<'_>, old: DeductionId) -> LedgerResult<Option<i64>> {
        let copied = |i: usize| staged.raw(column::MERCHANT + i);
        let (merchant, account, kind) = (copied(0)?, copied(1)?, copied(2)?);
        let amount = staged.raw(column::AMOUNT)?;
        let values = values![old.0, merchant, account, kind, amount];
        self.tx
            .optional(sql::ORDER_HELD_BEFORE, values, |row| row.get(0))
    }

    fn insert_row(
        &self,
        staged: &Staged<'_>,
        kind: &str,
        deduction: Option<DeductionId>,
        first: Option<FirstPlace>,
        note: Option<&str>,
    ) -> LedgerResult<()> {
        let asks = staged.comeback == Comeback::Reissue;
        let reissues = kind == "ORDER" && asks && note.is_none();
        let undecided = kind == "CONFLICT" && self.is_undecided(staged)?;
        self.tx.execute(
            sql::BATCH_ROW_INSERT,
            values![
                self.batch.0,
                staged.ordinal,
                staged.line,
                staged.raw(column::CELLS)?,
                staged.raw(column::AMOUNT)?,
                kind,
                deduction.map(|d| d.0),
                first.as_ref().map(|first| first.batch),
                first.as_ref().map(|first| first.line),
                note,
                staged.returned.as_ref().filter(|_| kind != "ORDER"),
                staged.returned.as_ref().filter(|_| reissues),
                undecided.then_some(&staged.digest[..]),
            ],
        )?;
        Ok(())
    }

    fn first_place(&self, deduction: DeductionId) -> LedgerResult<FirstPlace> {
        self.tx
            .one(sql::PLACE_OF_DEDUCTION, values![deduction.0], |row| {
                Ok(FirstPlace {
                    batch: row.get(0)?,
                    line: row.get(2)?,
                })
            })
    }
}

/// A guarded update must find the row that it was meant for.
pub(super) fn one_row(changed: u64, what: &str) -> LedgerResult<()> {
    if changed == 1 {
        return Ok(());
    }
    Err(LedgerError::Broken(format!(
        "{what} stands otherwise than it was just read"
    )))
}
