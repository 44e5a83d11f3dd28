//! A gateway in a box: WeChat Pay's 特殊减额 interface over real HTTP/1.1 on this machine, with
//! real signatures and sealing, its own books, and orders that may be scripted. No real money
//! moves.
//!
//! It is strict about its client and reads the wire by itself: nothing of `crate::gateway` is used
//! here, so that a wrong field name can't agree with itself. The grammar of scripts stands in
//! `script`, and with examples in `docs/SANDBOX.md`.
//!
//! What it does not know: levy, its ledger, or when a client should try again.

mod amended;
mod answer;
pub mod books;
mod certificates;
mod certify;
mod chance;
mod desk;
mod fault;
mod gate;
mod keys;
mod limits;
mod script;
mod server;
mod shelf;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use fault::SandboxFault;
pub use keys::{CALLER_MCHID, Material, material};

/// How a sandbox is run. `..Options::default()` gives the rest.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where keys, books and the log of arrivals lie; made with mode 0700 if it is not there.
    pub dir: PathBuf,
    /// Where to listen; must be loopback, port 0 is any. Default 127.0.0.1:0.
    pub listen: SocketAddr,
    /// Requests of one target merchant in any sliding second; `None` is no limit. Default 100.
    pub per_merchant_per_second: Option<u32>,
    /// How long a request and its reply are under way, milliseconds in all. Default 0.
    pub latency_ms: RangeInclusive<u64>,
    /// Faults by chance. Default none.
    pub faults: Faults,
    /// The seed of everything that is left to chance. Default 1.
    pub seed: u64,
    /// Whether to write `arrivals.log`. Default yes.
    pub log_arrivals: bool,
    /// The caller's merchant number. Default [`CALLER_MCHID`].
    pub caller_mchid: String,
    /// How long a scripted `processing` lasts, milliseconds. Default 3000.
    pub processing_ms: u64,
    /// What every account holds at first, fen. Default 10^15.
    pub balance_fen: u64,
    /// Whether errors of parameters are signed, too. Default no: the real ones come unsigned.
    pub sign_param_errors: bool,
    /// Where to keep the last authentic request: its signed message here, the raw signature in
    /// `….sig` beside it. Default nowhere.
    pub record_request: Option<PathBuf>,
    /// How far the platform's certificate is on its way out. Default not at all.
    pub rotation: Rotation,
}

/// The platform's certificate gives way to another one. The public key stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// There is one certificate.
    #[default]
    Off,
    /// The next one is handed out beside it; each still signs what names it.
    Announced,
    /// The next one signs, also what names the old one.
    Signing,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dir: PathBuf::from(".levy-sandbox"),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            per_merchant_per_second: Some(100),
            latency_ms: 0..=0,
            faults: Faults::default(),
            seed: 1,
            log_arrivals: true,
            caller_mchid: CALLER_MCHID.to_owned(),
            processing_ms: 3_000,
            balance_fen: 1_000_000_000_000_000,
            sign_param_errors: false,
            record_request: None,
            rotation: Rotation::Off,
        }
    }
}

/// Faults by chance, each as a probability from 0 to 1, for every authentic request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// The connection is closed, nothing was done.
    pub lose_before: f64,
    /// The request is processed, then the connection is closed without a reply.
    pub lose_after: f64,
    /// 500 SYSTEM_ERROR, half of them after the request was processed.
    pub error_500: f64,
    /// 429 with `Retry-After: 1`, nothing was done.
    pub throttle: f64,
    /// Processed, but the reply's signature is wrong, missing or a probe.
    pub ill_signed: f64,
}

/// A sandbox at work. Dropping it stops it, too.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    stop: watch::Sender<()>,
    task: Option<JoinHandle<()>>,
}

impl Running {
    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops it: connections are closed, the directory is free for another one.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(());
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Starts a sandbox: checks the options, makes the keys if there are none, reads the books, listens.
///
/// # Errors
/// An address that is not loopback or is taken, a setting without meaning, a directory that can't
/// be used, or is used by another sandbox.
pub async fn start(options: Options) -> Result<Running, SandboxFault> {
    check(&options)?;
    let material = keys::material_for(&options.dir, &options.caller_mchid)?;
    let gateway = Arc::new(server::Gateway::open(&options, &material)?);
    let listen = |source| SandboxFault::Listen {
        addr: options.listen,
        source,
    };
    let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
    let addr = listener.local_addr().map_err(listen)?;
    let (stop, stopped) = watch::channel(());
    let task = tokio::spawn(gateway.serve(listener, stopped));
    Ok(Running {
        addr,
        stop,
        task: Some(task),
    })
}

fn check(options: &Options) -> Result<(), SandboxFault> {
    let setting = |name, cause| Err(SandboxFault::Setting { name, cause });
    if !options.listen.ip().is_loopback() {
        return Err(SandboxFault::NotLoopback(options.listen));
    }
    let faults = &options.faults;
    let chances = [
        faults.lose_before,
        faults.lose_after,
        faults.error_500,
        faults.throttle,
        faults.ill_signed,
    ];
    if !chances.iter().all(|chance| (0.0..=1.0).contains(chance)) {
        return setting("faults", "must be probabilities from 0 to 1");
    }
    let latency = &options.latency_ms;
    if latency.is_empty() || *latency.end() > limits::DELAY_MS_MAX {
        return setting("latency_ms", "must be a range of at most 120000 ms");
    }
    if options.per_merchant_per_second == Some(0) {
        return setting("per_merchant_per_second", "must be above zero");
    }
    let caller = &options.caller_mchid;
    let fits = (1..=limits::MERCHANT_CHARS_MAX).contains(&caller.len());
    if !fits || !caller.bytes().all(|b| b.is_ascii_digit()) {
        return setting("caller_mchid", "must be 1 to 32 digits");
    }
    Ok(())
}
