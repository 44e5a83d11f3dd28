//! The folder and its three rooms: who may read them, whose they are, what lies in them.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::InboxFault;
use super::finished::{Candidate, Kind, Seen, Side, Stamp, Terms, Verdict};
use super::listing::{Beside, Listing};
use super::writers::Writers;
use crate::report::result::{Draft, Place, Readers, ResultFault};

/// Where a claimed file is worked on, in a directory of its own.
pub const PROCESSING: &str = "processing";
/// Where a file goes when levy has nothing left to do for it.
pub const DONE: &str = "done";
/// Where a file goes that was refused as a whole.
pub const REJECTED: &str = "rejected";
/// In `processing/`: whose ledger the folder belongs to.
const BINDING: &str = ".ledger";
/// In `processing/`: a file that asks the file system for its time.
const PROBE: &str = ".probe";
/// Bytes of a file of levy's own in the folder that are read at most.
const OWN_BYTES_MAX: u64 = 4096;
/// Entries of a directory that are looked at, at most.
pub(super) const ENTRIES_MAX: usize = 100_000;

/// A drop folder that may be worked on, until it is dropped: nobody else does.
#[derive(Debug)]
pub struct Folder {
    /// As it was named.
    pub dir: PathBuf,
    /// Who may read what levy leaves in it.
    pub readers: Readers,
    writers: Writers,
    _lock: Option<File>,
}

/// A file of the folder, named like a batch, and what is beside it.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name.
    pub name: OsString,
    /// What it was when it was seen.
    pub seen: Seen,
    /// The name of its `.ok`, if there is one.
    pub side: Option<OsString>,
    /// Whether it is to be taken.
    pub verdict: Verdict,
}

impl Folder {
    /// Looks at a directory before anything else is opened or made.
    ///
    /// # Errors
    /// It is no directory, or anybody may put files into it.
    pub fn look(dir: &Path) -> Result<(), InboxFault> {
        let refuse = |words: &str| Err(InboxFault::Place(dir.into(), words.into()));
        match fs::metadata(dir) {
            Ok(meta) if !meta.is_dir() => refuse("is no directory"),
            Ok(meta) if meta.mode() & 0o002 != 0 => refuse(
                "anybody on this machine may put a file into it, and what is put into it is deducted: \
                 chmod o-w",
            ),
            Ok(_) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => refuse("there is no such directory"),
            Err(e) => Err(InboxFault::of(dir, e)),
        }
    }

    /// Makes what is missing of its rooms, and keeps others from working on it. `ledger` says in a
    /// word whose ledger is at work: a folder belongs to one for ever, so that no rehearsal takes
    /// what is meant to be paid.
    ///
    /// # Errors
    /// It belongs to another ledger, another sweep is at work, a room is no directory or can't be
    /// made.
    pub fn open(dir: &Path, ledger: &str) -> Result<Self, InboxFault> {
        Self::look(dir)?;
        let meta = fs::metadata(dir).map_err(|e| InboxFault::of(dir, e))?;
        let mut folder = Self {
            dir: dir.into(),
            readers: readers(&meta),
            writers: Writers::default(),
            _lock: None,
        };
        for room in [PROCESSING, DONE, REJECTED] {
            folder.make(&folder.room(room))?;
        }
        sync(dir)?;
        folder.lock()?;
        folder.bind(ledger)?;
        Ok(folder)
    }

