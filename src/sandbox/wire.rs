//! The wire as the gateway reads it: route, authorization, headers, fields. Strict on purpose.
//!
//! It knows the interface's documents and no client: every name here is typed anew, so that a wrong
//! one in the client can't agree with itself.

use std::fmt;

use data_encoding::BASE64;
use hyper::HeaderMap;
use percent_encoding::percent_decode_str;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};

use super::books::Interface;
use super::keys::{Keys, PlatformKey};
use super::limits::{
    MERCHANT_CHARS_MAX, NONCE_CHARS_MAX, NUMBER_CHARS_MAX, REASON_CHARS_MAX, SEALED_CHARS_MAX,
    SGN_NO_CHARS_MAX, TIMESTAMP_OFF_SECONDS_MAX,
};
use super::script::Script;
use super::shelf::{Content, Parties, reduction_type};

const SUBMIT: &str = "/v3/aggracct-bc/wb-channel/special-reduction";
const BALANCE: &str = "/v3/aggracct-bc/wb-channel/account/balance";
const CERTIFICATES: &str = "/v3/certificates";
const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048 ";
const SCENES: [&str; 3] = [
    "SJT_CONVENIENT_SETTLEMENT_SERVICE_MERCHANT",
    "SJT_MICRO_MERCHANT",
    "WX_SHOP_CONVENIENT_SETTLEMENT_SERVICE_MERCHANT",
];

/// A request as it came.
pub(super) struct Call<'a> {
    pub method: &'a str,
    /// Path and query, untouched.
    pub target: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// An error of the interface.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
    pub detail: Value,
    /// The numeric twin of the code, at the end of `Request-ID`.
    pub twin: u32,
    /// Errors of parameters and of the authorization come unsigned, business errors signed.
    pub business: bool,
}

impl Refusal {
    /// A business error without detail.
    pub(super) fn business(status: u16, code: &'static str, twin: u32, message: &str) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            detail: json!({}),
            twin,
            business: true,
        }
    }

    pub(super) fn param(field: &str, issue: impl Into<String>) -> Self {
        let issue = issue.into();
        Self {
            status: 400,
            code: "PARAM_ERROR",
            message: format!("参数错误: {field}: {issue}"),
            detail: json!({"field": field, "issue": issue}),
            twin: 268_435_461,
            business: false,
        }
    }

    pub(super) fn not_found() -> Self {
        Self {
            status: 404,
            code: "RESOURCE_NOT_EXISTS",
            message: "请求的资源不存在".to_owned(),
            detail: json!({}),
            twin: 268_435_460,
            business: false,
        }
    }
}

/// Which interface a request is for, and the number in its path.
pub(super) fn route<'a>(method: &str, target: &'a str) -> Option<(Interface, &'a str)> {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    if method == "GET" && path == CERTIFICATES {
        return Some((Interface::Certificates, ""));
    }
    match (method, path.strip_prefix(SUBMIT)) {
        ("POST", Some("")) => Some((Interface::Submit, "")),
        ("GET", Some(rest)) => {
            let number = rest.strip_prefix('/')?;
            (!number.is_empty() && !number.contains('/')).then_some((Interface::Query, number))
        }
        ("GET", None) if path == BALANCE => Some((Interface::Balance, "")),
        _ => None,
    }
}

/// What an authentic request proves, and what must not come again.
#[derive(Debug)]
pub(super) struct Authentic {
    pub nonce: String,
    /// What was signed, and the signature.
    pub message: Vec<u8>,
    pub signature: Vec<u8>,
}

