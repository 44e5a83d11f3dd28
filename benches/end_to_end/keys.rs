//! The test keys of `fixtures/`: the caller's, and WeChat Pay's.

use std::path::PathBuf;

use levy::gateway::{Signer, SignerParts};

pub const PLATFORM_KEY_ID: &str = "PUB_KEY_ID_0114232134912410000000000000";
pub const CALLER: &str = "1900007291";

pub fn path(name: &str) -> PathBuf {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    fixtures.join(name)
}

pub fn pem(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).expect("a fixture")
}

/// Signs as WeChat Pay does.
pub fn platform() -> Signer {
    let parts = SignerParts {
        mchid: "1",
        serial_no: Some("1"),
        certificate_pem: None,
        private_key_pem: &pem("keys/platform_key.pem"),
    };
    Signer::new(parts).expect("a test key")
}
