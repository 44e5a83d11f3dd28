//! HTTP/1.1 bytes, read by the gateway's own code: a wrong field name cannot agree with itself.

use serde_json::Value;

use super::keys;

const PATH: &str = "/v3/aggracct-bc/wb-channel/special-reduction";

/// What a number stands for, as it came over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Content {
    pub mchid: String,
    pub account: String,
    pub kind: String,
    pub amount: u64,
    pub reason: String,
    pub card: String,
    pub sgn: String,
    pub scene: String,
}

#[derive(Clone, Debug)]
pub enum Asks {
    Submission(Content),
    /// Merchant and account that it names.
    Query(String, String),
}

#[derive(Clone, Debug)]
pub struct Request {
    pub no: String,
    pub asks: Asks,
    pub nonce: String,
    pub timestamp: i64,
}

impl Request {
    pub fn merchant(&self) -> &str {
        match &self.asks {
            Asks::Submission(content) => &content.mchid,
            Asks::Query(merchant, _) => merchant,
        }
    }
}

/// A request as the interface's documents have it, or what is wrong with it.
pub fn read(bytes: &[u8]) -> Result<Request, String> {
    let end = find(bytes, b"\r\n\r\n").ok_or("no end of the headers")?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "headers that are no text")?;
    let body = &bytes[end + 4..];
    let mut lines = head.split("\r\n");
    let first: Vec<&str> = lines.next().unwrap_or("").split(' ').collect();
    let [method, target, "HTTP/1.1"] = first[..] else {
        return Err(format!("no request line: {first:?}"));
    };
    let headers: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let header = |name: &str| {
        let found: Vec<&str> = headers
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, v)| *v)
            .collect();
        match found[..] {
            [one] => Ok(one),
            _ => Err(format!("{} headers {name}", found.len())),
        }
    };
    if header("accept")? != "application/json" || !header("user-agent")?.starts_with("levy/") {
        return Err("Accept or User-Agent".into());
    }
    if header("wechatpay-serial")? != keys::PLATFORM_ID {
        return Err("Wechatpay-Serial names another key".into());
    }
    let (timestamp, nonce) = authorized(header("authorization")?, method, target, body)?;
    let (no, asks) = match method {
        "POST" if header("content-type")? == "application/json" => submission(target, body)?,
        "GET" if body.is_empty() => query(target)?,
        _ => return Err(format!("{method} with {} bytes", body.len())),
    };
    Ok(Request {
        no,
        asks,
        nonce,
        timestamp,
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|part| part == what)
}

fn authorized(
    header: &str,
    method: &str,
    target: &str,
    body: &[u8],
) -> Result<(i64, String), String> {
    let items = header
        .strip_prefix("WECHATPAY2-SHA256-RSA2048 ")
        .ok_or("another scheme")?;
    let item = |name: &str| {
        items
            .split(',')
            .filter_map(|item| item.split_once('='))
            .find(|(n, _)| *n == name)
            .and_then(|(_, v)| v.strip_prefix('"')?.strip_suffix('"'))
            .ok_or(format!("Authorization without {name}"))
    };
    if item("mchid")? != keys::CALLER || item("serial_no")? != keys::CALLER_SERIAL {
        return Err("another caller".into());
    }
    let (timestamp, nonce) = (item("timestamp")?, item("nonce_str")?);
    let mut message = format!("{method}\n{target}\n{timestamp}\n{nonce}\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    let given = base64(item("signature")?).ok_or("a signature that is no base64")?;
    if !keys::caller_signed(&message, &given) {
        return Err("the signature does not hold".into());
    }
    let timestamp = timestamp.parse().map_err(|_| "a time that is no number")?;
    Ok((timestamp, nonce.into()))
}

fn submission(target: &str, body: &[u8]) -> Result<(String, Asks), String> {
    if target != PATH {
        return Err(format!("POST {target}"));
    }
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return Err("a body that is no object".into());
    };
    let mut content = Content::default();
    let mut no = String::new();
    for (name, value) in &fields {
        let text = || {
            value
                .as_str()
                .map(String::from)
                .ok_or(format!("{name}: no text"))
        };
        match name.as_str() {
            "mchid" => content.mchid = text()?,
            "bal_account_no" => content.account = unsealed(&text()?)?,
            "out_request_no" => no = text()?,
            "reduction_type" => content.kind = text()?,
            "amount" => content.amount = value.as_u64().ok_or("amount: no whole number")?,
            "reason" => content.reason = text()?,
            "card_no" => content.card = unsealed(&text()?)?,
            "sgn_no" => content.sgn = text()?,
            "req_scene" => content.scene = text()?,
            other => return Err(format!("a field that is not in the document: {other}")),
        }
        if value.as_str() == Some("") {
            return Err(format!("{name} is empty"));
        }
    }
    if no.is_empty() || content.mchid.is_empty() || content.account.is_empty() {
        return Err("a field is missing".into());
    }
    if content.amount == 0 || content.kind.is_empty() {
        return Err("no amount or type".into());
    }
    Ok((no, Asks::Submission(content)))
}

fn query(target: &str) -> Result<(String, Asks), String> {
    let rest = target.strip_prefix(PATH).and_then(|r| r.strip_prefix('/'));
    let (no, query) = rest
        .and_then(|rest| rest.split_once('?'))
        .ok_or(format!("GET {target}"))?;
    let (mut merchant, mut account) = (String::new(), String::new());
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').ok_or("a parameter without a value")?;
        let value = decoded(value).ok_or("a parameter that is badly encoded")?;
        match name {
            "mchid" => merchant = value,
            "bal_account_no" => account = unsealed(&value)?,
            "card_no" => drop(unsealed(&value)?),
            "sgn_no" | "req_scene" => {}
            other => return Err(format!("a parameter that is not in the document: {other}")),
        }
    }
    if merchant.is_empty() || account.is_empty() {
        return Err("a parameter is missing".into());
    }
    Ok((no.into(), Asks::Query(merchant, account)))
}

fn unsealed(text: &str) -> Result<String, String> {
    let sealed = base64(text).ok_or("something sealed that is no base64")?;
    keys::opened(&sealed).ok_or("something sealed that does not open".into())
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let hex = [rest.next()?, rest.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
            }
            b'+' => return None,
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn base64(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.trim_end_matches('=').bytes() {
        let six = LETTERS.iter().position(|l| *l == letter)?;
        bits = bits << 6 | six as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

pub fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for at in 0..4 {
            let six = (bits >> (18 - 6 * at)) & 63;
            text.push(if at > chunk.len() {
                '='
            } else {
                LETTERS[six as usize] as char
            });
        }
    }
    text
}
