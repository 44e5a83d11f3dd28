//! A file's way through the folder, step by step: claimed into a slot of its own, run there, and out.
//!
//! A slot is a directory in `processing/`, called as the file will be called when it is through
//! (`night`, or `night.2` where that is taken). Its state stands in a small file, written before the
//! step that it names, so that whoever comes after a crash knows which step that was. The `.ok` goes
//! before its file: a file in a slot has its totals with it, or had none.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::InboxFault;
use super::finished::{Kind, Names};
use super::folder::{
    DONE, Folder, Found, PROCESSING, REJECTED, look, names_in, read_own, stamp, sync, write_own,
};

/// In a slot: what is to be done with it, and the name of its file.
const STATE: &str = ".state";
/// In a slot: its turn comes after everything else.
const LAST: &str = ".last";
/// Numbers that are tried for a name that is taken.
const NUMBERS_MAX: u32 = 100_000;
/// What may be put beside a file, behind its name without the extension.
const ENDS: [&str; 10] = [
    ".csv",
    ".xlsx",
    ".csv.ok",
    ".xlsx.ok",
    ".ok",
    ".result.csv",
    ".result.xlsx",
    ".failed.csv",
    ".failed.xlsx",
    ".receipt.txt",
];
/// What a receipt is called, behind that name. It goes out last: where it is, everything is.
pub(super) const RECEIPT: &str = ".receipt.txt";

/// A claimed file's place in `processing/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The directory.
    pub path: PathBuf,
    /// What its file will be called, without the extension.
    pub key: OsString,
}

/// Where a file goes when it is through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Nothing is left to do for levy.
    Done,
    /// Refused as a whole.
    Rejected,
}

/// What is to be done with a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its file is to be run. Whether the ledger knew it before it was dropped is not known yet.
    Claimed(OsString),
    /// Its file is to be run, or run again.
    Begun(OsString, Begun),
    /// The claim did not come to its end: the file is still where it was dropped.
    Unclaimed(OsString),
    /// It is through, and on its way out.
    Leaving(OsString, Shelf),
    /// Nothing ever came into it.
    Empty,
    /// Not as levy leaves it, in words.
    Strange(String),
}

/// What is known of a file that is to be run again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Begun {
    /// The ledger knew it before it was dropped.
    pub again: bool,
    /// SHA-256 of what the file has held since, and what of it may not be through: a file that is changed
    /// in its slot leaves its earlier batch behind, which goes on all the same.
    pub digests: Vec<[u8; 32]>,
}

impl Begun {
    /// Reads `new DIGEST…` or `again DIGEST…`.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(line).ok()?.split(' ');
        let again = match words.next()? {
            "new" => false,
            "again" => true,
            _ => return None,
        };
        let digest = |hex: &str| HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok();
        let digests = words.map(digest).collect::<Option<Vec<_>>>()?;
        Some(Self { again, digests })
    }

    fn line(&self) -> String {
        let mut line = String::from(if self.again { "again" } else { "new" });
        for digest in &self.digests {
            line.push(' ');
            line.push_str(&HEXLOWER.encode(digest));
        }
        line
    }
}

/// Why a finished file was not claimed after all. It lies where it lay.
#[derive(Debug)]
pub enum Missed {
    /// It has gone.
    Gone,
    /// It has changed since it was looked at.
    Changed,
    /// It could not be claimed.
    Fault(InboxFault),
}

impl From<InboxFault> for Missed {
    fn from(fault: InboxFault) -> Self {
        Self::Fault(fault)
    }
}

impl Shelf {
    /// The room's name.
    pub fn room(self) -> &'static str {
        match self {
            Self::Done => DONE,
            Self::Rejected => REJECTED,
        }
    }
}

impl Slot {
    fn new(folder: &Folder, key: OsString) -> Self {
        Self {
            path: folder.room(PROCESSING).join(&key),
            key,
        }
    }

