//! SIGINT and SIGTERM: the first asks the run to stop, the second ends levy at once (law L9 covers
//! what that leaves behind).

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::failure::{Exit, Failure};
use crate::report::progress::say;

/// Listens from now on; the receiver turns true with the first signal.
pub fn listen(runtime: &Runtime) -> Result<watch::Receiver<bool>, Failure> {
    let _inside = runtime.enter();
    let broken = |e: std::io::Error| Failure::Other(anyhow::Error::new(e).context("signals"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(broken)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
    let (sender, receiver) = watch::channel(false);
    runtime.spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if sender.send_replace(true) {
                std::process::exit(i32::from(Exit::NotFinished.code()));
            }
            say("stopping: nothing new is sent, what is on the wire is awaited (again: end at once)");
        }
    });
    Ok(receiver)
}
