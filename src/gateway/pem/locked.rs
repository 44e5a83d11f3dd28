//! Private keys that are encrypted with a passphrase (PKCS#8, PBES2).

use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};

use super::{KeyCause, KeyFault, KeyPart, Label, block};
use crate::secret::Secret;

/// A private key as it can be used: PEM without a password. One that has none comes back as it is.
pub fn unlock(pem: &[u8], passphrase: Option<&Passphrase>) -> Result<Secret<Vec<u8>>, KeyFault> {
    let part = KeyPart::PrivateKey;
    let wanted = [Label::Pkcs8, Label::Pkcs1, Label::EncryptedKey];
    let Some(passphrase) = passphrase else {
        return Ok(pem.to_vec().into());
    };
    // The old form, with headers inside the block, is not read.
    let found = block(part, pem, &wanted).map_err(|fault| match fault.cause {
        KeyCause::Encrypted => part.fault(KeyCause::UnknownCipher),
        _ => fault,
    })?;
    if found.label != Label::EncryptedKey {
        return Ok(pem.to_vec().into());
    }
    let der = found.der.reveal();
    // Which of the two it is: a structure that is not read here, or a password that does not fit.
    rsa::pkcs8::EncryptedPrivateKeyInfoRef::try_from(der.as_slice())
        .map_err(|_| part.fault(KeyCause::UnknownCipher))?;
    let key = rsa::PrivateKey::from_pkcs8_encrypted_der(der, passphrase.0.reveal())
        .map_err(|e| part.fault(locked(&e)))?;
    let plain = key
        .to_pkcs8_pem(rsa::pkcs8::LineEnding::LF)
        .map_err(|_| part.fault(KeyCause::Damaged))?;
    Ok(plain.as_bytes().to_vec().into())
}

fn locked(e: &rsa::pkcs8::Error) -> KeyCause {
    use rsa::pkcs8::pkcs5;
    match e {
        rsa::pkcs8::Error::EncryptedPrivateKey(
            pkcs5::Error::UnsupportedAlgorithm { .. } | pkcs5::Error::NoPbes1CryptSupport,
        ) => KeyCause::UnknownCipher,
        rsa::pkcs8::Error::PublicKey(rsa::pkcs8::spki::Error::OidUnknown { .. }) => {
            KeyCause::NotRsa
        }
        _ => KeyCause::WrongPassphrase,
    }
}

/// What a private key is encrypted with.
#[derive(Clone, Debug)]
pub struct Passphrase(Secret<Vec<u8>>);

impl Passphrase {
    /// The first line of a file's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFault> {
        let line = bytes.split(|&b| b == b'\n').next().unwrap_or(bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Err(KeyPart::Passphrase.fault(KeyCause::Empty));
        }
        Ok(Self(line.to_vec().into()))
    }
}
