//! The result, a CSV or a workbook: the input's columns as they came, then levy's own, one row for each input row.
//!
//! Rebuilt from the ledger at any time, the same bytes for the same state: there is no "now" in it.
//! It is written beside its place, synced and renamed, so that a reader sees a whole file or none.
//! It does not know why a run ended, only what the ledger holds.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::failed;
use super::layout::{Layout, Part, Style};
use super::sheet::{SHEET_ROWS_MAX, Sheet};
use crate::batch::digest_of;
use crate::clock::WallMs;
use crate::ledger::{Batch, BatchHead, Ledger, LedgerError, ResultRow, Totals};

pub use super::table::{Table, write_cells};

/// Bytes that are gathered before they are written.
pub(super) const BUFFER_BYTES: usize = 256 * 1024;
/// Temporary names that are tried before giving up.
const TEMPORARY_NAMES_MAX: u32 = 16;
/// What their names end in.
const TEMPORARY_SUFFIX: &str = ".tmp";
/// Entries of a result's directory that are looked through for what killed runs left behind.
const ENTRIES_SWEPT_MAX: usize = 100_000;

/// Where a result goes: a place that was looked at before anything was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
    readers: Readers,
    /// Where the rows go that need somebody; none if that is taken.
    failed: Option<PathBuf>,
    style: Style,
}

/// Who may read a result, besides nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readers {
    /// Its owner (0600).
    #[default]
    Owner,
    /// Its owner and this group (0640), where whoever writes it may give it to that group.
    Group(u32),
}

/// Why a result cannot be, or was not, written.
#[derive(Debug)]
pub enum ResultFault {
    /// The place is no place for a result: a directory, a device, a link, the input itself.
    Place(PathBuf, String),
    /// A cell is more than a workbook takes: no disk is at fault.
    Content(PathBuf, String),
    /// The disk: full, read-only, gone.
    Disk(PathBuf, io::Error),
    /// The ledger could not tell its rows.
    Ledger(LedgerError),
}

impl fmt::Display for ResultFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(path, words) => write!(f, "result {}: {words}", path.display()),
            Self::Content(path, words) => {
                write!(
                    f,
                    "result {}: could not be written: {words}",
                    path.display()
                )
            }
            Self::Disk(path, e) => {
                write!(
                    f,
                    "result {}: could not be written: {e}; see to its disk, then give the same \
                     command again",
                    path.display()
                )
            }
            Self::Ledger(e) => write!(f, "result: {e}"),
        }
    }
}

impl std::error::Error for ResultFault {}

/// `NAME.result.csv` beside the input; `NAME.result.xlsx` beside a workbook.
pub fn beside(input: &Path) -> PathBuf {
    let mut name = input.file_stem().map(OsString::from).unwrap_or_default();
    name.push(match is_workbook(input) {
        true => ".result.xlsx",
        false => ".result.csv",
    });
    input.with_file_name(name)
}

/// Whether a file of this name is to be a workbook.
pub(super) fn is_workbook(path: &Path) -> bool {
    let extension = path.extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("xlsx"))
}

