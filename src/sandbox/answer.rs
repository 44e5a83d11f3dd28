//! Answers in words: what the desk said, as status, headers and body, signed or deliberately not.
//!
//! It knows no books; the shapes are those of the interface's documents.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use data_encoding::HEXUPPER;
use serde_json::{Map, Value, json};

use super::desk::{Said, Told, What};
use super::keys::{Keys, PlatformKey, random};
use super::limits::{PROBE_CHARS, STALE_SECONDS};
use super::script::Delivery;
use super::shelf::State;
use super::wire::{Call, Refusal, sign_error};

/// A reply, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// How long it is held back, in milliseconds.
    pub delay_ms: u64,
}

/// Who signs, and what is signed though the documents don't say so.
pub(super) struct Signing<'a> {
    pub keys: &'a Keys,
    /// The key that the request named; `None` leaves the reply unsigned.
    pub key: Option<&'a PlatformKey>,
    pub sign_param_errors: bool,
}

/// The HTTP status of an answer.
pub(super) fn status(what: &What, delivery: Delivery) -> u16 {
    if let Some(error) = scripted(delivery) {
        return error.status;
    }
    match (delivery, what) {
        (Delivery::BadGateway, _) => 502,
        (Delivery::Unauthorized, _) => 401,
        (_, What::Refused(refusal)) => refusal.status,
        (Delivery::Accepted202, _) => 202,
        (_, What::Nothing | What::Order(_) | What::Balance { .. } | What::Certificates) => 200,
    }
}

/// Puts an answer into words; `None` means that the connection is closed without one.
pub(super) fn answer(said: Said, call: &Call<'_>, signing: &Signing<'_>) -> Option<Answer> {
    let status = status(&said.what, said.delivery);
    match said.delivery {
        Delivery::DropBefore | Delivery::DropAfter => return None,
        Delivery::BadGateway => return Some(bad_gateway()),
        Delivery::Unauthorized => {
            return Some(error(
                &sign_error(call, "signature", "sign not match", 0),
                false,
                signing,
            ));
        }
        Delivery::Plain
        | Delivery::Error500
        | Delivery::Error500After
        | Delivery::Throttled
        | Delivery::Accepted202
        | Delivery::BadSignature
        | Delivery::NoSignature
        | Delivery::Stale
        | Delivery::Probe
        | Delivery::WrongNumber
        | Delivery::WrongAmount
        | Delivery::BadState
        | Delivery::Slow(_)
        | Delivery::ParamError
        | Delivery::NoAuth
        | Delivery::NotFound
        | Delivery::Unlisted => {}
    }
    if let Some(refusal) = scripted(said.delivery) {
        return Some(error(
            &refusal,
            said.delivery == Delivery::Throttled,
            signing,
        ));
    }
    let (body, twin, signed) = match &said.what {
        What::Nothing => (json!({}), 0, true),
        What::Refused(refusal) => (
            error_body(refusal),
            refusal.twin,
            refusal.business || signing.sign_param_errors,
        ),
        What::Order(order) => (order_body(order, said.delivery, signing.keys), 0, true),
        What::Balance {
            balance_fen,
            in_transit,
        } => (
            json!({"balance": balance_fen, "in_transit_reduction_exist": in_transit}),
            0,
            true,
        ),
        What::Certificates => (signing.keys.certificates(), 0, true),
    };
    let mut answer = plain(status, body.to_string(), twin);
    if signed {
        sign(&mut answer, said.delivery, signing);
    }
    if let Delivery::Slow(ms) = said.delivery {
        answer.delay_ms = ms;
    }
    Some(answer)
}

/// An error as an answer by itself.
pub(super) fn error(refusal: &Refusal, retry_after: bool, signing: &Signing<'_>) -> Answer {
    let mut answer = plain(
        refusal.status,
        error_body(refusal).to_string(),
        refusal.twin,
    );
    if retry_after {
        answer.headers.push(("retry-after", "1".to_owned()));
    }
    if refusal.business || signing.sign_param_errors && refusal.status != 401 {
        sign(&mut answer, Delivery::Plain, signing);
    }
    answer
}

/// The errors that a script asks for by name.
fn scripted(delivery: Delivery) -> Option<Refusal> {
    let business =
        |status, code, twin, message| Some(Refusal::business(status, code, twin, message));
    match delivery {
        Delivery::Error500 | Delivery::Error500After => business(
            500,
            "SYSTEM_ERROR",
            268_435_457,
            "系统异常，请使用相同参数稍后重新调用",
        ),
        Delivery::Throttled => business(429, "RATELIMIT_EXCEEDED", 268_447_840, "请求频率超过限制"),
        Delivery::ParamError => Some(Refusal::param("sandbox", "由脚本指定的参数错误")),
        Delivery::NoAuth => business(403, "NO_AUTH", 268_435_463, "商户无权限"),
        Delivery::NotFound => business(404, "RESOURCE_NOT_EXISTS", 268_435_460, "资源不存在"),
        Delivery::Unlisted => business(
            400,
            "SANDBOX_UNLISTED_CODE",
            268_435_999,
            "文档中没有的错误码",
        ),
        Delivery::Plain
        | Delivery::DropBefore
        | Delivery::DropAfter
        | Delivery::BadGateway
        | Delivery::Unauthorized
        | Delivery::Accepted202
        | Delivery::BadSignature
        | Delivery::NoSignature
        | Delivery::Stale
        | Delivery::Probe
        | Delivery::WrongNumber
        | Delivery::WrongAmount
        | Delivery::BadState
        | Delivery::Slow(_) => None,
    }
}

