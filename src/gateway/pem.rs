//! Key material as files bring it: PEM with CRLF, a BOM, blanks, or a mail around it, made into
//! checked RSA keys; and a [`KeyFault`] that says which form was expected instead.
//!
//! It does not know what a key is used for, nor files; `key_file` reads those.

mod locked;

use std::fmt;

use data_encoding::BASE64;
use rsa::pkcs1::{DecodeRsaPrivateKey, DecodeRsaPublicKey};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
use rsa::traits::PublicKeyParts;
use x509_cert::der::{Decode, Encode};

use crate::clock::WallMs;
use crate::secret::Secret;

pub use locked::{Passphrase, unlock};

/// Bits that an RSA modulus has at least.
pub const MODULUS_BITS_MIN: u32 = 2048;
/// PEM blocks that are looked at in one text.
const BLOCKS_MAX: usize = 64;

/// Which piece of key material is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// The caller's merchant number.
    Mchid,
    /// The serial of the caller's API certificate.
    SerialNo,
    /// The caller's private key.
    PrivateKey,
    /// What the caller's private key is encrypted with.
    Passphrase,
    /// The caller's APIv3 key.
    ApiV3Key,
    /// The caller's API certificate.
    Certificate,
    /// The id of a WeChat Pay public key.
    PlatformKeyId,
    /// A WeChat Pay public key.
    PlatformPublicKey,
    /// A WeChat Pay platform certificate.
    PlatformCertificate,
    /// The password of the ledger's database: no key, but kept like one.
    LedgerPassword,
}

/// What is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyCause {
    /// Nothing there, or blanks.
    Empty,
    /// No `-----BEGIN …-----` with its `-----END …-----`.
    NotPem,
    /// What stands between BEGIN and END is not base64.
    NotBase64,
    /// A private key stands where none belongs.
    IsPrivateKey,
    /// A public key stands where none belongs.
    IsPublicKey,
    /// A certificate stands where none belongs.
    IsCertificate,
    /// The private key is encrypted, and no passphrase is given.
    Encrypted,
    /// The passphrase does not open the private key.
    WrongPassphrase,
    /// The private key is encrypted in a way that is not read here.
    UnknownCipher,
    /// Not 32 bytes; the value is how many.
    NotThirtyTwo(usize),
    /// A key of another kind than RSA.
    NotRsa,
    /// The modulus has fewer than [`MODULUS_BITS_MIN`] bits; the value is how many.
    TooShort(u32),
    /// The right label, but its bytes are not what it says.
    Damaged,
    /// The file is not there.
    NoSuchFile(String),
    /// The file cannot be read; path and cause.
    Unreadable(String, String),
    /// Others than its owner may read the file; path and mode.
    ReadableByOthers(String, u32),
    /// Not 1 to 32 digits.
    NotANumber,
    /// Neither a serial number nor a certificate that tells it.
    Missing,
    /// Characters that a serial number or a key id cannot have.
    BadId,
    /// The certificate has another public key than the private key.
    NotOurs,
    /// The certificate has another serial number (the value) than the one given.
    OtherSerial(String),
    /// Two keys under one id.
    Twice(String),
    /// More keys than are held; the value is how many may be.
    TooMany(usize),
}

/// Why key material cannot be used. Never contains any of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFault {
    /// Which piece.
    pub part: KeyPart,
    /// What is wrong with it.
    pub cause: KeyCause,
}