/// Checks the `Authorization` header against the request as received.
pub(super) fn authenticate(
    call: &Call<'_>,
    keys: &Keys,
    caller: &str,
    now_seconds: i64,
) -> Result<Authentic, Refusal> {
    let refuse = |field: &str, issue: &str, length| sign_error(call, field, issue, length);
    let header = call
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| refuse("authorization", "Authorization不合法: missing", 0))?;
    let items = header
        .strip_prefix(SCHEME)
        .and_then(items)
        .ok_or_else(|| refuse("authorization", "Authorization不合法", 0))?;
    let [mchid, nonce, timestamp, serial, signature] = items;
    let nonce_fits = (1..=NONCE_CHARS_MAX).contains(&nonce.len())
        && nonce.bytes().all(|b| b.is_ascii_alphanumeric());
    if !nonce_fits {
        return Err(refuse("nonce_str", "not 1 to 64 letters and digits", 0));
    }
    let off = timestamp
        .parse::<i64>()
        .map_err(|_| refuse("timestamp", "no number of seconds", 0))?
        .abs_diff(now_seconds);
    if off > TIMESTAMP_OFF_SECONDS_MAX.unsigned_abs() {
        return Err(refuse(
            "timestamp",
            "timestamp expired: more than 300 s off",
            0,
        ));
    }
    if mchid != caller {
        return Err(refuse("mchid", "not the caller of this sandbox", 0));
    }
    if serial != keys.serial_no {
        return Err(refuse("serial_no", "商户证书序列号有误", 0));
    }
    let mut message =
        format!("{}\n{}\n{timestamp}\n{nonce}\n", call.method, call.target).into_bytes();
    message.extend_from_slice(call.body);
    message.push(b'\n');
    let signature = BASE64.decode(signature.as_bytes()).unwrap_or_default();
    if !keys.caller_signed(&message, &signature) {
        return Err(refuse("signature", "sign not match", message.len()));
    }
    Ok(Authentic {
        nonce: nonce.to_owned(),
        message,
        signature,
    })
}

/// A nonce that came before.
pub(super) fn replayed(call: &Call<'_>) -> Refusal {
    sign_error(call, "nonce_str", "nonce replayed", 0)
}

/// A 401 in the shape of the real ones. The URL stops before its query, where the account is.
pub(super) fn sign_error(call: &Call<'_>, field: &str, issue: &str, length: usize) -> Refusal {
    let path = call
        .target
        .split_once('?')
        .map_or(call.target, |(path, _)| path);
    Refusal {
        status: 401,
        code: "SIGN_ERROR",
        message: "错误的签名，验签失败".to_owned(),
        detail: json!({
            "detail": {"issue": issue},
            "field": field,
            "location": "authorization",
            "sign_information": {
                "method": call.method,
                "sign_message_length": length,
                "truncated_sign_message": format!("{}\n{path}", call.method),
                "url": path,
            },
        }),
        twin: 268_435_464,
        business: false,
    }
}

/// The five items of the header, each there once, in any order.
fn items(text: &str) -> Option<[&str; 5]> {
    const NAMES: [&str; 5] = ["mchid", "nonce_str", "timestamp", "serial_no", "signature"];
    let mut found: [Option<&str>; 5] = [None; 5];
    for item in text.split(',') {
        let (name, value) = item.split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        let place = NAMES.iter().position(|known| *known == name)?;
        if found[place].replace(value).is_some() || value.contains('"') {
            return None;
        }
    }
    let [a, b, c, d, e] = found;
    Some([a?, b?, c?, d?, e?])
}

