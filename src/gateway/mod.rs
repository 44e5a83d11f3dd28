//! The outside world: WeChat Pay's 特殊减额 interface, from sealed request to checked reply.
//!
//! `http` seals, signs, sends and verifies, in that order, once for each call; `classify` says what a
//! checked reply means. Nothing here knows the ledger, the pace or when to try again.

mod classify;
#[cfg(test)]
mod fixtures;
mod http;
mod pem;
pub mod reply;
mod seal;
mod sign;
mod verify;
mod wire;

pub use classify::{Asking, classify};
pub use http::{
    Client, Exchange, Host, POOL_IDLE_SECONDS_MAX, Settings, SettingsFault, TIMEOUT_SECONDS_MAX,
};
pub use pem::{
    KEY_FILE_BYTES_MAX, KeyCause, KeyFault, KeyPart, MODULUS_BITS_MIN, read_private_key_file,
};
pub use seal::{SEALED_TEXTS_MAX, Sealer};
pub use sign::{Signer, SignerParts, nonce};
pub use verify::{PlatformKey, PlatformKeys, STALE_SECONDS_MAX, Verifier};
pub use wire::{Hidden, ReplyHeaders, parse as parse_reply};
