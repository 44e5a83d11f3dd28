//! A list beside the ledger. Its rows are staged like a batch's and walked twice: once for the order
//! that each of them means, so that it is known which are meant at all, and once to tell them. Then
//! the orders of the scope are scanned. What grows with the list is in temporary tables.

use super::{convert, read, sql};
use crate::ledger::database::{Go, Row, Tx, values};
use crate::ledger::{
    Beside, Booked, Found, LedgerError, LedgerResult, ListScope, ListedRow, Sum, TWINS_TOLD_MAX,
};
use crate::order::{Fate, Order, OrderNo};

const MS_PER_DAY: i64 = 86_400_000;

/// See [`crate::ledger::Ledger::beside`]. Takes no lock that a writer waits for.
pub(super) fn beside(
    tx: &dyn Tx,
    scope: &ListScope,
    each: &mut dyn FnMut(Beside) -> std::io::Result<()>,
) -> LedgerResult<Sum> {
    tx.script(sql::script::STAGING)?;
    tx.script(sql::script::LISTED_CLEAR)?;
    let mut comparison = Comparison {
        tx,
        twin_ms: i64::from(scope.twin_days).saturating_mul(MS_PER_DAY),
        each,
    };
    comparison.match_rows()?;
    comparison.tell_rows()?;
    comparison.tell_orders(scope)
}

struct Comparison<'c> {
    tx: &'c dyn Tx,
    /// Between two orders for one debt, at most, for them to be twins.
    twin_ms: i64,
    each: &'c mut dyn FnMut(Beside) -> std::io::Result<()>,
}

/// An order that stands for a row.
struct Standing {
    id: i64,
    deduction: i64,
    digest: [u8; 32],
}

/// An order, and what leads from it to others.
struct Read {
    booked: Booked,
    deduction: i64,
    generation: u32,
    created_at_ms: i64,
}

impl Read {
    /// A row of `listed_order.sql`.
    fn of(row: &dyn Row, id: i64) -> LedgerResult<Self> {
        let content = convert::content(row, 0, id)?;
        let digest: [u8; 32] = row.get(8)?;
        if content.digest().0 != digest {
            return Err(convert::strange("content's digest", id));
        }
        Ok(Self {
            booked: Booked {
                order: Order {
                    no: convert::parsed(row.get(9)?, OrderNo::parse, "number", id)?,
                    content,
                },
                state: convert::state(row.get(10)?, id)?,
                resolved: convert::resolved(row.get(11)?, id)?,
                quota_change_no: row.get(12)?,
                success_time: row.get(13)?,
                place: None,
            },
            deduction: row.get(14)?,
            generation: row.get(15)?,
            created_at_ms: row.get(16)?,
        })
    }
}

/// Which orders for a debt are looked for.
struct Debt<'k> {
    hold_key: &'k [u8],
    deduction: i64,
    /// Created within so many milliseconds of this moment.
    near: (i64, i64),
    released_too: bool,
    limit: usize,
}

