//! Where the ledger is, and what it is bound to: real, or the gateway in a box.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::args::Where;
use super::config::{self, Config};
use super::failure::Failure;
use crate::ledger::{Binding, Environment, Ledger};
use crate::ledger::{OpenOptions, SqliteLedger};
use crate::report::log;

/// The directory of the gateway in a box, beside the input.
pub const SANDBOX_DIR: &str = ".levy-sandbox";
/// The caller that the gateway in a box knows.
pub const SANDBOX_CALLER: &str = "1900000001";
/// The ledger of `--sandbox`, inside [`SANDBOX_DIR`].
const SANDBOX_LEDGER: &str = "ledger.db";

/// Settings, and the ledger that they lead to.
pub struct Store {
    /// The settings.
    pub config: Config,
    /// The ledger's file.
    pub path: PathBuf,
    /// Real money, or the sandbox.
    pub environment: Environment,
    force_network_file_system: bool,
}

impl Store {
    /// The real one: settings from the file and the environment.
    pub fn real(at: &Where) -> Result<Self, Failure> {
        let config = config::load(at.config.as_deref(), variables())?;
        log::settle(config.log);
        let path = at.ledger.clone().unwrap_or_else(|| config.ledger.clone());
        Ok(Self {
            config,
            path,
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
        let beside = || directory.join(SANDBOX_LEDGER);
        Ok(Self {
            config,
            path: at.ledger.clone().unwrap_or_else(beside),
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

    /// Opens the ledger to write in it, and brings one that an older levy made up to date; the caller has
    /// its lock.
    pub fn open(&self, create: bool) -> Result<Box<dyn Ledger>, Failure> {
        Ok(Box::new(SqliteLedger::open(&self.options(create)?)?))
    }

    /// Opens the ledger to write in it beside a run, without its lock.
    pub fn open_beside_a_run(&self) -> Result<Box<dyn Ledger>, Failure> {
        let options = self.options(false)?;
        Ok(Box::new(SqliteLedger::open_beside_a_run(&options)?))
    }

    fn options(&self, create: bool) -> Result<OpenOptions, Failure> {
        Ok(OpenOptions {
            path: self.path.clone(),
            binding: self.binding()?,
            create,
            allow_network_file_system: self.force_network_file_system,
        })
    }

    /// Opens the ledger to look at it.
    pub fn look(&self) -> Result<Box<dyn Ledger>, Failure> {
        Ok(Box::new(self.look_at_file()?))
    }

    /// The same, for what only a file can be asked.
    pub fn look_at_file(&self) -> Result<SqliteLedger, Failure> {
        self.look_at_copy(&self.path)
    }

    /// Opens a copy of the ledger to look at it.
    pub fn look_at_copy(&self, path: &Path) -> Result<SqliteLedger, Failure> {
        Ok(SqliteLedger::open_read_only(path, &self.binding()?)?)
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

/// The directory of the gateway in a box that belongs to an input file.
pub fn sandbox_beside(input: &Path) -> PathBuf {
    input.with_file_name(SANDBOX_DIR)
}

/// The process's environment.
pub fn variables() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}
