//! Columns back into checked types. What was checked on the way in is checked again on the way out:
//! a ledger is a file, and files rot.

use std::sync::Arc;

use crate::clock::WallMs;
use crate::ledger::database::Row;
use crate::ledger::{Job, LedgerError, LedgerResult, OrderId, Standing, Trust};
use crate::order::{
    Account, CardNo, Content, Fen, Merchant, Order, OrderNo, Reason, ReductionType, ReqScene,
    Resolution, SgnNo, State, Weak,
};

/// A row's value that no levy ever wrote.
pub(super) fn strange(what: &str, order: i64) -> LedgerError {
    LedgerError::Broken(format!(
        "the {what} of order {order} is none; the file is damaged or was changed by hand, restore it \
         from a backup"
    ))
}

/// Checks a text by its type's own rule.
pub(super) fn parsed<T, E>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
    what: &str,
    order: i64,
) -> LedgerResult<T> {
    parse(text).map_err(|_| strange(what, order))
}

/// A word of one of our lists.
pub(super) fn word<T>(found: Option<T>, what: &str, order: i64) -> LedgerResult<T> {
    found.ok_or_else(|| strange(what, order))
}

/// Eight columns from `first` on, in the order of the content's digest.
pub(super) fn content(row: &dyn Row, first: usize, order: i64) -> LedgerResult<Content> {
    let text = |i: usize| -> LedgerResult<Option<&str>> { row.get(first + i) };
    let needed = |i: usize, what: &str| -> LedgerResult<&str> {
        text(i)?.ok_or_else(|| strange(what, order))
    };
    Ok(Content {
        merchant: parsed(needed(0, "merchant")?, Merchant::parse, "merchant", order)?,
        account: parsed(needed(1, "account")?, Account::parse, "account", order)?,
        reduction_type: word(ReductionType::from_word(needed(2, "type")?), "type", order)?,
        amount: fen(row.get(first + 3)?, order)?,
        reason: text(4)?
            .map(|t| parsed(t, Reason::parse, "reason", order))
            .transpose()?,
        card_no: text(5)?
            .map(|t| parsed(t, CardNo::parse, "card number", order))
            .transpose()?,
        sgn_no: text(6)?
            .map(|t| parsed(t, SgnNo::parse, "agreement number", order))
            .transpose()?,
        req_scene: text(7)?
            .map(|t| word(ReqScene::from_word(t), "scene", order))
            .transpose()?,
    })
}

/// An amount.
pub(super) fn fen(fen: i64, order: i64) -> LedgerResult<Fen> {
    u64::try_from(fen)
        .ok()
        .and_then(|fen| Fen::new(fen).ok())
        .ok_or_else(|| strange("amount", order))
}

/// A state's word.
pub(super) fn state(word: &str, order: i64) -> LedgerResult<State> {
    State::from_word(word).ok_or_else(|| strange("state", order))
}

/// What people found out.
pub(super) fn resolved(found: Option<&str>, order: i64) -> LedgerResult<Option<Resolution>> {
    found
        .map(|found| word(Resolution::from_word(found), "resolution", order))
        .transpose()
}

/// A row of the view `job`. Its content must still have its digest.
pub(super) fn job(row: &dyn Row) -> LedgerResult<Job> {
    let id: i64 = row.get(0)?;
    let no: &str = row.get(1)?;
    let content = content(row, 2, id)?;
    let digest: [u8; 32] = row.get(10)?;
    if content.digest().0 != digest {
        return Err(strange("content's digest", id));
    }
    let weak: &str = row.get(12)?;
    Ok(Job {
        id: OrderId(id),
        order: Arc::new(Order {
            no: parsed(no, OrderNo::parse, "number", id)?,
            content,
        }),
        standing: Standing {
            state: state(row.get(11)?, id)?,
            weak: word(Weak::from_word(weak), "doubt", id)?,
            maybe_accepted: row.get(13)?,
            first_sent_at: row.get::<Option<i64>>(14)?.map(WallMs),
            proof_runs: row.get(15)?,
            resolved: resolved(row.get("resolved_as")?, id)?,
        },
    })
}

/// A trust's word.
pub(super) fn trust(found: &str, order: i64) -> LedgerResult<Trust> {
    let all = [
        Trust::Verified,
        Trust::Stale,
        Trust::Unsigned,
        Trust::IllSigned,
        Trust::Lost,
        Trust::NotSent,
    ];
    word(
        all.into_iter().find(|trust| trust.as_str() == found),
        "reply's trust",
        order,
    )
}
