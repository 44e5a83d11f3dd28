//! What becomes of one staged row: section 3 of the specification, as a ladder.

use super::{Acceptance, Staged, one_row};
use crate::clock::WallMs;
use crate::ledger::books::{convert, past, sql};
use crate::ledger::database::{Row, values};
use crate::ledger::{Admission, DeductionId, LedgerError, LedgerResult, OrderId};
use crate::order::{Comeback, Content, ContentDigest, Event, OrderNo, State};

/// The ordinal under which a changed row that had a number of its own gets a derived one: out of
/// reach of the ordinals of blank-number rows, so that it never takes the number of one.
const CHANGED_ROW_ORDINAL: u32 = 1 << 31;
/// Identical rows without number that came back, beyond which one must have a number of its own.
const IDENTICAL_MAX: u32 = 1_000;

/// The number of a changed row that had one of its own.
pub(in crate::ledger) fn changed_no(digest: [u8; 32]) -> OrderNo {
    ContentDigest(digest).derived_no(CHANGED_ROW_ORDINAL)
}

/// What becomes of a row.
pub(super) enum Decision {
    /// It claims nothing; why.
    Invalid(String),
    /// It is never sent; why, and what may be done.
    Conflict(String),
    /// It is an order that was there already.
    Repeat(DeductionId),
    /// It is a new deduction.
    New(NewOrder),
}

/// A deduction's first order.
pub(super) struct NewOrder {
    /// Its number.
    pub no: String,
    /// The deduction that it takes the place of.
    pub supersedes: Option<DeductionId>,
    /// The order that it is held beside, however that stands.
    pub beside: Option<i64>,
}

/// An order that the ledger has.
pub(super) struct Known {
    id: i64,
    pub no: String,
    pub deduction: DeductionId,
    digest: [u8; 32],
    pub state: State,
}

impl Known {
    pub(super) fn id(&self) -> OrderId {
        OrderId(self.id)
    }
}

