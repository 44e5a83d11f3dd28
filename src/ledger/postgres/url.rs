//! Where the database is, and how far the way to it is trusted.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::wire::Dial;
use crate::ledger::{LedgerError, LedgerResult};
use crate::secret::Secret;

/// Seconds in which a connection must come about, unless the URL names others.
pub(super) const CONNECT_S: u64 = 10;
/// Seconds of silence after which the network is asked whether the server is still there.
const KEEPALIVE_IDLE_S: u64 = 30;
/// Seconds between such questions, and how many may stay unanswered.
const KEEPALIVE_EVERY_S: u64 = 10;
const KEEPALIVES_MAX: u32 = 3;
/// Seconds after which a connection is lost on which what was sent has not arrived.
const SILENCE_S: u64 = 30;

/// A URL that was understood. It prints itself without its password.
#[derive(Clone)]
pub(super) struct Url {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self.config.get_hosts().iter().map(host_words).collect();
        let ports: Vec<String> = self.config.get_ports().iter().map(u16::to_string).collect();
        write!(f, "postgres://{}", hosts.join(","))?;
        if !ports.is_empty() {
            write!(f, ":{}", ports.join(","))?;
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

fn host_words(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    }
}

impl Url {
    /// Understands a URL: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`. Its words never stand
    /// in an error, since its password is among them.
    pub(super) fn parse(text: &str) -> LedgerResult<Self> {
        let (mut url, asked) = Self::understood(text)?;
        if url.is_encrypted() {
            url.tls = Some(connector(asked.root.as_deref())?);
        }
        Ok(url)
    }

    /// The same without a look at any file.
    fn understood(text: &str) -> LedgerResult<(Self, Asked)> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(refused("it does not begin with postgres://"));
        }
        let (text, asked) = take_tls(text);
        let mut config: Config = text
            .parse()
            .map_err(|_| refused("it is no postgres://USER:PASSWORD@HOST:PORT/DATABASE"))?;
        if config.get_hosts().is_empty() {
            return Err(refused("it names no host"));
        }
        if config.get_dbname().is_none() {
            return Err(refused("it names no database"));
        }
        // What follows an @ that was meant for the password would be shown as a host or a database.
        let mut named = config.get_hosts().iter().map(host_words);
        let database = config.get_dbname().unwrap_or_default();
        if named.any(|name| name.contains('@')) || database.contains('@') {
            return Err(refused(
                "it has an @ too many; write %40 for one in its user, password or database",
            ));
        }
        // An address goes before the name that stands for it.
        let near = config.get_hosts().iter().all(is_near)
            && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
        let tls = asked.wants_tls(near)?;
        config.ssl_mode(if tls {
            SslMode::Require
        } else {
            SslMode::Disable
        });
        if config.get_application_name().is_none() {
            config.application_name("levy");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(CONNECT_S));
        }
        config.keepalives_idle(Duration::from_secs(KEEPALIVE_IDLE_S));
        config.keepalives_interval(Duration::from_secs(KEEPALIVE_EVERY_S));
        config.keepalives_retries(KEEPALIVES_MAX);
        // What was sent and never arrived ends the connection as well.
        config.tcp_user_timeout(Duration::from_secs(SILENCE_S));
        Ok((Self { config, tls: None }, asked))
    }

    /// Whether the way there is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.config.get_ssl_mode() == SslMode::Require
    }

    /// How to connect, and how long each answer is waited for.
    pub(super) fn dial(&self, patience: Option<Duration>) -> Dial {
        Dial {
            config: self.config.clone(),
            tls: self.tls.clone(),
            patience,
        }
    }
}

/// The address of a ledger on a server, checked for its form. It prints itself without user and password.
#[derive(Clone)]
pub struct PostgresUrl {
    text: Secret<String>,
    url: Url,
}

impl PostgresUrl {
    /// Understands it; no file that it names is looked at. A fault shows none of it.
    pub fn parse(text: &str) -> LedgerResult<Self> {
        let (url, _) = Url::understood(text)?;
        Ok(Self {
            text: Secret::new(text.to_owned()),
            url,
        })
    }

    /// As [`super::PostgresOptions`] takes it.
    pub fn reveal(&self) -> &str {
        self.text.reveal()
    }

    /// Whether it has a password in itself.
    pub fn has_password(&self) -> bool {
        self.url.config.get_password().is_some()
    }

    /// The same with a password, where it has none of its own.
    pub fn with_password(&self, password: &Secret<String>) -> LedgerResult<Self> {
        if self.has_password() {
            return Ok(self.clone());
        }
        let text = self.text.reveal();
        let and = if text.contains('?') { '&' } else { '?' };
        let password = utf8_percent_encode(password.reveal(), NON_ALPHANUMERIC);
        Self::parse(&format!("{text}{and}password={password}"))
    }

