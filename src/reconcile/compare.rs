//! What a query was told beside what the ledger has: a pure function of the two.
//!
//! One finding for one cause: of an order that the gateway does not know, that it tells of under
//! another number, or that stands elsewhere there, nothing else is compared.

use chrono::DateTime;

use super::difference::{Difference, Kind};
use crate::batch::shown_cell;
use crate::ledger::{Compared, ReplyFacts, Told};
use crate::order::{Echo, Resolution, State};

/// The fields of a reply's echo, by the interface's names, and what they are called where they differ.
const ECHOED: [(&str, Kind); 6] = [
    ("mchid", Kind::Merchant),
    ("reduction_type", Kind::Type),
    ("amount", Kind::Amount),
    ("reason", Kind::Content),
    ("sgn_no", Kind::Content),
    ("req_scene", Kind::Content),
];

/// `fail_reason` of a number that the gateway had never seen when it was asked for.
const NEVER_SEEN: &str = "RECEIPT_NOT_EXIST_CLOSED";

/// `http_status` of "accepted, and being processed".
const ACCEPTED: u16 = 202;

/// What the ledger knows of an order's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// A verified reply said so.
    ByReply(&'static str),
    /// Two people found it out.
    ByPeople(&'static str),
    /// Nothing: it is unfinished.
    Nothing,
}

/// What is to be told of an order; nothing if both sides agree. `askable`: it may be queried.
pub fn compare(compared: &Compared, askable: bool) -> Vec<Difference> {
    let Some(Told {
        meaning: Some(meaning),
        facts: Some(told),
        ..
    }) = &compared.told
    else {
        return vec![unasked(compared, askable)];
    };
    let known = known(compared);
    if meaning == "OTHER_NUMBER" {
        let echo = echo(told);
        let theirs = echo.get("out_request_no").unwrap_or_default();
        let mut found = of(compared, Kind::UnknownNumber, "out_request_no");
        found.ours = compared.job.order.no.to_string();
        found.theirs = theirs.into();
        found.note = "a signed answer for this order names another number".into();
        return vec![found];
    }
    let word = word(told);
    let never_seen = word != "PROCESSING" && told.fail_reason.as_deref() == Some(NEVER_SEEN);
    if meaning == "REFUSED" || (never_seen && known.word() != Some("FAILED")) {
        return unknown_there(compared, known, told);
    }
    let mut found = contents(compared, told);
    match known.word() {
        None => found.push(unsettled(compared, &format!("the gateway says {word}"))),
        Some(ours) if ours == word => {
            found.extend(besides(compared, known, ours));
            found.extend(facts(compared, told));
        }
        Some(ours) => found.push(state(compared, known, ours, word)),
    }
    found
}

impl Known {
    fn word(self) -> Option<&'static str> {
        match self {
            Self::ByReply(word) | Self::ByPeople(word) => Some(word),
            Self::Nothing => None,
        }
    }
}

/// What the answer says of the state: a 202 says PROCESSING, whatever its body does.
fn word(told: &ReplyFacts) -> &str {
    match told.http_status {
        Some(ACCEPTED) => "PROCESSING",
        _ => told.state.as_deref().unwrap_or_default(),
    }
}

fn known(compared: &Compared) -> Known {
    let standing = compared.job.standing;
    let people = match standing.resolved {
        Some(Resolution::Success) => Known::ByPeople("SUCCESS"),
        Some(Resolution::Failed) => Known::ByPeople("FAILED"),
        None => Known::Nothing,
    };
    match standing.state {
        State::Success => Known::ByReply("SUCCESS"),
        State::Failed | State::ClosedProven => Known::ByReply("FAILED"),
        _ if people != Known::Nothing => people,
        State::Processing => Known::ByReply("PROCESSING"),
        State::Unknown | State::Closed | State::Rejected | State::Expired => Known::Nothing,
        State::Pending | State::Held | State::Conflict | State::Cancelled => Known::Nothing,
    }
}

