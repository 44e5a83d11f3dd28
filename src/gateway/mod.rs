//! The outside world: WeChat Pay's 特殊减额 interface, from sealed request to checked reply.
//!
//! `exchange` seals, signs, reads and verifies, `http` carries its requests, once for each call;
//! `primitive` is the RSA of it. `classify` says what a checked reply means. Nothing here knows the ledger, the pace or when to try again.

mod classify;
mod exchange;
#[cfg(test)]
mod fixtures;
mod http;
mod pem;
mod primitive;
pub mod reply;
mod seal;
mod sign;
mod verify;
mod wire;

pub use classify::{Asking, classify, echo};
pub use exchange::{Exchange, Outgoing, Protocol};
pub use http::{Client, Host, POOL_IDLE_SECONDS_MAX, Settings, SettingsFault, TIMEOUT_SECONDS_MAX};
pub use pem::{
    KEY_FILE_BYTES_MAX, KeyCause, KeyFault, KeyPart, MODULUS_BITS_MIN, read_private_key_file,
};
pub use primitive::{CallerPrimitive, PlatformPrimitive};
pub use seal::{SEALED_TEXTS_MAX, Sealer};
pub use sign::{Signer, SignerParts};
pub use verify::{PlatformKey, PlatformKeys, STALE_SECONDS_MAX, Verifier};
pub use wire::{Hidden, ReplyHeaders, parse as parse_reply};