impl KeyPart {
    pub(super) fn fault(self, cause: KeyCause) -> KeyFault {
        KeyFault { part: self, cause }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Mchid => "merchant number",
            Self::SerialNo => "serial number",
            Self::PrivateKey => "private key",
            Self::Passphrase => "passphrase of the private key",
            Self::ApiV3Key => "APIv3 key",
            Self::Certificate => "merchant certificate",
            Self::PlatformKeyId => "platform key id",
            Self::PlatformPublicKey => "platform public key",
            Self::PlatformCertificate => "platform certificate",
            Self::LedgerPassword => "password of the ledger",
        }
    }

    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Mchid => "the caller's merchant number, 1 to 32 digits",
            Self::SerialNo => {
                "the serial number of the merchant's API certificate (openssl x509 -noout -serial)"
            }
            Self::PrivateKey => {
                "an RSA key of at least 2048 bits in PEM: BEGIN PRIVATE KEY (PKCS#8) or BEGIN RSA \
                 PRIVATE KEY (PKCS#1), as apiclient_key.pem is, or BEGIN ENCRYPTED PRIVATE KEY and \
                 [merchant] private_key_passphrase_file"
            }
            Self::Passphrase | Self::LedgerPassword => "one line of text",
            Self::ApiV3Key => {
                "the 32 characters that were set as the APIv3 key on the merchant platform, and \
                 nothing else"
            }
            Self::Certificate => {
                "the merchant's API certificate in PEM: BEGIN CERTIFICATE, as apiclient_cert.pem is"
            }
            Self::PlatformKeyId => "the id beside the WeChat Pay public key, PUB_KEY_ID_…",
            Self::PlatformPublicKey => {
                "WeChat Pay's RSA public key of at least 2048 bits in PEM: BEGIN PUBLIC KEY, as \
                 pub_key.pem is, or BEGIN RSA PUBLIC KEY"
            }
            Self::PlatformCertificate => {
                "WeChat Pay's platform certificate in PEM: BEGIN CERTIFICATE, with an RSA key of \
                 at least 2048 bits"
            }
        }
    }
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.part.name())?;
        match &self.cause {
            KeyCause::Empty => f.write_str("is empty"),
            KeyCause::NotPem => f.write_str("is not PEM (no BEGIN line with its END line)"),
            KeyCause::NotBase64 => f.write_str("is PEM, but damaged between BEGIN and END"),
            KeyCause::IsPrivateKey => f.write_str("is a private key"),
            KeyCause::IsPublicKey => f.write_str("is a public key"),
            KeyCause::IsCertificate => f.write_str("is a certificate"),
            KeyCause::Encrypted => {
                return f.write_str(
                    "is encrypted: name the file with its passphrase in [merchant] \
                     private_key_passphrase_file",
                );
            }
            KeyCause::WrongPassphrase => {
                return f.write_str(
                    "is not opened by the passphrase in [merchant] private_key_passphrase_file: it \
                     is another one (the file's first line counts), or the key is damaged",
                );
            }
            KeyCause::UnknownCipher => {
                return f.write_str(
                    "is encrypted in a way that levy does not read; write it anew with: openssl \
                     pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW",
                );
            }
            KeyCause::NotThirtyTwo(bytes) => write!(f, "has {bytes} bytes"),
            KeyCause::NotRsa => f.write_str("is not an RSA key"),
            KeyCause::TooShort(bits) => write!(f, "has only {bits} bits"),
            KeyCause::Damaged => f.write_str("is PEM, but its content cannot be read"),
            KeyCause::NoSuchFile(path) => {
                write!(f, "{path}: no such file; put it there, or name another")
            }
            KeyCause::Unreadable(path, why) => {
                return write!(f, "{path}: cannot be read: {why}");
            }
            KeyCause::ReadableByOthers(path, mode) => {
                return write!(
                    f,
                    "{path}: others may read it (mode {mode:04o}); run: chmod 600 {path}"
                );
            }
            KeyCause::NotANumber => f.write_str("is not 1 to 32 digits"),
            KeyCause::Missing => f.write_str("is not given, and no certificate that tells it"),
            KeyCause::BadId => f.write_str("has characters that it cannot have"),
            KeyCause::NotOurs => {
                return f.write_str(
                    "does not belong to the private key; take both from the same \
                     application for an API certificate",
                );
            }
            KeyCause::OtherSerial(serial) => {
                return write!(
                    f,
                    "differs from the certificate's, which is {serial}; give one of them, or the \
                     pair that belongs together"
                );
            }
            KeyCause::TooMany(most) => return write!(f, "more than {most} keys are given"),
            KeyCause::Twice(id) => return write!(f, "{id} is given for two different keys"),
        }?;
        write!(f, "; expected {}", self.part.expected())
    }
}

impl std::error::Error for KeyFault {}