    /// All of it but the password.
    pub fn without_password(&self) -> String {
        let text = self.text.reveal();
        let (front, query) = match text.split_once('?') {
            Some((front, query)) => (front, Some(query)),
            None => (text.as_str(), None),
        };
        let (scheme, rest) = front.split_once("://").unwrap_or(("postgres", front));
        let rest = match rest.rsplit_once('@') {
            Some((user, host)) => {
                let user = user.split(':').next().unwrap_or_default();
                format!("{user}@{host}")
            }
            None => rest.to_owned(),
        };
        let kept: Vec<&str> = query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .filter(|pair| !decoded(pair).starts_with("password="))
            .collect();
        match kept.is_empty() {
            true => format!("{scheme}://{rest}"),
            false => format!("{scheme}://{rest}?{}", kept.join("&")),
        }
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// What a URL says of TLS, in libpq's words.
#[derive(Default)]
struct Asked {
    mode: Option<String>,
    root: Option<String>,
}

impl Asked {
    fn wants_tls(&self, near: bool) -> LedgerResult<bool> {
        match self.mode.as_deref() {
            None => Ok(!near),
            Some("disable") => Ok(false),
            Some("require" | "verify-ca" | "verify-full") => Ok(true),
            Some("allow" | "prefer") if near => Ok(false),
            Some("allow" | "prefer") => Err(refused(
                "its sslmode leaves open whether the way to the server is encrypted; say \
                 sslmode=verify-full, or sslmode=disable where the network itself is trusted",
            )),
            Some(_) => Err(refused(
                "its sslmode is none; levy knows disable, require, verify-ca and verify-full (the \
                 last three are one: certificate and name are always checked)",
            )),
        }
    }
}

/// Takes out what `tokio_postgres` does not know, or not so strictly.
fn take_tls(text: &str) -> (String, Asked) {
    let mut asked = Asked::default();
    let Some((front, query)) = text.split_once('?') else {
        return (text.to_owned(), asked);
    };
    let mut kept = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => asked.mode = Some(mode.to_owned()),
            Some(("sslrootcert", file)) => asked.root = Some(decoded(file)),
            _ => kept.push(pair),
        }
    }
    (format!("{front}?{}", kept.join("&")), asked)
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

/// A socket of this host, or its own network.
fn is_near(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
    }
}

fn connector(root: Option<&str>) -> LedgerResult<MakeRustlsConnect> {
    let Some(file) = root else {
        return MakeRustlsConnect::with_native_certs()
            .map(|(connector, _)| connector)
            .map_err(|_| {
                refused(
                    "this system has no certificates of authorities; name a file with sslrootcert=",
                )
            });
    };
    let unreadable = || {
        LedgerError::Refused(format!(
            "the ledger's URL: sslrootcert: no certificate can be read from {file}; it must be a PEM file"
        ))
    };
    let mut roots = RootCertStore::empty();
    for found in CertificateDer::pem_file_iter(file).map_err(|_| unreadable())? {
        let found = found.map_err(|_| unreadable())?;
        roots.add(found).map_err(|_| unreadable())?;
    }
    if roots.is_empty() {
        return Err(unreadable());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| refused("TLS cannot be set up"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn refused(what: &str) -> LedgerError {
    LedgerError::Refused(format!("the ledger's URL: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_another_host_is_encrypted_unless_the_url_says_otherwise() {
        let cases = [
            ("postgres://levy@%2Frun%2Fpostgresql/levy", Some(false)),
            ("postgres://levy@localhost/levy", Some(false)),
            (
                "postgres://levy@127.0.0.1:5433/levy?sslmode=prefer",
                Some(false),
            ),
            ("postgres://levy@127.0.0.1/levy?sslmode=require", Some(true)),
            ("postgresql://levy@db.example/levy", Some(true)),
            (
                "postgres://levy@localhost/levy?hostaddr=203.0.113.5",
                Some(true),
            ),
            ("postgres://levy:se@cret@localhost/levy", None),
            ("postgres://levy:se@cr/et@localhost/levy", None),
            ("postgres://levy@10.0.0.7,127.0.0.1/levy", Some(true)),
            (
                "postgres://levy@db.example/levy?sslmode=verify-full&connect_timeout=3",
                Some(true),
            ),
            (
                "postgres://levy@db.example/levy?sslmode=disable",
                Some(false),
            ),
            ("postgres://levy@db.example/levy?sslmode=prefer", None),
            ("postgres://levy@db.example/levy?sslmode=of", None),
            ("postgres://levy@db.example", None),
            ("postgres:///levy", None),
            ("mysql://levy@db.example/levy", None),
            (
                "postgres://levy@db.example/levy?sslrootcert=/nowhere/ca.pem",
                None,
            ),
        ];
        for (url, encrypted) in cases {
            // A system without certificates says so; that it wants them is what counts.
            let found = match Url::parse(url) {
                Ok(parsed) => Some(parsed.tls.is_some()),
                Err(e) if e.to_string().contains("no certificates of authorities") => Some(true),
                Err(_) => None,
            };
            assert_eq!(found, encrypted, "{url}");
        }
    }

    #[test]
    fn a_url_prints_without_user_and_password() {
        let url =
            Url::parse("postgres://levy:geheim@127.0.0.1:5433/books?sslmode=disable").unwrap();
        assert_eq!(
            format!("{url} {url:?}"),
            "postgres://127.0.0.1:5433/books postgres://127.0.0.1:5433/books"
        );
    }
}