    /// One of its rooms.
    pub(super) fn room(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A directory for the folder's readers, if it is not there.
    pub(super) fn make(&self, path: &Path) -> Result<(), InboxFault> {
        let fault = |e| InboxFault::of(path, e);
        match fs::symlink_metadata(path) {
            Ok(meta) if meta.is_dir() && meta.mode() & 0o002 != 0 => {
                let words = "anybody on this machine may put a file into it, and levy takes what is in \
                             it for its own: chmod o-w, and look at what lies there";
                return Err(InboxFault::Place(path.into(), words.into()));
            }
            Ok(meta) if meta.is_dir() => return Ok(()),
            Ok(_) => {
                let words = "levy needs a directory of that name, and this is none: move it away";
                return Err(InboxFault::Place(path.into(), words.into()));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(fault(e)),
        }
        DirBuilder::new().mode(0o700).create(path).map_err(fault)?;
        if let Readers::Group(group) = self.readers {
            let opened = open_directory(path).map_err(fault)?;
            if fchown(&opened, None, Some(group)).is_ok() {
                let set = |mode| opened.set_permissions(fs::Permissions::from_mode(mode));
                // A service manager may forbid setgid (RestrictSUIDSGID); what levy puts here is
                // given to the group one by one all the same.
                set(0o2750).or_else(|_| set(0o750)).map_err(fault)?;
            }
        }
        Ok(())
    }

    /// The ledger's lock keeps sweeps of one ledger apart; this one, those of two.
    fn lock(&mut self) -> Result<(), InboxFault> {
        let path = self.room(PROCESSING);
        let opened = open_directory(&path).map_err(|e| InboxFault::of(&path, e))?;
        match opened.try_lock() {
            Err(TryLockError::WouldBlock) => Err(InboxFault::Busy(self.dir.clone())),
            // Where directories can't be locked, the ledger's lock must do.
            Ok(()) | Err(TryLockError::Error(_)) => {
                self._lock = Some(opened);
                Ok(())
            }
        }
    }

    fn bind(&self, ledger: &str) -> Result<(), InboxFault> {
        let path = self.room(PROCESSING).join(BINDING);
        let Some(bytes) = read_own(&path)? else {
            return write_own(&path, format!("{ledger}\n").as_bytes(), self.readers);
        };
        let text = String::from_utf8_lossy(&bytes);
        if text.trim() == ledger {
            return Ok(());
        }
        let words = format!(
            "this folder belongs to the ledger of {}, and this is the ledger of {ledger}: a file must \
             not be taken by both. Give each a folder of its own",
            text.trim()
        );
        Err(InboxFault::Place(self.dir.clone(), words))
    }

    /// Whether nobody of the folder's group can be given what levy leaves here.
    pub fn readers_cannot_read(&self) -> bool {
        let Readers::Group(group) = self.readers else {
            return false;
        };
        let done = fs::metadata(self.room(DONE));
        done.is_ok_and(|meta| meta.gid() != group || meta.mode() & 0o040 == 0)
    }

    /// Now, by the clock of the folder's file system, in nanoseconds since 1970. It may be another
    /// machine's.
    ///
    /// # Errors
    /// Nothing can be written here; then nothing can be claimed either.
    pub fn now_ns(&self) -> Result<i128, InboxFault> {
        let path = self.room(PROCESSING).join(PROBE);
        let fault = |e| InboxFault::of(&path, e);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(fault(e)),
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(&path).map_err(fault)?;
        file.write_all(b".").map_err(fault)?;
        let meta = file.metadata().map_err(fault)?;
        fs::remove_file(&path).map_err(fault)?;
        Ok(stamp(&meta).changed_ns)
    }

    /// What lies in the folder, by name.
    pub fn listing(&self) -> Result<Listing, InboxFault> {
        names_in(&self.dir).map(Listing::of)
    }

    /// Looks at one file of a listing and judges it; nothing if it has gone since.
    pub fn judge(
        &mut self,
        name: &OsStr,
        listing: &Listing,
        terms: &Terms,
    ) -> Result<Option<Found>, InboxFault> {
        let Some(seen) = look(&self.dir.join(name))? else {
            return Ok(None);
        };
        let (side, side_name) = match listing.side_of(name) {
            Beside::None => (Side::None, None),
            Beside::Shared => (Side::Shared, None),
            Beside::One(side) => match look(&self.dir.join(&side))? {
                None => (Side::None, None),
                Some(seen) => (Side::Beside(seen), Some(side)),
            },
        };
        let mut written_by = None;
        for stamp in [Some(seen.stamp), side.stamp()].into_iter().flatten() {
            let writer = self.writers.of(stamp.device, stamp.inode);
            written_by = written_by.or(writer);
        }
        let verdict = terms.judge(&Candidate {
            name,
            seen,
            side,
            in_spreadsheet: listing.in_spreadsheet(name),
            written_by,
        });
        Ok(Some(Found {
            name: name.into(),
            seen,
            side: side_name,
            verdict,
        }))
    }
}

/// A group that may put files into the folder, or that the folder hands on (setgid), may read what
/// comes of them. A directory that merely lets a group look in is nobody's drop folder but its owner's.
fn readers(folder: &Metadata) -> Readers {
    let mode = folder.mode();
    match mode & 0o050 == 0o050 && mode & 0o2020 != 0 {
        true => Readers::Group(folder.gid()),
        false => Readers::Owner,
    }
}

impl Side {
    fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::Beside(seen) => Some(seen.stamp),
            Self::None | Self::Shared => None,
        }
    }
}

/// The names in a directory.
pub(super) fn names_in(dir: &Path) -> Result<BTreeSet<OsString>, InboxFault> {
    let entries = fs::read_dir(dir).map_err(|e| InboxFault::of(dir, e))?;
    let names = entries
        .take(ENTRIES_MAX)
        .map(|entry| Ok(entry?.file_name()));
    let names: io::Result<BTreeSet<OsString>> = names.collect();
    names.map_err(|e| InboxFault::of(dir, e))
}