/// The caller's private key, out of PKCS#8 or PKCS#1 PEM; at least 2048 bits.
pub(super) fn private_key(pem: &[u8]) -> Result<rsa::PrivateKey, KeyFault> {
    let part = KeyPart::PrivateKey;
    let block = block(part, pem, &[Label::Pkcs8, Label::Pkcs1])?;
    let key = match block.label {
        Label::Pkcs8 => rsa::PrivateKey::from_pkcs8_der(block.der.reveal()).map_err(|e| {
            part.fault(match e {
                rsa::pkcs8::Error::PublicKey(rsa::pkcs8::spki::Error::OidUnknown { .. }) => {
                    KeyCause::NotRsa
                }
                _ => KeyCause::Damaged,
            })
        }),
        _ => rsa::PrivateKey::from_pkcs1_der(block.der.reveal())
            .map_err(|_| part.fault(KeyCause::Damaged)),
    }?;
    long_enough(part, &key)?;
    Ok(key)
}

/// A public key, out of SPKI or PKCS#1 PEM; at least 2048 bits.
pub(super) fn public_key(part: KeyPart, pem: &[u8]) -> Result<rsa::PublicKey, KeyFault> {
    let block = block(part, pem, &[Label::Spki, Label::Pkcs1Public])?;
    let key = match block.label {
        Label::Spki => spki_key(part, block.der.reveal())?,
        _ => rsa::PublicKey::from_pkcs1_der(block.der.reveal())
            .map_err(|_| part.fault(KeyCause::Damaged))?,
    };
    long_enough(part, &key)?;
    Ok(key)
}

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Upper-case hex as openssl prints it: two digits for each byte, without the zero byte that DER
    /// puts before a high bit.
    pub serial: String,
    /// The moment from which on it is valid.
    pub from: WallMs,
    /// The last moment of it.
    pub until: WallMs,
    /// Bits of its RSA modulus.
    pub bits: u32,
    pub(super) key: rsa::PublicKey,
}

/// A certificate out of PEM; its key has at least 2048 bits. Whether it is valid now is not asked.
pub fn certificate(part: KeyPart, pem: &[u8]) -> Result<Certificate, KeyFault> {
    let damaged = || part.fault(KeyCause::Damaged);
    let block = block(part, pem, &[Label::Certificate])?;
    let certificate =
        x509_cert::Certificate::from_der(block.der.reveal()).map_err(|_| damaged())?;
    let certificate = certificate.tbs_certificate();
    let spki = certificate.subject_public_key_info();
    let key = spki_key(part, &spki.to_der().map_err(|_| damaged())?)?;
    let bits = long_enough(part, &key)?;
    let serial = certificate.serial_number().as_bytes();
    let leading_zeros = serial.iter().take_while(|&&byte| byte == 0).count();
    let at = |time: &x509_cert::time::Time| {
        WallMs::from_unix_seconds(time.to_unix_duration().as_secs() as i64)
    };
    let validity = certificate.validity();
    Ok(Certificate {
        serial: data_encoding::HEXUPPER.encode(&serial[leading_zeros..]),
        from: at(&validity.not_before),
        until: at(&validity.not_after),
        bits,
        key,
    })
}

/// In which form a private key came, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// `BEGIN PRIVATE KEY`.
    Pkcs8,
    /// `BEGIN RSA PRIVATE KEY`.
    Pkcs1,
    /// `BEGIN ENCRYPTED PRIVATE KEY`.
    EncryptedPkcs8,
}

impl fmt::Display for KeyForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pkcs8 => "PKCS#8",
            Self::Pkcs1 => "PKCS#1",
            Self::EncryptedPkcs8 => "encrypted PKCS#8",
        })
    }
}

/// Form and bits of a private key that is not encrypted any more; the form is that of the file.
pub fn private_key_form(file: &[u8], plain: &[u8]) -> Result<(KeyForm, u32), KeyFault> {
    let part = KeyPart::PrivateKey;
    let wanted = [Label::Pkcs8, Label::Pkcs1, Label::EncryptedKey];
    let form = match block(part, file, &wanted)?.label {
        Label::EncryptedKey => KeyForm::EncryptedPkcs8,
        Label::Pkcs1 => KeyForm::Pkcs1,
        _ => KeyForm::Pkcs8,
    };
    Ok((form, private_key(plain)?.n().bit_width()))
}

/// The certificates of a bundle, as DER.
pub(super) fn certificates(pem: &[u8]) -> Vec<Vec<u8>> {
    let found = blocks(&String::from_utf8_lossy(pem));
    let certificates = found
        .into_iter()
        .filter(|found| found.label == Label::Certificate);
    certificates
        .filter_map(|found| decode(&found.base64))
        .collect()
}

