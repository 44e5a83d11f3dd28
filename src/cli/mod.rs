//! The command: what was typed becomes arguments, arguments become a command, a command does it.

pub mod args;
pub mod config;
pub mod failure;
