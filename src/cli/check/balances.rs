//! `levy check --balances`: the client that asks, real or in a box.

use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::cli::args::{CheckArgs, SandboxTuning};
use crate::cli::failure::Failure;
use crate::cli::store::{Hold, Store, sandbox_beside};
use crate::cli::{connect, run, sandbox, session};
use crate::clock::SystemClock;
use crate::ledger::{BatchId, Environment, Ledger};
use crate::sandbox as boxed;
use crate::worker::balances::{Asker, Purses, purses};

/// Everything that asking takes; keys are read and checked before the file is.
pub struct Asking {
    runtime: Runtime,
    asker: Asker,
    boxed: Option<(boxed::Running, Hold)>,
}

impl Asking {
    /// Reads the keys, or starts the gateway in a box.
    pub fn open(args: &CheckArgs, store: &Store) -> Result<Self, Failure> {
        let runtime = run::runtime()?;
        let clock = Arc::new(SystemClock::default());
        let (client, boxed) = match store.environment {
            Environment::Real => (connect::client(&store.config, clock.clone())?, None),
            Environment::Sandbox => {
                let dir = sandbox_beside(&args.file);
                let options = sandbox::options(&dir, None, &SandboxTuning::default())?;
                session::make_directory(&dir)?;
                // Two gateways would share their books.
                let lock = store.hold_with_box(&dir)?;
                let running = runtime
                    .block_on(boxed::start(options))
                    .map_err(sandbox::fault)?;
                let url = running.base_url();
                let client = session::client_of_box(&dir, &url, &store.config, clock.clone())?;
                (client, Some((running, lock)))
            }
        };
        let asker = Asker {
            client,
            clock,
            per_merchant_qps: store.config.per_merchant_qps,
        };
        Ok(Self {
            runtime,
            asker,
            boxed,
        })
    }

    /// Asks for every account of the batch's unsent orders.
    pub fn ask(self, ledger: &mut dyn Ledger, batch: BatchId) -> Result<Purses, Failure> {
        let told = self.runtime.block_on(purses(ledger, batch, &self.asker));
        if let Some((running, _lock)) = self.boxed {
            self.runtime.block_on(running.shutdown());
        }
        Ok(told?)
    }
}