impl Acceptance<'_> {
    pub(super) fn decide(&self, row: &Staged<'_>) -> LedgerResult<Decision> {
        if let Some(fault) = &row.fault {
            return Ok(Decision::Invalid(fault.clone()));
        }
        let claimed = match (&row.own_no, &row.returned) {
            (Some(own), _) => Some(own),
            (None, None) => row.derived_no.as_ref(),
            (None, Some(_)) => None,
        };
        if let Some(no) = claimed
            && let Some(other) = self.clash(no, row)?
        {
            return self.clashing(row, no, other);
        }
        if let Some(returned) = &row.returned {
            return self.returned(row, returned);
        }
        let no =
            claimed.ok_or_else(|| LedgerError::Broken("a staged row without number".into()))?;
        if row.own_no.is_none() && row.comeback != Comeback::First {
            return self.never_an_order(row, no);
        }
        self.numbered(row, no, None)
    }

    /// A row of a file that came back, which shows no order and has no number: it was never one, be it
    /// mended by now or added. Equal to a row of another file, it is a deduction beside that one, and held,
    /// as it would have been in one file with it: taken for a repeat, its debt would be lost.
    fn never_an_order(&self, row: &Staged<'_>, first: &str) -> LedgerResult<Decision> {
        if self.by_no(first)?.is_none() {
            return self.numbered(row, first, None);
        }
        let mut beside = None;
        for ordinal in 1..=IDENTICAL_MAX {
            let no = ContentDigest(row.digest).derived_no(ordinal);
            let Some(known) = self.by_no(no.as_str())? else {
                return Ok(Decision::New(NewOrder {
                    no: no.as_str().to_owned(),
                    supersedes: None,
                    beside,
                }));
            };
            if known.digest != row.digest {
                return self.numbered(row, no.as_str(), None);
            }
            // The same row given once more, which nobody has released yet: it shows, and needs somebody.
            let place = self.first_place(known.deduction)?;
            if known.state == State::Held && place.batch != self.batch.0 {
                return Ok(Decision::Repeat(known.deduction));
            }
            beside = Some(known.id);
        }
        Ok(Decision::Conflict(format!(
            "there are {IDENTICAL_MAX} rows like it already: give it a number of its own"
        )))
    }

    /// A number that nothing else in this file contradicts.
    fn numbered(
        &self,
        row: &Staged<'_>,
        no: &str,
        supersedes: Option<DeductionId>,
    ) -> LedgerResult<Decision> {
        let known = self.by_no(no)?;
        match (self.admit(row, known.as_ref())?, known) {
            (Admission::Repeat, Some(known)) => Ok(Decision::Repeat(known.deduction)),
            (Admission::Conflict(field), Some(known)) => {
                self.freeze(row, &known)?;
                let place = self.place(known.deduction)?;
                let field = field.as_str();
                let what = match known.state == State::Rejected {
                    // Under another number it would be deducted beside it.
                    true => {
                        "it was refused, so mend it in the failed file beside its result, and leave \
                         levy's columns there as they are"
                    }
                    false => "clear the number or give another",
                };
                Ok(Decision::Conflict(format!(
                    "the number {no} is taken by {place}, whose {field} differs: {what}"
                )))
            }
            (Admission::New | Admission::Repeat | Admission::Conflict(_), _) => {
                Ok(Decision::New(NewOrder {
                    no: no.to_owned(),
                    supersedes,
                    beside: None,
                }))
            }
        }
    }

    /// A number with two contents in this file: no row of it is sent, except as a repeat of what the
    /// ledger had before.
    fn clashing(&self, row: &Staged<'_>, no: &str, other: i64) -> LedgerResult<Decision> {
        let known = self.by_no(no)?;
        match self.admit(row, known.as_ref())? {
            Admission::New => {
                let (line, content) = self.staged_content(other)?;
                let field = self.field_that_differs(row, &content)?;
                Ok(Decision::Conflict(format!(
                    "the number {no} stands for another deduction in row {line} of this file, \
                     whose {field} differs: clear the number or give another"
                )))
            }
            Admission::Repeat | Admission::Conflict(_) => self.numbered(row, no, None),
        }
    }

    /// A row that came back from a result.
    fn returned(&self, row: &Staged<'_>, returned: &str) -> LedgerResult<Decision> {
        let Some(old) = self.by_no(returned)? else {
            return Ok(Decision::Invalid(format!(
                "levy_out_request_no: this ledger does not know {returned}; clear the row's levy_ \
                 columns to make it a deduction of its own, or use the ledger that it came from"
            )));
        };
        let own = match &row.own_no {
            Some(own) if own == returned => None,
            Some(own) => match self.by_no(own)? {
                // The input's own number may be that of an earlier order of the chain, or of what the
                // order took the place of: a changed row keeps the number that it came with.
                Some(known) if self.leads_to(known.deduction, old.deduction)? => None,
                Some(_) | None => Some(own.as_str()),
            },
            None => None,
        };
        if own.is_none() && row.digest == old.digest {
            return Ok(Decision::Repeat(old.deduction));
        }
        // A result has no column for the wish: it stands in the ledger.
        let asks = match row.comeback {
            Comeback::Reissue => true,
            Comeback::Result => self.is_undecided(returned, row)?,
            Comeback::Mended | Comeback::First => false,
        };
        if asks {
            return Ok(Decision::Conflict(format!(
                "levy_reissue asks for {returned} again, and the row was changed: clear levy_reissue to \
                 deduct what the row says now, or put the row back as it was"
            )));
        }
        self.changed(row, &old, own)
    }

    /// A row that came back changed: a new deduction in place of the old one, if that is provably
    /// out of the world.
    fn changed(&self, row: &Staged<'_>, old: &Known, own: Option<&str>) -> LedgerResult<Decision> {
        if let Some(by) = self.superseded_by(old.deduction)? {
            return self.changed_before(row, old, own, by);
        }
        let no = match (own, &row.derived_no) {
            (Some(own), _) => own.to_owned(),
            (None, Some(derived)) => derived.clone(),
            (None, None) => changed_no(row.digest).as_str().to_owned(),
        };
        let taken = self.by_no(&no)?;
        match (self.admit(row, taken.as_ref())?, taken) {
            (Admission::Repeat, Some(taken)) => {
                let place = self.place(taken.deduction)?;
                return Ok(Decision::Conflict(format!(
                    "the row changes {} into what is {no} in {place} already: to deduct that once \
                     more give the row another number of its own; else take the row out",
                    old.no
                )));
            }
            (Admission::Conflict(_), Some(_)) => return self.numbered(row, &no, None),
            (Admission::New | Admission::Repeat | Admission::Conflict(_), _) => {}
        }
        let newest = self.newest(old.deduction)?;
        if newest.state.is_unsent() {
            if self.may_have_been_sent(&newest)? {
                return Ok(Decision::Conflict(format!(
                    "the row was changed, but {} may have been sent since the backup that this ledger \
                     came back from: ask for it with its own file first. If this is another deduction, \
                     clear the row's levy_ columns and give it another number or none",
                    newest.no
                )));
            }
            // Two rows ask for two deductions: withdrawing the order of one would lose it.
            if newest.state.next(Event::Withdrawn).is_some()
                && let Some(line) = self.unchanged_line(row, old)?
            {
                return Ok(Decision::Conflict(format!(
                    "the row changes {}, which row {line} of this file asks for unchanged: take one \
                     of them out, or clear this row's levy_ columns and give it another number or \
                     none",
                    old.no
                )));
            }
            self.withdraw(&newest)?;
        } else if self.was_called_paid(&newest)? {
            return Ok(Decision::Conflict(format!(
                "the row was changed, but a verified answer has called {} paid as well: see `levy show \
                 {}`, and ask the gateway's operator which holds",
                newest.no, newest.no
            )));
        } else if newest.state == State::Rejected && self.may_be_accepted(&newest)? {
            return Ok(Decision::Conflict(format!(
                "the row was changed, and {no} was refused, but may have been accepted: since the backup \
                 that this ledger came back from, or since the refusal was not signed. Find out with the \
                 gateway's operator whether {no} was deducted, and `levy resolve` it; only if it was not, \
                 give this row as one of its own then, without its number and levy's columns",
                no = newest.no
            )));
        } else if newest.state == State::Rejected && !self.is_mended(row, &newest)? {
            // Not to be told to make it a deduction of its own: both would be deducted.
            return Ok(Decision::Conflict(format!(
                "the row was changed, and {no} was refused: mend it in the failed file beside the result \
                 (with its levy_reissue left empty), and it takes the place of {no}. As a row of its own it would be deducted beside {no}, should \
                 `levy rerun --only rejected` submit that again",
                no = newest.no
            )));
        } else if !newest.state.is_proven_dead() && !self.is_mended(row, &newest)? {
            return Ok(Decision::Conflict(format!(
                "the row was changed, but {} is {}: only what was never sent or is proven to have \
                 failed can be replaced. If this is another deduction, clear the row's levy_ columns and \
                 give it another number or none",
                newest.no, newest.state
            )));
        }
        Ok(Decision::New(NewOrder {
            no,
            supersedes: Some(old.deduction),
            beside: None,
        }))
    }

    /// The row's order was superseded before: by this very change, or by another.
    fn changed_before(
        &self,
        row: &Staged<'_>,
        old: &Known,
        own: Option<&str>,
        by: DeductionId,
    ) -> LedgerResult<Decision> {
        let newest = self.newest(by)?;
        let same_number = match own {
            None => true,
            Some(own) => self.by_no(own)?.is_some_and(|known| known.deduction == by),
        };
        if same_number && newest.digest == row.digest {
            return Ok(Decision::Repeat(by));
        }
        let place = self.place(by)?;
        Ok(Decision::Conflict(format!(
            "the row was changed, but {} was replaced already by {} in {place}: change that one, or \
             clear the row's levy_ columns and give it another number or none to make it a deduction \
             of its own",
            old.no, newest.no
        )))
    }

    /// Law L2: what the ledger says to this number and content.
    pub(super) fn admit(&self, row: &Staged<'_>, known: Option<&Known>) -> LedgerResult<Admission> {
        let Some(known) = known else {
            return Ok(Admission::New);
        };
        if known.digest == row.digest {
            return Ok(Admission::Repeat);
        }
        let theirs = self.tx.one(sql::ORDER_CONTENT, values![known.id], |row| {
            convert::content(row, 1, known.id)
        })?;
        let (_, ours) = self.staged_content(row.ordinal)?;
        match ours.difference(&theirs) {
            Some(field) => Ok(Admission::Conflict(field)),
            None => Err(convert::strange("content's digest", known.id)),
        }
    }

    fn field_that_differs(&self, row: &Staged<'_>, other: &Content) -> LedgerResult<&'static str> {
        let (_, ours) = self.staged_content(row.ordinal)?;
        Ok(ours.difference(other).map_or("content", |f| f.as_str()))
    }

    /// A number that was asked for with two contents is not sent for either.
    fn freeze(&self, row: &Staged<'_>, known: &Known) -> LedgerResult<()> {
        let Some(frozen) = known.state.next(Event::Frozen) else {
            return Ok(());
        };
        // It stands for its content, like any that was sent.
        if self.may_have_been_sent(known)? {
            return Ok(());
        }
        let changed = self.tx.execute(
            sql::ORDER_FREEZE,
            values![
                known.id,
                known.state.as_str(),
                frozen.as_str(),
                self.batch.0,
                row.ordinal
            ],
        )?;
        one_row(changed, &known.no)
    }

    /// Since the backup that this ledger came back from.
    fn may_have_been_sent(&self, known: &Known) -> LedgerResult<bool> {
        past::may_have_been_sent(self.tx, OrderId(known.id), known.state, self.at)
    }

    /// The row of a failed file, mended: its order stands refused, and no send of it can have been
    /// accepted. It is submitted no more once another has its place.
    fn is_mended(&self, row: &Staged<'_>, newest: &Known) -> LedgerResult<bool> {
        Ok(row.comeback == Comeback::Mended && !self.may_be_accepted(newest)?)
    }

    /// It does not stand refused for sure.
    fn may_be_accepted(&self, newest: &Known) -> LedgerResult<bool> {
        Ok(!self
            .tx
            .exists(sql::ORDER_STANDS_REFUSED, values![newest.id])?)
    }

    /// It asked for a new number as well when it came back so, and nothing was decided since.
    fn is_undecided(&self, returned: &str, row: &Staged<'_>) -> LedgerResult<bool> {
        self.tx
            .exists(sql::ROW_UNDECIDED, values![returned, &row.digest[..]])
    }

    fn was_called_paid(&self, known: &Known) -> LedgerResult<bool> {
        Ok(known.state.is_final()
            && known.state.is_proven_dead()
            && self.tx.exists(sql::ORDER_CALLED_PAID, values![known.id])?)
    }

    fn withdraw(&self, known: &Known) -> LedgerResult<()> {
        let Some(next) = known.state.next(Event::Withdrawn) else {
            return Ok(());
        };
        let WallMs(at) = self.at;
        let changed = self.tx.execute(
            sql::ORDER_WITHDRAW,
            values![known.id, known.state.as_str(), next.as_str(), at],
        )?;
        one_row(changed, &known.no)
    }

    /// The first row of this file that gives the number to another content.
    fn clash(&self, no: &str, row: &Staged<'_>) -> LedgerResult<Option<i64>> {
        if !self.may_clash {
            return Ok(None);
        }
        self.tx
            .optional(sql::CLASH_OTHER, values![no, &row.digest[..]], |row| {
                row.get(0)
            })
    }

    fn staged_content(&self, ordinal: i64) -> LedgerResult<(i64, Content)> {
        self.tx.one(sql::STAGED_CONTENT, values![ordinal], |row| {
            Ok((row.get(0)?, convert::content(row, 1, ordinal)?))
        })
    }

    pub(super) fn by_no(&self, no: &str) -> LedgerResult<Option<Known>> {
        self.tx.optional(sql::ORDER_BY_NO, values![no], known)
    }

    pub(super) fn newest(&self, deduction: DeductionId) -> LedgerResult<Known> {
        self.tx.one(sql::ORDER_NEWEST, values![deduction.0], known)
    }

    fn superseded_by(&self, deduction: DeductionId) -> LedgerResult<Option<DeductionId>> {
        let by: Option<i64> =
            self.tx
                .one(sql::DEDUCTION_SUPERSEDED_BY, values![deduction.0], |row| {
                    row.get(0)
                })?;
        Ok(by.map(DeductionId))
    }

    /// Whether `to` is `from`, or took its place, be it in several steps.
    fn leads_to(&self, from: DeductionId, to: DeductionId) -> LedgerResult<bool> {
        let mut at = Some(from);
        // Every step goes to a younger deduction, so that this ends.
        while let Some(here) = at.filter(|here| *here < to) {
            at = self.superseded_by(here)?;
        }
        Ok(at == Some(to))
    }

    /// Another row of this file that came back as the very order `old`; its line.
    fn unchanged_line(&self, row: &Staged<'_>, old: &Known) -> LedgerResult<Option<i64>> {
        self.tx.optional(
            sql::STAGED_UNCHANGED,
            values![old.no, &old.digest[..], row.ordinal],
            |row| row.get(0),
        )
    }

    /// `FILE:LINE`, where a deduction came first.
    pub(super) fn place(&self, deduction: DeductionId) -> LedgerResult<String> {
        self.tx
            .one(sql::PLACE_OF_DEDUCTION, values![deduction.0], |row| {
                let (file, line): (String, i64) = (row.get(1)?, row.get(2)?);
                Ok(format!("{file}:{line}"))
            })
    }
}

fn known(row: &dyn Row) -> LedgerResult<Known> {
    let id: i64 = row.get(0)?;
    Ok(Known {
        id,
        no: row.get(1)?,
        deduction: DeductionId(row.get(2)?),
        digest: row.get(3)?,
        state: convert::state(&row.get::<String>(4)?, id)?,
    })
}
