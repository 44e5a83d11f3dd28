//! The client: `exchange` with a transport, reqwest. It carries each request once.
//!
//! It never tries twice: every lost connection is its caller's to see, to sign anew and to count.
//! It does not know the ledger, the pace, or what a reply means for its order.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::exchange::{self, Exchange, Outgoing, Protocol};
use super::pem;
use super::reply::{Balance, Checked, Lost, REPLY_BYTES_MAX};
use super::sign::Signer;
use super::verify::PlatformKeys;
use super::wire::{Hidden, ReplyHeaders};
use crate::clock::{Clock, WallMs};
use crate::order::Order;

/// How long a connection may idle before it is closed, in seconds: the gateway drops it after 8.
pub const POOL_IDLE_SECONDS_MAX: u64 = 7;
/// The longest timeout that can be set, in seconds.
pub const TIMEOUT_SECONDS_MAX: u64 = 60;
/// The longest wait for a connection, TLS included, in seconds; half the timeout where that is less.
/// It must be shorter than the timeout: only then a connection that was never made is seen as one.
pub const CONNECT_SECONDS_MAX: u64 = 5;
/// Characters of the words about a connection.
const WORDS_CHARS_MAX: usize = 300;

/// Where and how to send.
#[derive(Clone)]
pub struct Settings {
    /// Scheme, host and port, without a path; `http://` only on loopback.
    pub base_url: String,
    /// The same of the standby host.
    pub standby_url: Option<String>,
    /// For one request, from the connection to the last byte of the reply.
    pub timeout: Duration,
    /// The proxy to go through, perhaps with a password. The environment's are ignored.
    pub proxy: Option<String>,
    /// The certificates (PEM) to trust instead of the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Connections that are kept open while idle, for each host.
    pub idle_connections_max_per_host: usize,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxy = self.proxy.as_ref().map(|_| "[redacted]");
        f.debug_struct("Settings")
            .field("base_url", &shown(&self.base_url))
            .field("standby_url", &self.standby_url.as_deref().map(shown))
            .field("timeout", &self.timeout)
            .field("proxy", &proxy)
            .field("ca_pem", &self.ca_pem.as_ref().map(Vec::len))
            .field("idle", &self.idle_connections_max_per_host)
            .finish()
    }
}

/// A setting that cannot be used: which one, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsFault {
    /// Its name in the configuration file.
    pub setting: &'static str,
    /// What is wrong, and what may be done.
    pub words: String,
}

impl fmt::Display for SettingsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.words)
    }
}

impl Error for SettingsFault {}

fn fault(setting: &'static str, words: impl Into<String>) -> SettingsFault {
    SettingsFault {
        setting,
        words: words.into(),
    }
}

/// Which host to send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// `base_url`.
    Main,
    /// `standby_url`; the main one where there is none.
    Standby,
}

/// The gateway, as its client sees it.
#[derive(Debug)]
pub struct Client {
    carrier: Carrier,
    protocol: Protocol,
}

/// The way to the gateway's hosts, without a key: it carries what it is given, once.
pub struct Carrier {
    http: reqwest::Client,
    main: String,
    standby: Option<String>,
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carrier")
            .field("main", &self.main)
            .field("standby", &self.standby)
            .finish_non_exhaustive()
    }
}

/// Status, headers and body, nothing of it checked.
pub(super) struct Raw {
    pub status: u16,
    pub headers: ReplyHeaders,
    pub body: Vec<u8>,
}

/// Somebody answered; nothing of it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knock {
    /// The HTTP status.
    pub status: u16,
    /// The `Date` of the answer, whole seconds.
    pub date: Option<WallMs>,
}