/// One look at an entry, its links not followed; nothing if it is not there.
pub fn look(path: &Path) -> Result<Option<Seen>, InboxFault> {
    match fs::symlink_metadata(path) {
        Ok(meta) => Ok(Some(Seen {
            kind: match meta.file_type() {
                kind if kind.is_file() => Kind::File,
                kind if kind.is_dir() => Kind::Directory,
                kind if kind.is_symlink() => Kind::Link,
                _ => Kind::Other,
            },
            stamp: stamp(&meta),
        })),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(InboxFault::of(path, e)),
    }
}

pub(super) fn stamp(meta: &Metadata) -> Stamp {
    let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
    Stamp {
        device: meta.dev(),
        inode: meta.ino(),
        bytes: meta.len(),
        modified_ns: ns(meta.mtime(), meta.mtime_nsec()),
        changed_ns: ns(meta.ctime(), meta.ctime_nsec()),
    }
}

/// Opens a directory, and nothing else.
pub(super) fn open_directory(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::NOFOLLOW;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits() as i32);
    options.open(path)
}

/// The names in a directory are durable only with it.
pub(super) fn sync(dir: &Path) -> Result<(), InboxFault> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|e| InboxFault::of(dir, e))
}

/// A small file of levy's own, if it is there.
pub(super) fn read_own(path: &Path) -> Result<Option<Vec<u8>>, InboxFault> {
    let fault = |e| InboxFault::of(path, e);
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    let file = match options.open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(fault)?,
    };
    let mut bytes = Vec::new();
    file.take(OWN_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(fault)?;
    Ok(Some(bytes))
}

/// Writes a file of levy's own: whole or not at all, durable.
pub fn write_own(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), InboxFault> {
    let written = Place::look(path, &[]).and_then(|place| {
        let draft = Draft::begin(&place.for_readers(readers))?;
        let mut file = draft.file();
        file.write_all(bytes).map_err(|e| draft.fault(e))?;
        draft.finish()
    });
    written.map_err(|fault| match fault {
        ResultFault::Disk(path, e) => InboxFault::of(&path, e),
        ResultFault::Place(path, words) | ResultFault::Content(path, words) => {
            InboxFault::Place(path, words)
        }
        ResultFault::Ledger(e) => InboxFault::Disk(path.into(), io::Error::other(e)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_ledgers_for_ever_and_nobody_elses_to_write_to() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path(), "SANDBOX 1").unwrap();
        let other = Folder::open(dir.path(), "SANDBOX 1").unwrap_err();
        assert!(other.to_string().contains("another sweep"), "{other}");
        drop(folder);
        let other = Folder::open(dir.path(), "REAL 1").unwrap_err();
        assert!(other.to_string().contains("SANDBOX 1"), "{other}");
        Folder::open(dir.path(), "SANDBOX 1").unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let open = Folder::open(dir.path(), "SANDBOX 1").unwrap_err();
        assert!(open.to_string().contains("chmod o-w"), "{open}");
    }

    #[test]
    fn a_room_that_is_a_link_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), dir.path().join(DONE)).unwrap();
        let fault = Folder::open(dir.path(), "SANDBOX 1").unwrap_err();
        assert!(fault.to_string().contains("move it away"), "{fault}");
    }

    #[test]
    fn the_groups_of_the_folder_may_read_what_is_left_in_it() {
        for (mode, want) in [
            (0o700, 0o700),
            (0o2770, 0o2750),
            (0o2750, 0o2750),
            (0o770, 0o2750),
            (0o755, 0o700),
            (0o760, 0o700),
        ] {
            let dir = tempfile::tempdir().unwrap();
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
            let folder = Folder::open(dir.path(), "SANDBOX 1").unwrap();
            for room in [PROCESSING, DONE, REJECTED] {
                let meta = fs::metadata(folder.room(room)).unwrap();
                assert_eq!(meta.mode() & 0o7777, want, "{mode:o} {room}");
            }
            assert!(!folder.readers_cannot_read());
        }
    }

    #[test]
    fn the_file_systems_clock_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path(), "SANDBOX 1").unwrap();
        let before = folder.now_ns().unwrap();
        fs::write(dir.path().join("a.csv"), "x").unwrap();
        let seen = look(&dir.path().join("a.csv")).unwrap().unwrap();
        assert!(seen.stamp.changed_ns >= before && folder.now_ns().unwrap() >= before);
        let left = names_in(&folder.room(PROCESSING)).unwrap();
        assert_eq!(left, BTreeSet::from([OsString::from(BINDING)]));
    }
}