impl Comparison<'_> {
    /// Finds the order that each row means.
    fn match_rows(&self) -> LedgerResult<()> {
        let tx = self.tx;
        tx.scan(sql::LISTED_NUMBERS, &[], &mut |row| {
            let ordinal: i64 = row.get(0)?;
            let Some(meant) = self.meant(row.get(1)?, row.get(2)?)? else {
                return Ok(Go::On);
            };
            let values = values![meant.deduction, meant.id, ordinal];
            let (order, first): (i64, i64) = tx.one(sql::NAMED_INSERT, values, |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            tx.execute(sql::LISTED_INSERT, values![ordinal, order, first])?;
            Ok(Go::On)
        })
    }

    /// What stands for a number: its chain's newest order, or that of a deduction which took its
    /// place with the content that the row has.
    fn meant(&self, no: &str, digest: [u8; 32]) -> LedgerResult<Option<Standing>> {
        let Some(known) = self.tx.optional(sql::ORDER_BY_NO, values![no], standing)? else {
            return Ok(None);
        };
        let mut at = known.deduction;
        let mut found = self.newest(at)?;
        while found.digest != digest {
            let by: Option<i64> =
                self.tx
                    .one(sql::DEDUCTION_SUPERSEDED_BY, values![at], |row| row.get(0))?;
            // Every step goes to a younger deduction, so that this ends.
            let Some(by) = by.filter(|by| *by > at) else {
                return self.newest(known.deduction).map(Some);
            };
            at = by;
            found = self.newest(at)?;
        }
        Ok(Some(found))
    }

    fn newest(&self, deduction: i64) -> LedgerResult<Standing> {
        self.tx.one(sql::ORDER_NEWEST, values![deduction], standing)
    }

    fn tell_rows(&mut self) -> LedgerResult<()> {
        let tx = self.tx;
        tx.scan(sql::LISTED_ROWS, &[], &mut |row| {
            let cells: String = row.get(2)?;
            let listed = ListedRow {
                line: row.get::<i64>(1)? as u64,
                cells: read::texts(&cells, "text of a list's row")?,
                found: self.found(row)?,
            };
            self.tell(Beside::Row(Box::new(listed)))?;
            Ok(Go::On)
        })
    }

    fn found(&self, row: &dyn Row) -> LedgerResult<Found> {
        if let Some(fault) = row.get(3)? {
            return Ok(Found::Faulty(fault));
        }
        let no: String = row.get(4)?;
        let asked = Box::new(Order {
            no: convert::parsed(&no, OrderNo::parse, "number", 0)?,
            content: convert::content(row, 8, 0)?,
        });
        let hold_key: Vec<u8> = row.get(5)?;
        let Some(order) = row.get::<Option<i64>>(6)? else {
            let debt = Debt {
                hold_key: &hold_key,
                deduction: 0,
                near: (0, i64::MAX),
                released_too: true,
                limit: 1,
            };
            let same_debt = self.twins(&debt)?.pop().map(Box::new);
            return Ok(Found::Nothing {
                row: asked,
                same_debt,
            });
        };
        let first_line: Option<i64> = row.get(7)?;
        let read = self.order(order)?;
        let twins = match first_line {
            None => self.other_deductions(&read)?,
            Some(_) => Vec::new(),
        };
        Ok(Found::Order {
            row: asked,
            booked: Box::new(read.booked),
            first_line: first_line.map(|line| line as u64),
            twins,
        })
    }

    /// What the ledger has for the debt of an order beside it. Nothing if that is dead itself: then
    /// another one does not make two, and is an order that no row means.
    fn other_deductions(&self, read: &Read) -> LedgerResult<Vec<Booked>> {
        let mut others = Vec::new();
        if read.generation > 1 {
            let values = values![read.deduction, read.generation];
            let earlier = self.tx.all(sql::LISTED_CHAIN, values, |row| row.get(0))?;
            self.told_beside(&earlier, &mut others)?;
        }
        if read.booked.fate() != Fate::Dead {
            let key = read.booked.order.content.hold_key();
            others.extend(self.twins(&Debt {
                hold_key: &key.0,
                deduction: read.deduction,
                near: (read.created_at_ms, self.twin_ms),
                released_too: false,
                limit: TWINS_TOLD_MAX,
            })?);
        }
        Ok(others)
    }

    fn twins(&self, debt: &Debt<'_>) -> LedgerResult<Vec<Booked>> {
        let (moment, ms) = debt.near;
        let (from, to) = (moment.saturating_sub(ms), moment.saturating_add(ms));
        let (released, limit) = (debt.released_too, debt.limit as i64);
        let values = values![debt.hold_key, debt.deduction, from, to, released, limit];
        let ids = self.tx.all(sql::LISTED_TWINS, values, |row| row.get(0))?;
        let mut twins = Vec::new();
        self.told_beside(&ids, &mut twins)?;
        Ok(twins)
    }

    /// Reads orders that are told beside a row, and no second time.
    fn told_beside(&self, ids: &[i64], into: &mut Vec<Booked>) -> LedgerResult<()> {
        for id in ids {
            self.tx.execute(sql::TOLD_INSERT, values![id])?;
            into.push(self.placed(*id)?);
        }
        Ok(())
    }

    /// Goes through the orders of the scope once.
    fn tell_orders(&mut self, scope: &ListScope) -> LedgerResult<Sum> {
        let tx = self.tx;
        let mut not_deducted = Sum::default();
        let mut order = |row: &dyn Row| {
            if row.get(4)? {
                return Ok(Go::On);
            }
            let id: i64 = row.get(0)?;
            let state = convert::state(row.get(1)?, id)?;
            let resolved = convert::resolved(row.get(2)?, id)?;
            if state.is_unsent() || Fate::of(state, resolved) == Fate::Dead {
                not_deducted.add(convert::fen(row.get(3)?, id)?);
                return Ok(Go::On);
            }
            let extra = self.placed(id)?;
            self.tell(Beside::Extra(Box::new(extra)))?;
            Ok(Go::On)
        };
        let (since, before) = (scope.since.map(|at| at.0), scope.before.map(|at| at.0));
        match scope.batch {
            None => tx.scan(sql::LISTED_ORDERS, values![since, before], &mut order)?,
            Some(batch) => {
                let values = values![since, before, batch.0];
                tx.scan(sql::LISTED_ORDERS_OF_BATCH, values, &mut order)?;
            }
        }
        Ok(not_deducted)
    }

    fn order(&self, id: i64) -> LedgerResult<Read> {
        let read = |row: &dyn Row| Read::of(row, id);
        let found = self.tx.optional(sql::LISTED_ORDER, values![id], read)?;
        found.ok_or_else(|| LedgerError::Broken(format!("order {id} is gone")))
    }

    /// The same with where it came first.
    fn placed(&self, id: i64) -> LedgerResult<Booked> {
        let mut booked = self.order(id)?.booked;
        booked.place = Some(self.tx.one(sql::PLACE_OF_ORDER, values![id], |row| {
            let (file, line): (String, i64) = (row.get(1)?, row.get(2)?);
            Ok(format!("{file}:{line}"))
        })?);
        Ok(booked)
    }

    fn tell(&mut self, beside: Beside) -> LedgerResult<()> {
        (self.each)(beside).map_err(|e| {
            LedgerError::Broken(format!("the comparison could not be written out: {e}"))
        })
    }
}

fn standing(row: &dyn Row) -> LedgerResult<Standing> {
    Ok(Standing {
        id: row.get(0)?,
        deduction: row.get(2)?,
        digest: row.get(3)?,
    })
}
