//! Where a ledger's file lies: its real path, who may read it, and whether its file system can be
//! trusted with locks and syncs. It never opens an existing file: closing a file drops every POSIX
//! lock that the process has on it, SQLite's own among them.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::ledger::{LedgerError, LedgerResult};

/// Mode of the ledger's file: it holds account numbers.
pub(in crate::ledger) const FILE_MODE: u32 = 0o600;
/// Mode of a directory that is made for it.
const DIRECTORY_MODE: u32 = 0o700;

/// What lies at a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A file, perhaps an empty one; its real path.
    File(PathBuf),
    /// Nothing; where a file would be made.
    Nothing(PathBuf),
}

/// Follows symbolic links and looks what is there.
pub(super) fn find(path: &Path) -> LedgerResult<Found> {
    match fs::canonicalize(path) {
        Ok(real) => Ok(Found::File(real)),
        Err(e) if e.kind() == ErrorKind::NotFound => {
            if fs::symlink_metadata(path).is_ok() {
                return Err(LedgerError::Missing(format!(
                    "the ledger {} is a symbolic link that leads nowhere: is its disk mounted?",
                    path.display()
                )));
            }
            Ok(Found::Nothing(path.to_path_buf()))
        }
        Err(e) => Err(LedgerError::Unusable(format!(
            "the ledger {} cannot be reached: {e}",
            path.display()
        ))),
    }
}

/// The refusal of a ledger that is not there.
pub(in crate::ledger) fn missing(path: &Path) -> LedgerError {
    LedgerError::Missing(format!(
        "the ledger {} does not exist: without it levy would have forgotten every deduction that it \
         ever sent, and would send them again. Mount or restore it; only before the very first run \
         make a new one, with `--create-ledger` or `levy init`",
        path.display()
    ))
}

/// Makes an empty file that nobody else may read; says its real path.
pub(super) fn make(path: &Path) -> LedgerResult<PathBuf> {
    let refused = |e: std::io::Error| {
        LedgerError::Unusable(format!(
            "the ledger {} cannot be made: {e}; see to its disk and whose its directory is, then give \
             the same command again",
            path.display()
        ))
    };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)
        .map_err(refused)?;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
        .map_err(refused)?;
    // SQLite syncs the directory for its own journals, but this file was not made by it.
    fs::File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(refused)?;
    fs::canonicalize(path).map_err(refused)
}

/// Makes the names beside the ledger durable: its own, and that of its log.
pub(super) fn sync_directory(real: &Path) -> LedgerResult<()> {
    let directory = real.parent().unwrap_or_else(|| Path::new("/"));
    let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|e| {
        LedgerError::Unusable(format!(
            "the directory of the ledger {} cannot be synced: {e}; see to its disk, then give the \
             same command again",
            real.display()
        ))
    })
}

/// Refuses what is no plain file, and what others may read or write.
pub(super) fn check_file(real: &Path) -> LedgerResult<u64> {
    let meta = fs::metadata(real).map_err(|e| {
        LedgerError::Unusable(format!("the ledger {} cannot be read: {e}", real.display()))
    })?;
    if !meta.is_file() {
        return Err(LedgerError::Refused(format!(
            "the ledger {} is no file",
            real.display()
        )));
    }
    let mode = meta.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(LedgerError::Refused(format!(
            "the ledger {path} can be read by others (mode {mode:04o}), and it holds account numbers: \
             chmod 600 {path}",
            path = real.display()
        )));
    }
    Ok(meta.len())
}

/// Refuses file systems that are known for broken locks or syncs.
pub(super) fn check_file_system(real: &Path, allow_network: bool) -> LedgerResult<()> {
    if allow_network {
        return Ok(());
    }
    let stat = rustix::fs::statfs(real).map_err(|e| {
        LedgerError::Refused(format!(
            "the file system of the ledger {} cannot be told: {e}",
            real.display()
        ))
    })?;
    match network_file_system(stat.f_type as u32) {
        None => Ok(()),
        Some(name) => Err(LedgerError::Refused(format!(
            "the ledger {} lies on {name}, where locks and syncs cannot be relied on: put it on a \
             local disk, or force it with `--force-network-file-system`",
            real.display()
        ))),
    }
}

