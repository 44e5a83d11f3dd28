//! Integration tests.

mod cli;
mod corpus;
mod docs;
mod http;
mod sandbox;
mod secrets;
mod whole;