    /// What is to be done with it.
    pub fn stage(&self) -> Result<Stage, InboxFault> {
        match look(&self.path)? {
            None => return Ok(Stage::Empty),
            Some(seen) if seen.kind == Kind::Directory => {}
            Some(_) => {
                let words = "levy did not put this there: move it away";
                return Ok(Stage::Strange(words.into()));
            }
        }
        let state = read_own(&self.path.join(STATE))?;
        let names = names_in(&self.path)?;
        let visible = names.iter().any(|name| !name.as_bytes().starts_with(b"."));
        let strange = |words: &str| Ok(Stage::Strange(words.into()));
        let Some(state) = state else {
            return match visible {
                false => Ok(Stage::Empty),
                true => strange("levy did not put this there: move it away"),
            };
        };
        let mut parts = state.splitn(2, |byte| *byte == b'\n');
        let word = parts.next().unwrap_or_default();
        let name = OsString::from_vec(parts.next().unwrap_or_default().to_vec());
        // A name and no path: nothing outside of the slot is ever moved.
        if Path::new(&name).file_name() != Some(&name) {
            return strange("its .state can't be read: move it away");
        }
        let there = match look(&self.path.join(&name))? {
            Some(seen) if seen.kind == Kind::File => true,
            Some(_) | None => false,
        };
        if let Some(begun) = Begun::parse(word) {
            return Ok(match there {
                true => Stage::Begun(name, begun),
                false => Stage::Strange(format!(
                    "its file {} was taken away: put it back; or `levy resume --batch` ends what was \
                     begun, and the directory can be removed",
                    name.display()
                )),
            });
        }
        Ok(match (word, there) {
            (b"claimed", true) => Stage::Claimed(name),
            (b"claimed", false) => Stage::Unclaimed(name),
            (b"done", _) => Stage::Leaving(name, Shelf::Done),
            (b"rejected", _) => Stage::Leaving(name, Shelf::Rejected),
            (_, _) => Stage::Strange("its .state can't be read: move it away".into()),
        })
    }

    /// What is known of the file: written down before it is taken in.
    pub fn begin(&self, folder: &Folder, name: &OsStr, begun: &Begun) -> Result<(), InboxFault> {
        self.write_state(folder, &begun.line(), name)
    }

    /// Whether its turn comes after everything else: its rows were refused one after the other.
    pub fn goes_last(&self) -> bool {
        self.path.join(LAST).exists()
    }

    /// Its turn comes after everything else from now on, or no longer does.
    pub fn put_last(&self, folder: &Folder, last: bool) -> Result<(), InboxFault> {
        let path = self.path.join(LAST);
        match (last, self.goes_last()) {
            (true, false) => write_own(&path, b"", folder.readers),
            (false, true) => fs::remove_file(&path).map_err(|e| InboxFault::of(&path, e)),
            (true, true) | (false, false) => Ok(()),
        }
    }

    fn write_state(&self, folder: &Folder, word: &str, name: &OsStr) -> Result<(), InboxFault> {
        let mut bytes = word.as_bytes().to_vec();
        bytes.push(b'\n');
        bytes.extend_from_slice(name.as_bytes());
        write_own(&self.path.join(STATE), &bytes, folder.readers)
    }

    /// What `other`, a file that lies with the file called `name`, is called once it is out.
    pub fn name_outside(&self, name: &OsStr, other: &OsStr) -> OsString {
        let mut outside = self.key.clone();
        outside.push(rest(other, stem(name)).unwrap_or(other));
        outside
    }

    /// The name of the receipt of a file in it.
    pub fn receipt_of(name: &OsStr) -> OsString {
        let mut receipt = stem(name).to_owned();
        receipt.push(RECEIPT);
        receipt
    }
}

impl Folder {
    /// Every slot, by name.
    pub fn slots(&self) -> Result<Vec<Slot>, InboxFault> {
        let names = names_in(&self.room(PROCESSING))?;
        let visible = names
            .into_iter()
            .filter(|name| !name.as_bytes().starts_with(b"."));
        Ok(visible.map(|key| Slot::new(self, key)).collect())
    }

    /// The keys of the slots and whether there is a batch, by names alone and without a lock:
    /// whether a pass would find anything to look at.
    pub fn glance(dir: &Path) -> (Vec<OsString>, bool) {
        let names = |dir: &Path| names_in(dir).unwrap_or_default().into_iter();
        let visible = |name: &OsString| !name.as_bytes().starts_with(b".");
        let slots = names(&dir.join(PROCESSING)).filter(visible).collect();
        let batches = names(dir).any(|name| Names::of(&name) == Names::Batch);
        (slots, batches)
    }

