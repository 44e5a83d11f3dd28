//! Sealing of account and card numbers: RSAES-OAEP with SHA-1 and MGF1-SHA-1, in base64.
//!
//! It does not know what a text means. Sealing is randomised, so no two sealings of one text are
//! equal; a text is sealed once and its sealing reused, since a big batch names an account often
//! and every order at least twice (its repetitions and queries).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64;

use super::primitive::PlatformPrimitive;
use super::verify::PlatformKey;
use crate::order::SEALED_BYTES_MAX;

/// Sealed texts that are kept at most, in two generations (about 12 MB).
pub const SEALED_TEXTS_MAX: usize = 16_384;

/// Seals texts under one key, and keeps the last [`SEALED_TEXTS_MAX`].
pub struct Sealer {
    key: Arc<dyn PlatformPrimitive>,
    kept: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Box<str>, Arc<str>>,
    old: HashMap<Box<str>, Arc<str>>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer([redacted])")
    }
}

impl Sealer {
    /// Seals under this key from now on.
    pub fn new(key: &PlatformKey) -> Self {
        Self {
            key: key.primitive(),
            kept: Mutex::default(),
        }
    }

    /// The text sealed, in base64: a checked account or card, so at most 214 bytes.
    pub fn seal(&self, text: &str) -> Arc<str> {
        if let Some(sealed) = self.lock().get(text) {
            return sealed;
        }
        // Outside the lock. Where two seal one text at a time, both get the one that is kept.
        let sealed = self.seal_anew(text);
        self.lock().keep(text, sealed)
    }

    fn seal_anew(&self, text: &str) -> Arc<str> {
        assert!(
            text.len() <= SEALED_BYTES_MAX,
            "accounts and cards are checked"
        );
        BASE64.encode(&self.key.seal(text.as_bytes())).into()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn get(&mut self, text: &str) -> Option<Arc<str>> {
        if let Some(sealed) = self.young.get(text) {
            return Some(Arc::clone(sealed));
        }
        let (text, sealed) = self.old.remove_entry(text)?;
        Some(self.keep_owned(text, sealed))
    }

    fn keep(&mut self, text: &str, sealed: Arc<str>) -> Arc<str> {
        match self.get(text) {
            Some(kept) => kept,
            None => self.keep_owned(text.into(), sealed),
        }
    }

    fn keep_owned(&mut self, text: Box<str>, sealed: Arc<str>) -> Arc<str> {
        if self.young.len() >= SEALED_TEXTS_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(text, Arc::clone(&sealed));
        sealed
    }
}

#[cfg(test)]
mod tests;
