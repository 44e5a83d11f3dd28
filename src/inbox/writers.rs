//! Who has a file open for writing, as far as the system shows it to us: of root all processes, of
//! anybody else his own. Elsewhere than on Linux nobody is seen.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a look around is believed.
const FRESH: Duration = Duration::from_secs(1);
/// Open files that are looked at, at most: what is beyond is not seen.
const OPEN_FILES_MAX: usize = 200_000;
/// Access modes of `flags` in `fdinfo`: 0 reads alone.
const ACCESS_MODE: u32 = 0o3;

/// Files that are open for writing, each with a process that has it so.
#[derive(Debug, Default)]
pub struct Writers {
    looked: Option<Instant>,
    open: BTreeMap<File, Vec<Open>>,
}

/// Device and inode.
type File = (u64, u64);

/// One of a process's open files.
#[derive(Debug)]
struct Open {
    process: u32,
    /// Its directory in `/proc`, and the file's number there.
    place: (PathBuf, OsString),
}

impl Writers {
    /// A process that has this file open for writing.
    pub fn of(&mut self, device: u64, inode: u64) -> Option<u32> {
        if self.looked.is_none_or(|at| at.elapsed() > FRESH) {
            self.open = look_around();
            self.looked = Some(Instant::now());
        }
        // A number may have become another file's since the look around.
        let file = (device, inode);
        let still = |open: &&Open| open.file() == Some(file);
        let found = self.open.get(&file)?.iter().find(still)?;
        Some(found.process)
    }
}

impl Open {
    /// Which file it is, if it lies in a folder and is open for writing.
    fn file(&self) -> Option<File> {
        let (process, number) = &self.place;
        if !writes(&process.join("fdinfo").join(number)) {
            return None;
        }
        // Through the link: a file that was renamed is found all the same. One that was removed lies in no
        // folder, and its number may be another file's before this look is over.
        let meta = fs::metadata(process.join("fd").join(number)).ok()?;
        (meta.is_file() && meta.nlink() > 0).then(|| (meta.dev(), meta.ino()))
    }
}

fn look_around() -> BTreeMap<File, Vec<Open>> {
    let mut all: BTreeMap<File, Vec<Open>> = BTreeMap::new();
    let mut left = OPEN_FILES_MAX;
    let Ok(processes) = fs::read_dir("/proc") else {
        return all;
    };
    for process in processes.flatten() {
        let id = process.file_name().to_str().and_then(|id| id.parse().ok());
        let Some(id) = id else { continue };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        for file in files.flatten() {
            left -= 1;
            if left == 0 {
                return all;
            }
            let open = Open {
                process: id,
                place: (process.path(), file.file_name()),
            };
            if let Some(file) = open.file() {
                all.entry(file).or_default().push(open);
            }
        }
    }
    all
}

fn writes(about: &Path) -> bool {
    let Ok(text) = fs::read_to_string(about) else {
        return false;
    };
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok());
    flags.is_some_and(|flags| flags & ACCESS_MODE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_writes_a_file_is_seen_and_whoever_reads_it_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let written = fs::File::create(&path).unwrap();
        let meta = written.metadata().unwrap();
        let seen = |writers: &mut Writers| writers.of(meta.dev(), meta.ino());
        assert_eq!(seen(&mut Writers::default()), Some(std::process::id()));
        fs::rename(&path, dir.path().join("b.csv")).unwrap();
        assert!(seen(&mut Writers::default()).is_some());
        fs::rename(dir.path().join("b.csv"), &path).unwrap();
        drop(written);
        let _read = fs::File::open(&path).unwrap();
        assert_eq!(seen(&mut Writers::default()), None);
    }

    #[test]
    fn a_file_that_was_removed_keeps_no_other_from_being_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let written = fs::File::create(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let meta = written.metadata().unwrap();
        assert_eq!(Writers::default().of(meta.dev(), meta.ino()), None);
    }

    #[test]
    fn whoever_has_closed_it_since_the_look_around_keeps_it_no_longer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let written = fs::File::create(&path).unwrap();
        let meta = written.metadata().unwrap();
        let mut writers = Writers::default();
        let mut seen = || writers.of(meta.dev(), meta.ino());
        assert_eq!(seen(), Some(std::process::id()));
        drop(written);
        assert_eq!(seen(), None);
    }
}