/// A finding about this order.
fn of(compared: &Compared, kind: Kind, field: &'static str) -> Difference {
    let order = &compared.job.order;
    let place = compared.place.as_ref();
    Difference {
        merchant: order.content.merchant.to_string(),
        account: order.content.account.to_string(),
        field,
        place: place.map_or_else(String::new, |(file, line)| format!("{file}:{line}")),
        ..Difference::of(kind, order.no.as_str())
    }
}

/// No answer that says anything: it could not be asked for, or was asked for in vain.
fn unasked(compared: &Compared, askable: bool) -> Difference {
    let standing = compared.job.standing;
    if askable {
        let mut found = of(compared, Kind::NotAnswered, "");
        found.ours = standing.state.to_string();
        let reply = compared.asked.as_ref().map(|asked| asked.facts.as_ref());
        found.note = match reply {
            None => "it was not asked for any more".into(),
            Some(None) => "no reply was recorded".into(),
            Some(Some(facts)) => {
                let code = facts.code.as_deref().unwrap_or_default();
                let words = facts.message.as_deref().unwrap_or_default();
                format!("{} {code} {words}", facts.trust.as_str())
            }
        };
        return found;
    }
    let why = match standing.state {
        State::Rejected => "it was refused before it was accepted, and",
        State::Closed => "the gateway claimed, without proof, to have closed it, and",
        _ => "its outcome is not known, and",
    };
    unsettled(
        compared,
        &format!(
            "{why} no signed answer has named it: asking for it before its window ends might close a \
             number that never arrived"
        ),
    )
}

fn unsettled(compared: &Compared, why: &str) -> Difference {
    let mut found = of(compared, Kind::NotCompared, "");
    found.ours = compared.job.standing.state.to_string();
    found.note = why.into();
    found
}

/// The gateway does not know the number, or knows it only since it was asked for it.
fn unknown_there(compared: &Compared, known: Known, told: &ReplyFacts) -> Vec<Difference> {
    let said = told.code.as_deref().or(told.fail_reason.as_deref());
    match (known, compared.job.standing.state) {
        (Known::ByReply(ours) | Known::ByPeople(ours @ "SUCCESS"), _) => {
            let mut found = of(compared, Kind::Missing, "state");
            found.ours = ours.into();
            found.theirs = said.unwrap_or_default().into();
            found.note = "the gateway does not know this number".into();
            vec![found]
        }
        // Nothing was deducted: both say so.
        (Known::ByPeople(_), _) | (Known::Nothing, State::Rejected) => Vec::new(),
        (Known::Nothing, _) => vec![unsettled(compared, "the gateway does not know this number")],
    }
}

fn echo(told: &ReplyFacts) -> Echo {
    let words = told.message.as_deref().and_then(Echo::read);
    words.unwrap_or_default()
}

/// Merchant, type, amount and the rest of the content: where the answer echoes something else.
fn contents(compared: &Compared, told: &ReplyFacts) -> Vec<Difference> {
    let echo = echo(told);
    let content = &compared.job.order.content;
    let differs = |(field, kind): (&'static str, Kind)| {
        let theirs = echo.get(field)?;
        let mut found = of(compared, kind, field);
        found.ours = match field {
            "mchid" => content.merchant.to_string(),
            "reduction_type" => content.reduction_type.to_string(),
            "amount" => content.amount.get().to_string(),
            "reason" => shown_cell(content.reason.as_ref().map_or("", |r| r.as_str())),
            "sgn_no" => shown_cell(content.sgn_no.as_ref().map_or("", |s| s.as_str())),
            _ => content.req_scene.map_or("", |s| s.as_str()).into(),
        };
        // People write accounts and cards into them.
        found.theirs = match field {
            "reason" | "sgn_no" => shown_cell(theirs),
            _ => theirs.into(),
        };
        if found.ours == found.theirs {
            found.note = "they differ where they are not shown".into();
        }
        Some(found)
    };
    ECHOED.into_iter().filter_map(differs).collect()
}

