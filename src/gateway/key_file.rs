//! Files with secrets: read once, bounded, and refused where others may read them.
//!
//! It knows no settings, and of what it reads only that it is secret.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::pem::{KeyCause, KeyFault, KeyPart};
use crate::secret::Secret;

/// Bytes that a file with a key may have.
pub const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// What to do about a file that belongs to somebody else.
const LET_IN: &str =
    "it must belong to the user who runs levy, or be handed over by LoadCredential=";

/// Who keeps a file with a secret; it tells which modes leave it to its reader alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// A person: nobody but the owner may touch it.
    Owner,
    /// The service manager, in `$CREDENTIALS_DIRECTORY`. systemd lets the service's user in by an
    /// access control list, whose mask is shown as the group's bits: 0440 is nobody else's.
    ServiceManager,
}

impl Keeper {
    /// Bits of a mode that must not be there.
    fn forbidden(self) -> u32 {
        match self {
            Self::Owner => 0o077,
            Self::ServiceManager => 0o037,
        }
    }
}

/// A secret as it lies in its file.
#[derive(Clone, Debug)]
pub struct SecretFile {
    /// All of it.
    pub bytes: Secret<Vec<u8>>,
    /// The file's mode, as `chmod` takes it.
    pub mode: u32,
}

/// Reads a file with a private key that a person keeps; refuses one that its group or others may
/// read, whatever stands in it.
pub fn read_private_key_file(path: &Path) -> Result<Vec<u8>, KeyFault> {
    let file = read_secret_file(KeyPart::PrivateKey, path, Keeper::Owner)?;
    Ok(file.bytes.reveal().clone())
}

/// Reads a file with a secret, at most [`KEY_FILE_BYTES_MAX`] of it.
pub fn read_secret_file(
    part: KeyPart,
    path: &Path,
    keeper: Keeper,
) -> Result<SecretFile, KeyFault> {
    let shown = match path.to_str() {
        Some(text) if is_maybe_a_key(text) => {
            "[the key itself, where its file's name belongs]".into()
        }
        Some(_) | None => path.display().to_string(),
    };
    let unreadable = |e: io::Error| {
        part.fault(match e.kind() {
            ErrorKind::NotFound => KeyCause::NoSuchFile(shown.clone()),
            ErrorKind::PermissionDenied => {
                KeyCause::Unreadable(shown.clone(), format!("{e}; {LET_IN}"))
            }
            _ => KeyCause::Unreadable(shown.clone(), e.to_string()),
        })
    };
    let file = File::open(path).map_err(unreadable)?;
    // Asked of the open file, so that what is checked is what is read.
    let metadata = file.metadata().map_err(unreadable)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & keeper.forbidden() != 0 {
        return Err(part.fault(KeyCause::ReadableByOthers(shown, mode)));
    }
    let mut bytes = Vec::new();
    file.take(KEY_FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > KEY_FILE_BYTES_MAX {
        let expected = part.expected();
        let why = format!("longer than {KEY_FILE_BYTES_MAX} bytes; expected {expected}");
        return Err(part.fault(KeyCause::Unreadable(shown, why)));
    }
    Ok(SecretFile {
        bytes: bytes.into(),
        mode,
    })
}

/// Whether what was given as a file's name may be a key itself: PEM, or 32 letters and digits. People
/// do that, and the name of a file that is not there is shown.
pub fn is_maybe_a_key(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or(text);
    let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric());
    text.contains("-----BEGIN") || text.contains('\n') || name.len() == 32 && is_plain
}

#[cfg(test)]
mod tests;