    /// Claims a finished file: it and its `.ok` are renamed into a slot of their own.
    pub fn claim(&self, found: &Found) -> Result<Slot, Missed> {
        let from = self.dir.join(&found.name);
        self.durable(&from, found)?;
        let slot = self.free_slot(&found.name)?;
        self.make(&slot.path)?;
        let taken = slot
            .write_state(self, "claimed", &found.name)
            .and_then(|()| sync(&self.room(PROCESSING)))
            .map_err(Missed::Fault)
            .and_then(|()| self.take(&slot, found));
        if taken.is_err() {
            // What can't be undone now, the next sweep undoes.
            let _ = self.unclaim(&slot, &found.name);
        }
        taken.map(|()| slot)
    }

    fn take(&self, slot: &Slot, found: &Found) -> Result<(), Missed> {
        if let Some(side) = &found.side {
            self.rename(&self.dir.join(side), &slot.path.join(ok_of(&found.name)))?;
        }
        let to = slot.path.join(&found.name);
        self.rename(&self.dir.join(&found.name), &to)?;
        let there = look(&to)?;
        if there.is_some_and(|there| there.stamp.same_content(&found.seen.stamp)) {
            return Ok(());
        }
        // Another took its name in between: it goes back, and waits for its own time.
        self.rename(&to, &self.dir.join(&found.name))?;
        Err(Missed::Changed)
    }

