//! The simulated gateway: it reads bytes, keeps its own books, and answers as the interface's
//! documents say, or as its faults would have it. It shares no code with levy.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value, json};

use super::clock::{DAY, MS, SECOND, Us, true_ms};
use super::dice::{Dice, Knobs};
use super::http::{self, Asks, Content};
use super::keys;
use super::mood::Mood;

/// For how long a repetition is idempotent. After it a number is a new one, and deducts again.
const REENTRY: Us = 31 * DAY;
/// For how long after a submission a query may not know of it.
const LAG: Us = 2 * SECOND;

/// Where an order ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Success,
    Failed(&'static str),
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub content: Option<Content>,
    pub first_at: Us,
    pub fate: Fate,
    pub decided_at: Us,
    /// The answer to the submission that closed it.
    closed_at_once: bool,
    pub debits: Vec<Us>,
}

/// What a reply truly says of an order, signed by the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub no: String,
    pub state: &'static str,
    pub reason: &'static str,
}

/// An answer, as the gateway gave it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Signed, fresh and for this order: what levy may believe.
    pub said: Option<Said>,
    /// The time that was signed.
    pub signed_at: Option<i64>,
}

/// The gateway.
pub struct Gateway {
    pub knobs: Knobs,
    pub books: BTreeMap<String, Entry>,
    /// Lanes that are forbidden.
    pub forbidden: BTreeSet<String>,
    /// Requests a second and merchant that it takes.
    pub limit: usize,
    cursed: BTreeMap<String, bool>,
    recent: BTreeMap<String, VecDeque<Us>>,
    nonces: BTreeSet<String>,
    dice: Dice,
    replies: u64,
    /// What is wrong with the requests themselves.
    pub complaints: Vec<String>,
    /// How often each thing was met.
    pub met: BTreeMap<&'static str, u64>,
}

impl Gateway {
    pub fn new(knobs: Knobs, limit: usize, dice: Dice) -> Self {
        Self {
            knobs,
            books: BTreeMap::new(),
            forbidden: BTreeSet::new(),
            limit,
            cursed: BTreeMap::new(),
            recent: BTreeMap::new(),
            nonces: BTreeSet::new(),
            dice,
            replies: 0,
            complaints: Vec::new(),
            met: BTreeMap::new(),
        }
    }

    fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    /// All faults of the gateway are over, and what it was still thinking about is decided.
    pub fn heal(&mut self, limit: usize, now: Us) {
        self.knobs = Knobs::calm();
        self.forbidden.clear();
        self.cursed.clear();
        self.limit = limit;
        for entry in self.books.values_mut() {
            entry.decided_at = entry.decided_at.min(now);
        }
    }

