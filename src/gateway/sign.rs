//! The caller's signature: SHA-256 with RSA (PKCS#1 v1.5) over a request, and the Authorization
//! header that carries it.
//!
//! It does not know what is sent or where to; it signs the strings that it is given.

use std::fmt;

use data_encoding::BASE64;
use rsa::pkcs8::EncodePrivateKey;

use super::pem::{self, KeyCause, KeyFault, KeyPart};
use super::primitive::{CallerPrimitive, RsaCaller};

/// The scheme's name, in the Authorization header and in `Wechatpay-Signature-Type`.
pub(super) const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";
/// Characters that a serial number has at most (20 bytes in hex are 40).
const SERIAL_CHARS_MAX: usize = 64;
/// Digits that a merchant number has at most.
const MCHID_DIGITS_MAX: usize = 32;

/// What makes a [`Signer`].
#[derive(Clone, Copy)]
pub struct SignerParts<'a> {
    /// The caller's merchant number (not the one that is deducted from).
    pub mchid: &'a str,
    /// The serial of the caller's API certificate; needed where no certificate is given.
    pub serial_no: Option<&'a str>,
    /// The caller's API certificate, PEM; tells the serial and is checked against the key.
    pub certificate_pem: Option<&'a [u8]>,
    /// The caller's private key, PEM (PKCS#8 or PKCS#1).
    pub private_key_pem: &'a [u8],
}

impl fmt::Debug for SignerParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignerParts")
            .field("mchid", &self.mchid)
            .field("serial_no", &self.serial_no)
            .finish_non_exhaustive()
    }
}

/// The caller: merchant number, certificate serial and private key.
pub struct Signer {
    mchid: String,
    serial: String,
    key: Box<dyn CallerPrimitive>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("mchid", &self.mchid)
            .field("serial", &self.serial)
            .field("key", &"[redacted]")
            .finish()
    }
}

impl Signer {
    /// Checks the parts against each other: the certificate has the private key's public half, and
    /// a serial that is given beside it is the certificate's (case and leading zeros aside).
    ///
    /// The serial of an API certificate pairs with its key: one of another certificate of the same
    /// merchant is answered with 401 for ever, so what can be seen here is refused here.
    pub fn new(parts: SignerParts<'_>) -> Result<Self, KeyFault> {
        let mchid = parts.mchid.trim();
        let digits = mchid.bytes().all(|b| b.is_ascii_digit());
        if mchid.is_empty() || mchid.len() > MCHID_DIGITS_MAX || !digits {
            return Err(KeyPart::Mchid.fault(KeyCause::NotANumber));
        }
        let given = parts.serial_no.map(str::trim).filter(|s| !s.is_empty());
        if let Some(given) = given {
            let plain = given.bytes().all(|b| b.is_ascii_alphanumeric());
            if given.len() > SERIAL_CHARS_MAX || !plain {
                return Err(KeyPart::SerialNo.fault(KeyCause::BadId));
            }
        }
        let certificate = parts.certificate_pem;
        let certificate = certificate.map(|pem| pem::certificate(KeyPart::Certificate, pem));
        let certificate = certificate.transpose()?;
        // The last of the three: to check a private key takes the longest.
        let private = pem::private_key(parts.private_key_pem)?;
        let told = match certificate {
            None => None,
            Some(told) if told.key != *private.as_public_key() => {
                return Err(KeyPart::Certificate.fault(KeyCause::NotOurs));
            }
            Some(told) => Some(told.serial),
        };
        let serial = match (given, told) {
            (None, None) => return Err(KeyPart::SerialNo.fault(KeyCause::Missing)),
            (Some(given), Some(told)) if same_serial(given) != same_serial(&told) => {
                return Err(KeyPart::SerialNo.fault(KeyCause::OtherSerial(told)));
            }
            (Some(given), _) => given.to_ascii_uppercase(),
            (None, Some(told)) => told,
        };
        let damaged = KeyPart::PrivateKey.fault(KeyCause::Damaged);
        let der = private.to_pkcs8_der().map_err(|_| damaged.clone())?;
        Ok(Self {
            mchid: mchid.into(),
            serial,
            key: Box::new(RsaCaller::new(der.as_bytes()).ok_or(damaged)?),
        })
    }

    /// A caller whose signatures are something else than RSA: for simulations, which bring their
    /// stand-in along. A gateway that knows only RSA answers all of it with 401.
    pub fn standing_in(mchid: &str, serial: &str, key: Box<dyn CallerPrimitive>) -> Self {
        Self {
            mchid: mchid.into(),
            serial: serial.into(),
            key,
        }
    }

    /// The Authorization header of one attempt.
    ///
    /// `path_and_query` is signed as it is and must be sent as it is; `timestamp` is in seconds
    /// since 1970; `nonce` is new for each attempt; `body` is empty for a GET.
    pub fn authorization(
        &self,
        method: &str,
        path_and_query: &str,
        timestamp: i64,
        nonce: &str,
        body: &[u8],
    ) -> String {
        let message = message(method, path_and_query, timestamp, nonce, body);
        format!(
            "{SCHEME} mchid=\"{}\",nonce_str=\"{nonce}\",signature=\"{}\",\
             timestamp=\"{timestamp}\",serial_no=\"{}\"",
            self.mchid,
            self.signature(&message),
            self.serial
        )
    }

    /// The signature over a message, in base64.
    pub fn signature(&self, message: &[u8]) -> String {
        BASE64.encode(&self.key.sign(message))
    }

    /// 32 characters of upper-case hex; new for each attempt.
    pub fn nonce(&self) -> String {
        self.key.nonce()
    }

    /// The serial of the API certificate, upper-case hex.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The caller's merchant number.
    pub fn mchid(&self) -> &str {
        &self.mchid
    }
}

/// What is signed of a request: five lines, each ended by a line feed, the last too.
pub(super) fn message(
    method: &str,
    path_and_query: &str,
    timestamp: i64,
    nonce: &str,
    body: &[u8],
) -> Vec<u8> {
    let mut message = format!("{method}\n{path_and_query}\n{timestamp}\n{nonce}\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    message
}

/// A serial for comparison: `0a1B` and `A1B` are one number. Ids that are no hex stay as they are.
pub(super) fn same_serial(serial: &str) -> String {
    match serial.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => serial.trim_start_matches('0').to_ascii_uppercase(),
        false => serial.into(),
    }
}

#[cfg(test)]
mod tests;