fn bad_gateway() -> Answer {
    Answer {
        status: 502,
        headers: vec![("content-type", "text/html".to_owned())],
        body: "<html><head><title>502 Bad Gateway</title></head>\
               <body><center><h1>502 Bad Gateway</h1></center></body></html>"
            .to_owned(),
        delay_ms: 0,
    }
}

fn error_body(refusal: &Refusal) -> Value {
    json!({"code": refusal.code, "detail": refusal.detail, "message": refusal.message})
}

fn plain(status: u16, body: String, twin: u32) -> Answer {
    let mut id = [0u8; 14];
    random(&mut id);
    Answer {
        status,
        headers: vec![
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("content-language", "zh-CN".to_owned()),
            ("keep-alive", "timeout=8".to_owned()),
            ("cache-control", "no-cache, must-revalidate".to_owned()),
            ("request-id", format!("08{}-{twin}", HEXUPPER.encode(&id))),
        ],
        body,
        delay_ms: 0,
    }
}

/// Adds the signature's headers; a delivery may spoil them.
fn sign(answer: &mut Answer, delivery: Delivery, signing: &Signing<'_>) {
    let (Some(key), false) = (signing.key, delivery == Delivery::NoSignature) else {
        return;
    };
    let mut bytes = [0u8; 16];
    random(&mut bytes);
    let nonce = HEXUPPER.encode(&bytes);
    let age = match delivery {
        Delivery::Stale => STALE_SECONDS,
        _ => 0,
    };
    let timestamp = now_seconds() - age;
    let mut message = format!("{timestamp}\n{nonce}\n{}\n", answer.body);
    if delivery == Delivery::BadSignature {
        // Base64 of a true signature, over something else.
        message.push('\n');
    }
    let signature = match delivery {
        Delivery::Probe => {
            let tail = HEXUPPER.encode(&bytes).repeat(PROBE_CHARS / 32 + 1);
            let mut probe = format!("WECHATPAY/SIGNTEST/{tail}");
            probe.truncate(PROBE_CHARS);
            probe
        }
        _ => key.sign(message.as_bytes()),
    };
    answer.headers.extend([
        ("wechatpay-timestamp", timestamp.to_string()),
        ("wechatpay-nonce", nonce),
        ("wechatpay-signature", signature),
        ("wechatpay-serial", key.id.clone()),
        (
            "wechatpay-signature-type",
            "WECHATPAY2-SHA256-RSA2048".to_owned(),
        ),
    ]);
}

/// Whole seconds since 1970.
pub(super) fn now_seconds() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn order_body(order: &Told, delivery: Delivery, keys: &Keys) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    let parties = &order.parties;
    let amended = &order.amended;
    let merchant = amended.mchid.as_ref().unwrap_or(&parties.merchant);
    put("mchid", json!(merchant));
    put(
        "bal_account_no",
        json!(keys.seal_for_caller(&parties.account)),
    );
    if let Some(card) = &parties.card_no {
        put("card_no", json!(keys.seal_for_caller(card)));
    }
    if let Some(sgn_no) = &parties.sgn_no {
        put("sgn_no", json!(sgn_no));
    }
    if let Some(scene) = &parties.req_scene {
        put("req_scene", json!(scene));
    }
    let no = match delivery {
        Delivery::WrongNumber => other_number(&order.no),
        _ => amended.out_request_no.clone().unwrap_or(order.no.clone()),
    };
    let change_no = amended.quota_change_no.clone();
    let change_no = change_no.unwrap_or_else(|| quota_change_no(&order.no));
    put("quota_change_no", json!(change_no));
    put("out_request_no", json!(no));
    if let Some(filed) = &order.filed {
        let off = u64::from(delivery == Delivery::WrongAmount);
        put("reduction_type", json!(filed.reduction_type));
        put("amount", json!(filed.amount + off));
        if let Some(reason) = &filed.reason {
            put("reason", json!(reason));
        }
    }
    let state = match order.state {
        State::Absent | State::Processing { .. } => "PROCESSING",
        State::Success { at_ms } => {
            put("success_time", json!(china_time(at_ms)));
            "SUCCESS"
        }
        State::Failed { at_ms, reason } | State::Closed { at_ms, reason } => {
            put("fail_time", json!(china_time(at_ms)));
            put("fail_reason", json!(reason.as_str()));
            "FAILED"
        }
    };
    put(
        "state",
        json!(if delivery == Delivery::BadState {
            "WEIRD"
        } else {
            state
        }),
    );
    Value::Object(body)
}

/// Another number of the same shape.
fn other_number(no: &str) -> String {
    let (head, tail) = no.split_at(no.len().saturating_sub(1));
    format!("{head}{}", if tail == "0" { "1" } else { "0" })
}

/// WeChat Pay's own number for the change: told by the order's, so that it stays the same.
fn quota_change_no(no: &str) -> String {
    let print = super::shelf::fingerprint(&["quota_change_no", no]);
    format!("4{:027}", print % 10u128.pow(27))
}

/// RFC 3339 in China's time, whole seconds: `2026-01-31T08:00:00+08:00`.
fn china_time(ms: i64) -> String {
    let china = FixedOffset::east_opt(8 * 3600).expect("eight hours");
    DateTime::<Utc>::from_timestamp_millis(ms)
        .unwrap_or_default()
        .with_timezone(&china)
        .to_rfc3339_opts(SecondsFormat::Secs, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_number_is_another_one_of_the_same_length() {
        for no in ["0", "A", "LV000", "LV001"] {
            let other = other_number(no);
            assert_ne!(other, no);
            assert_eq!(other.len(), no.len());
        }
    }

    #[test]
    fn times_are_chinas_in_whole_seconds() {
        assert_eq!(china_time(1_769_817_600_123), "2026-01-31T08:00:00+08:00");
    }
}