impl Place {
    /// Looks at a place before anything is sent: its directory can be written to, and what is there
    /// now is an ordinary file and none of `taken` (the input, the ledger, the settings).
    pub fn look(path: &Path, taken: &[&Path]) -> Result<Self, ResultFault> {
        let refuse = |words: &str| Err(ResultFault::Place(path.into(), words.into()));
        if path.file_name().is_none() {
            return refuse("is no name of a file");
        }
        let directory = directory_of(path);
        match fs::metadata(directory) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return refuse("its directory is none"),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return refuse("its directory does not exist");
            }
            Err(e) => return Err(ResultFault::Disk(path.into(), e)),
        }
        rustix::fs::access(directory, rustix::fs::Access::WRITE_OK)
            .map_err(|e| ResultFault::Disk(path.into(), e.into()))?;
        let there = match fs::symlink_metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(ResultFault::Disk(path.into(), e)),
            Ok(meta) if meta.is_symlink() => {
                return refuse("is a symbolic link; name the file itself");
            }
            Ok(meta) if !meta.is_file() => return refuse("is no ordinary file"),
            Ok(meta) => Some(meta),
        };
        for other in taken {
            if same_file(path, there.as_ref(), other) {
                let words = format!(
                    "would overwrite {}; name another with --out",
                    other.display()
                );
                return refuse(&words);
            }
        }
        let failed = failed::beside(path);
        let there = fs::metadata(&failed).ok();
        let free = !taken
            .iter()
            .any(|other| same_file(&failed, there.as_ref(), other));
        Ok(Self {
            path: path.into(),
            failed: free.then_some(failed),
            style: Style::default(),
            readers: Readers::Owner,
        })
    }

    /// The same place for other readers.
    pub fn for_readers(self, readers: Readers) -> Self {
        Self { readers, ..self }
    }

    /// The same place for a result in this style.
    pub fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }

    /// Where the rows of its result go that need somebody, if that is no other file of the command.
    pub(super) fn failed(&self) -> Option<Self> {
        let path = self.failed.clone()?;
        Some(Self {
            path,
            failed: None,
            style: self.style,
            readers: self.readers,
        })
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses what a file of this name can't hold, before anything is sent: a sheet has an end.
    pub fn hold(&self, rows: u64) -> Result<(), ResultFault> {
        if !self.is_workbook() || rows < SHEET_ROWS_MAX {
            return Ok(());
        }
        let words = format!(
            "a sheet has at most {SHEET_ROWS_MAX} rows with its header, and the batch has {rows}: name a \
             .csv with --out"
        );
        Err(ResultFault::Place(self.path.clone(), words))
    }

    /// A result of this name is a workbook.
    fn is_workbook(&self) -> bool {
        is_workbook(&self.path)
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn same_file(path: &Path, there: Option<&fs::Metadata>, other: &Path) -> bool {
    match (there, fs::metadata(other)) {
        (Some(there), Ok(other)) => there.dev() == other.dev() && there.ino() == other.ino(),
        (Some(_), Err(_)) | (None, _) => same_name(path, other),
    }
}

/// Two paths that lead to one name in one directory, whether there is a file or not.
fn same_name(one: &Path, two: &Path) -> bool {
    let real = |path: &Path| {
        let directory = fs::canonicalize(directory_of(path)).ok()?;
        Some(directory.join(path.file_name()?))
    };
    real(one).is_some_and(|one| real(two) == Some(one))
}

/// Writes a batch's result: 0600 (0640 in a drop folder), whole or not at all. Answers with the number of its rows.
pub fn write(ledger: &mut dyn Ledger, batch: &Batch, place: &Place) -> Result<u64, ResultFault> {
    let rows = written(place, |file| {
        fill(ledger, batch, place, Part::Whole, file).map(Some)
    })?;
    Ok(rows.unwrap_or(0))
}

/// Writes those of its rows that need somebody, if there are any. Answers with their number.
pub(super) fn write_failed(
    ledger: &mut dyn Ledger,
    batch: &Batch,
    place: &Place,
) -> Result<Option<u64>, ResultFault> {
    let draft = Draft::begin(place)?;
    let filled = fill(ledger, batch, place, Part::Failed, draft.file());
    let rows = filled.map_err(|fault| draft.cause(fault))?;
    if rows == 0 {
        return Ok(None);
    }
    let digest = digest_of(&draft.temporary).map_err(|e| draft.fault(io::Error::other(e)))?;
    // Before it is there: otherwise a crash would leave one that passes for mended.
    let noted = ledger.note_failed_file(&digest);
    noted.map_err(ResultFault::Ledger)?;
    draft.finish()?;
    Ok(Some(rows))
}

/// Writes rows that are not (or not all) a batch's into a file of a result's form, to be approved
/// and given back. `tell` hands them over; what it answers comes back.
pub fn write_plan<T>(
    place: &Place,
    head: &BatchHead,
    tell: impl FnOnce(&mut dyn FnMut(&ResultRow) -> io::Result<()>) -> Result<T, LedgerError>,
) -> Result<T, ResultFault> {
    let told = written(place, |file| {
        let mut form = Form::begin(place, head, Part::Whole, WallMs(0), file)?;
        let mut failed = None;
        let told = tell(&mut |row| kept(form.row(row), &mut failed));
        if let Some(e) = failed {
            return Err(Fault::Disk(e));
        }
        let told = told.map_err(Fault::Ledger)?;
        form.finish(None, file)?;
        Ok(Some(told))
    })?;
    Ok(told.expect("a plan is written whatever it says"))
}

/// Beside its place, synced and renamed; not at all if there turns out to be nothing to write.
fn written<T>(
    place: &Place,
    fill: impl FnOnce(&File) -> Result<Option<T>, Fault>,
) -> Result<Option<T>, ResultFault> {
    let draft = Draft::begin(place)?;
    let told = fill(draft.file()).map_err(|fault| draft.cause(fault))?;
    if told.is_some() {
        draft.finish()?;
    }
    Ok(told)
}

/// A file on its way to its place: hidden beside it until it is whole, then synced and renamed. One
/// that is dropped before that leaves nothing behind.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
}

impl Draft {
    /// A new one, its owner's alone or for its place's readers too; what runs that were killed left of this file is swept away.
    pub fn begin(place: &Place) -> Result<Self, ResultFault> {
        let path = place.path();
        sweep(path);
        let (temporary, file) =
            temporary_beside(path).map_err(|e| ResultFault::Disk(path.into(), e))?;
        // Whom it can't be given to can't read it: that is no reason to lose it.
        if let Readers::Group(group) = place.readers
            && fchown(&file, None, Some(group)).is_ok()
        {
            let _ = file.set_permissions(fs::Permissions::from_mode(0o640));
        }
        Ok(Self {
            path: path.into(),
            temporary,
            file,
        })
    }

    /// Where to write it.
    pub fn file(&self) -> &File {
        &self.file
    }

    fn cause(&self, fault: Fault) -> ResultFault {
        match fault {
            Fault::Disk(e) => self.fault(e),
            Fault::Ledger(e) => ResultFault::Ledger(e),
        }
    }

    /// An error of writing it, with its place.
    pub fn fault(&self, e: io::Error) -> ResultFault {
        match e.kind() {
            io::ErrorKind::InvalidData => ResultFault::Content(self.path.clone(), e.to_string()),
            _ => ResultFault::Disk(self.path.clone(), e),
        }
    }

    /// Synced, then renamed: a reader sees the whole file or what was there before.
    pub fn finish(self) -> Result<(), ResultFault> {
        let finish = || {
            self.file.sync_all()?;
            fs::rename(&self.temporary, &self.path)?;
            // The name is durable only with its directory.
            File::open(directory_of(&self.path))?.sync_all()
        };
        finish().map_err(|e| self.fault(e))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After the rename there is nothing left to remove; before it, nobody misses it.
        let _ = fs::remove_file(&self.temporary);
    }
}

enum Fault {
    Disk(io::Error),
    Ledger(LedgerError),
}

impl From<io::Error> for Fault {
    fn from(e: io::Error) -> Self {
        Self::Disk(e)
    }
}

/// A new file, readable by its owner alone, that nobody can have put there before (O_EXCL). It is
/// locked while it is written, so that nobody sweeps it away.
fn temporary_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    for n in 0..TEMPORARY_NAMES_MAX {
        let mut hidden = hidden_prefix(path);
        hidden.push(format!("{}-{n}{TEMPORARY_SUFFIX}", std::process::id()));
        let temporary = path.with_file_name(hidden);
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary);
        let file = match opened {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(e) => return Err(e),
            Ok(file) => file,
        };
        // Somebody who sweeps may have been quicker than our lock: then this name is lost. Where
        // files cannot be locked, nobody sweeps.
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => continue,
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        if is_at(&file, &temporary) {
            return Ok((temporary, file));
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The ledger gives its own word to an error of ours: the first one is kept as it was.
fn kept(written: io::Result<()>, failed: &mut Option<io::Error>) -> io::Result<()> {
    written.map_err(|e| {
        let kind = e.kind();
        failed.get_or_insert(e);
        kind.into()
    })
}

/// What a result is written as: by its place's name.
enum Form<'f> {
    Csv(Box<Table<'f, BufWriter<&'f File>>>),
    Workbook(Box<Sheet<'f>>),
}

impl<'f> Form<'f> {
    fn begin(
        place: &Place,
        head: &'f BatchHead,
        part: Part,
        made_at: WallMs,
        file: &'f File,
    ) -> io::Result<Self> {
        let layout = Layout::new(&head.header, place.style, part);
        if place.is_workbook() {
            let sheet = Sheet::begin(directory_of(place.path()), layout, made_at)?;
            return Ok(Self::Workbook(Box::new(sheet)));
        }
        let out = BufWriter::with_capacity(BUFFER_BYTES, file);
        let table = Table::begin(out, layout, head.delimiter)?;
        Ok(Self::Csv(Box::new(table)))
    }

    fn row(&mut self, row: &ResultRow) -> io::Result<()> {
        match self {
            Self::Csv(table) => table.row(row),
            Self::Workbook(sheet) => sheet.row(row),
        }
    }

    fn finish(self, totals: Option<&Totals>, file: &File) -> io::Result<()> {
        match self {
            Self::Csv(table) => table.finish().map(drop),
            Self::Workbook(sheet) => sheet.finish(totals, BufWriter::new(file)),
        }
    }
}

/// `.NAME.`, what the names of a result's temporaries begin with.
fn hidden_prefix(path: &Path) -> OsString {
    let mut hidden = OsString::from(".");
    hidden.push(path.file_name().unwrap_or_default());
    hidden.push(".");
    hidden
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        (Ok(_) | Err(_), _) => false,
    }
}

/// Removes what runs that were killed in the middle of this result left beside it: each is as large
/// as a result, and holds accounts. Whoever still writes one has it locked. What cannot be removed
/// stays for the next time.
fn sweep(path: &Path) {
    let Ok(entries) = fs::read_dir(directory_of(path)) else {
        return;
    };
    let prefix = hidden_prefix(path);
    for entry in entries.take(ENTRIES_SWEPT_MAX).flatten() {
        if !is_temporary(&entry.file_name(), &prefix) {
            continue;
        }
        let left = entry.path();
        let opened = OpenOptions::new()
            .write(true)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(&left);
        let Ok(file) = opened else { continue };
        if file.try_lock().is_ok() && is_at(&file, &left) {
            let _ = fs::remove_file(&left);
        }
    }
}

/// Whether a name is one that `temporary_beside` gives: the prefix, a process's id, a number.
fn is_temporary(name: &OsStr, prefix: &OsStr) -> bool {
    let middle = name
        .as_bytes()
        .strip_prefix(prefix.as_bytes())
        .and_then(|rest| rest.strip_suffix(TEMPORARY_SUFFIX.as_bytes()));
    let Some(middle) = middle else { return false };
    let mut parts = middle.split(|b| *b == b'-');
    let mut number = || {
        parts
            .next()
            .is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit))
    };
    number() && number() && parts.next().is_none()
}

/// Answers with the number of rows that were written.
fn fill(
    ledger: &mut dyn Ledger,
    batch: &Batch,
    place: &Place,
    part: Part,
    file: &File,
) -> Result<u64, Fault> {
    let mut form = Form::begin(place, &batch.head, part, batch.accepted_at, file)?;
    let (mut rows, mut taken) = (0, 0);
    let mut failed = None;
    let told = ledger.rows(batch.id, &mut |row| {
        rows += 1;
        if !part.takes(&row) {
            return Ok(());
        }
        taken += 1;
        kept(form.row(&row), &mut failed)
    });
    if let Some(e) = failed {
        return Err(Fault::Disk(e));
    }
    told.map_err(Fault::Ledger)?;
    if rows != batch.rows {
        let words = format!(
            "batch {} has {} rows, and {rows} were told",
            batch.id, batch.rows
        );
        return Err(Fault::Ledger(LedgerError::Broken(words)));
    }
    let totals = match (part, place.is_workbook()) {
        (Part::Whole, true) => Some(ledger.totals(batch.id).map_err(Fault::Ledger)?),
        (Part::Whole | Part::Failed, _) => None,
    };
    form.finish(totals.as_ref(), file)?;
    Ok(taken)
}

#[cfg(test)]
mod tests;
