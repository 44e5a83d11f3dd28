//! The gateway's signature: which key it is under, whether it holds, whether it is fresh and new.
//!
//! The only place that makes a [`Verified`] (law L3). It does not know what a reply says; a probe
//! (`WECHATPAY/SIGNTEST/…`) is a signature that does not hold, like any other.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64;
use rsa::pkcs8::EncodePublicKey;

use super::pem::{self, KeyCause, KeyFault, KeyPart};
use super::primitive::{PlatformPrimitive, RsaPlatform};
use super::reply::{Checked, Reply, SignatureFault, Verified};
use super::sign::{SCHEME, same_serial};
use super::wire::{Header, ReplyHeaders, cut};
use crate::clock::WallMs;

/// Seconds that a signed time may be off, either way.
pub const STALE_SECONDS_MAX: u64 = 300;
/// Time after which a generation of seen signatures is closed. Two of them cover twice the time for
/// which a signature is fresh.
pub const SEEN_ROTATION_MS: i64 = 600_000;
/// Signatures of one generation; 900,000 in ten minutes are 1,500 replies a second. A full one is
/// closed early (8 MB each).
pub const SEEN_SIGNATURES_MAX: usize = 900_000;
/// Characters of a key's id.
const ID_CHARS_MAX: usize = 128;
/// Keys that are held at most: a few while keys rotate.
const KEYS_MAX: usize = 16;

const TIMESTAMP: &str = "Wechatpay-Timestamp";
const NONCE: &str = "Wechatpay-Nonce";
const SIGNATURE: &str = "Wechatpay-Signature";
const SERIAL: &str = "Wechatpay-Serial";
const SIGNATURE_TYPE: &str = "Wechatpay-Signature-Type";

/// A key of WeChat Pay: seals what we send, verifies what it answers.
#[derive(Clone)]
pub struct PlatformKey {
    id: String,
    primitive: Arc<dyn PlatformPrimitive>,
}

impl fmt::Debug for PlatformKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlatformKey({})", self.id)
    }
}

impl PlatformKey {
    /// A WeChat Pay public key (SPKI or PKCS#1 PEM) and the id beside it, `PUB_KEY_ID_…`.
    pub fn public_key(id: &str, pem: &[u8]) -> Result<Self, KeyFault> {
        let id = id.trim();
        let plain = id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if id.is_empty() {
            return Err(KeyPart::PlatformKeyId.fault(KeyCause::Empty));
        }
        if id.len() > ID_CHARS_MAX || !plain {
            return Err(KeyPart::PlatformKeyId.fault(KeyCause::BadId));
        }
        let part = KeyPart::PlatformPublicKey;
        Self::new(part, id.into(), &pem::public_key(part, pem)?)
    }

    /// A platform certificate (PEM); its serial is its id.
    pub fn certificate(pem: &[u8]) -> Result<Self, KeyFault> {
        let part = KeyPart::PlatformCertificate;
        let certificate = pem::certificate(part, pem)?;
        Self::new(part, certificate.serial, &certificate.key)
    }

    fn new(part: KeyPart, id: String, key: &rsa::PublicKey) -> Result<Self, KeyFault> {
        let damaged = part.fault(KeyCause::Damaged);
        let spki = key.to_public_key_der().map_err(|_| damaged.clone())?;
        let rsa = RsaPlatform::new(spki.into_vec()).ok_or(damaged)?;
        Ok(Self {
            id,
            primitive: Arc::new(rsa),
        })
    }

    /// A key that is something else than RSA: for simulations, which bring their stand-in along.
    pub fn standing_in(id: &str, primitive: Arc<dyn PlatformPrimitive>) -> Self {
        Self {
            id: id.into(),
            primitive,
        }
    }

    /// Its id: `PUB_KEY_ID_…`, or the certificate's serial in upper-case hex.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether both are one key, whatever their ids.
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.primitive.key() == other.primitive.key()
    }

    pub(super) fn primitive(&self) -> Arc<dyn PlatformPrimitive> {
        Arc::clone(&self.primitive)
    }
}

/// The keys of WeChat Pay that are held. The first one seals, and is announced in every request's
/// `Wechatpay-Serial`; any of them verifies.
#[derive(Clone, Debug)]
pub struct PlatformKeys {
    first: PlatformKey,
    more: Vec<PlatformKey>,
}

impl PlatformKeys {
    /// Begins with the key that seals.
    pub fn new(first: PlatformKey) -> Self {
        Self {
            first,
            more: Vec::new(),
        }
    }

