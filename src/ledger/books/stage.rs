//! The staging: a file's rows, before anybody knows whether the whole file is good.

use std::borrow::Cow;
use std::collections::HashMap;

use super::journal::without_nul;
use super::sql;
use crate::ledger::database::{AsValue, Go, Tx, Value, values};
use crate::ledger::{LedgerError, LedgerResult, StagedOrder, StagedRow};
use crate::order::{CardNo, ContentDigest, OrderNo, Reason, ReqScene, Resolution, SgnNo};

/// Makes the staging, if it is not there, and empties it.
pub(super) fn clear(tx: &dyn Tx) -> LedgerResult<()> {
    tx.script(sql::script::STAGING)?;
    tx.script(sql::script::STAGING_CLEAR)
}

/// Stages rows.
pub(super) fn stage(tx: &dyn Tx, rows: &[StagedRow]) -> LedgerResult<()> {
    tx.script(sql::script::STAGING)?;
    let rows: Vec<Prepared<'_>> = rows.iter().map(Prepared::of).collect();
    let derived = derived(tx, &rows)?;
    let values: Vec<[Value<'_>; COLUMNS]> = rows
        .iter()
        .zip(&derived)
        .map(|(row, derived)| row.values(derived.as_ref()))
        .collect();
    let values: Vec<&[Value<'_>]> = values.iter().map(|values| &values[..]).collect();
    tx.execute_each(sql::STAGED_INSERT, &values)
}

/// Columns of `staged_insert.sql`.
const COLUMNS: usize = 21;

/// A row, with what is worked out of it.
struct Prepared<'r> {
    row: &'r StagedRow,
    cells: String,
    /// The content's digest and the debt's key, of a valid one.
    keys: Option<(ContentDigest, [u8; 16])>,
    fault: Option<Cow<'r, str>>,
    came_back_as: Option<Cow<'r, str>>,
}

impl<'r> Prepared<'r> {
    fn of(row: &'r StagedRow) -> Self {
        let content = row.asked.as_ref().ok().map(|order| &order.content);
        Self {
            row,
            cells: serde_json::to_string(&row.cells).expect("texts"),
            keys: content.map(|content| (content.digest(), content.hold_key().0)),
            fault: row.asked.as_ref().err().map(|fault| without_nul(fault)),
            came_back_as: row.came_back_as.as_deref().map(without_nul),
        }
    }

    /// The content that came without a number.
    fn blank(&self) -> Option<ContentDigest> {
        let (digest, _) = self.keys?;
        let order = self.row.asked.as_ref().ok()?;
        order.no.is_none().then_some(digest)
    }

    fn values<'v>(&'v self, derived: Option<&'v OrderNo>) -> [Value<'v>; COLUMNS] {
        let mut values = [Value::Text(None); COLUMNS];
        values[0] = Value::Int(Some(self.row.ordinal as i64));
        values[1] = Value::Int(Some(self.row.line as i64));
        values[2] = Value::from(&self.cells);
        values[3] = Value::Int(self.row.amount.map(|fen| fen.get() as i64));
        values[4] = Value::from(&self.fault);
        values[15] = Value::Blob(None);
        values[16] = Value::Blob(None);
        values[17] = Value::Int(None);
        let (Ok(order), Some((digest, hold_key))) = (&self.row.asked, &self.keys) else {
            values[7] = Value::from(&self.came_back_as);
            return values;
        };
        let StagedOrder {
            no,
            content,
            returned,
            comeback,
            past,
        } = order;
        let text = |text: Option<&'v str>| Value::Text(text);
        values[3] = Value::Int(Some(content.amount.get() as i64));
        values[5] = text(no.as_ref().map(OrderNo::as_str));
        values[6] = text(derived.map(OrderNo::as_str));
        values[7] = text(returned.as_ref().map(OrderNo::as_str));
        values[8] = text(Some(content.merchant.as_str()));
        values[9] = text(Some(content.account.reveal()));
        values[10] = text(Some(content.reduction_type.as_str()));
        values[11] = text(content.reason.as_ref().map(Reason::as_str));
        values[12] = text(content.card_no.as_ref().map(CardNo::reveal));
        values[13] = text(content.sgn_no.as_ref().map(SgnNo::as_str));
        values[14] = text(content.req_scene.map(ReqScene::as_str));
        values[15] = digest.0.as_value();
        values[16] = hold_key.as_value();
        let past = past.as_ref();
        values[17] = Value::Int(past.map(|past| past.first_sent_at.0));
        values[18] = text(past.and_then(|past| past.outcome).map(Resolution::as_str));
        values[19] = text(past.and_then(|past| past.change_no.as_deref()));
        values[20] = text(Some(comeback.as_str()));
        values
    }
}

/// The numbers of those that came without one: each content's are counted through the file, by one
/// statement for all of these rows.
fn derived(tx: &dyn Tx, rows: &[Prepared<'_>]) -> LedgerResult<Vec<Option<OrderNo>>> {
    let mut blanks: HashMap<ContentDigest, u32> = HashMap::new();
    for digest in rows.iter().filter_map(Prepared::blank) {
        *blanks.entry(digest).or_default() += 1;
    }
    let mut seen: HashMap<ContentDigest, u32> = HashMap::with_capacity(blanks.len());
    if !blanks.is_empty() {
        let asked: Vec<(String, u32)> = blanks
            .iter()
            .map(|(digest, count)| (data_encoding::HEXLOWER.encode(&digest.0), *count))
            .collect();
        let asked = serde_json::to_string(&asked).expect("texts and numbers");
        tx.each(sql::BLANK_COUNT, values![asked], &mut |row| {
            let digest = ContentDigest(row.get(0)?);
            let until: u32 = row.get(1)?;
            let here = blanks.get(&digest).copied().unwrap_or_default();
            seen.insert(digest, until.saturating_sub(here));
            Ok(Go::On)
        })?;
    }
    let lost = || LedgerError::Broken("a content was staged and not counted".into());
    let mut number = |row: &Prepared<'_>| {
        let Some(digest) = row.blank() else {
            return Ok(None);
        };
        let seen = seen.get_mut(&digest).ok_or_else(lost)?;
        *seen += 1;
        Ok(Some(digest.derived_no(*seen)))
    };
    rows.iter().map(&mut number).collect()
}