    /// A request arrives. `again`: the network has brought it a second time.
    pub fn receive(&mut self, bytes: &[u8], mood: Mood, again: bool, now: Us) -> Answer {
        let request = match http::read(bytes) {
            Ok(request) => request,
            Err(words) => {
                self.complaints
                    .push(format!("a request cannot be read: {words}"));
                return self.error(401, "SIGN_ERROR", "", false, now);
            }
        };
        if !again && !self.nonces.insert(request.nonce.clone()) {
            self.complaints.push("a nonce was used twice".into());
        }
        let merchant = request.merchant().to_string();
        let account = match &request.asks {
            Asks::Submission(content) => content.account.clone(),
            Asks::Query(_, account) => account.clone(),
        };
        let off = request.timestamp - true_ms(now).div_euclid(1000);
        if mood == Mood::Unauthorized || (self.knobs.strict_time > 0 && off.abs() > 300) {
            self.meet("401");
            return self.error(401, "SIGN_ERROR", &account, false, now);
        }
        if self.counts(&merchant, now) || mood == Mood::Throttled {
            self.meet("429");
            return self.throttled(&account, now);
        }
        if self.forbidden.contains(&merchant) {
            self.meet("403 NO_AUTH");
            return self.error(403, "NO_AUTH", &account, true, now);
        }
        match mood {
            Mood::ErrorBefore => {
                self.meet("5xx before");
                let status = self.dice.pick(&[500, 502, 503, 504]);
                return self.error(status, "SYSTEM_ERROR", &account, true, now);
            }
            Mood::Unlisted(status, code) => {
                self.meet("unlisted code");
                if self.dice.below(2) == 0 && !code.contains("LIMIT") {
                    self.done(&request.no, &request.asks, now);
                }
                return self.error(status, code, &account, true, now);
            }
            // Only what it does not know: a refusal is never about an order that it has taken.
            Mood::Refused(status, code) if !self.books.contains_key(&request.no) => {
                self.meet("refused");
                return self.error(status, code, &account, true, now);
            }
            Mood::ForgedClose(done) => {
                self.meet("forged close");
                if done {
                    self.done(&request.no, &request.asks, now);
                }
                let (status, code) = self
                    .dice
                    .pick(&[(403, "NOT_ENOUGH"), (400, "ALREADY_EXISTS")]);
                return unsigned(self.error(status, code, &account, true, now));
            }
            Mood::Well
            | Mood::ErrorAfter
            | Mood::Refused(..)
            | Mood::Nonsense(_)
            | Mood::Throttled
            | Mood::Unauthorized => {}
        }
        if matches!(request.asks, Asks::Submission(_)) && self.is_cursed(&request.no) {
            self.meet("cursed");
            return self.error(400, "PARAM_ERROR", &account, true, now);
        }
        let answer = self.done(&request.no, &request.asks, now);
        match mood {
            Mood::ErrorAfter => {
                self.meet("5xx after");
                let status = self.dice.pick(&[500, 502, 503, 504]);
                self.error(status, "SYSTEM_ERROR", &account, true, now)
            }
            Mood::Nonsense(kind) if answer.status == 200 => {
                self.meet("nonsense");
                self.nonsense(answer, kind, now)
            }
            _ => answer,
        }
    }

    /// Its own sliding second; true if this one is too many.
    fn counts(&mut self, merchant: &str, now: Us) -> bool {
        let recent = self.recent.entry(merchant.into()).or_default();
        while recent.front().is_some_and(|at| at + SECOND <= now) {
            recent.pop_front();
        }
        recent.push_back(now);
        recent.len() > self.limit
    }

    fn is_cursed(&mut self, no: &str) -> bool {
        if self.books.contains_key(no) {
            return false;
        }
        match self.cursed.get(no) {
            Some(cursed) => *cursed,
            None => {
                let cursed = self.dice.strikes(self.knobs.cursed);
                self.cursed.insert(no.into(), cursed);
                cursed
            }
        }
    }

    /// What the documents say.
    fn done(&mut self, no: &str, asks: &Asks, now: Us) -> Answer {
        match asks {
            Asks::Submission(content) => self.submitted(no, content, now),
            Asks::Query(..) => self.queried(no, asks, now),
        }
    }

    fn submitted(&mut self, no: &str, content: &Content, now: Us) -> Answer {
        let known = self.books.get(no);
        let known = known.filter(|entry| now - entry.first_at < REENTRY);
        let Some(entry) = known else {
            return self.begun(no, content, now);
        };
        match &entry.content {
            Some(held) if held != content => {
                self.complaints
                    .push(format!("{no} came with another content"));
                return self.error(400, "INVALID_REQUEST", &content.account, true, now);
            }
            Some(_) => {}
            // It was closed by a query, before any content came.
            None => return self.already(content, now),
        }
        if entry.closed_at_once {
            return self.already(content, now);
        }
        self.meet("repeated submission");
        self.state(no, Some(content), now)
    }

    fn already(&mut self, content: &Content, now: Us) -> Answer {
        self.meet("ALREADY_EXISTS");
        self.error(400, "ALREADY_EXISTS", &content.account, true, now)
    }

