//! What a reply means: (state of the order, submission or query, checked reply) → verdict.
//!
//! One function, pure and total; `docs/SPEC.md`, section 4, is its table, and the tests go through
//! it row by row. It decides nothing about when or whether to try again: that is the engine's.

use super::reply::{Body, Checked, ErrorReply, Lost, OrderReply, Reply, SignatureFault};
use super::wire::Hidden;
use crate::order::{Asked, Doubt, Echo, Event, Meaning, Order, Proof, State, Verdict, Weak};

/// Characters of a differing field that the journal keeps.
const ECHO_CHARS_MAX: usize = 64;

/// The order that was asked about, as it stood when the reply came.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Number and content.
    pub order: &'a Order,
    /// Submission or query.
    pub asked: Asked,
    /// Where the order stood before this attempt was claimed.
    pub before: State,
    /// Where it stands since.
    pub state: State,
    /// Earlier submissions of this number that may have been accepted.
    pub earlier_sends: u32,
    /// How far the doubt about a RECEIPT_NOT_EXIST_CLOSED has come.
    pub weak: Weak,
    /// Submitting it again is not idempotent any more (law L4).
    pub past_window: bool,
}

/// The codes of an error reply that the table knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    NotEnough,
    AlreadyExists,
    Limit,
    Refusal,
    Unlisted,
}

/// The codes that refuse a request as it stands; the only list of them.
const REFUSALS: [&str; 4] = [
    "PARAM_ERROR",
    "INVALID_REQUEST",
    "RESOURCE_NOT_EXISTS",
    "NOT_FOUND",
];

impl Code {
    fn of(word: &str) -> Self {
        match word {
            "NOT_ENOUGH" => Self::NotEnough,
            "ALREADY_EXISTS" => Self::AlreadyExists,
            // The name of the 429 is not uniform (RATELIMIT_EXCEEDED, FREQUENCY_LIMITED,
            // RULE_LIMIT, …), and some come with another status.
            _ if word.contains("LIMIT") => Self::Limit,
            _ if REFUSALS.contains(&word) => Self::Refusal,
            _ => Self::Unlisted,
        }
    }
}

/// What a checked reply means for the order that was asked about.
pub fn classify(asking: &Asking<'_>, checked: &Checked) -> Verdict {
    let meaning = meaning(asking, checked);
    let to_submission = asking.asked == Asked::Submission;
    let past = asking.past_window && !to_submission;
    let refused_weak = if asking.weak == Weak::Said {
        Weak::Refused
    } else {
        asking.weak
    };
    let (event, weak) = match &meaning {
        Meaning::Success => (Event::Succeeded, Weak::No),
        Meaning::Failed { closed, .. } => (Event::Failed { closed: *closed }, Weak::No),
        Meaning::Processing if to_submission => (Event::Accepted, Weak::No),
        // A query that says PROCESSING has settled nothing, and more may follow from it.
        Meaning::Processing => (Event::Unsettled, asking.weak),
        Meaning::CloseClaimed if to_submission => (Event::CloseClaimed, refused_weak),
        Meaning::Refused if to_submission && asking.earlier_sends == 0 => {
            (Event::Refused, asking.weak)
        }
        Meaning::Refused if to_submission => (Event::Unsettled, refused_weak),
        Meaning::WeakClose if past => (Event::WindowPassed, Weak::Said),
        Meaning::WeakClose => (Event::Unsettled, Weak::Said),
        Meaning::CloseClaimed | Meaning::Refused if past => (Event::WindowPassed, asking.weak),
        Meaning::CloseClaimed | Meaning::Refused => (Event::Unsettled, asking.weak),
        Meaning::Throttled { .. } | Meaning::Unauthorized | Meaning::Forbidden => {
            (Event::Unsettled, asking.weak)
        }
        Meaning::Doubt(_) => (Event::Unsettled, asking.weak),
        Meaning::NotSent => (
            Event::NotSent {
                before: asking.before,
            },
            asking.weak,
        ),
    };
    let state = asking.state.next(event).unwrap_or(asking.state);
    let alert = alert(asking, &meaning);
    Verdict {
        meaning,
        event,
        state,
        weak,
        alert,
    }
}

