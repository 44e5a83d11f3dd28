//! Integration tests.

mod docs;
mod http;
mod sandbox;
