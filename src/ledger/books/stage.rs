//! The staging: a file's rows, before anybody knows whether the whole file is good.

use super::journal::without_nul;
use super::sql;
use crate::ledger::database::{Tx, values};
use crate::ledger::{LedgerResult, StagedOrder, StagedRow};
use crate::order::{CardNo, Reason, ReqScene, Resolution, SgnNo};

/// Makes the staging, if it is not there, and empties it.
pub(super) fn clear(tx: &dyn Tx) -> LedgerResult<()> {
    tx.script(sql::script::STAGING)?;
    tx.script(sql::script::STAGING_CLEAR)
}

/// Stages rows.
pub(super) fn stage(tx: &dyn Tx, rows: &[StagedRow]) -> LedgerResult<()> {
    tx.script(sql::script::STAGING)?;
    for row in rows {
        let cells = serde_json::to_string(&row.cells).expect("texts");
        let place = (row.ordinal as i64, row.line as i64);
        let amount = row.amount.map(|fen| fen.get() as i64);
        let order = match &row.asked {
            Ok(order) => order,
            Err(fault) => {
                tx.execute(
                    sql::STAGED_INSERT,
                    values![
                        place.0,
                        place.1,
                        cells,
                        amount,
                        without_nul(fault),
                        None::<&str>,
                        None::<&str>,
                        row.came_back_as.as_deref().map(without_nul),
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
                    ],
                )?;
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
                let seen: u32 =
                    tx.one(sql::BLANK_COUNT, values![&digest.0[..]], |row| row.get(0))?;
                Some(digest.derived_no(seen))
            }
        };
        tx.execute(
            sql::STAGED_INSERT,
            values![
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
            ],
        )?;
    }
    Ok(())
}