/// Checks the headers beside `Authorization`; gives the key that the client named. Only who asks for
/// certificates need not name one: it may have none yet.
pub(super) fn headers<'k>(
    call: &Call<'_>,
    interface: Interface,
    keys: &'k Keys,
) -> Result<Option<&'k PlatformKey>, Refusal> {
    let text = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    let json = |name: &str| {
        text(name).is_some_and(|list| {
            list.split(',')
                .any(|kind| kind.split(';').next().map(str::trim) == Some("application/json"))
        })
    };
    if !json("accept") {
        return Err(Refusal::param("Accept", "must be application/json"));
    }
    if text("user-agent").is_none_or(|agent| agent.trim().is_empty()) {
        return Err(Refusal::param("User-Agent", "must be given"));
    }
    if call.method == "POST" && !json("content-type") {
        return Err(Refusal::param("Content-Type", "must be application/json"));
    }
    let Some(id) = text("wechatpay-serial") else {
        return match interface {
            Interface::Certificates => Ok(None),
            Interface::Submit | Interface::Query | Interface::Balance => Err(Refusal::param(
                "Wechatpay-Serial",
                "HTTP header缺少微信支付平台证书序列号(Wechatpay-Serial)",
            )),
        };
    };
    keys.platform(id)
        .map(Some)
        .ok_or_else(|| Refusal::param("Wechatpay-Serial", "平台证书序列号Wechatpay-Serial错误"))
}

/// The fields of a request by name, in their order, before anything is checked.
pub(super) struct Fields(Vec<(String, Value)>);

impl Fields {
    /// From a body: one JSON object.
    pub(super) fn from_body(body: &[u8]) -> Result<Self, Refusal> {
        let text =
            std::str::from_utf8(body).map_err(|_| Refusal::param("body", "报文不是UTF-8编码"))?;
        let mut reader = serde_json::Deserializer::from_str(text);
        let fields = reader
            .deserialize_map(Pairs)
            .map_err(|_| Refusal::param("body", "报文不是合法的JSON对象"))?;
        reader
            .end()
            .map_err(|_| Refusal::param("body", "报文不是合法的JSON对象"))?;
        Ok(Self(fields))
    }

    /// From a query string, where `+` is a blank, as in a form.
    pub(super) fn from_query(target: &str) -> Result<Self, Refusal> {
        let Some((_, query)) = target.split_once('?') else {
            return Ok(Self(Vec::new()));
        };
        let plain = |text: &str| {
            percent_decode_str(&text.replace('+', " "))
                .decode_utf8()
                .map(|text| text.into_owned())
                .map_err(|_| Refusal::param("query", "不是UTF-8编码"))
        };
        query
            .split('&')
            .map(|pair| {
                let (name, value) = pair
                    .split_once('=')
                    .ok_or_else(|| Refusal::param("query", "参数没有值"))?;
                Ok((plain(name)?, Value::String(plain(value)?)))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// A text field as it came, for the log and the count, checked for its form only.
    pub(super) fn peek(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        let text = value.as_str()?;
        let fits = (1..=MERCHANT_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric());
        fits.then_some(text)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(place).1)
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(Value::String(_)) => Err(Refusal::param(name, "不能为空")),
            Some(_) => Err(Refusal::param(name, "类型不是string")),
        }
    }

    fn must(&mut self, name: &str) -> Result<String, Refusal> {
        self.text(name)?
            .ok_or_else(|| Refusal::param(name, "缺少必填参数"))
    }

    fn opened(&mut self, name: &str, key: &PlatformKey) -> Result<Option<String>, Refusal> {
        let Some(sealed) = self.text(name)? else {
            return Ok(None);
        };
        if sealed.len() > SEALED_CHARS_MAX {
            return Err(Refusal::param(name, "长度超过1024"));
        }
        match key.open(&sealed) {
            Some(plain) if !plain.is_empty() => Ok(Some(plain)),
            Some(_) | None => Err(Refusal::param(
                name,
                "解密失败，请确认待处理的消息是否为加密后的密文，且Wechatpay-Serial与加密所用的密钥一致",
            )),
        }
    }

    fn parties(&mut self, key: &PlatformKey) -> Result<Parties, Refusal> {
        let merchant = self.must("mchid")?;
        if merchant.len() > MERCHANT_CHARS_MAX || !merchant.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Refusal::param("mchid", "不是1到32位数字"));
        }
        let account = self
            .opened("bal_account_no", key)?
            .ok_or_else(|| Refusal::param("bal_account_no", "缺少必填参数"))?;
        let parties = Parties {
            merchant,
            account,
            card_no: self.opened("card_no", key)?,
            sgn_no: self.text("sgn_no")?,
            req_scene: self.text("req_scene")?,
        };
        if let Some(text) = &parties.sgn_no {
            visible("sgn_no", text, SGN_NO_CHARS_MAX)?;
        }
        match &parties.req_scene {
            Some(scene) if !SCENES.contains(&scene.as_str()) => {
                Err(Refusal::param("req_scene", "不在枚举范围内"))
            }
            Some(_) | None => Ok(parties),
        }
    }

    fn nothing_left(&self) -> Result<(), Refusal> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                // A name that comes a second time ends here too; others' names may be anything.
                let shown: String = name
                    .chars()
                    .filter(|c| c.is_ascii_graphic())
                    .take(32)
                    .collect();
                Err(Refusal::param(&shown, "参数中含有非法的额外参数"))
            }
        }
    }
}

