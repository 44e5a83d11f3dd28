//! One exchange but for its transport: an order to a request that can be sent as it stands, and a
//! status, headers and bytes to a reply as far as it can be trusted.
//!
//! It seals, writes, signs, reads and verifies, in that order. It does not know connections; `http`
//! carries what is made here, and a simulator may carry it otherwise.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::reply::{Balance, Checked};
use super::seal::Sealer;
use super::sign::{self, Signer};
use super::verify::{PlatformKeys, Verifier};
use super::wire::{self, Hidden, ReplyHeaders};
use crate::clock::{Clock, Mono, WallMs};
use crate::order::{CardNo, Order};

const AGENT: &str = concat!("levy/", env!("CARGO_PKG_VERSION"));
const JSON: &str = "application/json";
/// The clock is named beside a 401 if it is off by more.
const CLOCK_TOLD_SECONDS: u64 = 60;

/// What came of one request.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The reply as far as it can be trusted, or how it got lost.
    pub checked: Checked,
    /// From before the sealing to the last byte of the reply.
    pub latency: Duration,
    /// The time that was signed, in seconds since 1970.
    pub request_timestamp: i64,
    /// After a 401: the length and the first lines of what was signed, to be shown beside the
    /// gateway's `sign_information`. Neither the query nor the body is in it.
    pub signed_message_hint: Option<String>,
    /// The reply's `Date`. Nobody signed it: for a warning about the clock, and nothing else.
    pub date: Option<WallMs>,
}

/// A signed request: sent once, and as it stands.
pub struct Outgoing {
    /// GET or POST.
    pub method: &'static str,
    /// Path and query, byte for byte as they were signed.
    pub target: String,
    /// Name and value, in the order of sending; `Host` and `Content-Length` are the transport's.
    pub headers: Vec<(&'static str, String)>,
    /// JSON, or nothing.
    pub body: Vec<u8>,
    begun: Mono,
    timestamp: i64,
    hint: String,
}

impl Outgoing {
    /// Length and first lines of what was signed, without query and body.
    pub(super) fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Signature and sealed numbers are in the rest.
        f.debug_tuple("Outgoing").field(&self.hint).finish()
    }
}

/// Keys, clock, and what the interface's words are made of.
pub struct Protocol {
    signer: Signer,
    sealer: Sealer,
    sealing_id: String,
    verifier: Verifier,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protocol")
            .field("signer", &self.signer)
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}

impl Protocol {
    /// Nothing is sealed, and no reply seen yet.
    pub fn new(signer: Signer, keys: PlatformKeys, clock: Arc<dyn Clock>) -> Self {
        Self {
            signer,
            sealer: Sealer::new(keys.first()),
            sealing_id: keys.first().id().into(),
            verifier: Verifier::new(keys),
            clock,
        }
    }

    /// A submission, to be sent once. Its intent must be durable before this is called (law L1).
    pub fn submission(&self, order: &Order) -> Outgoing {
        self.write(order, wire::submission)
    }

    /// A query, to be sent once.
    pub fn query(&self, order: &Order) -> Outgoing {
        self.write(order, wire::query)
    }

    /// A question for what the order's account holds, to be sent once. It moves no money.
    pub fn balance(&self, order: &Order) -> Outgoing {
        self.write(order, wire::balance)
    }

    fn write(
        &self,
        order: &Order,
        write: fn(&Order, &str, Option<&str>) -> wire::Request,
    ) -> Outgoing {
        let begun = self.clock.monotonic();
        let account = self.sealer.seal(order.content.account.reveal());
        let card = order.content.card_no.as_ref().map(CardNo::reveal);
        let card = card.map(|card| self.sealer.seal(card));
        let request = write(order, &account, card.as_deref());
        let serial = Some(self.sealing_id.as_str());
        Outgoing {
            begun,
            ..signed(&self.signer, &*self.clock, serial, request)
        }
    }

