//! Commands on a ledger that several hosts share, against a PostgreSQL server of their own and a gateway
//! with its own books. Run by `.ci/servers`.

mod flow;
mod house;
mod killed;
mod moves;
mod older;
mod pooled;
mod server;
mod several;
#[path = "../hosts/server.rs"]
mod stopped;
mod trusted;
