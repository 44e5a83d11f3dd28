//! The interface's words: an order as a request, bytes as a [`Reply`].
//!
//! It does not know keys, signatures or connections. What it reads out of a reply is not to be
//! believed yet; what it takes for people to read (message, request id) is cut, stripped of control
//! characters, and free of the order's account and card.

use chrono::DateTime;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::reply::{Balance, Body, ErrorReply, OrderReply, Reply};
use crate::clock::WallMs;
use crate::order::{Account, CardNo, Order, Reason, ReqScene, SgnNo, is_invisible, mask};

/// The path of submission and query.
const PATH: &str = "/v3/aggracct-bc/wb-channel/special-reduction";
/// The path of the balance.
const BALANCE_PATH: &str = "/v3/aggracct-bc/wb-channel/account/balance";
/// The path of the platform certificates.
const CERTIFICATES_PATH: &str = "/v3/certificates";
/// Characters of an error's message.
pub const MESSAGE_CHARS_MAX: usize = 512;
/// Characters of a request id.
pub const REQUEST_ID_CHARS_MAX: usize = 128;
/// Characters of an error's code.
pub const CODE_CHARS_MAX: usize = 64;
/// Characters of what the gateway says it signed.
pub const SIGN_INFORMATION_CHARS_MAX: usize = 1024;
/// Characters of a field of an order; the longest in the document has 512.
pub const FIELD_CHARS_MAX: usize = 1024;
/// Characters that an account has at least to be looked for in a message: fewer are no secret, and
/// every message has them.
const HIDDEN_CHARS_MIN: usize = 4;
/// Characters of base64 in a row that are taken for something sealed or signed.
const BASE64_RUN_CHARS_MAX: usize = 64;

/// Everything but letters, digits and `-._~` (RFC 3986): `+`, `/` and `=` of base64 too.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request, before it is signed.
pub(super) struct Request {
    /// GET or POST.
    pub method: &'static str,
    /// Path and query: signed and sent as it stands, byte for byte.
    pub target: String,
    /// JSON, or nothing.
    pub body: Vec<u8>,
}

/// The fields of a submission, in the document's order. An absent one is left out: the gateway
/// refuses what it does not expect (270924358 参数中含有非法的额外参数).
#[derive(Serialize)]
struct Submission<'a> {
    mchid: &'a str,
    bal_account_no: &'a str,
    out_request_no: &'a str,
    reduction_type: &'a str,
    amount: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    card_no: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sgn_no: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    req_scene: Option<&'a str>,
}

/// `POST …/special-reduction`; account and card come sealed.
pub(super) fn submission(order: &Order, account: &str, card: Option<&str>) -> Request {
    let content = &order.content;
    let fields = Submission {
        mchid: content.merchant.as_str(),
        bal_account_no: account,
        out_request_no: order.no.as_str(),
        reduction_type: content.reduction_type.as_str(),
        amount: content.amount.get(),
        reason: content.reason.as_ref().map(Reason::as_str),
        card_no: card,
        sgn_no: content.sgn_no.as_ref().map(SgnNo::as_str),
        req_scene: content.req_scene.map(ReqScene::as_str),
    };
    Request {
        method: "POST",
        target: PATH.into(),
        body: serde_json::to_vec(&fields).expect("texts and a number are JSON"),
    }
}

/// `GET …/special-reduction/{out_request_no}?…`; account and card come sealed, and are
/// percent-encoded here.
pub(super) fn query(order: &Order, account: &str, card: Option<&str>) -> Request {
    get(format!("{PATH}/{}", order.no), order, account, card)
}

/// `GET …/account/balance?…`, of the account that an order would be deducted from.
pub(super) fn balance(order: &Order, account: &str, card: Option<&str>) -> Request {
    get(BALANCE_PATH.into(), order, account, card)
}

/// `GET /v3/certificates`.
pub(super) fn certificates() -> Request {
    Request {
        method: "GET",
        target: CERTIFICATES_PATH.into(),
        body: Vec::new(),
    }
}