    /// The file and its `.ok` can be read, it is the one that was looked at, and its bytes are on the disk.
    fn durable(&self, path: &Path, found: &Found) -> Result<(), Missed> {
        let fault = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => Missed::Gone,
            _ => Missed::Fault(InboxFault::of(path, e)),
        };
        let mut options = OpenOptions::new();
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.read(true).custom_flags(flags.bits() as i32);
        let file = options.open(path).map_err(fault)?;
        let meta = file.metadata().map_err(fault)?;
        if !meta.is_file() || stamp(&meta) != found.seen.stamp {
            return Err(Missed::Changed);
        }
        if let Some(side) = &found.side {
            let path = self.dir.join(side);
            let opened = options.open(&path);
            opened.map_err(|e| match e.kind() {
                io::ErrorKind::NotFound => Missed::Gone,
                _ => Missed::Fault(InboxFault::of(&path, e)),
            })?;
        }
        file.sync_all().map_err(fault)
    }

    /// The first key whose names are free everywhere, and stay so while the file is in its slot.
    fn free_slot(&self, name: &OsStr) -> Result<Slot, Missed> {
        let slots: Vec<OsString> = self.slots()?.into_iter().map(|slot| slot.key).collect();
        for number in 1..=NUMBERS_MAX {
            let mut key = stem(name).to_owned();
            if number > 1 {
                key.push(format!(".{number}"));
            }
            let among_slots = slots.iter().any(|other| clash(&key, other));
            if !among_slots && self.is_free(&key, name)? {
                return Ok(Slot::new(self, key));
            }
        }
        let words = "as many files of that name have been through as can be: clear out done/";
        let fault = InboxFault::Place(self.dir.join(name), words.into());
        Err(Missed::Fault(fault))
    }

    fn is_free(&self, key: &OsStr, name: &OsStr) -> Result<bool, InboxFault> {
        // Its own name as well: its letters may be others (`.CSV`).
        let mut own = key.to_owned();
        own.push(rest(name, stem(name)).unwrap_or_default());
        for room in [DONE, REJECTED] {
            for name in names_of(key).chain([own.clone(), ok_of(&own)]) {
                if look(&self.room(room).join(name))?.is_some() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Undoes a claim that did not come to its end: the `.ok` goes back to its file.
    pub fn unclaim(&self, slot: &Slot, name: &OsStr) -> Result<(), InboxFault> {
        for name in [name.to_owned(), ok_of(name)] {
            match self.rename(&slot.path.join(&name), &self.dir.join(&name)) {
                Ok(()) | Err(Missed::Gone) | Err(Missed::Changed) => {}
                Err(Missed::Fault(fault)) => return Err(fault),
            }
        }
        self.remove(slot)
    }

    /// What is through goes out: its file first, its receipt last.
    pub fn leave(&self, slot: &Slot, name: &OsStr, shelf: Shelf) -> Result<(), InboxFault> {
        let room = self.room(shelf.room());
        let outside = |other: &OsStr| room.join(slot.name_outside(name, other));
        let receipt = Slot::receipt_of(name);
        let names = names_in(&slot.path)?;
        let mut visible: Vec<&OsString> = names
            .iter()
            .filter(|name| !name.as_bytes().starts_with(b"."))
            .collect();
        if let Some(strange) = visible.iter().find(|n| rest(n, stem(name)).is_none()) {
            let path = slot.path.join(strange);
            let words = "levy did not put this there: move it away";
            return Err(InboxFault::Place(path, words.into()));
        }
        for other in &visible {
            let target = outside(other);
            if look(&target)?.is_some() {
                return Err(InboxFault::of(&target, io::ErrorKind::AlreadyExists.into()));
            }
        }
        slot.write_state(self, shelf.room(), name)?;
        visible.sort_by_key(|other| (**other == *receipt, *other != name));
        for other in visible {
            if *other == *receipt {
                sync(&room)?;
                sync(&slot.path)?;
            }
            rename_new(&slot.path.join(other), &outside(other))
                .map_err(|e| InboxFault::of(&outside(other), e))?;
        }
        sync(&room)?;
        sync(&slot.path)?;
        self.remove(slot)
    }

    /// Removes an empty slot, and what levy keeps for itself in it. Its state goes last.
    pub fn remove(&self, slot: &Slot) -> Result<(), InboxFault> {
        let fault = |e| InboxFault::of(&slot.path, e);
        let names = names_in(&slot.path)?;
        if let Some(name) = names.iter().find(|name| !name.as_bytes().starts_with(b".")) {
            let words = "levy did not put this there: move it away";
            return Err(InboxFault::Place(slot.path.join(name), words.into()));
        }
        for name in names.iter().filter(|name| *name != STATE) {
            fs::remove_file(slot.path.join(name)).map_err(fault)?;
        }
        match fs::remove_file(slot.path.join(STATE)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(fault(e)),
            Ok(()) | Err(_) => {}
        }
        fs::remove_dir(&slot.path).map_err(fault)?;
        sync(&self.room(PROCESSING))
    }

    /// Renames, never onto a name that is taken, and makes both directories durable.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), Missed> {
        rename_new(from, to).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Missed::Gone,
            io::ErrorKind::AlreadyExists => Missed::Fault(InboxFault::of(to, e)),
            _ => Missed::Fault(InboxFault::of(from, e)),
        })?;
        for path in [to, from] {
            sync(path.parent().unwrap_or(Path::new(".")))?;
        }
        Ok(())
    }
}

/// A rename that overwrites nothing. Where the system can't promise that, a look must do: the
/// rooms are levy's own, and one levy at a time is at work on them.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => match fs::symlink_metadata(to) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        },
        renamed => renamed.map_err(io::Error::from),
    }
}

fn stem(name: &OsStr) -> &OsStr {
    Path::new(name).file_stem().unwrap_or(name)
}

/// `NAME.csv.ok`, what a file's totals are called in its slot whatever they were called before.
fn ok_of(name: &OsStr) -> OsString {
    let mut ok = name.to_owned();
    ok.push(".ok");
    ok
}

/// What a name has behind its file's stem.
fn rest<'a>(name: &'a OsStr, stem: &OsStr) -> Option<&'a OsStr> {
    let rest = name.as_bytes().strip_prefix(stem.as_bytes())?;
    Some(OsStr::from_bytes(rest))
}

fn names_of(key: &OsStr) -> impl Iterator<Item = OsString> {
    ENDS.iter().map(move |end| {
        let mut name = key.to_owned();
        name.push(end);
        name
    })
}

/// Two keys that would have a file of one name: `a` and `a.result` both have `a.result.csv`.
fn clash(one: &OsStr, other: &OsStr) -> bool {
    names_of(one).any(|name| names_of(other).any(|namesake| name == namesake))
}

#[cfg(test)]
mod tests;
