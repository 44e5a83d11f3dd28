//! Where the ledger is, and what it is bound to: real, or the gateway in a box.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::args::Where;
use super::config::{self, Config};
use super::connect;
use super::failure::Failure;
use crate::ledger::lock::{RunLock, host};
use crate::ledger::{
    Address, Audit, Binding, Environment, Frozen, JournalHead, Lanes, Ledger, LedgerError, Typed,
};
use crate::ledger::{OpenOptions, PostgresLedger, PostgresOptions, PostgresUrl, SqliteLedger};
use crate::report::log;
use crate::secret::Secret;

/// The directory of the gateway in a box, beside the input.
pub const SANDBOX_DIR: &str = ".levy-sandbox";
/// The caller that the gateway in a box knows.
pub const SANDBOX_CALLER: &str = "1900000001";
/// The ledger of `--sandbox`, inside [`SANDBOX_DIR`].
const SANDBOX_LEDGER: &str = "ledger.db";

/// Where a password may stand that no file has.
const PASSWORD_VARIABLE: &str = "PGPASSWORD";

/// Settings, and the ledger that they lead to.
pub struct Store {
    /// The settings.
    pub config: Config,
    /// Where the ledger is.
    pub address: Address,
    /// Real money, or the sandbox.
    pub environment: Environment,
    force_network_file_system: bool,
}

/// This process's hold on a ledger, until it is dropped: of a file, its lock. One on a server is shared.
#[must_use]
pub struct Hold {
    _lock: Option<RunLock>,
}

impl Store {
    /// The real one: settings from the file and the environment.
    pub fn real(at: &Where) -> Result<Self, Failure> {
        let config = config::load(at.config.as_deref(), variables())?;
        log::settle(config.log);
        let address = match typed(at)? {
            Some(address) => address,
            None => config.ledger.clone(),
        };
        Ok(Self {
            config,
            address,
            environment: Environment::Real,
            force_network_file_system: at.force_network_file_system,
        })
    }

    /// The one of the gateway in a box: no settings file.
    pub fn sandbox(at: &Where, directory: &Path) -> Result<Self, Failure> {
        if let Some(config) = &at.config {
            return Err(Failure::Usage(format!(
                "--sandbox takes no settings file, and {} was given",
                config.display()
            )));
        }
        let config = config::load_for_sandbox(variables())?;
        log::settle(config.log);
        let beside = || Address::File(directory.join(SANDBOX_LEDGER));
        Ok(Self {
            config,
            address: typed(at)?.unwrap_or_else(beside),
            environment: Environment::Sandbox,
            force_network_file_system: at.force_network_file_system,
        })
    }

    /// The real one, or that of the gateway in a box in this directory.
    pub fn here(at: &Where, sandbox: bool) -> Result<Self, Failure> {
        match sandbox {
            true => Self::sandbox(at, Path::new(SANDBOX_DIR)),
            false => Self::real(at),
        }
    }

    /// The same settings with another ledger.
    pub fn with(self, address: Address) -> Self {
        Self { address, ..self }
    }

    /// Takes a file's lock, or says who has it. To be taken before the ledger is opened. What may not be done
    /// to a shared ledger while others send on it, that ledger refuses itself.
    pub fn hold(&self) -> Result<Hold, Failure> {
        let lock = match &self.address {
            Address::File(path) => Some(RunLock::take(path)?),
            Address::Postgres(_) => None,
        };
        Ok(Hold { _lock: lock })
    }

    /// The same for a command that starts the gateway in a box of this directory: two of them would share its
    /// books.
    pub fn hold_with_box(&self, directory: &Path) -> Result<Hold, Failure> {
        match &self.address {
            Address::File(_) => self.hold(),
            Address::Postgres(_) => Ok(Hold {
                _lock: Some(RunLock::take(&directory.join(SANDBOX_LEDGER))?),
            }),
        }
    }

    /// Opens the ledger to write in it, and brings one that an older levy made up to date; the caller has
    /// its lock.
    pub fn open(&self, create: bool) -> Result<Box<dyn Ledger>, Failure> {
        in_use(match self.opening(create)? {
            Opening::File(options) => Box::new(SqliteLedger::open(&options)?),
            Opening::Postgres(options) => Box::new(PostgresLedger::open(&options)?),
        })
    }

    /// Opens the ledger to write in it beside a run, without its lock.
    pub fn open_beside_a_run(&self) -> Result<Box<dyn Ledger>, Failure> {
        in_use(match self.opening(false)? {
            Opening::File(options) => Box::new(SqliteLedger::open_beside_a_run(&options)?),
            Opening::Postgres(options) => Box::new(PostgresLedger::open(&options)?),
        })
    }