fn meaning(asking: &Asking<'_>, checked: &Checked) -> Meaning {
    match checked {
        Checked::Verified(reply) => match reply.status {
            200 | 202 => verified_success(asking, reply),
            201 | 203..=299 => Meaning::Doubt(Doubt::NoState),
            _ => refusal(reply),
        },
        Checked::Unsigned(reply) => unsigned(reply),
        Checked::IllSigned {
            fault: SignatureFault::Stale(_),
            ..
        } => Meaning::Doubt(Doubt::Stale),
        Checked::IllSigned { .. } => Meaning::Doubt(Doubt::IllSigned),
        Checked::Lost(Lost::TimedOut) => Meaning::Doubt(Doubt::TimedOut),
        Checked::Lost(Lost::Broken(_)) => Meaning::Doubt(Doubt::Reset),
        Checked::NotSent(_) => Meaning::NotSent,
    }
}

fn unsigned(reply: &Reply) -> Meaning {
    match reply.status {
        200..=299 => Meaning::Doubt(Doubt::Unsigned),
        _ => refusal(reply),
    }
}

/// A 200 or 202 whose signature holds. The only place where a settling meaning is made.
fn verified_success(asking: &Asking<'_>, reply: &super::reply::Verified<Reply>) -> Meaning {
    let fields = match &reply.body {
        Body::Order(fields) => fields,
        // A 202 may come without a body: accepted, and nothing more.
        Body::Unreadable if reply.status == 202 => return Meaning::Processing,
        Body::Unreadable | Body::Error(_) => return Meaning::Doubt(Doubt::NoJson),
    };
    if reply.status == 202 {
        let other = fields
            .out_request_no
            .as_deref()
            .is_some_and(|no| no != asking.order.no.as_str());
        return match () {
            () if other => Meaning::Doubt(Doubt::OtherNumber),
            () if !echo_agrees(asking.order, fields) => Meaning::Doubt(Doubt::OtherContent),
            () => Meaning::Processing,
        };
    }
    if fields.out_request_no.as_deref() != Some(asking.order.no.as_str()) {
        return Meaning::Doubt(Doubt::OtherNumber);
    }
    if !echo_agrees(asking.order, fields) {
        return Meaning::Doubt(Doubt::OtherContent);
    }
    match fields.state.as_deref() {
        Some("SUCCESS") => Meaning::Success,
        Some("PROCESSING") => Meaning::Processing,
        Some("FAILED") => failed(asking, fields.fail_reason.as_deref()),
        Some(_) | None => Meaning::Doubt(Doubt::NoState),
    }
}

/// A query for a number that never arrived may itself have closed it, so its word alone proves
/// nothing while a submission may still be on its way.
fn failed(asking: &Asking<'_>, fail_reason: Option<&str>) -> Meaning {
    let weak = fail_reason == Some("RECEIPT_NOT_EXIST_CLOSED")
        && asking.asked == Asked::Query
        && asking.weak != Weak::Refused;
    if weak {
        return Meaning::WeakClose;
    }
    let proof = Proof::of_failed(asking.order.no.clone());
    Meaning::Failed {
        proof,
        closed: fail_reason == Some("BALANCE_NOT_ENOUGH"),
    }
}

/// The echoed fields equal what was asked, where they are present. The account comes back sealed
/// under the caller's certificate, which one is not documented; number, merchant, type and amount
/// identify the order without it.
fn echo_agrees(order: &Order, fields: &OrderReply) -> bool {
    differing(order, fields).next().is_none()
}

/// What a reply echoes otherwise than was asked, the number too: for the journal, cut, and without
/// the account or card.
pub fn echo(order: &Order, fields: &OrderReply) -> Echo {
    let number = fields.out_request_no.as_deref();
    let number = number.filter(|no| *no != order.no.as_str());
    let number = number.map(|no| ("out_request_no", no.to_owned()));
    let hidden = Hidden::of(order);
    let cut = |(name, said): (_, String)| (name, hidden.clean(&said, ECHO_CHARS_MAX));
    Echo::of(number.into_iter().chain(differing(order, fields)).map(cut))
}