/// The name of a network (or user-space) file system by its magic number, as statfs(2) and Linux's
/// `linux/magic.h` list them; `None` for what counts as local.
pub(super) fn network_file_system(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0x517B => Some("SMB"),
        0xFF53_4D42 => Some("CIFS"),
        0xFE53_4D42 => Some("SMB2"),
        0x6573_5546 => Some("FUSE"),
        0x0102_1997 => Some("9P"),
        0x00C3_6400 => Some("Ceph"),
        0x5346_414F | 0x6B41_4653 => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        0x564C => Some("NCP"),
        0x0116_1970 => Some("GFS2"),
        0x7461_636F => Some("OCFS2"),
        0x0BD0_0BD0 => Some("Lustre"),
        0x4750_4653 => Some("GPFS"),
        0x786F_4256 => Some("a VirtualBox share"),
        0xBACB_ACBC => Some("a VMware share"),
        _ => None,
    }
}

/// The ground that a ledger stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// The file system, by its usual name or its magic number.
    pub file_system: String,
    /// Why it is not to be trusted with a ledger, if it is not.
    pub doubt: Option<&'static str>,
    /// It is a network's: a run refuses it unless it is forced.
    pub is_network: bool,
    /// Bytes that are free for whoever asks.
    pub free_bytes: u64,
    /// Whether whoever asks may write to the ledger and make files beside it.
    pub is_writable: bool,
}

/// Looks where a ledger lies, without opening it.
pub fn ground(path: &Path) -> LedgerResult<Ground> {
    let real = match find(path)? {
        Found::File(real) => real,
        Found::Nothing(path) => return Err(missing(&path)),
    };
    let untold = |e: rustix::io::Errno| {
        LedgerError::Unusable(format!(
            "the file system of the ledger {} cannot be told: {e}",
            real.display()
        ))
    };
    let magic = rustix::fs::statfs(&real).map_err(untold)?.f_type as u32;
    let space = rustix::fs::statvfs(&real).map_err(untold)?;
    let network = network_file_system(magic);
    let (local, doubt) = local_file_system(magic);
    let may_write = |path: &Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    Ok(Ground {
        file_system: match (network, local) {
            (Some(name), _) | (None, Some(name)) => name.into(),
            (None, None) => format!("{magic:#x}"),
        },
        doubt: match network {
            Some(_) => Some("locks and syncs cannot be relied on there"),
            None => doubt,
        },
        is_network: network.is_some(),
        free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
        is_writable: may_write(&real) && may_write(real.parent().unwrap_or(Path::new("/"))),
    })
}

/// The name of a local file system, and what is wrong with it as a ledger's place.
fn local_file_system(magic: u32) -> (Option<&'static str>, Option<&'static str>) {
    match magic {
        0xEF53 => (Some("ext4"), None),
        0x5846_5342 => (Some("xfs"), None),
        0x9123_683E => (Some("btrfs"), None),
        0x2FC1_2FC1 => (Some("zfs"), None),
        0xF2F5_2010 => (Some("f2fs"), None),
        0x0102_1994 => (
            Some("tmpfs"),
            Some("it is memory, and gone after a restart"),
        ),
        0x8584_58F6 => (
            Some("ramfs"),
            Some("it is memory, and gone after a restart"),
        ),
        0x794C_7630 => (
            Some("overlayfs"),
            Some("in a container it is gone with the container"),
        ),
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_magic() {
        for (magic, want) in [
            (0x6969, Some("NFS")),
            (0x517B, Some("SMB")),
            (0xFF53_4D42, Some("CIFS")),
            (0xFE53_4D42, Some("SMB2")),
            (0x6573_5546, Some("FUSE")),
            (0x0102_1997, Some("9P")),
            (0x00C3_6400, Some("Ceph")),
            (0x5346_414F, Some("AFS")),
            // ext4, xfs, btrfs, tmpfs, overlayfs, zfs
            (0xEF53, None),
            (0x5846_5342, None),
            (0x9123_683E, None),
            (0x0102_1994, None),
            (0x794C_7630, None),
            (0x2FC1_2FC1, None),
        ] {
            assert_eq!(network_file_system(magic), want, "{magic:#x}");
        }
    }
}
