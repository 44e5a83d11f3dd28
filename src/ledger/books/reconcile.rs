//! Both sides of every order that a reconciliation is about: one pass, in the order of creation.

use super::{convert, read, result, sql};
use crate::ledger::database::{Go, Tx, values};
use crate::ledger::{AttemptId, Compared, LedgerError, LedgerResult, Reach, ReplyFacts, Told};
use crate::order::OrderNo;

/// Streams them; one moment of the ledger.
pub(super) fn compared(
    tx: &dyn Tx,
    reach: Reach,
    after: AttemptId,
    each: &mut dyn FnMut(Compared) -> std::io::Result<()>,
) -> LedgerResult<()> {
    let (from, to, batch) = read::bounds(reach);
    let statement = match reach {
        Reach::Between(..) => sql::COMPARED_BETWEEN,
        Reach::Of(_) => sql::COMPARED_OF_BATCH,
    };
    tx.scan(statement, values![from, to, batch, after.0], &mut |row| {
        let job = convert::job(row)?;
        let id = job.id.0;
        let attempt = |name: &'static str| row.get::<Option<i64>>(name);
        let number = |name: &'static str| -> LedgerResult<Option<OrderNo>> {
            let no: Option<String> = row.get(name)?;
            no.map(|no| convert::parsed(&no, OrderNo::parse, "number", id))
                .transpose()
        };
        let told = |name: &'static str| -> LedgerResult<Option<Told>> {
            attempt(name)?.map(|at| told(tx, at, id)).transpose()
        };
        let shown = attempt("shown_attempt")?;
        let ours = match shown {
            Some(shown) => reply(tx, shown, id)?.map(|(_, facts)| facts),
            None => None,
        };
        let file: Option<String> = row.get("file")?;
        let line: Option<i64> = row.get("line")?;
        let compared = Compared {
            place: file.zip(line.map(|line| line as u64)),
            shown: shown.map(AttemptId),
            ours,
            asked: told("asked_attempt")?,
            told: told("told_attempt")?,
            twice: number("twice")?,
            shares_with: number("shares_with")?,
            job,
        };
        each(compared).map_err(|e| {
            LedgerError::Broken(format!("what differs could not be written out: {e}"))
        })?;
        Ok(Go::On)
    })
}

fn told(tx: &dyn Tx, attempt: i64, order: i64) -> LedgerResult<Told> {
    let (meaning, facts) = reply(tx, attempt, order)?.unzip();
    Ok(Told {
        attempt: AttemptId(attempt),
        meaning,
        facts,
    })
}

fn reply(tx: &dyn Tx, attempt: i64, order: i64) -> LedgerResult<Option<(String, ReplyFacts)>> {
    let found = tx.optional(sql::REPLY_BY_ATTEMPT, values![attempt], |row| {
        let meaning: String = row.get("meaning")?;
        Ok(result::reply(row, order)?.map(|facts| (meaning, facts)))
    })?;
    Ok(found.flatten())
}