    /// A number that it has not known, or has known too long ago: the order begins.
    fn begun(&mut self, no: &str, content: &Content, now: Us) -> Answer {
        let closed = self.dice.strikes(self.knobs.not_enough);
        let fails = self.dice.strikes(self.knobs.fails);
        let fate = match (closed, fails) {
            (true, _) => Fate::Failed("BALANCE_NOT_ENOUGH"),
            (_, true) => Fate::Failed(self.dice.pick(&["TIME_OUT_CLOSED", "BALANCE_NOT_ENOUGH"])),
            _ => Fate::Success,
        };
        let thinks = !closed && self.dice.strikes(self.knobs.processing);
        let thinks = match thinks {
            true => self.dice.pick(&[SECOND, 20 * SECOND, 600 * SECOND, DAY]),
            false => 0,
        };
        let debited = fate == Fate::Success;
        let entry = self.books.entry(no.into()).or_insert_with(|| Entry {
            content: None,
            first_at: now,
            fate: fate.clone(),
            decided_at: now,
            closed_at_once: closed,
            debits: Vec::new(),
        });
        entry.content = Some(content.clone());
        entry.fate = fate;
        entry.first_at = now;
        entry.decided_at = now + thinks;
        entry.closed_at_once = closed;
        if debited {
            entry.debits.push(now);
        }
        if closed {
            self.meet("NOT_ENOUGH");
            return self.error(403, "NOT_ENOUGH", &content.account, true, now);
        }
        self.meet("accepted");
        self.state(no, Some(content), now)
    }

    fn queried(&mut self, no: &str, asks: &Asks, now: Us) -> Answer {
        let Asks::Query(merchant, account) = asks else {
            unreachable!("it is a query");
        };
        let asked = Content {
            mchid: merchant.clone(),
            account: account.clone(),
            ..Content::default()
        };
        match self.books.get(no) {
            None if self.dice.strikes(self.knobs.query_is_404) => {
                self.meet("query of an unknown number: 404");
                self.error(404, "RESOURCE_NOT_EXISTS", account, true, now)
            }
            None => {
                self.meet("query of an unknown number closes it");
                let entry = Entry {
                    content: None,
                    first_at: now,
                    fate: Fate::Failed("RECEIPT_NOT_EXIST_CLOSED"),
                    decided_at: now,
                    closed_at_once: true,
                    debits: Vec::new(),
                };
                self.books.insert(no.into(), entry);
                self.state(no, Some(&asked), now)
            }
            Some(entry) if now - entry.first_at < LAG && self.dice.strikes(self.knobs.lags) => {
                self.meet("query that lags");
                self.says(no, Some(&asked), "FAILED", "RECEIPT_NOT_EXIST_CLOSED", now)
            }
            Some(entry) => {
                let content = entry.content.clone().unwrap_or(asked);
                self.state(no, Some(&content), now)
            }
        }
    }

    fn state(&mut self, no: &str, content: Option<&Content>, now: Us) -> Answer {
        let entry = &self.books[no];
        let (state, reason) = match &entry.fate {
            _ if now < entry.decided_at => ("PROCESSING", ""),
            Fate::Success => ("SUCCESS", ""),
            Fate::Failed(reason) => ("FAILED", *reason),
        };
        self.says(no, content, state, reason, now)
    }

    fn says(
        &mut self,
        no: &str,
        content: Option<&Content>,
        state: &'static str,
        reason: &'static str,
        now: Us,
    ) -> Answer {
        let mut fields = Map::new();
        if let Some(content) = content {
            fields.insert("mchid".into(), json!(content.mchid));
            fields.insert("bal_account_no".into(), json!("c2VhbGVk"));
            if !content.kind.is_empty() {
                fields.insert("reduction_type".into(), json!(content.kind));
                fields.insert("amount".into(), json!(content.amount));
            }
            for (name, value) in [
                ("reason", &content.reason),
                ("sgn_no", &content.sgn),
                ("req_scene", &content.scene),
            ] {
                if !value.is_empty() {
                    fields.insert(name.into(), json!(value));
                }
            }
        }
        fields.insert("out_request_no".into(), json!(no));
        fields.insert("state".into(), json!(state));
        match state {
            "SUCCESS" => {
                fields.insert("quota_change_no".into(), json!(format!("Q{no}")));
                fields.insert("success_time".into(), json!("2026-09-21T08:00:00+08:00"));
            }
            "FAILED" => {
                fields.insert("fail_reason".into(), json!(reason));
                fields.insert("fail_time".into(), json!("2026-09-21T08:00:00+08:00"));
            }
            _ => {}
        }
        let status = match state {
            "PROCESSING" if self.dice.strikes(self.knobs.accepted_202) => 202,
            _ => 200,
        };
        self.meet(state);
        let said = Said {
            no: no.into(),
            state,
            reason,
        };
        let body = Value::Object(fields).to_string().into_bytes();
        let mut answer = self.signed(status, body, 0, now);
        answer.said = Some(said);
        answer
    }

