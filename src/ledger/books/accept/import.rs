//! Numbers that another tool has used, taken over as a batch of their own, whole or not at all.
//!
//! Nothing is held here: the rows are facts. Nothing is settled either (law L3): what the other tool
//! called deducted or failed is kept beside the state, as what people found out.

use super::decide::Known;
use super::{Acceptance, Staged, begin, column, one_row, whole};
use crate::clock::WallMs;
use crate::ledger::books::journal::Journal;
use crate::ledger::books::{convert, lease, past, read, sql};
use crate::ledger::database::{End, Go, Tx, values};
use crate::ledger::{
    Admission, Batch, BatchHead, By, Decided, DecisionKind, DeductionId, ImportFault, Imported,
    Job, LedgerError, LedgerResult,
};
use crate::order::{OrderNo, Resolution, State};

/// Takes the staged rows over.
pub(in crate::ledger::books) fn import(
    tx: &dyn Tx,
    head: &BatchHead,
    by: &dyn By,
    at: WallMs,
    hold_days: u32,
) -> LedgerResult<(Imported, End)> {
    tx.script(sql::script::STAGING)?;
    if let Some(batch) = read::batch_by_digest(tx, &head.digest)? {
        return Ok((taken_before(tx, batch)?, End::Undo));
    }
    lease::quiet(tx, None)?;
    let (begun, _) = begin(tx, head, at)?;
    let mut desk = Desk {
        acceptance: Acceptance::of(tx, begun.id, at, hold_days, false),
        journal: Journal::open(tx)?,
        file: &head.file,
        by,
        imported: Imported::default(),
    };
    let mut rows = 0;
    tx.scan(sql::STAGED_ROWS, values![1_i64, i64::MAX], &mut |row| {
        rows += 1;
        desk.row(&Staged::read(row)?)?;
        Ok(Go::On)
    })?;
    whole(&begun, rows)?;
    let Desk {
        journal,
        mut imported,
        ..
    } = desk;
    journal.close()?;
    if imported.faults.is_empty() && imported.invalid == 0 {
        imported.batch = Some(begun);
        return Ok((imported, End::Commit));
    }
    Ok((imported, End::Undo))
}

/// The file is a batch already. If that was no import, its numbers may be sent for the first time.
fn taken_before(tx: &dyn Tx, batch: Batch) -> LedgerResult<Imported> {
    let import: bool = tx.one(sql::BATCH_IS_IMPORT, values![batch.id.0], |row| row.get(0))?;
    if !import {
        return Err(LedgerError::Refused(format!(
            "{} was accepted on {} as deductions that are to be made (batch {}), not as a history: \
             withdraw what of it was never sent (`levy cancel {}`) and find out what was",
            batch.head.file,
            batch.accepted_at.rfc3339(),
            batch.id,
            batch.id
        )));
    }
    Ok(Imported {
        batch: Some(batch),
        known: true,
        ..Imported::default()
    })
}

struct Desk<'t> {
    acceptance: Acceptance<'t>,
    journal: Journal<'t>,
    file: &'t str,
    by: &'t dyn By,
    imported: Imported,
}

/// What the row says of its number's past.
struct Said {
    first_sent_at: WallMs,
    outcome: Option<Resolution>,
    change_no: Option<String>,
}