    /// Adds one that verifies only. The same key again is no fault; another under the same id is.
    pub fn add(&mut self, key: PlatformKey) -> Result<(), KeyFault> {
        match self.find(&key.id) {
            Some(held) if held.primitive.key() == key.primitive.key() => Ok(()),
            Some(_) => Err(KeyPart::PlatformKeyId.fault(KeyCause::Twice(key.id))),
            None if self.more.len() + 1 >= KEYS_MAX => {
                Err(KeyPart::PlatformKeyId.fault(KeyCause::TooMany(KEYS_MAX)))
            }
            None => {
                self.more.push(key);
                Ok(())
            }
        }
    }

    /// The key that seals.
    pub fn first(&self) -> &PlatformKey {
        &self.first
    }

    /// The ids of all of them, the one that seals first.
    pub fn ids(&self) -> Vec<String> {
        let all = std::iter::once(&self.first).chain(&self.more);
        all.map(|key| key.id.clone()).collect()
    }

    /// The key of this id, if it is held.
    pub fn find(&self, serial: &str) -> Option<&PlatformKey> {
        let serial = same_serial(serial);
        std::iter::once(&self.first)
            .chain(&self.more)
            .find(|key| same_serial(&key.id) == serial)
    }
}

/// Checks replies against the keys that are held, and remembers the signatures that held.
pub struct Verifier {
    keys: PlatformKeys,
    seen: Mutex<Seen>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// Nothing is seen yet.
    pub fn new(keys: PlatformKeys) -> Self {
        Self {
            keys,
            seen: Mutex::default(),
        }
    }

    /// A reply as far as it can be trusted; `body` is its bytes as they came, `now` the wall clock.
    ///
    /// First the signature, then its age, then whether it was seen before: only a signature that
    /// holds can be called stale, and only a fresh one is remembered.
    pub fn check(&self, headers: &ReplyHeaders, body: &[u8], reply: Reply, now: WallMs) -> Checked {
        let four = [TIMESTAMP, NONCE, SIGNATURE, SERIAL].map(|name| headers.get(name));
        if four.iter().all(|header| *header == Header::Absent) {
            return Checked::Unsigned(reply);
        }
        match self.signed_at(headers, body, now) {
            Ok(signed_at) => Checked::Verified(Verified::new(reply, signed_at)),
            Err(fault) => Checked::IllSigned { reply, fault },
        }
    }

    fn signed_at(
        &self,
        headers: &ReplyHeaders,
        body: &[u8],
        now: WallMs,
    ) -> Result<WallMs, SignatureFault> {
        let text = |name| match headers.get(name) {
            Header::Absent => Err(SignatureFault::HeaderMissing(name)),
            Header::Unusable => Err(SignatureFault::Mismatch),
            Header::Once(text) => Ok(text),
        };
        let timestamp = text(TIMESTAMP)?;
        let nonce = text(NONCE)?;
        let signature = text(SIGNATURE)?;
        let serial = text(SERIAL)?;
        match headers.get(SIGNATURE_TYPE) {
            Header::Absent | Header::Once(SCHEME) => {}
            Header::Once(_) | Header::Unusable => return Err(SignatureFault::Mismatch),
        }
        let Some(key) = self.keys.find(serial) else {
            return Err(SignatureFault::UnknownSerial {
                got: cut(serial, ID_CHARS_MAX),
                held: self.keys.ids(),
            });
        };
        let mut message = format!("{timestamp}\n{nonce}\n").into_bytes();
        message.extend_from_slice(body);
        message.push(b'\n');
        let signature = BASE64
            .decode(signature.as_bytes())
            .map_err(|_| SignatureFault::Mismatch)?;
        if !key.primitive.verify(&message, &signature) {
            return Err(SignatureFault::Mismatch);
        }
        let signed_at: i64 = timestamp.parse().map_err(|_| SignatureFault::Mismatch)?;
        let off = signed_at.saturating_sub(now.unix_seconds());
        if off.unsigned_abs() > STALE_SECONDS_MAX {
            return Err(SignatureFault::Stale(off));
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.is_new(&signature, now) {
            return Err(SignatureFault::SeenBefore);
        }
        Ok(WallMs::from_unix_seconds(signed_at))
    }
}

/// Fingerprints of the signatures that held, in two generations. The hash is keyed at random for
/// each process, so nobody can choose signatures that collide.
#[derive(Default)]
struct Seen {
    keyed: RandomState,
    young: HashSet<u64>,
    old: HashSet<u64>,
    since: Option<WallMs>,
}

impl Seen {
    fn is_new(&mut self, signature: &[u8], now: WallMs) -> bool {
        let since = *self.since.get_or_insert(now);
        let is_over = now.0.saturating_sub(since.0) >= SEEN_ROTATION_MS;
        if is_over || self.young.len() >= SEEN_SIGNATURES_MAX {
            self.old = std::mem::take(&mut self.young);
            self.since = Some(now);
        }
        let fingerprint = self.keyed.hash_one(signature);
        !self.old.contains(&fingerprint) && self.young.insert(fingerprint)
    }
}

#[cfg(test)]
mod tests;
