//! Integration tests.

mod http;
mod sandbox;