impl Desk<'_> {
    fn row(&mut self, staged: &Staged<'_>) -> LedgerResult<()> {
        if staged.fault.is_some() {
            self.imported.invalid += 1;
            return Ok(());
        }
        let missing = || LedgerError::Broken("a row of a history without number or past".into());
        let no = staged.own_no.as_deref().ok_or_else(missing)?;
        let said = Said {
            first_sent_at: WallMs(
                staged
                    .row
                    .get::<Option<i64>>(column::FIRST_SENT_AT)?
                    .ok_or_else(missing)?,
            ),
            outcome: convert::resolved(staged.row.get(column::OUTCOME)?, 0)?,
            change_no: staged.row.get(column::CHANGE_NO)?,
        };
        let known = self.acceptance.by_no(no)?;
        match (self.acceptance.admit(staged, known.as_ref())?, known) {
            (Admission::New, _) | (_, None) => match self.waiting(staged, &said)? {
                None => self.take_over(staged, no, &said),
                Some((other, place)) => self.fault(
                    staged,
                    no,
                    format!("is of a debt that waits to be deducted once more, as {other} in {place}"),
                    "withdraw that one (`levy cancel`) if it is the same deduction; if it is another, \
                     let it go out first, and import then",
                ),
            },
            (Admission::Repeat, Some(known)) => self.repeat(staged, &known, &said),
            (Admission::Conflict(field), Some(known)) => {
                let place = self.acceptance.place(known.deduction)?;
                let field = field.as_str();
                self.fault(
                    staged,
                    no,
                    format!("is taken by {place}, whose {field} differs"),
                    "a number stands for one deduction for ever: find out which of the two it was, \
                     and take the other row out",
                )
            }
        }
    }

    /// An order that would be held, had the history come before it: nothing holds what is PENDING.
    fn waiting(&self, staged: &Staged<'_>, said: &Said) -> LedgerResult<Option<(String, String)>> {
        let acceptance = &self.acceptance;
        if said.outcome.is_some() && said.first_sent_at < acceptance.hold_since {
            return Ok(None);
        }
        let key = staged.raw(column::HOLD_KEY)?;
        let found = acceptance
            .tx
            .optional(sql::ORDER_WAITING, values![key], |row| {
                Ok((row.get(0)?, DeductionId(row.get(1)?)))
            })?;
        let Some((no, deduction)) = found else {
            return Ok(None);
        };
        Ok(Some((no, acceptance.place(deduction)?)))
    }

    /// An order that only the other tool has sent.
    fn take_over(&mut self, staged: &Staged<'_>, no: &str, said: &Said) -> LedgerResult<()> {
        let acceptance = &self.acceptance;
        let tx = acceptance.tx;
        let deduction = tx.insert(sql::DEDUCTION_INSERT, &[])?;
        acceptance.insert_row(staged, "ORDER", Some(DeductionId(deduction)), None, None)?;
        let copied = |i: usize| staged.raw(column::MERCHANT + i);
        tx.execute(
            sql::ORDER_IMPORT,
            values![
                no,
                deduction,
                acceptance.batch.0,
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
                State::Unknown.as_str(),
                acceptance.at.0,
                said.first_sent_at.0,
            ],
        )?;
        let job = self.job(no)?;
        let decided = self.decided(staged, said);
        self.journal
            .decision(Some((job.id, &job.order)), &decided)?;
        self.resolved(&job, said)
    }

    /// A number that the ledger has with the same content.
    fn repeat(&mut self, staged: &Staged<'_>, known: &Known, said: &Said) -> LedgerResult<()> {
        let first = self.acceptance.first_place(known.deduction)?;
        let job = self.job(&known.no)?;
        if let Some((what, hint)) = self.contradicts(known, &job, said)? {
            return self.fault(staged, &known.no, what, hint);
        }
        if known.state == State::Pending {
            let decided = self.decided(staged, said);
            let tx = self.acceptance.tx;
            // It may have been sent by this ledger as well, in the time that it forgot: that gap is not
            // shortened by what the other tool says, and people's word stays worth as little.
            let job = past::as_it_may_stand(tx, &mut self.journal, job, self.acceptance.at)?;
            let job = past::maybe_sent(tx, &mut self.journal, job, &decided)?;
            self.resolved(&job, said)?;
        } else {
            self.imported.repeats += 1;
        }
        self.acceptance
            .insert_row(staged, "ORDER", Some(known.deduction), Some(first), None)
    }

    /// Why the row can't be true beside what the ledger knows of its number, and what may be done.
    fn contradicts(
        &self,
        known: &Known,
        job: &Job,
        said: &Said,
    ) -> LedgerResult<Option<(String, &'static str)>> {
        let first = self.acceptance.first_place(known.deduction)?;
        if first.batch == self.acceptance.batch.0 {
            return Ok(Some((
                format!("stands in row {} of this file already", first.line),
                "keep the row that tells its first send and its end, and take the other out",
            )));
        }
        let place = self.acceptance.place(known.deduction)?;
        let state = known.state;
        if state.is_unsent() && state != State::Pending {
            return Ok(Some((
                format!("is {state} in {place}, as if it had never been sent"),
                "release it first (`--release NO --by NAME` of a run) if it is HELD, else take the row \
                 out and note that the number was used",
            )));
        }
        // It holds no other order for its debt here, and its row may be mended.
        if state == State::Rejected {
            return Ok(Some((
                format!(
                    "is REJECTED in {place}: refused, and nothing deducted, as far as this ledger knows"
                ),
                "if another tool has sent it since, ask for it first (`levy rerun BATCH --only rejected`) \
                 and take the row out",
            )));
        }
        let ours = job.standing.first_sent_at;
        let later = ours.filter(|ours| said.first_sent_at < *ours);
        Ok(later.map(|ours| {
            let what = format!(
                "was first sent on {} by this ledger ({place}), later than the row says",
                ours.rfc3339()
            );
            let hint = "histories come before the first night: take the row out, and find out what \
                        became of this one (`levy show`)";
            (what, hint)
        }))
    }

    /// What the other tool called it.
    fn resolved(&mut self, job: &Job, said: &Said) -> LedgerResult<()> {
        let count = match said.outcome {
            Some(Resolution::Success) => &mut self.imported.succeeded,
            Some(Resolution::Failed) => &mut self.imported.failed,
            None => &mut self.imported.unknown,
        };
        *count += 1;
        let Some(outcome) = said.outcome else {
            return Ok(());
        };
        let tx = self.acceptance.tx;
        let changed = tx.execute(sql::ORDER_RESOLVE, values![job.id.0, outcome.as_str()])?;
        one_row(changed, job.order.no.as_str())
    }

    fn decided(&self, staged: &Staged<'_>, said: &Said) -> Decided {
        let mut words = format!("{}:{}", self.file, staged.line);
        if let Some(change_no) = &said.change_no {
            words.push_str(&format!(" (change number {change_no})"));
        }
        let (first, second) = self.by.by();
        Decided {
            kind: DecisionKind::import(said.outcome),
            by_first: first.into(),
            by_second: second.map(Into::into),
            at: self.acceptance.at,
            words,
            since: Some(said.first_sent_at),
        }
    }

    fn job(&self, no: &str) -> LedgerResult<Job> {
        let tx = self.acceptance.tx;
        tx.one(sql::JOB_BY_NO, values![no], convert::job)
    }

    fn fault(
        &mut self,
        staged: &Staged<'_>,
        no: &str,
        what: String,
        hint: &str,
    ) -> LedgerResult<()> {
        self.imported.faults.push(ImportFault {
            line: staged.line as u64,
            no: convert::parsed(no, OrderNo::parse, "number", 0)?,
            what,
            hint: hint.into(),
        });
        Ok(())
    }
}