impl Client {
    /// Checks the settings; connects to nothing yet.
    pub fn new(
        settings: Settings,
        signer: Signer,
        keys: PlatformKeys,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsFault> {
        HeaderValue::from_str(keys.first().id())
            .map_err(|_| fault("platform.public_key_id", "is no text for a header"))?;
        Ok(Self {
            carrier: Carrier::new(&settings)?,
            protocol: Protocol::new(signer, keys, clock),
        })
    }

    /// A standby host is set.
    pub fn has_standby(&self) -> bool {
        self.carrier.standby.is_some()
    }

    /// Submits an order, once. Its intent must be durable before this is called (law L1).
    pub async fn submit(&self, order: &Order, host: Host) -> Exchange {
        self.exchange(order, self.protocol.submission(order), host)
            .await
    }

    /// Asks for an order's state, once.
    pub async fn query(&self, order: &Order, host: Host) -> Exchange {
        self.exchange(order, self.protocol.query(order), host).await
    }

    /// Asks what the order's account holds, once. Told only by a verified reply.
    pub async fn balance(&self, order: &Order, host: Host) -> (Exchange, Option<Balance>) {
        let outgoing = self.protocol.balance(order);
        match self.carrier.send(&outgoing, host, Hidden::of(order)).await {
            Err(checked) => (self.protocol.lost(&outgoing, checked), None),
            Ok(raw) => {
                self.protocol
                    .balance_came(order, &outgoing, raw.status, &raw.headers, &raw.body)
            }
        }
    }

    async fn exchange(&self, order: &Order, outgoing: Outgoing, host: Host) -> Exchange {
        match self.carrier.send(&outgoing, host, Hidden::of(order)).await {
            Err(checked) => self.protocol.lost(&outgoing, checked),
            Ok(raw) => self
                .protocol
                .came(order, &outgoing, raw.status, &raw.headers, &raw.body),
        }
    }
}

impl Carrier {
    /// Checks the settings; connects to nothing yet.
    pub fn new(settings: &Settings) -> Result<Self, SettingsFault> {
        let main = origin("gateway.base_url", &settings.base_url)?;
        let standby = match &settings.standby_url {
            None => None,
            Some(url) => Some(origin("gateway.standby_url", url)?),
        };
        let origins: Vec<&String> = std::iter::once(&main).chain(&standby).collect();
        let plain = origins.iter().filter(|o| o.starts_with("http://")).count();
        let all_plain = plain == origins.len();
        if settings.proxy.is_some() && plain > 0 {
            return Err(fault(
                "gateway.proxy",
                "a proxy is for https:// only: http:// stays on this machine",
            ));
        }
        Ok(Self {
            http: http_client(settings, all_plain)?,
            main,
            standby,
        })
    }

    /// Scheme, host and port of a host; `None` for a standby that is not set.
    pub fn address(&self, host: Host) -> Option<&str> {
        match host {
            Host::Main => Some(&self.main),
            Host::Standby => self.standby.as_deref(),
        }
    }

    /// Asks a host for nothing, unsigned, to see whether it answers. In words if it does not.
    pub async fn knock(&self, host: Host, clock: &dyn Clock) -> Result<Knock, String> {
        let outgoing = exchange::knock(clock);
        match self.send(&outgoing, host, Hidden::nothing()).await {
            Ok(raw) => Ok(Knock {
                status: raw.status,
                date: raw.headers.date(),
            }),
            Err(Checked::NotSent(words)) => Err(words),
            Err(Checked::Lost(Lost::Broken(words))) => {
                Err(format!("the connection broke: {words}"))
            }
            Err(_) => Err("no answer in time".into()),
        }
    }

    pub(super) async fn send(
        &self,
        outgoing: &Outgoing,
        host: Host,
        hidden: Hidden<'_>,
    ) -> Result<Raw, Checked> {
        let not_sent = |words: &str| {
            let words = format!("{}: {words}", self.origin(host));
            Checked::NotSent(hidden.clean(&words, WORDS_CHARS_MAX))
        };
        let target = &outgoing.target;
        let url = Url::parse(&format!("{}{target}", self.origin(host)))
            .map_err(|_| not_sent("the request has no address"))?;
        // What is signed is what is sent. It has only characters that no parser encodes again; if
        // one did, nothing would be sent.
        let query = url
            .query()
            .map_or(String::new(), |query| format!("?{query}"));
        if format!("{}{query}", url.path()) != *target {
            return Err(not_sent(
                "the address was written in another way than signed",
            ));
        }
        let headers =
            header_map(outgoing).ok_or_else(|| not_sent("a header is no text for one"))?;
        let request = match outgoing.method {
            "POST" => self.http.post(url).body(outgoing.body.clone()),
            _ => self.http.get(url),
        };
        let response = request.headers(headers).send().await.map_err(|e| {
            // `is_connect` is said of an error of hyper-util's connector (its `ErrorKind::Connect`:
            // name, TCP, proxy's CONNECT, TLS) and of no error after it handed a connection out, so
            // not a byte of the request has left (reqwest 0.13.5, hyper-util 0.1.21).
            if e.is_connect() {
                return not_sent(&words(e));
            }
            lost(e, hidden)
        })?;
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = ReplyHeaders::of(headers.map(|(n, v)| (n.as_str(), v.as_bytes())));
        let body = read_body(response, hidden).await?;
        Ok(Raw {
            status,
            headers,
            body,
        })
    }

