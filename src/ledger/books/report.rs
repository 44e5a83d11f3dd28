//! A batch as a report tells it, of one moment.

use super::{convert, journal, result, sql};
use crate::clock::WallMs;
use crate::ledger::database::{Go, Tx, values};
use crate::ledger::{
    BatchId, LedgerError, LedgerResult, ReportHead, Reported, ReportedOrder, RunId, SentRequest,
    Trust,
};
use crate::order::{Asked, Fate, Merchant, ReductionType};

/// Reads only, piece by piece: memory does not grow with the batch.
pub(super) fn report(
    tx: &dyn Tx,
    batch: BatchId,
    each: &mut dyn FnMut(Reported),
) -> LedgerResult<ReportHead> {
    let head = ReportHead {
        totals: result::totals(tx, batch)?,
        journal: journal::head(tx)?,
    };
    orders(tx, batch, each)?;
    result::rows(tx, batch, &mut |row| {
        each(Reported::Row(Box::new(row)));
        Ok(())
    })?;
    requests(tx, batch, each)?;
    Ok(head)
}

fn orders(tx: &dyn Tx, batch: BatchId, each: &mut dyn FnMut(Reported)) -> LedgerResult<()> {
    tx.each(sql::REPORT_ORDERS, values![batch.0], &mut |row| {
        let word: String = row.get(1)?;
        let state = convert::state(&row.get::<String>(3)?, 0)?;
        let resolved = convert::resolved(row.get(4)?, 0)?;
        each(Reported::Order(ReportedOrder {
            merchant: merchant(&row.get::<String>(0)?)?,
            reduction_type: ReductionType::from_word(&word).ok_or_else(|| foreign("type"))?,
            amount: convert::fen(row.get(2)?, 0)?,
            fate: Fate::of(state, resolved),
        }));
        Ok(Go::On)
    })
}

fn requests(tx: &dyn Tx, batch: BatchId, each: &mut dyn FnMut(Reported)) -> LedgerResult<()> {
    tx.each(sql::REPORT_REQUESTS, values![batch.0], &mut |row| {
        let asked: String = row.get(2)?;
        let asked = match asked.as_str() {
            "SUBMISSION" => Asked::Submission,
            "QUERY" => Asked::Query,
            _ => return Err(foreign("request")),
        };
        let latency: Option<i64> = row.get(4)?;
        let trust: Option<String> = row.get(5)?;
        let whole = trust.is_some_and(|trust| trust != Trust::Lost.as_str());
        each(Reported::Request(SentRequest {
            run: RunId(row.get(0)?),
            merchant: merchant(&row.get::<String>(1)?)?,
            asked,
            sent_at: WallMs(row.get(3)?),
            latency_ms: latency.filter(|_| whole).map(|ms| ms.max(0) as u64),
        }));
        Ok(Go::On)
    })
}

fn merchant(text: &str) -> LedgerResult<Merchant> {
    Merchant::parse(text).map_err(|_| foreign("merchant"))
}

fn foreign(what: &str) -> LedgerError {
    LedgerError::Broken(format!("a {what} of it is none that levy writes"))
}
