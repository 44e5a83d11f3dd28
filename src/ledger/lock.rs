//! One run at a time holds a ledger: an advisory lock on a file beside it.
//!
//! The kernel drops the lock with the process, however that ends, so `kill -9` leaves none behind.
//! What the file says is for people only.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::sqlite::{FILE_MODE, missing};
use super::{LedgerError, LedgerResult};
use crate::clock::{Clock, SystemClock};

/// How often a lock file that somebody removed in the meantime is taken anew.
const TAKES_MAX: u32 = 10;
/// Bytes of the holder's line that are read at most.
const HOLDER_BYTES_MAX: u64 = 512;

/// The run's hold on its ledger, until it is dropped.
#[derive(Debug)]
pub struct RunLock {
    file: File,
}

impl RunLock {
    /// Takes the lock of the ledger at this path (`<ledger>.lock`), or says who has it.
    ///
    /// To be taken before the ledger is opened, so that no newer levy migrates it under a run.
    /// `Held` if another run has it, `Missing` if its directory is not there, `Refused` if the file
    /// cannot be made or locked.
    pub fn take(ledger_path: &Path) -> LedgerResult<Self> {
        let path = lock_path(ledger_path);
        let refused = |e: std::io::Error| {
            LedgerError::Unusable(format!(
                "the lock file {} cannot be taken: {e}; see to its disk and whose it is, then give \
                 the same command again",
                path.display()
            ))
        };
        for _ in 0..TAKES_MAX {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(FILE_MODE)
                .open(&path)
                .map_err(|e| match e.kind() {
                    ErrorKind::NotFound => missing(ledger_path),
                    _ => refused(e),
                })?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(held(ledger_path, file)),
                Err(TryLockError::Error(e)) => return Err(refused(e)),
            }
            if is_still_at(&file, &path).map_err(refused)? {
                let mut lock = Self { file };
                lock.sign().map_err(refused)?;
                return Ok(lock);
            }
        }
        Err(LedgerError::Unusable(format!(
            "the lock file {} is removed again and again: leave it where it is",
            path.display()
        )))
    }

    /// Who holds the lock of the ledger at this path, in the holder's own words; `None` if nobody
    /// does. Takes no lock that a run could meet, unless a run that was killed left its words behind.
    pub fn holder(ledger_path: &Path) -> LedgerResult<Option<String>> {
        let path = lock_path(ledger_path);
        let unusable = |e: std::io::Error| {
            LedgerError::Unusable(format!(
                "the lock file {} cannot be read: {e}",
                path.display()
            ))
        };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(unusable(e)),
        };
        let mut words = String::new();
        let told = (&mut file)
            .take(HOLDER_BYTES_MAX)
            .read_to_string(&mut words);
        told.map_err(unusable)?;
        if words.trim().is_empty() {
            return Ok(None);
        }
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(words.trim().to_owned())),
            Err(TryLockError::Error(e)) => Err(unusable(e)),
        }
    }

    fn sign(&mut self) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        let line = format!(
            "pid {} on {} since {}\n",
            std::process::id(),
            host(),
            SystemClock::default().wall().rfc3339()
        );
        self.file.write_all(line.as_bytes())
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // The file stays: removing it would let two runs hold two files of one name. Closing it
        // unlocks it.
        let _ = self.file.set_len(0);
    }
}

/// Two names of one ledger have one lock.
fn lock_path(ledger_path: &Path) -> PathBuf {
    let real = std::fs::canonicalize(ledger_path).unwrap_or_else(|_| ledger_path.to_path_buf());
    let mut name = real.into_os_string();
    name.push(".lock");
    name.into()
}

fn is_still_at(file: &File, path: &Path) -> std::io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

fn held(ledger_path: &Path, file: File) -> LedgerError {
    let mut holder = String::new();
    let _ = file.take(HOLDER_BYTES_MAX).read_to_string(&mut holder);
    let holder = match holder.trim() {
        "" => "another run",
        holder => holder,
    };
    LedgerError::Held(format!(
        "the ledger {} is held by {holder}: wait for it to end, or stop it",
        ledger_path.display()
    ))
}

/// This machine's name, by the system call: a unit that sees processes alone of `/proc` knows it all the same.
pub fn host() -> String {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    match name.is_empty() {
        true => "an unnamed host".into(),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_told_who_holds_the_ledger() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("levy.db");
        let lock = RunLock::take(&path).unwrap();
        let LedgerError::Held(words) = RunLock::take(&path).unwrap_err() else {
            panic!("not Held");
        };
        let pid = format!("pid {} on ", std::process::id());
        assert!(
            words.contains(&pid) && words.contains(" since 20"),
            "{words}"
        );
        drop(lock);
        RunLock::take(&path).unwrap();
    }

    #[test]
    fn a_ledger_whose_directory_is_not_there_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let lock = RunLock::take(&dir.path().join("nowhere/levy.db"));
        assert!(matches!(lock, Err(LedgerError::Missing(_))), "{lock:?}");
    }

    #[test]
    fn the_holder_is_told_without_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("levy.db");
        assert_eq!(RunLock::holder(&path).unwrap(), None, "no lock file");
        let lock = RunLock::take(&path).unwrap();
        let holder = RunLock::holder(&path).unwrap().unwrap();
        let pid = format!("pid {} on ", std::process::id());
        assert!(holder.starts_with(&pid), "{holder}");
        drop(lock);
        assert_eq!(RunLock::holder(&path).unwrap(), None, "let go");
        std::fs::write(dir.path().join("levy.db.lock"), "pid 1 on elsewhere").unwrap();
        assert_eq!(RunLock::holder(&path).unwrap(), None, "a dead one's words");
        RunLock::take(&path).unwrap();
    }

    #[test]
    fn what_a_dead_run_wrote_into_the_lock_file_holds_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("levy.db");
        std::fs::write(dir.path().join("levy.db.lock"), "pid 1 on elsewhere").unwrap();
        RunLock::take(&path).unwrap();
    }

    #[test]
    fn two_names_of_one_ledger_have_one_lock_which_only_its_owner_reads() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("levy.db"), dir.path().join("link.db"));
        std::fs::write(&path, "").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let _lock = RunLock::take(&link).unwrap();
        assert!(matches!(RunLock::take(&path), Err(LedgerError::Held(_))));
        let meta = std::fs::metadata(dir.path().join("levy.db.lock")).unwrap();
        assert_eq!(meta.mode() & 0o777, 0o600);
    }

    #[test]
    fn a_lock_file_that_was_removed_does_not_split_the_lock_for_those_who_come_later() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("levy.db");
        let first = RunLock::take(&path).unwrap();
        assert!(is_still_at(&first.file, &lock_path(&path)).unwrap());
        std::fs::remove_file(lock_path(&path)).unwrap();
        assert!(!is_still_at(&first.file, &lock_path(&path)).unwrap());
        std::fs::write(lock_path(&path), "").unwrap();
        assert!(!is_still_at(&first.file, &lock_path(&path)).unwrap());
    }
}
