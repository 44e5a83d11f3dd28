//! Integration tests.

mod cli;
mod docs;
mod http;
mod sandbox;
mod secrets;
mod stories;
mod whole;
