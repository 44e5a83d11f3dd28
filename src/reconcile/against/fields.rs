//! One row of a list and its order, field by field. A column that the list does not have is not
//! compared; one that it has is compared in every row, and blank means that there is nothing. A row
//! without a state stands for an amount that was deducted. One cause is one difference: where the
//! states differ, a change number or time that only one side has is no further one.

use std::io::Read;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};

use super::super::difference::{Difference, Kind};
use super::about;
use crate::batch::{ListReader, Outcome, shown_cell};
use crate::ledger::Booked;
use crate::order::{CardNo, Content, Fate, Field, Order, ReqScene, State, Status};

/// The content's fields, in the order of its columns.
const FIELDS: [Field; 8] = [
    Field::Merchant,
    Field::Account,
    Field::ReductionType,
    Field::Amount,
    Field::Reason,
    Field::CardNo,
    Field::SgnNo,
    Field::ReqScene,
];

/// Which columns a list has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    content: [bool; FIELDS.len()],
    outcome: [bool; Outcome::ALL.len()],
}

impl Columns {
    pub(super) fn of<R: Read>(list: &ListReader<R>) -> Self {
        Self {
            content: FIELDS.map(|field| list.has(field)),
            outcome: Outcome::ALL.map(|outcome| list.tells(outcome)),
        }
    }

    /// Those that need not be there, by the interface's names.
    pub(super) fn named(self) -> Vec<&'static str> {
        let content = FIELDS.iter().zip(self.content).skip(4);
        let content = content.map(|(field, has)| (field.as_str(), has));
        let outcome = [
            ("state", Outcome::State),
            ("quota_change_no", Outcome::QuotaChangeNo),
            ("success_time", Outcome::SuccessTime),
        ];
        let outcome = outcome.map(|(name, outcome)| (name, self.tells(outcome)));
        let all = content.chain(outcome);
        all.filter(|(_, has)| *has).map(|(name, _)| name).collect()
    }

    fn tells(self, outcome: Outcome) -> bool {
        self.outcome[outcome as usize]
    }
}

/// What a list's word for a state means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Deducted,
    Failed,
    Is(Status),
    /// No word that is known.
    Strange,
}

fn said(word: &str) -> Said {
    let upper = word.to_ascii_uppercase();
    match upper.as_str() {
        "" | "SUCCESS" | "成功" => Said::Deducted,
        "FAILED" | "失败" => Said::Failed,
        "处理中" => Said::Is(Status::Processing),
        word => Status::from_word(word).map_or(Said::Strange, Said::Is),
    }
}

/// A row with this state stands for an amount that was deducted.
pub(super) fn says_deducted(state: &str) -> bool {
    said(state) == Said::Deducted
}

/// Compares what a cell says of an order.
type Compare = fn(&str, &Booked) -> Option<Difference>;

/// Everything in which a row and its order differ: each with both sides.
pub(super) fn differences(
    row: &Order,
    cells: &[String],
    booked: &Booked,
    columns: &Columns,
) -> Vec<Difference> {
    let mut found = Vec::new();
    for (field, has) in FIELDS.into_iter().zip(columns.content) {
        if has {
            found.extend(content(field, &row.content, booked));
        }
    }
    let cell = |outcome: Outcome| cells.get(outcome as usize).map_or("", String::as_str);
    let state = state(cell(Outcome::State), booked);
    let outcome = [
        (Outcome::QuotaChangeNo, change_no as Compare),
        (Outcome::SuccessTime, time),
    ];
    let outcome = outcome
        .into_iter()
        .filter(|(outcome, _)| columns.tells(*outcome))
        .filter_map(|(outcome, compare)| compare(cell(outcome), booked))
        .filter(|d| state.is_none() || !(d.ours.is_empty() || d.theirs.is_empty()))
        .collect::<Vec<_>>();
    found.extend(state);
    found.extend(outcome);
    if row.no != booked.order.no {
        for difference in &mut found {
            note(difference, &format!("the row says {}", row.no));
        }
    }
    found
}

fn note(difference: &mut Difference, words: &str) {
    if !difference.note.is_empty() {
        difference.note.push_str("; ");
    }
    difference.note.push_str(words);
}

fn content(field: Field, row: &Content, booked: &Booked) -> Option<Difference> {
    let ours = &booked.order.content;
    let (kind, same) = match field {
        Field::Merchant => (Kind::Merchant, row.merchant == ours.merchant),
        Field::Account => (Kind::Account, row.account == ours.account),
        Field::ReductionType => (Kind::Type, row.reduction_type == ours.reduction_type),
        Field::Amount => (Kind::Amount, row.amount == ours.amount),
        Field::Reason => (Kind::Content, row.reason == ours.reason),
        Field::CardNo => (Kind::Content, row.card_no == ours.card_no),
        Field::SgnNo => (Kind::Content, row.sgn_no == ours.sgn_no),
        Field::ReqScene => (Kind::Content, row.req_scene == ours.req_scene),
    };
    if same {
        return None;
    }
    let mut difference = Difference {
        field: field.as_str(),
        ours: shown(field, ours),
        theirs: shown(field, row),
        ..about(kind, &booked.order)
    };
    if difference.ours == difference.theirs {
        note(&mut difference, "they differ where they are not shown");
    }
    Some(difference)
}