fn spki_key(part: KeyPart, der: &[u8]) -> Result<rsa::PublicKey, KeyFault> {
    rsa::PublicKey::from_public_key_der(der).map_err(|e| {
        part.fault(match e {
            rsa::pkcs8::spki::Error::OidUnknown { .. } => KeyCause::NotRsa,
            _ => KeyCause::Damaged,
        })
    })
}

fn long_enough(part: KeyPart, key: &impl PublicKeyParts) -> Result<u32, KeyFault> {
    match key.n().bit_width() {
        bits if bits < MODULUS_BITS_MIN => Err(part.fault(KeyCause::TooShort(bits))),
        bits => Ok(bits),
    }
}

/// What a PEM block says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Pkcs8,
    Pkcs1,
    EncryptedKey,
    OtherPrivateKey,
    Spki,
    Pkcs1Public,
    Certificate,
    Other,
}

impl Label {
    fn of(words: &str) -> Self {
        match words {
            "PRIVATE KEY" => Self::Pkcs8,
            "RSA PRIVATE KEY" => Self::Pkcs1,
            "ENCRYPTED PRIVATE KEY" => Self::EncryptedKey,
            "PUBLIC KEY" => Self::Spki,
            "RSA PUBLIC KEY" => Self::Pkcs1Public,
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Self::Certificate,
            _ if words.ends_with("PRIVATE KEY") => Self::OtherPrivateKey,
            _ => Self::Other,
        }
    }

    /// Why a block with this label is not what was wanted.
    fn instead(self, part: KeyPart) -> KeyCause {
        match self {
            Self::EncryptedKey if part == KeyPart::PrivateKey => KeyCause::Encrypted,
            Self::OtherPrivateKey if part == KeyPart::PrivateKey => KeyCause::NotRsa,
            Self::Pkcs8 | Self::Pkcs1 | Self::EncryptedKey | Self::OtherPrivateKey => {
                KeyCause::IsPrivateKey
            }
            Self::Spki | Self::Pkcs1Public => KeyCause::IsPublicKey,
            Self::Certificate => KeyCause::IsCertificate,
            Self::Other => KeyCause::NotPem,
        }
    }
}

/// One `BEGIN … END`, not decoded yet.
struct Found {
    label: Label,
    base64: String,
}

struct Block {
    label: Label,
    der: Secret<Vec<u8>>,
}

/// The first block with one of the labels; if there is none, what the first block is instead.
fn block(part: KeyPart, pem: &[u8], wanted: &[Label]) -> Result<Block, KeyFault> {
    let text = String::from_utf8_lossy(pem);
    if text.chars().all(is_blank) {
        return Err(part.fault(KeyCause::Empty));
    }
    let found = blocks(&text);
    let Some(found) = found
        .iter()
        .find(|found| wanted.contains(&found.label))
        .or(found.first())
    else {
        return Err(part.fault(KeyCause::NotPem));
    };
    if !wanted.contains(&found.label) {
        return Err(part.fault(found.label.instead(part)));
    }
    // The old form of a password: headers inside the block.
    if found.base64.contains("ENCRYPTED") {
        return Err(part.fault(KeyCause::Encrypted));
    }
    let der = decode(&found.base64).ok_or_else(|| part.fault(KeyCause::NotBase64))?;
    Ok(Block {
        label: found.label,
        der: der.into(),
    })
}

/// Every block of a text, whatever stands around them; blanks of all kinds taken out.
fn blocks(text: &str) -> Vec<Found> {
    const BEGIN: &str = "-----BEGIN ";
    const DASHES: &str = "-----";
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(BEGIN) {
        let after = &rest[begin + BEGIN.len()..];
        rest = after;
        let Some((words, body)) = after.split_once(DASHES) else {
            break;
        };
        let end = format!("-----END {words}-----");
        let Some((body, _)) = body.split_once(&end) else {
            continue;
        };
        found.push(Found {
            label: Label::of(words.trim()),
            base64: body.chars().filter(|&c| !is_blank(c)).collect(),
        });
        if found.len() == BLOCKS_MAX {
            break;
        }
    }
    found
}

fn decode(base64: &str) -> Option<Vec<u8>> {
    BASE64
        .decode(base64.as_bytes())
        .ok()
        .filter(|der| !der.is_empty())
}

/// White space, and the marks that editors and mail leave unseen.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}')
}

#[cfg(test)]
mod tests;
