//! What a group of writes is about: its orders and attempts, read by one statement each before the first write.

use std::collections::HashMap;

use super::journal::Journal;
use super::{convert, sql};
use crate::ledger::database::{Go, Row, Tx, values};
use crate::ledger::{Answer, AttemptId, Job, LedgerError, LedgerResult, OrderId, Write};

/// An order as it stands.
pub(super) struct Subject {
    pub job: Job,
    /// Something may stand before it (`before`).
    pub has_past: bool,
}

/// An attempt that is answered.
pub(super) struct Attempted {
    pub order: i64,
    pub asked: String,
    pub state_before: String,
    /// Its order has a newer one.
    pub is_old: bool,
}

/// Orders and attempts as they stood when the group began. An order is taken out with the first write about it: for a
/// second one it is read anew.
pub(super) struct Subjects {
    orders: HashMap<OrderId, Subject>,
    attempts: HashMap<AttemptId, Attempted>,
}

impl Subjects {
    /// Reads them; the journal learns how far their lanes have come.
    pub(super) fn read(
        tx: &dyn Tx,
        journal: &mut Journal<'_>,
        writes: &[Write],
    ) -> LedgerResult<Self> {
        let mut subjects = Self {
            orders: HashMap::with_capacity(writes.len()),
            attempts: HashMap::new(),
        };
        let orders: Vec<i64> = writes
            .iter()
            .filter_map(|write| match write {
                Write::Claim(ask) => Some(ask.job.id.0),
                Write::Record(answer) => Some(answer.order.0),
                Write::ProofMissed(_) => None,
            })
            .collect();
        if orders.is_empty() {
            return Ok(subjects);
        }
        tx.each(sql::ORDERS_WRITTEN, values![json(&orders)], &mut |row| {
            let job = convert::job(row)?;
            let head: Option<i64> = row.get("head_entries")?;
            let head = match head {
                Some(entries) => Some((entries, row.get("head_link")?)),
                None => None,
            };
            journal.learn(job.order.content.merchant.as_str(), head);
            let has_past = row.get("has_past")?;
            subjects.orders.insert(job.id, Subject { job, has_past });
            Ok(Go::On)
        })?;
        let attempts: Vec<i64> = writes
            .iter()
            .filter_map(|write| match write {
                Write::Record(answer) => Some(answer.attempt.0),
                Write::Claim(_) | Write::ProofMissed(_) => None,
            })
            .collect();
        if !attempts.is_empty() {
            tx.each(
                sql::ATTEMPTS_ANSWERED,
                values![json(&attempts)],
                &mut |row| {
                    let id = AttemptId(row.get(0)?);
                    subjects.attempts.insert(id, attempted(row, 1)?);
                    Ok(Go::On)
                },
            )?;
        }
        Ok(subjects)
    }

    /// An order, for the write that is about it.
    pub(super) fn take(&mut self, tx: &dyn Tx, id: OrderId) -> LedgerResult<Subject> {
        if let Some(subject) = self.orders.remove(&id) {
            return Ok(subject);
        }
        let found = tx.optional(sql::JOB_BY_ID, values![id.0], convert::job)?;
        let job = found.ok_or_else(|| LedgerError::Broken(format!("there is no order {id}")))?;
        Ok(Subject {
            job,
            has_past: true,
        })
    }

    /// A write about an order that does not look at it.
    pub(super) fn forget(&mut self, id: OrderId) {
        self.orders.remove(&id);
    }

    /// The attempt of an answer, before its order is taken.
    pub(super) fn attempt(&mut self, tx: &dyn Tx, answer: &Answer) -> LedgerResult<Attempted> {
        let known = self.attempts.remove(&answer.attempt);
        match known.filter(|_| self.orders.contains_key(&answer.order)) {
            Some(attempted) => Ok(attempted),
            None => tx.one(sql::ATTEMPT_BY_ID, values![answer.attempt.0], |row| {
                attempted(row, 0)
            }),
        }
    }
}

fn attempted(row: &dyn Row, first: usize) -> LedgerResult<Attempted> {
    Ok(Attempted {
        order: row.get(first)?,
        asked: row.get(first + 1)?,
        state_before: row.get(first + 2)?,
        is_old: row.get(first + 3)?,
    })
}

fn json(numbers: &[i64]) -> String {
    serde_json::to_string(numbers).expect("numbers")
}
