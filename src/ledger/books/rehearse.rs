//! A rerun that is tried out inside a transaction which is never committed: what it says is what the
//! rerun itself would do, since it is done.

use std::collections::BTreeMap;

use super::{accept, read, reissue, result, sql};
use crate::ledger::database::{Tx, values};
use crate::ledger::{
    Batch, LedgerError, LedgerResult, Plan, Planned, Rehearsal, Rehearsed, RehearsedOf, Reissue,
    ResultRow, Scope, Tally, Unsent,
};
use crate::order::{NextAction, OrderNo, Status};

/// Proofs that are read and issued at once.
const PROOFS_AT_ONCE: u32 = 1_000;

pub(super) fn rehearse(
    tx: &dyn Tx,
    rehearsal: &Rehearsal<'_>,
    each: &mut dyn FnMut(Planned) -> std::io::Result<()>,
) -> LedgerResult<Rehearsed> {
    tx.script(sql::script::STAGING)?;
    let batch = match rehearsal.of {
        RehearsedOf::Batch(id) => read::batch_by_id(tx, id)?
            .ok_or_else(|| LedgerError::Refused(format!("this ledger does not know batch {id}")))?,
        RehearsedOf::Staged(head) => {
            accept::accept_in(tx, head, rehearsal.at, rehearsal.hold_days)?.0
        }
    };
    tx.script(sql::script::SAVEPOINT)?;
    let (issued, tally) = issue(tx, &batch, rehearsal)?;
    let lanes = read::lanes(tx, Scope::Rerun(batch.id, rehearsal.rerun))?;
    let open = read::lanes(tx, Scope::OpenOf(batch.id, Unsent::Reissues))?;
    let unsent = read::unsent(tx, batch.id, rehearsal.rerun.unsent())?;
    // The rows are shown as they stand before: they can be given back like that.
    tx.script(sql::script::SAVEPOINT_UNDO)?;
    let mut rows = Rows {
        tx,
        rehearsal,
        issued,
    };
    rows.tell(&batch, each)?;
    Ok(Rehearsed {
        batch,
        tally,
        lanes,
        unsent,
        open: open.iter().map(|lane| lane.open).sum(),
    })
}

/// What would be issued, by the row's ordinal.
type Issued = BTreeMap<u64, Reissue>;

fn issue(tx: &dyn Tx, batch: &Batch, rehearsal: &Rehearsal<'_>) -> LedgerResult<(Issued, Tally)> {
    let mut issued = Issued::new();
    let mut tally = Tally::default();
    let mut after = 0;
    loop {
        let page = reissue::proofs(
            tx,
            batch.id,
            rehearsal.only,
            after,
            PROOFS_AT_ONCE,
            rehearsal.at,
        )?;
        let Some((last, _)) = page.last() else {
            return Ok((issued, tally));
        };
        after = *last;
        let (ordinals, proofs): (Vec<u64>, Vec<_>) = page.into_iter().unzip();
        let outcomes = reissue::reissue(tx, batch.id, &proofs, rehearsal.at)?;
        for (ordinal, reissued) in ordinals.into_iter().zip(outcomes) {
            tally.add(&reissued);
            match reissued.outcome {
                Reissue::Kept(_) => {}
                issue => {
                    issued.insert(ordinal, issue);
                }
            }
        }
    }
}

struct Rows<'r> {
    tx: &'r dyn Tx,
    rehearsal: &'r Rehearsal<'r>,
    issued: Issued,
}

impl Rows<'_> {
    fn tell(
        &mut self,
        batch: &Batch,
        each: &mut dyn FnMut(Planned) -> std::io::Result<()>,
    ) -> LedgerResult<()> {
        let mut failed = None;
        let told = result::rows(self.tx, batch.id, &mut |row| match self.plan(row) {
            Ok(Some(planned)) => each(planned),
            Ok(None) => Ok(()),
            Err(e) => {
                failed.get_or_insert(e);
                Err(std::io::ErrorKind::Other.into())
            }
        });
        match failed {
            Some(e) => Err(e),
            None => told,
        }
    }

    fn plan(&mut self, mut row: ResultRow) -> LedgerResult<Option<Planned>> {
        if let Some(issue) = self.issued.remove(&row.ordinal) {
            let plan = Plan::Reissue(issue);
            return Ok(Some(Planned { row, plan }));
        }
        let rerun = self.rehearsal.rerun;
        match row.status {
            // One whose row was mended is replaced.
            Status::Rejected if rerun.sends_rejected() && row.next_action == NextAction::FixRow => {
                let plan = Plan::Again;
                Ok(Some(Planned { row, plan }))
            }
            Status::Pending if rerun.unsent() == Unsent::All && row.duplicate_of.is_none() => {
                self.as_given(&mut row)?;
                let plan = Plan::New;
                Ok(Some(Planned { row, plan }))
            }
            Status::Success
            | Status::Processing
            | Status::Unknown
            | Status::Pending
            | Status::Failed
            | Status::Closed
            | Status::Rejected
            | Status::Invalid
            | Status::Conflict
            | Status::Held
            | Status::Cancelled
            | Status::Expired => Ok(None),
        }
    }

    /// A row whose order exists only in this rehearsal names the order that it came back from.
    fn as_given(&self, row: &mut ResultRow) -> LedgerResult<()> {
        let RehearsedOf::Staged(_) = self.rehearsal.of else {
            return Ok(());
        };
        let returned: Option<String> = self
            .tx
            .optional(sql::STAGED_RETURNED, values![row.ordinal as i64], |row| {
                row.get(0)
            })?
            .flatten();
        match (returned, row.order.as_mut()) {
            (Some(no), Some(order)) => {
                order.no = OrderNo::parse(&no)
                    .map_err(|_| LedgerError::Broken("a staged number is none".into()))?;
            }
            (None, _) | (_, None) => row.order = None,
        }
        Ok(())
    }
}
