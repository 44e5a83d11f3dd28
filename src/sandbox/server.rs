//! The server: connections, one request after the other on each, bounded in every way.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::Options;
use super::answer::{self, Answer, Signing, now_seconds};
use super::chance::Dice;
use super::desk::{Caller, Desk};
use super::fault::SandboxFault;
use super::keys::{self, Keys, Material};
use super::limits::{
    ACCEPT_PAUSE, BODY_BYTES_MAX, BODY_TIMEOUT, CONNECTIONS_MAX, HEAD_BYTES_MAX, HEADERS_MAX, IDLE,
};
use super::wire::{self, Authentic, Call, Fields, Refusal};

/// What all connections share.
pub(super) struct Gateway {
    keys: Keys,
    desk: Mutex<Desk>,
    caller: String,
    latency_ms: (u64, u64),
    seed: u64,
    served: AtomicU64,
    sign_param_errors: bool,
    record_request: Option<PathBuf>,
}

/// The connection is closed without a reply, for this reason.
#[derive(Debug)]
struct Dropped(&'static str);

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Dropped {}

impl Gateway {
    pub(super) fn open(options: &Options, material: &Material) -> Result<Self, SandboxFault> {
        Ok(Self {
            keys: Keys::load(&options.dir, material, options.rotation)?,
            desk: Mutex::new(Desk::open(options)?),
            caller: options.caller_mchid.clone(),
            latency_ms: (*options.latency_ms.start(), *options.latency_ms.end()),
            seed: options.seed,
            served: AtomicU64::new(0),
            sign_param_errors: options.sign_param_errors,
            record_request: options.record_request.clone(),
        })
    }

    /// Serves until it is told to stop; then every connection is closed.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener, stop: watch::Receiver<()>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        let mut stop = stop;
        loop {
            let accepted = tokio::select! {
                _ = stop.changed() => break,
                Some(_) = connections.join_next() => continue,
                accepted = accept(&listener, &places) => accepted,
            };
            match accepted {
                Ok((stream, place)) => {
                    let gateway = Arc::clone(&self);
                    connections.spawn(async move {
                        gateway.connection(stream).await;
                        drop(place);
                    });
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
        connections.shutdown().await;
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        // Small replies would wait for the client's acknowledgement otherwise.
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request| {
            let gateway = Arc::clone(&self);
            async move { gateway.request(request).await }
        });
        // A connection's end is the client's to see; the sandbox says nothing of it.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn request(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
        let (parts, body) = request.into_parts();
        let body = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect())
            .await
            .map_err(|_| Dropped("the body did not come in time"))?
            .map_err(|_| Dropped("the body broke off or was too long"))?
            .to_bytes();
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let call = Call {
            method: parts.method.as_str(),
            target,
            headers: &parts.headers,
            body: &body,
        };
        let (there, back) = self.latency();
        tokio::time::sleep(there).await;
        let answer = self.handle(&call)?;
        tokio::time::sleep(back + Duration::from_millis(answer.delay_ms)).await;
        respond(answer)
    }

    /// How long the request and its reply are under way: a total by chance, split by chance, so
    /// that a request may be counted at any moment between its send and its reply.
    fn latency(&self) -> (Duration, Duration) {
        let (least, most) = self.latency_ms;
        let turn = self.served.fetch_add(1, Ordering::Relaxed);
        let mut dice = Dice::new(self.seed.wrapping_add(turn));
        let total = least + dice.next() % (most - least + 1);
        let there = (total as f64 * dice.unit() * 1000.0) as u64;
        (
            Duration::from_micros(there),
            Duration::from_micros((total * 1000).saturating_sub(there)),
        )
    }

    fn handle(&self, call: &Call<'_>) -> Result<Answer, Dropped> {
        let unsigned = Signing {
            keys: &self.keys,
            key: None,
            sign_param_errors: false,
        };
        let Some((interface, path_number)) = wire::route(call.method, call.target) else {
            return Ok(answer::error(&Refusal::not_found(), false, &unsigned));
        };
        let fields = match call.method {
            "POST" => Fields::from_body(call.body),
            _ => Fields::from_query(call.target),
        };
        let peek = |name| fields.as_ref().ok().and_then(|fields| fields.peek(name));
        let merchant = peek("mchid").map(str::to_owned);
        let number = match path_number {
            "" => peek("out_request_no").map(str::to_owned),
            number => {
                Some(number.to_owned()).filter(|no| no.bytes().all(|b| b.is_ascii_alphanumeric()))
            }
        };
        let who = Caller {
            interface,
            merchant: merchant.as_deref(),
            number: number.as_deref(),
        };
        let authentic = match wire::authenticate(call, &self.keys, &self.caller, now_seconds()) {
            Ok(authentic) => authentic,
            Err(refusal) => {
                self.desk()?
                    .turned_away(&who, refusal.status)
                    .map_err(unwritten)?;
                return Ok(answer::error(&refusal, false, &unsigned));
            }
        };
        let (key, ask) = match wire::headers(call, interface, &self.keys) {
            Ok(named) => (
                Some(self.keys.signing(named)),
                wire::ask(interface, path_number, fields, named),
            ),
            Err(refusal) => (None, Err(refusal)),
        };
        let signing = Signing {
            keys: &self.keys,
            key,
            sign_param_errors: self.sign_param_errors,
        };
        let said = {
            let mut desk = self.desk()?;
            self.record(&authentic);
            desk.take(&who, &authentic.nonce, ask).map_err(unwritten)?
        };
        match said {
            None => Ok(answer::error(&wire::replayed(call), false, &unsigned)),
            Some(said) => answer::answer(said, call, &signing).ok_or(Dropped("as asked")),
        }
    }

    fn desk(&self) -> Result<std::sync::MutexGuard<'_, Desk>, Dropped> {
        self.desk.lock().map_err(|_| Dropped("the desk broke down"))
    }

    /// Keeps the last authentic request for a check with other tools.
    fn record(&self, authentic: &Authentic) {
        if let Some(path) = &self.record_request {
            // A record that can't be written is missed by the check that needs it.
            let _ = keys::write_whole(path, &authentic.message, 0o600);
            let _ = keys::write_whole(&beside(path), &authentic.signature, 0o600);
        }
    }
}

/// Where the signature of a recorded request lies: `PATH.sig`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

/// What is not in the books did not happen, and nothing may be said of it.
fn unwritten(_: std::io::Error) -> Dropped {
    Dropped("the books can't be written")
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    let (stream, _): (_, SocketAddr) = listener.accept().await?;
    Ok((stream, place))
}

fn respond(answer: Answer) -> Result<Response<Full<Bytes>>, Dropped> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response
        .body(Full::new(Bytes::from(answer.body)))
        .map_err(|_| Dropped("no reply could be made"))
}
