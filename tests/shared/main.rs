//! Commands on a ledger that several hosts share, against a PostgreSQL server of their own and a gateway
//! with its own books. Run by `.ci/servers`.

mod flow;
mod house;
mod moves;
mod server;
mod several;
