//! What all files of one `levy run` share: settings, lock, ledger, client, the gateway in a box.
//!
//! It is opened in the order in which a fault costs least: settings and keys, then the lock, then
//! the ledger. Nothing was sent when any of it fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::args::{DriveArgs, SandboxTuning};
use super::config::Config;
use super::failure::Failure;
use super::freeze::refuse_frozen;
use super::store::{self, Hold, Store};
use super::{connect, sandbox, signals};
use crate::clock::SystemClock;
use crate::gateway::{
    Client, PlatformKey, PlatformKeys, Settings, Signer, SignerParts, read_private_key_file,
};
use crate::ledger::{Address, Environment, Lanes, Ledger, PlanId};
use crate::report::log::hushed;
use crate::report::progress::say;
use crate::sandbox as boxed;

/// An open session. Dropped, it lets go of the lock last.
pub struct Session {
    /// The settings.
    pub config: Config,
    /// Real money, or the sandbox.
    pub environment: Environment,
    /// The ledger; away while a run has it, and for good if a run lost it.
    pub ledger: Option<Box<dyn Ledger>>,
    /// Where the ledger is.
    pub address: Address,
    /// The lanes of a ledger that several hosts share; away while a run has them. A file has none.
    pub lanes: Option<Box<dyn Lanes>>,
    /// The plan that was named for the command's one file.
    pub plan: Option<PlanId>,
    /// The gateway's client.
    pub client: Arc<Client>,
    /// The machine's clocks.
    pub clock: Arc<SystemClock>,
    /// Turns true with the first signal.
    pub stop: watch::Receiver<bool>,
    /// Where the run's loop lives.
    pub runtime: Runtime,
    sandbox: Option<boxed::Running>,
    _hold: Hold,
}

impl Session {
    /// Opens everything that a run needs. `create` makes the ledger if there is none; the gateway
    /// in a box is kept in `dir`.
    pub fn open(args: &DriveArgs, create: bool, dir: &Path) -> Result<Self, Failure> {
        let runtime = super::run::runtime()?;
        let stop = signals::listen(&runtime)?;
        let clock = Arc::new(SystemClock::default());
        match args.sandbox {
            false => Self::real(args, create, runtime, stop, clock),
            true => Self::boxed(args, create, dir, runtime, stop, clock),
        }
    }

    fn real(
        args: &DriveArgs,
        create: bool,
        runtime: Runtime,
        stop: watch::Receiver<bool>,
        clock: Arc<SystemClock>,
    ) -> Result<Self, Failure> {
        if args.tuning != SandboxTuning::default() {
            let words = "--sandbox-… options are for the gateway in a box: give --sandbox too";
            return Err(Failure::Usage(words.into()));
        }
        let store = Store::real(&args.at)?;
        let client = connect::client(&store.config, clock.clone())?;
        let hold = store.hold()?;
        let mut ledger = store.open(create)?;
        refuse_frozen(&mut *ledger)?;
        let lanes = store.lanes()?;
        Ok(Self {
            environment: store.environment,
            ledger: Some(ledger),
            lanes,
            address: store.address,
            plan: None,
            config: store.config,
            client,
            clock,
            stop,
            runtime,
            sandbox: None,
            _hold: hold,
        })
    }

    fn boxed(
        args: &DriveArgs,
        create: bool,
        dir: &Path,
        runtime: Runtime,
        stop: watch::Receiver<bool>,
        clock: Arc<SystemClock>,
    ) -> Result<Self, Failure> {
        let store = Store::sandbox(&args.at, dir)?;
        let options = sandbox::options(dir, None, &args.tuning)?;
        if !create && store.address.file().is_some_and(|path| !path.exists()) {
            return Err(Failure::Usage(format!(
                "{}: there is no ledger of the gateway in a box; `levy run FILE --sandbox` makes \
                 one beside FILE",
                store.address
            )));
        }
        make_directory(dir)?;
        // Before the gateway opens its books: two of them would share these.
        let hold = store.hold_with_box(dir)?;
        let running = runtime
            .block_on(boxed::start(options))
            .map_err(sandbox::fault)?;
        let client = client_of_box(dir, &running.base_url(), &store.config, clock.clone())?;
        let mut ledger = store.open(create)?;
        refuse_frozen(&mut *ledger)?;
        let lanes = store.lanes()?;
        if !hushed() {
            say(&format!(
                "no real money moves: this run speaks to a gateway in a box, kept in {}",
                dir.display()
            ));
        }
        Ok(Self {
            environment: store.environment,
            ledger: Some(ledger),
            lanes,
            address: store.address,
            plan: None,
            config: store.config,
            client,
            clock,
            stop,
            runtime,
            sandbox: Some(running),
            _hold: hold,
        })
    }

    /// Whether other hosts may work on the same ledger.
    pub fn is_shared(&self) -> bool {
        self.address.file().is_none()
    }

    /// Closes the gateway in a box, so that its books are whole.
    pub fn close(&mut self) {
        self.ledger = None;
        self.lanes = None;
        if let Some(running) = self.sandbox.take() {
            self.runtime.block_on(running.shutdown());
        }
    }
}

/// One gateway, one ledger, one directory.
pub fn one_directory(files: &[PathBuf]) -> Result<PathBuf, Failure> {
    let first = files.first().map(PathBuf::as_path).unwrap_or(Path::new(""));
    let dir = store::sandbox_beside(first);
    match files.iter().all(|file| file.parent() == first.parent()) {
        true => Ok(dir),
        false => Err(Failure::Usage(
            "--sandbox keeps its ledger beside the input: give files of one directory".into(),
        )),
    }
}

/// A directory of the gateway in a box: its owner's alone.
pub fn make_directory(dir: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| {
            anyhow::Error::new(e)
                .context(dir.display().to_string())
                .into()
        })
}

pub(super) fn client_of_box(
    dir: &Path,
    base_url: &str,
    config: &Config,
    clock: Arc<SystemClock>,
) -> Result<Arc<Client>, Failure> {
    let material = boxed::material(dir).map_err(sandbox::fault)?;
    let keys = |e: &dyn std::fmt::Display| Failure::Keys(format!("{}: {e}", dir.display()));
    let read = |path: &Path| std::fs::read(path).map_err(|e| keys(&e));
    let private_key = read_private_key_file(&material.private_key).map_err(|e| keys(&e))?;
    let certificate = read(&material.certificate)?;
    let signer = Signer::new(SignerParts {
        mchid: &material.mchid,
        serial_no: Some(&material.serial_no),
        certificate_pem: Some(&certificate),
        private_key_pem: &private_key,
    });
    let public_key = read(&material.public_key)?;
    let key = PlatformKey::public_key(&material.public_key_id, &public_key);
    let settings = Settings {
        base_url: base_url.into(),
        standby_url: None,
        timeout: config.timeout,
        proxy: None,
        ca_pem: None,
        idle_connections_max_per_host: config.max_in_flight as usize,
    };
    let signer = signer.map_err(|e| keys(&e))?;
    let held = PlatformKeys::new(key.map_err(|e| keys(&e))?);
    let client = Client::new(settings, signer, held, clock).map_err(|e| keys(&e))?;
    Ok(Arc::new(client))
}
