//! Several processes on one ledger in PostgreSQL: who works on what, what the gateway sees of it, and what is
//! left when some of them are killed, stopped, cut off, or live at another time.
//!
//! Needs PostgreSQL, PgBouncer and libfaketime from Debian's packages: `.ci/servers`.

mod bench;
mod night;
mod proxy;
mod server;
