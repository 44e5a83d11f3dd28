//! Integration tests.

mod http;
mod sandbox;
mod whole;