    /// A whole reply came to a request for this order.
    pub fn came(
        &self,
        order: &Order,
        sent: &Outgoing,
        status: u16,
        headers: &ReplyHeaders,
        body: &[u8],
    ) -> Exchange {
        let latency = self.latency(sent);
        let reply = wire::parse(status, headers, body, Hidden::of(order));
        let now = self.clock.wall();
        Exchange {
            checked: self.verifier.check(headers, body, reply, now),
            latency,
            request_timestamp: sent.timestamp,
            signed_message_hint: (status == 401)
                .then(|| with_clock(&sent.hint, headers.date(), sent.timestamp)),
            date: headers.date(),
        }
    }

    /// The same of a balance; told only by a 200 whose signature holds.
    pub fn balance_came(
        &self,
        order: &Order,
        sent: &Outgoing,
        status: u16,
        headers: &ReplyHeaders,
        body: &[u8],
    ) -> (Exchange, Option<Balance>) {
        let exchange = self.came(order, sent, status, headers, body);
        let balance = match &exchange.checked {
            Checked::Verified(reply) if reply.status == 200 => wire::balance_of(body),
            Checked::Verified(_) | Checked::Unsigned(_) | Checked::IllSigned { .. } => None,
            Checked::Lost(_) | Checked::NotSent(_) => None,
        };
        (exchange, balance)
    }

    /// No whole reply came, or nothing was sent.
    pub fn lost(&self, sent: &Outgoing, checked: Checked) -> Exchange {
        Exchange {
            checked,
            latency: self.latency(sent),
            request_timestamp: sent.timestamp,
            signed_message_hint: None,
            date: None,
        }
    }

    fn latency(&self, sent: &Outgoing) -> Duration {
        self.clock.monotonic().saturating_sub(sent.begun)
    }
}

/// Signs a request. `serial` names the platform key that it is sealed under, and that its reply is
/// to be signed with; without one the gateway chooses a platform certificate.
pub(super) fn signed(
    signer: &Signer,
    clock: &dyn Clock,
    serial: Option<&str>,
    request: wire::Request,
) -> Outgoing {
    let begun = clock.monotonic();
    let timestamp = clock.wall().unix_seconds();
    let nonce = signer.nonce();
    let hint = message_hint(&request, timestamp, &nonce);
    let wire::Request {
        method,
        target,
        body,
    } = request;
    let authorization = signer.authorization(method, &target, timestamp, &nonce, &body);
    let mut headers = vec![("authorization", authorization)];
    headers.extend(plain_headers());
    if let Some(serial) = serial {
        headers.push(("wechatpay-serial", serial.into()));
    }
    if method == "POST" {
        headers.push(("content-type", JSON.into()));
    }
    Outgoing {
        method,
        target,
        headers,
        body,
        begun,
        timestamp,
        hint,
    }
}

/// A request that nobody signed: to see whether somebody answers, and nothing else.
pub(super) fn knock(clock: &dyn Clock) -> Outgoing {
    Outgoing {
        method: "GET",
        target: "/".into(),
        headers: plain_headers().into(),
        body: Vec::new(),
        begun: clock.monotonic(),
        timestamp: clock.wall().unix_seconds(),
        hint: "GET /, unsigned".into(),
    }
}

