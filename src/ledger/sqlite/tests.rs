//! The contract suite on SQLite, and what only SQLite can do wrong.

mod backup;
mod excerpt;
mod file;
mod moved;
mod past;
mod planned;
mod schema;
mod size;
mod tamper;

use std::path::PathBuf;

use super::{OpenOptions, SqliteLedger};
use crate::ledger::laws::{self, Engine};
use crate::ledger::{Binding, Environment, Ledger};

/// A ledger's file in a directory of its own.
pub(super) struct Books {
    pub dir: tempfile::TempDir,
}

impl Books {
    pub(super) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join("levy.db")
    }

    pub(super) fn options(&self) -> OpenOptions {
        OpenOptions {
            path: self.path(),
            binding: binding("1900000001", Environment::Real),
            create: true,
            // The tests' directory may lie anywhere.
            allow_network_file_system: true,
        }
    }

    pub(super) fn sqlite(&self) -> SqliteLedger {
        SqliteLedger::open(&self.options()).unwrap()
    }
}

pub(super) fn binding(caller: &str, environment: Environment) -> Binding {
    Binding {
        caller: caller.into(),
        environment,
    }
}

impl Engine for Books {
    fn open(&self) -> Box<dyn Ledger> {
        Box::new(self.sqlite())
    }

    fn verify(&self) -> Vec<String> {
        self.sqlite().verify().unwrap()
    }
}

laws::contract_suite!(super::Books::new());
