//! Carrying a message or a ping to its address, which is a secret: whoever has it can write to the group.
//! No error, no log and no debug print shows it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Client, Url};

use super::message::{Form, Post, refusal};
use crate::secret::Secret;

/// For one try, in seconds. There is one more after a second, so a message takes twelve at most.
pub const TIMEOUT_SECONDS: u64 = 5;
const TRIES: u32 = 2;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
/// Bytes of an answer that are looked at.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// An address that was checked: `https://`, or `http://` on this machine.
#[derive(Clone)]
pub struct Address(Secret<Url>);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Address {
    /// Checks an address; the fault says what it must be, and not what it is.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let wrong = "must be one address that begins with https:// (http:// only on this machine)";
        let url = Url::parse(text.trim()).map_err(|_| wrong)?;
        match url.scheme() {
            "https" if url.has_host() => Ok(Self(Secret::new(url))),
            "http" if is_loopback(&url) => Ok(Self(Secret::new(url))),
            _ => Err(wrong),
        }
    }

    /// The same with one more part of its path: `/start`, or an exit code.
    pub fn with(&self, part: &str) -> Self {
        let mut url = self.0.reveal().clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(part);
        }
        Self(Secret::new(url))
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost",
    }
}

/// Carries messages. Neither the gateway's proxy nor the environment's is used.
#[derive(Debug)]
pub struct Poster {
    http: Client,
}

impl Poster {
    /// `proxy` is an address such as `http://host:port`, perhaps with a password.
    pub fn new(proxy: Option<&str>) -> Result<Self, &'static str> {
        let timeout = Duration::from_secs(TIMEOUT_SECONDS);
        let mut builder = Client::builder()
            .no_proxy()
            // An address that leads elsewhere would take the secret there.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("levy/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout);
        if let Some(proxy) = proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|_| "must be http://host:port")?;
            builder = builder.proxy(proxy);
        }
        Ok(Self {
            http: builder.build().map_err(|_| "no TLS can be had")?,
        })
    }

    /// Posts a message; the fault in words without the address.
    pub async fn message(&self, to: &Address, form: Form, post: &Post) -> Result<(), String> {
        let mut url = to.0.reveal().clone();
        if !post.query.is_empty() {
            let query = match url.query() {
                Some(before) => format!("{before}&{}", post.query),
                None => post.query.clone(),
            };
            url.set_query(Some(&query));
        }
        let body = post.body.to_string();
        self.tries(
            || {
                self.http
                    .post(url.clone())
                    .header("content-type", "application/json; charset=utf-8")
                    .body(body.clone())
            },
            |status, body| refusal(form, status, body),
        )
        .await
    }

    /// Pings a watchdog.
    pub async fn ping(&self, to: &Address) -> Result<(), String> {
        let url = to.0.reveal();
        self.tries(
            || self.http.get(url.clone()),
            |status, _| (!(200..300).contains(&status)).then(|| format!("it answered {status}")),
        )
        .await
    }

    async fn tries(
        &self,
        request: impl Fn() -> reqwest::RequestBuilder,
        refusal: impl Fn(u16, &[u8]) -> Option<String>,
    ) -> Result<(), String> {
        let mut said = String::new();
        for n in 0..TRIES {
            if n > 0 {
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            match answer(request()).await {
                Ok((status, body)) => match refusal(status, &body) {
                    None => return Ok(()),
                    // What was understood and refused is refused again.
                    Some(words) if status < 500 && status != 429 => return Err(words),
                    Some(words) => said = words,
                },
                Err(words) => said = words.into(),
            }
        }
        Err(said)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), &'static str> {
    // The library's own words show the address.
    let words = |e: reqwest::Error| match (e.is_timeout(), e.is_connect()) {
        (true, _) => "no answer came in time",
        (false, true) => "no connection could be made",
        (false, false) => "the connection broke",
    };
    let mut response = request.send().await.map_err(words)?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(words)? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            return Err("its answer is too long");
        }
    }
    Ok((status, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l8_an_address_is_never_shown() {
        let secret = "https://qyapi.example/cgi-bin/webhook/send?key=693a91f6";
        let address = Address::parse(secret).unwrap();
        let shown = format!("{address:?} {:?}", address.with("start"));
        assert_eq!(shown, "[redacted] [redacted]");
        for wrong in ["http://example.com/key=1", "ftp://x", "key=693a91f6", ""] {
            let words = Address::parse(wrong).unwrap_err();
            assert!(!words.contains("key"), "{words}");
        }
        assert!(Address::parse(" http://127.0.0.1:9/x \n").is_ok());
        assert!(Address::parse("http://[::1]:9/x").is_ok());
    }

    #[test]
    fn a_ping_gets_one_more_part_of_its_path() {
        for (base, want) in [
            ("https://hc.example/uuid", "https://hc.example/uuid/start"),
            ("https://hc.example/uuid/", "https://hc.example/uuid/start"),
            (
                "https://hc.example/uuid?a=1",
                "https://hc.example/uuid/start?a=1",
            ),
        ] {
            let address = Address::parse(base).unwrap().with("start");
            assert_eq!(address.0.reveal().as_str(), want);
        }
    }
}