fn plain_headers() -> [(&'static str, String); 2] {
    [("accept", JSON.into()), ("user-agent", AGENT.into())]
}

/// What was signed, and the clock by which it was, if the reply's `Date` calls it wrong: the commonest reason of
/// a 401 on a machine that was right yesterday. Nobody signed the `Date`: it is told, and nothing decides by it.
fn with_clock(hint: &str, date: Option<WallMs>, timestamp: i64) -> String {
    let off = date.map_or(0, |date| timestamp.saturating_sub(date.unix_seconds()));
    match off.unsigned_abs() > CLOCK_TOLD_SECONDS {
        true => format!(
            "{hint}; by the reply's Date this machine's clock is {} s {}: set it (NTP)",
            off.unsigned_abs(),
            if off > 0 { "ahead" } else { "behind" }
        ),
        false => hint.to_owned(),
    }
}

/// What was signed, without query and body: those hold what is sealed.
fn message_hint(request: &wire::Request, timestamp: i64, nonce: &str) -> String {
    let wire::Request {
        method,
        target,
        body,
    } = request;
    let length = sign::message(method, target, timestamp, nonce, body).len();
    let (path, query) = match target.split_once('?') {
        Some((path, _)) => (path, "?…"),
        None => (target.as_str(), ""),
    };
    format!("{length} bytes: {method}\\n{path}{query}\\n{timestamp}\\n…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{FakeClock, SystemClock};
    use crate::gateway::fixtures::{ACCOUNT, order, platform, signer};
    use crate::gateway::reply::Lost;

    #[test]
    fn a_401_by_a_wrong_clock_names_the_clock() {
        let date = Some(WallMs(1_554_208_460_000));
        for (timestamp, words) in [
            (1_554_208_460, ""),
            (1_554_208_520, ""),
            (1_554_208_461 + 60, "61 s ahead"),
            (1_554_208_460 + 7_200, "7200 s ahead"),
            (1_554_208_460 - 7_200, "7200 s behind"),
        ] {
            let hint = with_clock("GET /", date, timestamp);
            assert!(hint.starts_with("GET /") && hint.contains(words), "{hint}");
            assert_eq!(hint == "GET /", words.is_empty(), "{hint}");
        }
        assert_eq!(with_clock("GET /", None, 7), "GET /");
    }

    #[test]
    fn a_hint_shows_what_was_signed_without_query_and_body() {
        for (request, expected) in [
            (
                wire::submission(&order(), "Zm9vK2Jhci8=", None),
                "292 bytes: POST\\n/v3/aggracct-bc/wb-channel/special-reduction\\n1554208460\\n…",
            ),
            (
                wire::query(&order(), "Zm9vK2Jhci8=", None),
                "174 bytes: GET\\n/v3/aggracct-bc/wb-channel/special-reduction/\
                 htozr8denqegbt6tk6u10iymo7yww5pn?…\\n1554208460\\n…",
            ),
        ] {
            let nonce = "593BEC0C930BF1AFEB40B4A08C8FB242";
            assert_eq!(message_hint(&request, 1_554_208_460, nonce), expected);
        }
    }

    #[test]
    fn a_latency_is_from_before_the_sealing_to_the_end() {
        let clock = FakeClock::at(WallMs(1_790_000_000_000));
        let protocol = Protocol::new(signer(), platform(), Arc::new(clock.clone()));
        let sent = protocol.submission(&order());
        clock.advance(Duration::from_millis(700));
        let lost = protocol.lost(&sent, Checked::Lost(Lost::TimedOut));
        assert_eq!(lost.latency, Duration::from_millis(700));
        assert_eq!(lost.request_timestamp, 1_790_000_000);
    }

    #[test]
    fn l3_a_balance_that_nobody_signed_is_none() {
        let clock = Arc::new(SystemClock::default());
        let protocol = Protocol::new(signer(), platform(), clock);
        let sent = protocol.balance(&order());
        let body = b"{\"balance\":7}";
        let none = ReplyHeaders::default();
        let (exchange, balance) = protocol.balance_came(&order(), &sent, 200, &none, body);
        assert!(matches!(exchange.checked, Checked::Unsigned(_)));
        assert_eq!(balance, None);
    }

    #[test]
    fn l8_protocol_and_request_print_no_secret() {
        let clock = Arc::new(SystemClock::default());
        let protocol = Protocol::new(signer(), platform(), clock);
        let sent = protocol.submission(&order());
        let shown = format!("{protocol:?} {protocol:#?} {sent:?} {sent:#?}");
        assert!(!shown.contains(ACCOUNT) && !shown.contains("signature="));
        assert!(!shown.contains("bal_account_no"), "{shown}");
    }
}
