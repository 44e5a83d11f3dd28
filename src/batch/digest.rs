//! A file's bytes: that there are any, and their digest.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::fault::{FileFault, FileFaultKind};

/// Bytes that are read at once for a digest.
const DIGEST_CHUNK_BYTES: usize = 64 * 1024;

/// SHA-256 of a file's bytes, in bounded memory: the batch's identity before anything else is known.
pub fn digest_of(path: &Path) -> Result<[u8; 32], FileFault> {
    let (name, mut file) = open_file(path)?;
    digest_of_bytes(&mut file).map_err(|error| FileFault::io(&name, &error))
}

pub(super) fn digest_of_bytes(source: &mut impl Read) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; DIGEST_CHUNK_BYTES];
    loop {
        match source.read(&mut chunk) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(count) => hash.update(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Only regular files: a pipe gives its bytes once and would block before that, a directory none.
pub(super) fn open_file(path: &Path) -> Result<(String, File), FileFault> {
    let name = path.display().to_string();
    let meta = std::fs::metadata(path).map_err(|error| FileFault::io(&name, &error))?;
    if !meta.is_file() {
        return Err(FileFault::new(&name, None, FileFaultKind::NotAFile));
    }
    let file = File::open(path).map_err(|error| FileFault::io(&name, &error))?;
    Ok((name, file))
}
