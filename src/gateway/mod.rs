//! The outside world: WeChat Pay's 特殊减额 interface, from sealed request to checked reply.
//!
//! `exchange` seals, signs, reads and verifies, `http` carries its requests, once for each call;
//! `primitive` is the RSA of it. `classify` says what a checked reply means. Nothing here knows the ledger, the pace or when to try again.

mod certificates;
mod classify;
mod exchange;
#[cfg(test)]
mod fixtures;
mod http;
mod key_file;
mod pem;
mod primitive;
pub mod reply;
mod seal;
mod sign;
mod verify;
mod wire;

pub use certificates::{
    API_V3_KEY_BYTES, ApiV3Key, CertificateAnswer, CertificateDesk, CertificateFault,
    PlatformCertificate, open as open_certificates,
};
pub use classify::{Asking, classify, echo};
pub use exchange::{Exchange, Outgoing, Protocol};
pub use http::{
    Carrier, Client, Host, Knock, POOL_IDLE_SECONDS_MAX, Settings, SettingsFault,
    TIMEOUT_SECONDS_MAX,
};
pub use key_file::{
    KEY_FILE_BYTES_MAX, Keeper, SecretFile, is_maybe_a_key, read_private_key_file, read_secret_file,
};
pub use pem::{
    Certificate, KeyCause, KeyFault, KeyForm, KeyPart, MODULUS_BITS_MIN, Passphrase, certificate,
    private_key_form, unlock,
};
pub use primitive::{CallerPrimitive, PlatformPrimitive};
pub use seal::{SEALED_TEXTS_MAX, Sealer};
pub use sign::{Signer, SignerParts};
pub use verify::{PlatformKey, PlatformKeys, STALE_SECONDS_MAX, Verifier};
pub use wire::{Hidden, ReplyHeaders, parse as parse_reply};