/// The states differ; if another order of the deduction has succeeded as well, it was deducted twice.
fn state(compared: &Compared, known: Known, ours: &str, theirs: &str) -> Difference {
    let twice = compared.twice.as_ref().filter(|_| theirs == "SUCCESS");
    let kind = match twice {
        Some(_) => Kind::Double,
        None => Kind::State,
    };
    let mut found = of(compared, kind, "state");
    found.ours = ours.into();
    found.theirs = theirs.into();
    let people = "two people had found it out, no signed answer";
    found.note = match (twice, known) {
        (Some(other), _) => deducted_twice(other.as_str()),
        (None, Known::ByPeople(_)) => people.into(),
        (None, Known::ByReply(_) | Known::Nothing) => String::new(),
    };
    found
}

/// The states agree; but people had found out otherwise (whichever answer settled it), or another
/// order of the deduction has succeeded as well.
fn besides(compared: &Compared, known: Known, word: &str) -> Option<Difference> {
    let standing = compared.job.standing;
    let resolved = standing.resolved.filter(|r| r.contradicts(standing.state));
    if let Some(resolved) = resolved {
        let ours = resolved.as_str();
        return Some(state(compared, Known::ByPeople(ours), ours, word));
    }
    let found = state(compared, known, word, word);
    (found.kind == Kind::Double).then_some(found)
}

fn deducted_twice(other: &str) -> String {
    format!("{other}, which took its place, has succeeded too: the amount was deducted twice")
}

/// The states agree: change number, times, and why it failed.
fn facts(compared: &Compared, told: &ReplyFacts) -> Vec<Difference> {
    let mut found = Vec::new();
    let nothing = ReplyFacts::bare(told.trust, None);
    let ours = compared.ours.as_ref().unwrap_or(&nothing);
    let change_no = (&ours.quota_change_no, &told.quota_change_no);
    let shares = compared.shares_with.as_ref();
    let kind = shares.map_or(Kind::ChangeNo, |_| Kind::Double);
    if shares.is_some() || !same(change_no.0, change_no.1) {
        let mut change = pair(compared, kind, "quota_change_no", change_no);
        if let Some(other) = shares {
            change.note = format!("{other} has the same change number");
        }
        found.push(change);
    }
    let reasons = (&ours.fail_reason, &told.fail_reason);
    if !same(reasons.0, reasons.1) {
        found.push(pair(compared, Kind::FailReason, "fail_reason", reasons));
    }
    for (field, times) in [
        ("success_time", (&ours.success_time, &told.success_time)),
        ("fail_time", (&ours.fail_time, &told.fail_time)),
    ] {
        if !same(times.0, times.1) && !same_moment(times) {
            found.push(pair(compared, Kind::Time, field, times));
        }
    }
    found
}

type Pair<'a> = (&'a Option<String>, &'a Option<String>);

fn pair(compared: &Compared, kind: Kind, field: &'static str, sides: Pair<'_>) -> Difference {
    let mut found = of(compared, kind, field);
    found.ours = sides.0.clone().unwrap_or_default();
    found.theirs = sides.1.clone().unwrap_or_default();
    found
}

/// What the ledger was never told cannot differ; an empty text tells nothing.
fn same(ours: &Option<String>, theirs: &Option<String>) -> bool {
    let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    said(ours).is_none_or(|ours| said(theirs) == Some(ours))
}

/// One moment may be written in more than one way.
fn same_moment((ours, theirs): Pair<'_>) -> bool {
    let moment = |text: &Option<String>| DateTime::parse_from_rfc3339(text.as_deref()?).ok();
    moment(ours).is_some_and(|ours| moment(theirs) == Some(ours))
}

#[cfg(test)]
mod tests;
