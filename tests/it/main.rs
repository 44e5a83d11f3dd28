//! Integration tests.

mod cli;
mod corpus;
mod docs;
mod files;
mod http;
mod sandbox;
mod secrets;
mod stories;
mod whole;
