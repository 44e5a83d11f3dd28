//! WeChat Pay's platform certificates as `GET /v3/certificates` hands them out: each encrypted with
//! AES-256-GCM under the caller's APIv3 key.
//!
//! What opens under that key was written by somebody who has it: that is what makes a certificate
//! WeChat Pay's where no key of WeChat Pay's is held yet. Whether a certificate is valid now, and
//! where it is kept, is its caller's business.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use data_encoding::BASE64;
use serde::Deserialize;

use super::exchange::{self, Outgoing};
use super::http::{Carrier, Host};
use super::pem::{self, Certificate, KeyCause, KeyFault, KeyPart};
use super::reply::{Checked, Reply};
use super::sign::{Signer, same_serial};
use super::verify::{PlatformKey, PlatformKeys, Verifier};
use super::wire::{self, Hidden, ReplyHeaders, cut};
use crate::clock::{Clock, WallMs};
use crate::secret::Secret;

/// Bytes of an APIv3 key.
pub const API_V3_KEY_BYTES: usize = 32;
/// The only algorithm in which certificates come.
const ALGORITHM: &str = "AEAD_AES_256_GCM";
/// Certificates in one answer; while they rotate there are two.
const CERTIFICATES_MAX: usize = 16;
/// Characters of what an answer calls a certificate or an algorithm.
const WORD_CHARS_MAX: usize = 64;

/// The secret that the merchant has set on the merchant platform, and shares with WeChat Pay.
#[derive(Clone, Debug)]
pub struct ApiV3Key(Secret<[u8; API_V3_KEY_BYTES]>);

impl ApiV3Key {
    /// Out of a file's bytes; blanks and line ends around it are not part of it.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFault> {
        let key = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let key = key.trim_ascii();
        let part = KeyPart::ApiV3Key;
        match <[u8; API_V3_KEY_BYTES]>::try_from(key) {
            Ok(key) => Ok(Self(key.into())),
            Err(_) if key.is_empty() => Err(part.fault(KeyCause::Empty)),
            Err(_) => Err(part.fault(KeyCause::NotThirtyTwo(key.len()))),
        }
    }

    /// What was encrypted under it with this nonce and these associated data; `None` if it was not.
    fn open(&self, sealed: &Sealed) -> Option<Vec<u8>> {
        let key = UnboundKey::new(&AES_256_GCM, self.0.reveal()).ok()?;
        let nonce = Nonce::try_assume_unique_for_key(sealed.nonce.as_bytes()).ok()?;
        let aad = Aad::from(sealed.associated_data.as_deref().unwrap_or("").as_bytes());
        let mut text = BASE64.decode(sealed.ciphertext.as_bytes()).ok()?;
        let plain = LessSafeKey::new(key).open_in_place(nonce, aad, &mut text);
        let bytes = plain.ok()?.len();
        text.truncate(bytes);
        Some(text)
    }
}

#[derive(Deserialize)]
struct List {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    serial_no: String,
    encrypt_certificate: Sealed,
}

#[derive(Deserialize)]
struct Sealed {
    algorithm: String,
    nonce: String,
    associated_data: Option<String>,
    ciphertext: String,
}

/// A platform certificate out of an answer.
#[derive(Clone, Debug)]
pub struct PlatformCertificate {
    /// What it says.
    pub certificate: Certificate,
    /// PEM, as it came.
    pub pem: Vec<u8>,
    /// Its key, under its serial.
    pub key: PlatformKey,
}

/// Why the certificates of an answer cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// The body is not what is documented.
    Unreadable,
    /// More of them than are looked at.
    TooMany(usize),
    /// Encrypted in another way.
    Algorithm(String),
    /// Does not open under the APIv3 key; the serial that the answer gives it.
    Sealed(String),
    /// What was inside is no certificate of use.
    Key(KeyFault),
    /// The certificate inside has another serial than the answer says.
    OtherSerial {
        /// By the answer.
        said: String,
        /// By the certificate.
        found: String,
    },
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("the answer is no list of certificates"),
            Self::TooMany(most) => write!(f, "the answer has more than {most} certificates"),
            Self::Algorithm(word) => write!(
                f,
                "a certificate is encrypted with {word}, and levy knows {ALGORITHM} alone"
            ),
            Self::Sealed(serial) => write!(
                f,
                "the certificate {serial} does not open under the APIv3 key: the key in \
                 [merchant] api_v3_key_file is another one than that on the merchant platform (if \
                 it was set anew there, write the new one), or the answer was changed on its way"
            ),
            Self::Key(fault) => fault.fmt(f),
            Self::OtherSerial { said, found } => write!(
                f,
                "what the answer calls the certificate {said} is the certificate {found}"
            ),
        }
    }
}

