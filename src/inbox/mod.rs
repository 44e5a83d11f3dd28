//! The drop folder: which of its files are finished, whose turn it is, and where each goes when it is
//! through.
//!
//! ```text
//! DIR/night.csv ─ claimed ─▶ DIR/processing/night/ ─ run ─▶ DIR/done/ or DIR/rejected/
//! DIR/night.csv.ok           night.csv, its .ok,             night.csv, night.result.csv,
//!                            result and receipt              night.receipt.txt
//! ```
//!
//! Every step is a rename that is made durable before the next, never onto a name that is taken, and
//! what a crash leaves between two steps says by itself which one comes next. It does not know the
//! gateway, nor how a file is run.

mod claim;
mod finished;
mod folder;
mod listing;
mod receipt;
mod writers;

pub use claim::{Begun, Missed, Shelf, Slot, Stage};
pub use finished::{Kind, Names, QUIET_SECONDS_DEFAULT, Seen, Side, Stamp, Terms, Verdict};
pub use folder::{DONE, Folder, Found, PROCESSING, REJECTED, look, write_own};
pub use listing::Listing;
pub use receipt::{Outcome, Receipt, text};

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What keeps a folder, or one of its files, from being worked on. Nothing of it was sent.
#[derive(Debug)]
pub enum InboxFault {
    /// A person must put it right: a permission, a link, a name that is taken; in words.
    Place(PathBuf, String),
    /// The disk: full, broken, gone.
    Disk(PathBuf, io::Error),
    /// Another sweep is at work on the folder.
    Busy(PathBuf),
}

impl InboxFault {
    /// Of an error of the system: what a person can put right, or the disk.
    pub fn of(path: &Path, error: io::Error) -> Self {
        let words = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "levy may not do this (its user needs to read the file, and to write in the folder)"
            }
            io::ErrorKind::CrossesDevices => {
                "is on another file system than the folder's processing/, so that it can't be \
                 claimed by a rename: put it into the folder itself"
            }
            io::ErrorKind::AlreadyExists => {
                "is there already, and nothing is overwritten: move it away"
            }
            io::ErrorKind::ReadOnlyFilesystem => "is on a file system that is read-only",
            io::ErrorKind::ResourceBusy => "is a mount point, or in use by the system",
            _ => return Self::Disk(path.into(), error),
        };
        Self::Place(path.into(), words.into())
    }
}

impl fmt::Display for InboxFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(path, words) => write!(f, "{}: {words}", path.display()),
            Self::Busy(path) => write!(
                f,
                "{}: another sweep, on another ledger, is at work on this folder",
                path.display()
            ),
            Self::Disk(path, error) => write!(
                f,
                "{}: {error}; see to its disk, then give the same command again",
                path.display()
            ),
        }
    }
}

impl std::error::Error for InboxFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_can_put_right_is_said_and_the_rest_is_the_disks() {
        let of =
            |error: i32| InboxFault::of(Path::new("a.csv"), io::Error::from_raw_os_error(error));
        for (error, words) in [
            (13, "a.csv: levy may not do this"),
            (
                18,
                "a.csv: is on another file system than the folder's processing/",
            ),
            (17, "a.csv: is there already, and nothing is overwritten"),
            (30, "a.csv: is on a file system that is read-only"),
            (16, "a.csv: is a mount point"),
        ] {
            let fault = of(error);
            assert!(matches!(fault, InboxFault::Place(..)), "{fault}");
            assert!(fault.to_string().starts_with(words), "{fault}");
        }
        for error in [5, 28] {
            let fault = of(error);
            assert!(matches!(fault, InboxFault::Disk(..)), "{fault}");
            let advice = "see to its disk, then give the same command again";
            assert!(fault.to_string().ends_with(advice), "{fault}");
        }
    }
}