/// The echoed fields that differ, by the interface's names, with what the reply has.
fn differing<'a>(
    order: &'a Order,
    fields: &'a OrderReply,
) -> impl Iterator<Item = (&'static str, String)> + 'a {
    let content = &order.content;
    let text = |name, echo: &'a Option<String>, ours: &str| {
        let other = echo.as_deref().filter(|echo| *echo != ours);
        other.map(|echo| (name, echo.to_owned()))
    };
    let amount = fields.amount.filter(|fen| *fen != content.amount.get());
    let reason = content.reason.as_ref().map_or("", |r| r.as_str());
    let sgn_no = content.sgn_no.as_ref().map_or("", |s| s.as_str());
    let req_scene = content.req_scene.map_or("", |s| s.as_str());
    [
        text("mchid", &fields.mchid, content.merchant.as_str()),
        text(
            "reduction_type",
            &fields.reduction_type,
            content.reduction_type.as_str(),
        ),
        amount.map(|fen| ("amount", fen.to_string())),
        text("reason", &fields.reason, reason),
        text("sgn_no", &fields.sgn_no, sgn_no),
        text("req_scene", &fields.req_scene, req_scene),
    ]
    .into_iter()
    .flatten()
}

/// An answer other than 2xx that is signed, or carries no signature at all. It names no order and
/// proves nothing; it only steers what is done next.
fn refusal(reply: &Reply) -> Meaning {
    let code = match &reply.body {
        Body::Error(ErrorReply { code, .. }) => Some(Code::of(code)),
        Body::Order(_) | Body::Unreadable => None,
    };
    let throttled = Meaning::Throttled {
        retry_after_seconds: reply.retry_after_seconds,
    };
    match (reply.status, code) {
        (429, _) | (_, Some(Code::Limit)) => throttled,
        (401, _) => Meaning::Unauthorized,
        (403, Some(Code::NotEnough)) | (400, Some(Code::AlreadyExists)) => Meaning::CloseClaimed,
        (403, Some(Code::AlreadyExists | Code::Refusal | Code::Unlisted)) => Meaning::Forbidden,
        (400 | 404, Some(Code::Refusal)) => Meaning::Refused,
        (500..=599, _) => Meaning::Doubt(Doubt::ServerError),
        (
            _,
            None | Some(Code::NotEnough | Code::AlreadyExists | Code::Refusal | Code::Unlisted),
        ) => Meaning::Doubt(Doubt::UnlistedCode),
    }
}

/// What a person must see: a signed answer that cannot be for this order, or one that contradicts
/// what was known.
fn alert(asking: &Asking<'_>, meaning: &Meaning) -> Option<&'static str> {
    match (meaning, asking.state) {
        (Meaning::Doubt(Doubt::OtherNumber), _) => {
            Some("a signed reply named another order number")
        }
        (Meaning::Doubt(Doubt::OtherContent), _) => {
            Some("a signed reply echoed another content under this number")
        }
        (Meaning::Doubt(Doubt::NoState), _) => {
            Some("a signed reply had no state, or one that the interface's document does not know")
        }
        (Meaning::Doubt(Doubt::NoJson), _) => {
            Some("a signed reply was no JSON object of the documented form")
        }
        (Meaning::Success, State::Failed | State::ClosedProven) => {
            Some("a signed reply says SUCCESS of an order that a signed reply had called FAILED")
        }
        (Meaning::Failed { .. }, State::Success) => {
            Some("a signed reply says FAILED of an order that a signed reply had called SUCCESS")
        }
        (Meaning::Success, State::Closed) => Some(
            "the gateway had called this number closed, and now says SUCCESS: somebody deducted under it",
        ),
        (Meaning::Success, State::Rejected | State::Expired) => {
            Some("the order was given up, and a signed reply now says SUCCESS")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
