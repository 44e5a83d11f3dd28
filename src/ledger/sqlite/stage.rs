//! The staging: a file's rows, before anybody knows whether the whole file is good.

use rusqlite::{Connection, params};

use super::sql;
use crate::ledger::{LedgerResult, StagedOrder, StagedRow};
use crate::order::{CardNo, Reason, ReqScene, Resolution, SgnNo};

/// Makes the staging, if it is not there, and empties it.
pub(super) fn clear(conn: &Connection) -> LedgerResult<()> {
    conn.execute_batch(sql::STAGING)?;
    conn.execute_batch(sql::STAGING_CLEAR)?;
    Ok(())
}

/// Stages rows in one transaction, which touches temporary tables only and locks nobody out.
pub(super) fn stage(conn: &mut Connection, rows: &[StagedRow]) -> LedgerResult<()> {
    conn.execute_batch(sql::STAGING)?;
    let tx = conn.transaction()?;
    {
        let mut insert = tx.prepare_cached(sql::STAGED_INSERT)?;
        let mut count = tx.prepare_cached(sql::BLANK_COUNT)?;
        for row in rows {
            let cells = serde_json::to_string(&row.cells).expect("texts");
            let place = (row.ordinal as i64, row.line as i64);
            let amount = row.amount.map(|fen| fen.get() as i64);
            let order = match &row.asked {
                Ok(order) => order,
                Err(fault) => {
                    insert.execute(params![
                        place.0,
                        place.1,
                        cells,
                        amount,
                        fault,
                        None::<&str>,
                        None::<&str>,
                        row.came_back_as,
                        None::<&str>,
                        None::<&str>,
                        None::<&str>,
                        None::<&str>,
                        None::<&str>,
                        None::<&str>,
                        None::<&str>,
                        None::<&[u8]>,
                        None::<&[u8]>,
                        None::<i64>,
                        None::<&str>,
                        None::<&str>,
                        None::<&str>
                    ])?;
                    continue;
                }
            };
            let StagedOrder {
                no,
                content,
                returned,
                comeback,
                past,
            } = order;
            let past = past.as_ref();
            let digest = content.digest();
            let derived = match no {
                Some(_) => None,
                None => {
                    let seen: u32 = count.query_row([&digest.0[..]], |row| row.get(0))?;
                    Some(digest.derived_no(seen))
                }
            };
            insert.execute(params![
                place.0,
                place.1,
                cells,
                content.amount.get() as i64,
                None::<&str>,
                no.as_ref().map(|no| no.as_str()),
                derived.as_ref().map(|no| no.as_str()),
                returned.as_ref().map(|no| no.as_str()),
                content.merchant.as_str(),
                content.account.reveal(),
                content.reduction_type.as_str(),
                content.reason.as_ref().map(Reason::as_str),
                content.card_no.as_ref().map(CardNo::reveal),
                content.sgn_no.as_ref().map(SgnNo::as_str),
                content.req_scene.map(ReqScene::as_str),
                &digest.0[..],
                &content.hold_key().0[..],
                past.map(|past| past.first_sent_at.0),
                past.and_then(|past| past.outcome).map(Resolution::as_str),
                past.and_then(|past| past.change_no.as_deref()),
                comeback.as_str(),
            ])?;
        }
    }
    tx.commit()?;
    Ok(())
}
