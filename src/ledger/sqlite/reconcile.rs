//! Both sides of every order that a reconciliation is about: one pass, in the order of creation.

use rusqlite::{Connection, params};

use super::{convert, read, result, sql};
use crate::ledger::{AttemptId, Compared, LedgerError, LedgerResult, Reach, ReplyFacts, Told};
use crate::order::OrderNo;

/// Streams them; one moment of the ledger.
pub(super) fn compared(
    conn: &Connection,
    reach: Reach,
    after: AttemptId,
    each: &mut dyn FnMut(Compared) -> std::io::Result<()>,
) -> LedgerResult<()> {
    let tx = conn.unchecked_transaction()?;
    let (from, to, batch) = read::bounds(reach);
    let mut statement = tx.prepare_cached(match reach {
        Reach::Between(..) => sql::COMPARED_BETWEEN,
        Reach::Of(_) => sql::COMPARED_OF_BATCH,
    })?;
    let mut rows = statement.query(params![from, to, batch, after.0])?;
    while let Some(row) = rows.next()? {
        let job = convert::job(row)?;
        let id = job.id.0;
        let attempt = |name: &str| row.get::<_, Option<i64>>(name);
        let number = |name: &str| -> LedgerResult<Option<OrderNo>> {
            let no: Option<String> = row.get(name)?;
            no.map(|no| convert::parsed(&no, OrderNo::parse, "number", id))
                .transpose()
        };
        let told = |name: &str| -> LedgerResult<Option<Told>> {
            attempt(name)?.map(|at| told(&tx, at, id)).transpose()
        };
        let shown = attempt("shown_attempt")?;
        let ours = match shown {
            Some(shown) => reply(&tx, shown, id)?.map(|(_, facts)| facts),
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
    }
    Ok(())
}

fn told(conn: &Connection, attempt: i64, order: i64) -> LedgerResult<Told> {
    let (meaning, facts) = reply(conn, attempt, order)?.unzip();
    Ok(Told {
        attempt: AttemptId(attempt),
        meaning,
        facts,
    })
}

fn reply(
    conn: &Connection,
    attempt: i64,
    order: i64,
) -> LedgerResult<Option<(String, ReplyFacts)>> {
    let mut statement = conn.prepare_cached(sql::REPLY_BY_ATTEMPT)?;
    let mut rows = statement.query([attempt])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let meaning: String = row.get("meaning")?;
    Ok(result::reply(row, order)?.map(|facts| (meaning, facts)))
}