    /// A signed answer that makes no sense for this order. It must settle nothing.
    fn nonsense(&mut self, answer: Answer, kind: u8, now: Us) -> Answer {
        let mut fields: Map<String, Value> = serde_json::from_slice(&answer.body).unwrap();
        match kind {
            0 => drop(fields.insert("out_request_no".into(), json!("SOMEBODYELSES1"))),
            1 => drop(fields.insert("amount".into(), json!(999_999_999))),
            2 => drop(fields.insert("state".into(), json!("REFUNDED"))),
            3 => drop(fields.remove("state")),
            4 => drop(fields.insert("mchid".into(), json!("1999999999"))),
            _ => return self.signed(200, b"<html>SUCCESS</html>".to_vec(), 0, now),
        }
        let body = Value::Object(fields).to_string().into_bytes();
        self.signed(200, body, 0, now)
    }

    fn throttled(&mut self, account: &str, now: Us) -> Answer {
        let code = self.dice.pick(&["RATELIMIT_EXCEEDED", "FREQUENCY_LIMITED"]);
        let mut answer = self.error(429, code, account, true, now);
        if self.dice.below(2) == 0 {
            let seconds = self.dice.between(0, 3);
            answer
                .headers
                .push(("Retry-After".into(), seconds.to_string()));
        }
        answer
    }

    fn error(&mut self, status: u16, code: &str, account: &str, signs: bool, now: Us) -> Answer {
        let blabs = self.dice.strikes(self.knobs.blabs) && !account.is_empty();
        let message = match blabs {
            true => format!("账户 {account} / {}：{code}", account.to_uppercase()),
            false => format!("看不懂：{code}"),
        };
        let detail = match status {
            401 => json!({"sign_information": {"method": "POST", "sign_message_length": 292}}),
            _ => Value::Null,
        };
        let body = json!({"code": code, "message": message, "detail": detail}).to_string();
        match signs && !self.dice.strikes(self.knobs.unsigned_errors) {
            true => self.signed(status, body.into_bytes(), 0, now),
            false => unsigned(self.signed(status, body.into_bytes(), 0, now)),
        }
    }

    /// An answer under the gateway's signature, of a time `off` seconds from now.
    pub fn signed(&mut self, status: u16, body: Vec<u8>, off: i64, now: Us) -> Answer {
        self.replies += 1;
        let signed_at = true_ms(now + MS / 2).div_euclid(1000) + off;
        let nonce = format!("{:032X}", self.replies);
        let mut message = format!("{signed_at}\n{nonce}\n").into_bytes();
        message.extend_from_slice(&body);
        message.push(b'\n');
        let signature = http::to_base64(&keys::platform_signs(&message));
        let header = |name: &str, value: String| (name.to_string(), value);
        Answer {
            status,
            headers: vec![
                header("Request-ID", format!("08F7-{}", self.replies)),
                header("Wechatpay-Timestamp", signed_at.to_string()),
                header("Wechatpay-Nonce", nonce),
                header("Wechatpay-Signature", signature),
                header("Wechatpay-Serial", keys::PLATFORM_ID.into()),
            ],
            body,
            said: None,
            signed_at: Some(signed_at),
        }
    }
}

/// The same without a signature.
pub fn unsigned(mut answer: Answer) -> Answer {
    answer
        .headers
        .retain(|(name, _)| !name.starts_with("Wechatpay-"));
    answer.said = None;
    answer.signed_at = None;
    answer
}