fn get(mut target: String, order: &Order, account: &str, card: Option<&str>) -> Request {
    let content = &order.content;
    let parameters = [
        ("mchid", Some(content.merchant.as_str())),
        ("bal_account_no", Some(account)),
        ("card_no", card),
        ("sgn_no", content.sgn_no.as_ref().map(SgnNo::as_str)),
        ("req_scene", content.req_scene.map(ReqScene::as_str)),
    ];
    let mut before = '?';
    for (name, value) in parameters {
        let Some(value) = value else { continue };
        target.push(before);
        target.push_str(name);
        target.push('=');
        target.extend(utf8_percent_encode(value, ENCODED));
        before = '&';
    }
    Request {
        method: "GET",
        target,
        body: Vec::new(),
    }
}

/// The headers of a reply that are of use here; names are compared without regard to case.
#[derive(Clone, Default)]
pub struct ReplyHeaders {
    pairs: Vec<(String, Vec<u8>)>,
}

/// A header, as far as it can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header<'a> {
    /// Not there.
    Absent,
    /// There once, as text.
    Once(&'a str),
    /// There more than once, or not UTF-8.
    Unusable,
}

impl std::fmt::Debug for ReplyHeaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A signature is among the values.
        let names = self.pairs.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

impl ReplyHeaders {
    /// From names and values as they came; the rest is left out.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let ours = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.starts_with("wechatpay-")
                || ["request-id", "retry-after", "date"].contains(&name.as_str())
        };
        let pairs = pairs.into_iter().filter(|(name, _)| ours(name));
        Self {
            pairs: pairs.map(|(n, v)| (n.into(), v.into())).collect(),
        }
    }

    /// The header of this name.
    pub fn get(&self, name: &str) -> Header<'_> {
        let mut values = self
            .pairs
            .iter()
            .filter(|(held, _)| held.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (None, _) => Header::Absent,
            (Some((_, value)), None) => match std::str::from_utf8(value) {
                Ok(text) => Header::Once(text),
                Err(_) => Header::Unusable,
            },
            (Some(_), Some(_)) => Header::Unusable,
        }
    }

    /// The key that a reply says it is signed with.
    pub(super) fn serial(&self) -> Option<&str> {
        self.text("wechatpay-serial")
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Header::Once(text) => Some(text),
            Header::Absent | Header::Unusable => None,
        }
    }

    /// `Date`. Nobody signed it, so it is good for a warning about the clock and nothing else.
    pub fn date(&self) -> Option<WallMs> {
        let date = DateTime::parse_from_rfc2822(self.text("date")?).ok()?;
        Some(WallMs(date.timestamp_millis()))
    }
}

/// What must not be seen in a text from outside.
#[derive(Clone, Copy)]
pub struct Hidden<'a> {
    order: Option<&'a Order>,
}

impl<'a> Hidden<'a> {
    /// The order's account and card.
    pub fn of(order: &'a Order) -> Self {
        Self { order: Some(order) }
    }

    /// For what is about no order: long runs of base64 alone.
    pub fn nothing() -> Hidden<'static> {
        Hidden { order: None }
    }

    /// A text from outside, for people: control and invisible characters taken out, account and
    /// card masked, long runs of base64 (something sealed or signed) blanked, and cut.
    pub fn clean(self, text: &str, chars_max: usize) -> String {
        let content = self.order.map(|order| &order.content);
        let account = content.map(|content| Account::reveal(&content.account));
        let card = content.and_then(|content| content.card_no.as_ref());
        let mut text: String = text.chars().filter(|&c| !is_invisible(c)).collect();
        for secret in [account, card.map(CardNo::reveal)].into_iter().flatten() {
            text = replace_ignoring_case(&text, secret);
        }
        cut(&blank_long_runs(&text), chars_max)
    }
}

/// The first characters of a text, without those that are not seen.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    let seen = text.chars().filter(|&c| !is_invisible(c));
    seen.take(chars_max).collect()
}