/// A field as people may see it: accounts and cards masked, and what looks like one in the texts.
fn shown(field: Field, content: &Content) -> String {
    match field {
        Field::Merchant => content.merchant.to_string(),
        Field::Account => content.account.to_string(),
        Field::ReductionType => content.reduction_type.to_string(),
        Field::Amount => content.amount.to_string(),
        Field::Reason => content
            .reason
            .as_ref()
            .map_or(String::new(), |t| shown_cell(t.as_str())),
        Field::CardNo => content
            .card_no
            .as_ref()
            .map_or(String::new(), CardNo::to_string),
        Field::SgnNo => content
            .sgn_no
            .as_ref()
            .map_or(String::new(), |t| shown_cell(t.as_str())),
        Field::ReqScene => content.req_scene.map_or("", ReqScene::as_str).to_owned(),
    }
}

fn state(word: &str, booked: &Booked) -> Option<Difference> {
    let status = booked.status();
    let fate = booked.fate();
    let said = said(word);
    let same = match said {
        Said::Deducted => fate == Fate::Deducted,
        // The gateway's word for what levy calls CLOSED is FAILED.
        Said::Failed => status == Status::Failed || booked.state == State::ClosedProven,
        Said::Is(word) => word == status,
        Said::Strange => false,
    };
    if same {
        return None;
    }
    let words = match (said, fate) {
        (Said::Strange, _) => "the list's state is no word that levy knows",
        (_, Fate::Deducted) => "the ledger has it deducted",
        (_, Fate::Dead) => "nothing was deducted",
        (_, Fate::Open) if booked.state.is_unsent() => "it was never sent",
        (_, Fate::Open) => "it is not known yet whether it was deducted",
    };
    Some(Difference {
        field: "state",
        ours: status.as_str().into(),
        theirs: match word {
            "" => Status::Success.as_str().into(),
            word => shown_cell(word),
        },
        note: match word {
            "" => format!("{words}; a row without a state stands for a deduction"),
            _ => words.into(),
        },
        ..about(Kind::State, &booked.order)
    })
}

fn change_no(theirs: &str, booked: &Booked) -> Option<Difference> {
    let ours = booked.quota_change_no.as_deref().unwrap_or("");
    (theirs != ours).then(|| Difference {
        field: "quota_change_no",
        ours: ours.into(),
        // What does not look like ours may be a card or an account in the wrong column.
        theirs: match alike(theirs, ours) {
            true => theirs.into(),
            false => shown_cell(theirs),
        },
        ..about(Kind::ChangeNo, &booked.order)
    })
}

fn alike(one: &str, two: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    one.len() == two.len() && digits(one) && digits(two)
}

fn time(theirs: &str, booked: &Booked) -> Option<Difference> {
    let ours = booked.success_time.as_deref().unwrap_or("");
    if theirs == ours {
        return None;
    }
    let note = match (instant(theirs), instant(ours)) {
        (Some(theirs), Some(ours)) => {
            if theirs.same(ours) {
                return None;
            }
            ""
        }
        (None, _) if !theirs.is_empty() => "the list's time is none that levy can read",
        (_, None) if !ours.is_empty() => "the ledger's time is none that levy can read",
        (None, _) | (_, None) => "",
    };
    Some(Difference {
        field: "success_time",
        ours: ours.into(),
        theirs: shown_cell(theirs),
        note: note.into(),
        ..about(Kind::Time, &booked.order)
    })
}

/// A time, and how fine it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instant {
    seconds: i64,
    /// Seconds of a minute or a day, where no more was written.
    fineness: i64,
}

impl Instant {
    /// The same time, as far as the coarser of two tells it.
    fn same(self, other: Self) -> bool {
        let fineness = self.fineness.max(other.fineness);
        // Days are China's.
        let whole = |seconds: i64| (seconds + i64::from(CHINA_SECONDS)).div_euclid(fineness);
        whole(self.seconds) == whole(other.seconds)
    }
}

const CHINA_SECONDS: i32 = 8 * 3600;

/// A time of the gateway's form, or of a spreadsheet's: without a zone it is China's.
fn instant(text: &str) -> Option<Instant> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        let seconds = at.timestamp();
        return Some(Instant {
            seconds,
            fineness: 1,
        });
    }
    let text = text.replace('/', "-").replace('T', " ");
    let china = FixedOffset::east_opt(CHINA_SECONDS)?;
    let local = |at: NaiveDateTime, fineness| {
        let seconds = at.and_local_timezone(china).single()?.timestamp();
        Some(Instant { seconds, fineness })
    };
    for (form, fineness) in [("%Y-%m-%d %H:%M:%S%.f", 1), ("%Y-%m-%d %H:%M", 60)] {
        if let Ok(at) = NaiveDateTime::parse_from_str(&text, form) {
            return local(at, fineness);
        }
    }
    let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?;
    local(day.and_hms_opt(0, 0, 0)?, 86_400)
}

#[cfg(test)]
mod tests;
