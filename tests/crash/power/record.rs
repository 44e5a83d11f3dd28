//! What `disk.c` wrote down, and the disk that it leaves where the power goes at some entry.
//!
//! The model is that of POSIX at its strictest: a file holds what was in it at its last sync, and a
//! directory names what it named at its own last sync. What came later may be there in any part.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::super::chance::Chance;

/// Bytes of an entry's head in the record.
const HEAD: usize = 25;

/// One entry. Paths are absolute.
#[derive(Clone, Debug)]
pub enum Entry {
    Create {
        inode: u64,
        path: String,
    },
    Write {
        inode: u64,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        inode: u64,
        size: usize,
    },
    Sync {
        inode: u64,
    },
    SyncDirectory,
    Rename {
        from: String,
        to: String,
    },
    Unlink {
        path: String,
    },
    /// A request that is about to leave.
    Sent {
        number: String,
        submission: bool,
    },
}

/// Reads a record.
pub fn read(path: &Path) -> Vec<Entry> {
    let record = fs::read(path).unwrap();
    let mut entries = Vec::new();
    let mut rest = record.as_slice();
    while !rest.is_empty() {
        let number = |from: usize, to: usize| {
            let mut bytes = [0; 8];
            bytes[..to - from].copy_from_slice(&rest[from..to]);
            u64::from_le_bytes(bytes)
        };
        let (inode, at) = (number(1, 9), number(9, 17) as usize);
        let lengths = [number(17, 19), number(19, 21), number(21, 25)];
        let [one, two, bytes] = lengths.map(|n| n as usize);
        let text = |from: usize, n: usize| String::from_utf8(rest[from..from + n].into()).unwrap();
        let (one, two) = (text(HEAD, one), text(HEAD + one, two));
        let from = HEAD + one.len() + two.len();
        let end = from + bytes;
        entries.push(match rest[0] {
            b'C' => Entry::Create { inode, path: one },
            b'W' => {
                let bytes = rest[from..end].to_vec();
                Entry::Write { inode, at, bytes }
            }
            b'T' => Entry::Truncate { inode, size: at },
            b'S' => Entry::Sync { inode },
            b'D' => Entry::SyncDirectory,
            b'R' => Entry::Rename { from: one, to: two },
            b'U' => Entry::Unlink { path: one },
            b'N' => Entry::Sent {
                number: one,
                submission: two == "submit",
            },
            other => panic!("an entry of kind {other}"),
        });
        rest = &rest[end..];
    }
    entries
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Clone, Debug, Default)]
struct File {
    synced: Vec<u8>,
    later: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Naming {
    Create(String, usize),
    Rename(String, String),
    Unlink(String),
}

/// A disk, and what of it would be there without power.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: Vec<File>,
    by_inode: HashMap<u64, usize>,
    names: BTreeMap<String, usize>,
    later: Vec<Naming>,
}

/// What becomes of what was not synced.
#[derive(Debug)]
pub enum Fate {
    /// It is gone.
    Dropped,
    /// Some of it is there, torn into blocks of this many bytes.
    Torn(Chance, usize),
}

impl Disk {
    /// Does what an entry says.
    pub fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Create { inode, path } => {
                self.by_inode.insert(*inode, self.files.len());
                self.later
                    .push(Naming::Create(path.clone(), self.files.len()));
                self.files.push(File::default());
            }
            Entry::Write { inode, at, bytes } => {
                self.change(*inode, Change::Write(*at, bytes.clone()));
            }
            Entry::Truncate { inode, size } => self.change(*inode, Change::Truncate(*size)),
            Entry::Sync { inode } => {
                let file = self.file(*inode);
                for change in std::mem::take(&mut file.later) {
                    apply(&mut file.synced, &change);
                }
            }
            Entry::SyncDirectory => {
                for naming in std::mem::take(&mut self.later) {
                    name(&mut self.names, &naming);
                }
            }
            Entry::Rename { from, to } => {
                self.later.push(Naming::Rename(from.clone(), to.clone()));
            }
            Entry::Unlink { path } => self.later.push(Naming::Unlink(path.clone())),
            Entry::Sent { .. } => {}
        }
    }

    fn file(&mut self, inode: u64) -> &mut File {
        let file = self.by_inode.get(&inode).expect("a file that was made");
        &mut self.files[*file]
    }

    fn change(&mut self, inode: u64, change: Change) {
        self.file(inode).later.push(change);
    }

    /// Writes the files as they are when the power is back.
    pub fn restore(&self, dir: &Path, fate: &mut Fate) {
        let mut names = self.names.clone();
        if let Fate::Torn(chance, _) = fate {
            // A journal of the file system: what came first is there first.
            let kept = chance.below(self.later.len() as u64 + 1) as usize;
            for naming in &self.later[..kept] {
                name(&mut names, naming);
            }
        }
        for (path, file) in names {
            let file = &self.files[file];
            let mut bytes = file.synced.clone();
            if let Fate::Torn(chance, block) = fate {
                tear(&mut bytes, &file.later, chance, *block);
            }
            let to = dir.join(Path::new(&path).file_name().unwrap());
            fs::write(&to, bytes).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
        }
        if let Fate::Torn(chance, _) = fate {
            // Memory of SQLite's that the kernel happened to write out; it must not be believed.
            let noise: Vec<u8> = (0..32_768).map(|_| chance.next() as u8).collect();
            let mut options = fs::OpenOptions::new();
            let shm = options.write(true).create(true).truncate(true).mode(0o600);
            let mut shm = shm.open(dir.join("levy.db-shm")).unwrap();
            std::io::Write::write_all(&mut shm, &noise).unwrap();
        }
    }

    /// Whether a name is there for sure.
    pub fn names(&self, file: &str) -> bool {
        let named = |path: &String| Path::new(path).file_name().unwrap() == file;
        self.names.keys().any(named)
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Truncate(size) => bytes.resize(*size, 0),
        Change::Write(at, new) => {
            if bytes.len() < at + new.len() {
                bytes.resize(at + new.len(), 0);
            }
            bytes[*at..at + new.len()].copy_from_slice(new);
        }
    }
}

fn name(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Create(path, file) => {
            names.insert(path.clone(), *file);
        }
        Naming::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        Naming::Unlink(path) => {
            names.remove(path);
        }
    }
}

/// Some of the changes, each whole, not at all, or in some of its blocks.
fn tear(bytes: &mut Vec<u8>, later: &[Change], chance: &mut Chance, block: usize) {
    for change in later {
        match (change, chance.below(3)) {
            (_, 0) => {}
            (Change::Write(at, new), 1) => {
                let mut from = 0;
                while from < new.len() {
                    // Blocks of the disk, not of the write.
                    let to = (from + block - (at + from) % block).min(new.len());
                    if chance.one_in(2) {
                        apply(bytes, &Change::Write(at + from, new[from..to].to_vec()));
                    }
                    from = to;
                }
            }
            (Change::Write(..) | Change::Truncate(_), _) => apply(bytes, change),
        }
    }
}