impl std::error::Error for CertificateFault {}

/// The certificates in the body of an answer, all of them or none.
pub fn open(body: &[u8], key: &ApiV3Key) -> Result<Vec<PlatformCertificate>, CertificateFault> {
    let list: List = serde_json::from_slice(body).map_err(|_| CertificateFault::Unreadable)?;
    if list.data.len() > CERTIFICATES_MAX {
        return Err(CertificateFault::TooMany(CERTIFICATES_MAX));
    }
    list.data.iter().map(|entry| one(entry, key)).collect()
}

fn one(entry: &Entry, key: &ApiV3Key) -> Result<PlatformCertificate, CertificateFault> {
    let sealed = &entry.encrypt_certificate;
    let said = || cut(&entry.serial_no, WORD_CHARS_MAX);
    if sealed.algorithm != ALGORITHM {
        let word = cut(&sealed.algorithm, WORD_CHARS_MAX);
        return Err(CertificateFault::Algorithm(word));
    }
    let opened = key.open(sealed);
    let pem = opened.ok_or_else(|| CertificateFault::Sealed(said()))?;
    let part = KeyPart::PlatformCertificate;
    let certificate = pem::certificate(part, &pem).map_err(CertificateFault::Key)?;
    if same_serial(&certificate.serial) != same_serial(&entry.serial_no) {
        return Err(CertificateFault::OtherSerial {
            said: said(),
            found: certificate.serial,
        });
    }
    let key = PlatformKey::certificate(&pem).map_err(CertificateFault::Key)?;
    Ok(PlatformCertificate {
        certificate,
        pem,
        key,
    })
}

/// Asks for the platform's certificates. It needs no key of the platform.
pub struct CertificateDesk {
    carrier: Carrier,
    signer: Signer,
    clock: Arc<dyn Clock>,
}

/// An answer, nothing of it checked.
pub struct CertificateAnswer {
    /// The HTTP status.
    pub status: u16,
    headers: ReplyHeaders,
    /// Its bytes.
    pub body: Vec<u8>,
    sent: Outgoing,
}

impl fmt::Debug for CertificateAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAnswer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CertificateDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateDesk")
            .field("carrier", &self.carrier)
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}

impl CertificateDesk {
    /// Connects to nothing yet.
    pub fn new(carrier: Carrier, signer: Signer, clock: Arc<dyn Clock>) -> Self {
        Self {
            carrier,
            signer,
            clock,
        }
    }

    /// `GET /v3/certificates`, once. `serial` is the key with which the answer is to be signed; `None`
    /// leaves it to the gateway.
    ///
    /// # Errors
    /// How the answer got lost, or that nothing was sent.
    pub async fn ask(
        &self,
        serial: Option<&str>,
        host: Host,
    ) -> Result<CertificateAnswer, Checked> {
        let sent = exchange::signed(&self.signer, &*self.clock, serial, wire::certificates());
        let raw = self.carrier.send(&sent, host, Hidden::nothing()).await?;
        Ok(CertificateAnswer {
            status: raw.status,
            headers: raw.headers,
            body: raw.body,
            sent,
        })
    }
}

impl CertificateAnswer {
    /// As far as it can be trusted under these keys.
    pub fn checked(&self, keys: &PlatformKeys, now: WallMs) -> Checked {
        Verifier::new(keys.clone()).check(&self.headers, &self.body, self.reply(), now)
    }

    /// What it says, to be told and not to be believed.
    pub fn reply(&self) -> Reply {
        wire::parse(self.status, &self.headers, &self.body, Hidden::nothing())
    }

    /// Its `Date`, which nobody signed.
    pub fn date(&self) -> Option<WallMs> {
        self.headers.date()
    }

    /// The key that it says it is signed with.
    pub fn serial(&self) -> Option<String> {
        self.headers.serial().map(|id| cut(id, WORD_CHARS_MAX))
    }

    /// After a 401: what was signed, to be shown beside the gateway's words.
    pub fn signed_message_hint(&self) -> &str {
        self.sent.hint()
    }
}

#[cfg(test)]
mod tests;