/// A request for one of the three interfaces, opened and checked.
#[derive(Debug)]
pub(super) enum Ask {
    Submit(Box<Content>, Script),
    Query(Parties, String),
    Balance(Parties),
    Certificates,
}

/// Checks the fields.
pub(super) fn ask(
    interface: Interface,
    path_number: &str,
    fields: Result<Fields, Refusal>,
    key: Option<&PlatformKey>,
) -> Result<Ask, Refusal> {
    let mut fields = fields?;
    let Some(key) = key.filter(|_| interface != Interface::Certificates) else {
        fields.nothing_left()?;
        return Ok(Ask::Certificates);
    };
    let parties = fields.parties(key)?;
    let ask = match interface {
        Interface::Certificates => Ask::Certificates,
        Interface::Submit => {
            let content = content(&mut fields, parties)?;
            let script = Script::parse(content.reason.as_deref())
                .map_err(|fault| Refusal::param("reason", format!("sandbox script: {fault}")))?;
            Ask::Submit(Box::new(content), script)
        }
        Interface::Query => Ask::Query(parties, number(path_number)?),
        Interface::Balance => Ask::Balance(parties),
    };
    fields.nothing_left()?;
    Ok(ask)
}

fn content(fields: &mut Fields, parties: Parties) -> Result<Content, Refusal> {
    let no = number(&fields.must("out_request_no")?)?;
    let kind = fields.must("reduction_type")?;
    if reduction_type(&kind).is_none() {
        return Err(Refusal::param("reduction_type", "不在枚举范围内"));
    }
    let amount = match fields.take("amount") {
        None => return Err(Refusal::param("amount", "缺少必填参数")),
        Some(value) => value
            .as_i64()
            .and_then(|fen| u64::try_from(fen).ok())
            .filter(|fen| *fen > 0)
            .ok_or_else(|| Refusal::param("amount", "不是大于0的整数"))?,
    };
    let reason = fields.text("reason")?;
    if let Some(reason) = &reason {
        visible("reason", reason, REASON_CHARS_MAX)?;
    }
    Ok(Content {
        no,
        parties,
        reduction_type: kind,
        amount,
        reason,
    })
}

fn number(text: &str) -> Result<String, Refusal> {
    let fits = (1..=NUMBER_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric());
    match fits {
        true => Ok(text.to_owned()),
        false => Err(Refusal::param(
            "out_request_no",
            "只能是数字、大小写字母，长度不超过32位",
        )),
    }
}

fn visible(name: &str, text: &str, chars_max: usize) -> Result<(), Refusal> {
    if text.chars().count() > chars_max {
        return Err(Refusal::param(name, format!("长度超过{chars_max}")));
    }
    if text.chars().any(|c| c.is_control() || c.len_utf8() > 3) {
        return Err(Refusal::param(name, "只允许UTF8可见字符"));
    }
    Ok(())
}

/// Reads an object as pairs, so that a name that comes twice is seen.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}