    /// Opens the ledger to look at it.
    pub fn look(&self) -> Result<Box<dyn Ledger>, Failure> {
        Ok(match &self.address {
            Address::File(path) => Box::new(self.look_at_copy(path)?),
            Address::Postgres(url) => Box::new(self.look_at_server(url)?),
        })
    }

    /// Goes through the whole ledger.
    pub fn audit(&self, expect: Option<JournalHead>) -> Result<Audit, Failure> {
        Ok(match &self.address {
            Address::File(path) => self.look_at_copy(path)?.audit(expect)?,
            Address::Postgres(url) => self.look_at_server(url)?.audit(expect)?,
        })
    }

    /// Opens a file to look at it: the ledger, or a copy of it.
    pub fn look_at_copy(&self, path: &Path) -> Result<SqliteLedger, Failure> {
        Ok(SqliteLedger::open_read_only(path, &self.binding()?)?)
    }

    /// Opens a ledger on a server; makes none.
    pub fn look_at_server(&self, url: &PostgresUrl) -> Result<PostgresLedger, Failure> {
        Ok(PostgresLedger::open(&self.on_server(url, false)?)?)
    }

    /// The lanes of a ledger on a server, on a connection of their own; a file has none. What is not
    /// answered until the next renewal is due comes too late: it is asked anew, on another connection.
    pub fn lanes(&self) -> Result<Option<Box<dyn Lanes>>, Failure> {
        let Address::Postgres(url) = &self.address else {
            return Ok(None);
        };
        let lanes = PostgresLedger::open(&PostgresOptions {
            patience: Some(self.config.lease / 3),
            ..self.on_server(url, false)?
        })?;
        Ok(Some(Box::new(lanes)))
    }

    /// How the ledger is opened.
    pub fn opening(&self, create: bool) -> Result<Opening, Failure> {
        Ok(match &self.address {
            Address::File(path) => Opening::File(OpenOptions {
                path: path.clone(),
                binding: self.binding()?,
                create,
                allow_network_file_system: self.force_network_file_system,
            }),
            Address::Postgres(url) => Opening::Postgres(self.on_server(url, create)?),
        })
    }

    fn on_server(&self, url: &PostgresUrl, create: bool) -> Result<PostgresOptions, Failure> {
        let url = match self.password(url)? {
            Some(password) => url.with_password(&password)?,
            None => url.clone(),
        };
        Ok(PostgresOptions {
            url: url.reveal().to_owned(),
            binding: self.binding()?,
            create,
            who: format!("{} pid {}", host(), std::process::id()),
            lease_ms: self.config.lease.as_millis() as u64,
            patience: None,
            isolation: self.config.isolation,
        })
    }

    /// The URL's own goes before the settings' file, that before the environment.
    fn password(&self, url: &PostgresUrl) -> Result<Option<Secret<String>>, Failure> {
        if url.has_password() {
            return Ok(None);
        }
        if let Some(file) = &self.config.ledger_password {
            return connect::ledger_password(&self.config, file).map(Some);
        }
        let given = std::env::var(PASSWORD_VARIABLE).ok();
        Ok(given.filter(|given| !given.is_empty()).map(Secret::new))
    }

    fn binding(&self) -> Result<Binding, Failure> {
        let caller = match self.environment {
            Environment::Real => self.config.caller()?.as_str().to_owned(),
            Environment::Sandbox => SANDBOX_CALLER.to_owned(),
        };
        Ok(Binding {
            caller,
            environment: self.environment,
        })
    }
}

/// How a ledger is opened.
pub enum Opening {
    /// A file.
    File(OpenOptions),
    /// On a server, its password among the rest.
    Postgres(PostgresOptions),
}

/// Nobody writes into a ledger that has moved: what is decided there would be lost, and what is sent twice.
fn in_use(mut ledger: Box<dyn Ledger>) -> Result<Box<dyn Ledger>, Failure> {
    match ledger.frozen()?.filter(Frozen::is_moved) {
        Some(moved) => Err(Failure::Ledger(LedgerError::Refused(moved.moved_words()))),
        None => Ok(ledger),
    }
}

/// The ledger that was typed, if one was.
fn typed(at: &Where) -> Result<Option<Address>, Failure> {
    let address = at.ledger.as_ref().map(Typed::address).transpose();
    address.map_err(|words| Failure::Usage(format!("--ledger {words}")))
}

/// The directory of the gateway in a box that belongs to an input file.
pub fn sandbox_beside(input: &Path) -> PathBuf {
    input.with_file_name(SANDBOX_DIR)
}

/// The process's environment.
pub fn variables() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}
