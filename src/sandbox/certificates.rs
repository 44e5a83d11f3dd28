//! The platform's certificates as the gateway hands them out: each encrypted under the APIv3 key.
//!
//! It knows the documented form of that answer, and nothing of requests.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use chrono::{DateTime, FixedOffset, SecondsFormat};
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use serde_json::{Value, json};
use x509_cert::der::DecodePem;

use super::fault::SandboxFault;
use super::keys::{random, read_small};

/// What is handed out beside each certificate.
const ASSOCIATED_DATA: &str = "certificate";

/// Certificates to hand out, and the key to do it under.
pub(super) struct Handout {
    key: LessSafeKey,
    certificates: Vec<Entry>,
}

struct Entry {
    serial: String,
    effective: String,
    expires: String,
    pem: Vec<u8>,
}

impl Handout {
    /// None yet.
    pub(super) fn new(key: &Path) -> Result<Self, SandboxFault> {
        let bytes = read_small(key)?;
        let unbound = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| SandboxFault::Key {
            path: key.to_owned(),
            cause: "is not 32 bytes",
        })?;
        Ok(Self {
            key: LessSafeKey::new(unbound),
            certificates: Vec::new(),
        })
    }

    /// One more; its serial number.
    pub(super) fn add(&mut self, path: &Path) -> Result<String, SandboxFault> {
        let pem = read_small(path)?;
        let certificate =
            x509_cert::Certificate::from_pem(&pem).map_err(|_| SandboxFault::Key {
                path: path.to_owned(),
                cause: "is no certificate",
            })?;
        let tbs = certificate.tbs_certificate();
        let serial = HEXUPPER.encode(tbs.serial_number().as_bytes());
        let validity = tbs.validity();
        self.certificates.push(Entry {
            serial: serial.clone(),
            effective: china_time(validity.not_before.to_unix_duration().as_secs()),
            expires: china_time(validity.not_after.to_unix_duration().as_secs()),
            pem,
        });
        Ok(serial)
    }

    /// The answer, encrypted anew each time.
    pub(super) fn body(&self) -> Value {
        let data: Vec<Value> = self.certificates.iter().map(|it| self.entry(it)).collect();
        json!({ "data": data })
    }

    fn entry(&self, entry: &Entry) -> Value {
        let mut salt = [0u8; 6];
        random(&mut salt);
        // Twelve characters, which are the nonce's twelve bytes.
        let nonce = HEXLOWER.encode(&salt);
        let mut text = entry.pem.clone();
        let used = Nonce::try_assume_unique_for_key(nonce.as_bytes()).expect("twelve bytes");
        self.key
            .seal_in_place_append_tag(used, Aad::from(ASSOCIATED_DATA), &mut text)
            .expect("a certificate is short");
        json!({
            "serial_no": entry.serial,
            "effective_time": entry.effective,
            "expire_time": entry.expires,
            "encrypt_certificate": {
                "algorithm": "AEAD_AES_256_GCM",
                "nonce": nonce,
                "associated_data": ASSOCIATED_DATA,
                "ciphertext": BASE64.encode(&text),
            },
        })
    }
}

fn china_time(seconds: u64) -> String {
    let china = FixedOffset::east_opt(8 * 3600).expect("eight hours");
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    DateTime::from_timestamp(seconds, 0)
        .unwrap_or_default()
        .with_timezone(&china)
        .to_rfc3339_opts(SecondsFormat::Secs, false)
}