/// The gateway might write an account in other letters than we did.
fn replace_ignoring_case(text: &str, secret: &str) -> String {
    if secret.chars().count() < HIDDEN_CHARS_MIN {
        return text.into();
    }
    // Lower case of ASCII alone leaves every byte where it was.
    let lower = text.to_ascii_lowercase();
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for (at, found) in lower.match_indices(&secret.to_ascii_lowercase()) {
        masked.push_str(&text[from..at]);
        masked.push_str(&mask(secret));
        from = at + found.len();
    }
    masked.push_str(&text[from..]);
    masked
}

fn blank_long_runs(text: &str) -> String {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=%".contains(c);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(is_base64) {
        let (before, run) = rest.split_at(begin);
        let end = run.find(|c| !is_base64(c)).unwrap_or(run.len());
        shown.push_str(before);
        match end > BASE64_RUN_CHARS_MAX {
            true => shown.push_str("[redacted]"),
            false => shown.push_str(&run[..end]),
        }
        rest = &run[end..];
    }
    shown + rest
}

/// A reply out of its status, headers and bytes.
pub fn parse(status: u16, headers: &ReplyHeaders, body: &[u8], hidden: Hidden<'_>) -> Reply {
    let retry_after = headers.text("retry-after").map(str::trim);
    let request_id = headers.text("request-id");
    let body = match status {
        200..=299 => order_body(body),
        _ => error_body(status, body, hidden),
    };
    Reply {
        status,
        request_id: request_id.map(|id| hidden.clean(id, REQUEST_ID_CHARS_MAX)),
        retry_after_seconds: retry_after.and_then(seconds),
        body: body.unwrap_or(Body::Unreadable),
    }
}

/// Digits alone; `Retry-After` may also be a date, which would need a clock that we trust.
fn seconds(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The fields as they came, since they are compared with what was asked; one that is longer than
/// any in the document makes the body unreadable.
///
/// serde refuses a field twice and a field of the wrong type, and takes null for an absent one.
fn order_body(body: &[u8]) -> Option<Body> {
    let fields: OrderReply = object(body)?;
    let texts = [
        &fields.mchid,
        &fields.out_request_no,
        &fields.reduction_type,
        &fields.reason,
        &fields.sgn_no,
        &fields.req_scene,
        &fields.state,
        &fields.quota_change_no,
        &fields.success_time,
        &fields.fail_time,
        &fields.fail_reason,
    ];
    let longest = texts.into_iter().flatten().map(|text| text.chars().count());
    match longest.max() {
        Some(chars) if chars > FIELD_CHARS_MAX => None,
        Some(_) | None => Some(Body::Order(Box::new(fields))),
    }
}

/// What a reply to the balance says.
pub(super) fn balance_of(body: &[u8]) -> Option<Balance> {
    object(body)
}

/// A JSON object, and nothing else: serde would fill a struct from an array too.
fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    match body.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(body).ok(),
        Some(_) | None => None,
    }
}

#[derive(Deserialize)]
struct ErrorFields {
    code: String,
    message: Option<String>,
    detail: Option<serde_json::Value>,
}

fn error_body(status: u16, body: &[u8], hidden: Hidden<'_>) -> Option<Body> {
    let fields: ErrorFields = object(body)?;
    let sign_information = match (status, &fields.detail) {
        (401, Some(detail)) => sign_information(detail),
        _ => None,
    };
    Some(Body::Error(ErrorReply {
        code: hidden.clean(&fields.code, CODE_CHARS_MAX),
        message: hidden.clean(fields.message.as_deref().unwrap_or(""), MESSAGE_CHARS_MAX),
        sign_information: sign_information
            .map(|words| hidden.clean(&words, SIGN_INFORMATION_CHARS_MAX)),
    }))
}

/// Seen in both places; an object in the wild (method, url, sign_message_length,
/// truncated_sign_message), kept as its JSON.
fn sign_information(detail: &serde_json::Value) -> Option<String> {
    let inner = detail.get("detail").and_then(|d| d.get("sign_information"));
    let found = inner.or_else(|| detail.get("sign_information"))?;
    match found {
        serde_json::Value::Null => None,
        serde_json::Value::String(words) => Some(words.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
