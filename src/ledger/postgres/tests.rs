//! The contract suite on PostgreSQL, at both isolations, direct and through PgBouncer; and what only
//! PostgreSQL can do wrong. Needs the servers (`--features servers`).

mod lanes;
mod promises;
mod rules;
mod server;
mod statements;

use std::sync::atomic::{AtomicU32, Ordering};

use self::server::{Route, Server};
use super::{Isolation, PostgresLedger, PostgresOptions};
use crate::ledger::laws::{self, Engine};
use crate::ledger::{Binding, Environment, Ledger};

/// Longer than any test takes.
pub(super) const LEASE_MS: u64 = 600_000;

/// A ledger in a database of its own.
pub(super) struct Books {
    pub database: String,
    pub route: Route,
    pub isolation: Isolation,
}

impl Books {
    pub(super) fn new(route: Route, isolation: Isolation) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(1);
        let database = format!("books_{}", MADE.fetch_add(1, Ordering::Relaxed));
        Server::get().make_database(&database, Some(server::TEMPLATE));
        Self {
            database,
            route,
            isolation,
        }
    }

    /// A database in which nothing is yet.
    pub(super) fn empty(route: Route) -> Self {
        let books = Self::new(route, Isolation::ReadCommitted);
        Server::get().execute(&books.database, "DROP SCHEMA levy CASCADE");
        books
    }

    pub(super) fn options(&self) -> PostgresOptions {
        PostgresOptions {
            url: Server::get().url(self.route, &self.database),
            binding: binding(),
            create: false,
            who: "host one, process 1".into(),
            lease_ms: LEASE_MS,
            patience: None,
            isolation: self.isolation,
        }
    }

    pub(super) fn postgres(&self) -> PostgresLedger {
        PostgresLedger::open(&self.options()).unwrap()
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        Server::get().drop_database(&self.database);
    }
}

pub(super) fn binding() -> Binding {
    Binding {
        caller: "1900000001".into(),
        environment: Environment::Real,
    }
}

impl Engine for Books {
    fn open(&self) -> Box<dyn Ledger> {
        Box::new(self.postgres())
    }

    fn verify(&self) -> Vec<String> {
        self.postgres().verify().unwrap()
    }
}

macro_rules! suites {
    ($($name:ident: $route:ident, $isolation:ident;)+) => {$(
        mod $name {
            use super::*;
            laws::contract_suite!(crate::ledger::postgres::tests::Books::new(
                crate::ledger::postgres::tests::Route::$route,
                crate::ledger::postgres::Isolation::$isolation
            ));
        }
    )+};
}

suites! {
    read_committed: Direct, ReadCommitted;
    serializable: Direct, Serializable;
    pooled_read_committed: Pooled, ReadCommitted;
    pooled_serializable: Pooled, Serializable;
}