    fn origin(&self, host: Host) -> &str {
        match host {
            Host::Main => &self.main,
            Host::Standby => self.standby.as_ref().unwrap_or(&self.main),
        }
    }
}

/// One connection carries one request at a time, and nothing is sent twice.
///
/// reqwest's own retries are off. hyper-util's `retry_canceled_requests` cannot be switched off from
/// here; it sends a request on another connection only if hyper gave it back unstarted
/// (`TrySendError::take_message`: still in the connection's queue when that closed), so nothing of
/// it was written, and what then is sent is sent once. A test counts the arrivals.
fn http_client(settings: &Settings, all_plain: bool) -> Result<reqwest::Client, SettingsFault> {
    let timeout = settings.timeout;
    if timeout.is_zero() || timeout > Duration::from_secs(TIMEOUT_SECONDS_MAX) {
        let words = format!("must be above 0 and at most {TIMEOUT_SECONDS_MAX}");
        return Err(fault("gateway.timeout_seconds", words));
    }
    let connect_timeout = Duration::from_secs(CONNECT_SECONDS_MAX).min(timeout / 2);
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .timeout(timeout)
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(Duration::from_secs(POOL_IDLE_SECONDS_MAX))
        .pool_max_idle_per_host(settings.idle_connections_max_per_host);
    if let Some(proxy) = &settings.proxy {
        // The error would show the password.
        let proxy = reqwest::Proxy::all(proxy.as_str()).map_err(|_| {
            fault(
                "gateway.proxy",
                "must be an address such as http://host:port",
            )
        })?;
        builder = builder.proxy(proxy);
    }
    match &settings.ca_pem {
        Some(bundle) => {
            let found = pem::certificates(bundle);
            let found = found.iter().map(|der| reqwest::Certificate::from_der(der));
            let found: Vec<_> = found.filter_map(Result::ok).collect();
            if found.is_empty() {
                return Err(fault("gateway.ca_file", "has no certificate (PEM)"));
            }
            builder = builder.tls_certs_only(found);
        }
        // Loopback needs no certificates, and a machine without any can still run the sandbox.
        None if all_plain => builder = builder.tls_certs_only([]),
        None => {}
    }
    builder
        .build()
        .map_err(|e| fault("gateway", format!("no TLS can be had: {}", words(e))))
}

/// Scheme, host and port of a URL that has nothing else.
fn origin(setting: &'static str, url: &str) -> Result<String, SettingsFault> {
    let url = url.trim();
    let parsed =
        Url::parse(url).map_err(|e| fault(setting, format!("{}: is no URL: {e}", shown(url))))?;
    let bare = parsed.path() == "/" && parsed.query().is_none() && parsed.fragment().is_none();
    let anonymous = parsed.username().is_empty() && parsed.password().is_none();
    if !bare || !anonymous || !parsed.has_host() {
        let words = "must be a scheme and a host, such as https://api.mch.weixin.qq.com, and no \
                     path, query or user";
        return Err(fault(setting, format!("{}: {words}", shown(url))));
    }
    match parsed.scheme() {
        "https" => {}
        "http" if is_loopback(&parsed) => {}
        "http" => {
            let words =
                "http:// is for this machine only (127.0.0.1, ::1, localhost); use https://";
            return Err(fault(setting, format!("{}: {words}", shown(url))));
        }
        _ => return Err(fault(setting, format!("{}: must be https://", shown(url)))),
    }
    Ok(parsed.origin().ascii_serialization())
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost",
    }
}

/// A URL without a user and a password that somebody may have put into it.
fn shown(url: &str) -> &str {
    match url.rsplit_once('@') {
        Some((_, behind)) => behind,
        None => url,
    }
}

/// The headers as they stand; the one with the signature is kept out of debug prints.
fn header_map(outgoing: &Outgoing) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &outgoing.headers {
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(*name == "authorization");
        headers.insert(HeaderName::from_static(name), value);
    }
    Some(headers)
}

/// At most [`REPLY_BYTES_MAX`]. A connection whose reply was not read to its end is closed.
async fn read_body(
    mut response: reqwest::Response,
    hidden: Hidden<'_>,
) -> Result<Vec<u8>, Checked> {
    let too_long = || {
        let words = format!("the reply is longer than {REPLY_BYTES_MAX} bytes");
        Checked::Lost(Lost::Broken(words))
    };
    if response.content_length().unwrap_or(0) > REPLY_BYTES_MAX as u64 {
        return Err(too_long());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| lost(e, hidden))? {
        if body.len() + chunk.len() > REPLY_BYTES_MAX {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn lost(e: reqwest::Error, hidden: Hidden<'_>) -> Checked {
    Checked::Lost(match e.is_timeout() {
        true => Lost::TimedOut,
        false => Lost::Broken(hidden.clean(&words(e), WORDS_CHARS_MAX)),
    })
}

/// An error and its causes, without the URL: a query has the sealed account in it.
fn words(e: reqwest::Error) -> String {
    let e = e.without_url();
    let mut words: Vec<String> = Vec::new();
    let mut cause: Option<&dyn Error> = Some(&e);
    while let Some(e) = cause {
        let said = e.to_string();
        // Some repeat their cause's words behind their own.
        if !words.last().is_some_and(|last| last.contains(&said)) {
            words.push(said);
        }
        cause = e.source();
    }
    words.join(": ")
}

#[cfg(test)]
mod tests;
