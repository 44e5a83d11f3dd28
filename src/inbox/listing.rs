//! What lies in the folder, by its names alone.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::finished::Names;
use super::folder::{DONE, PROCESSING, REJECTED};

/// What lies in the folder, by name.
#[derive(Debug, Default)]
pub struct Listing {
    /// Files that are named like batches.
    pub batches: Vec<OsString>,
    /// Files that are named like nothing that levy knows.
    pub others: Vec<OsString>,
    names: BTreeSet<OsString>,
}

/// The `.ok` of a name, by the names around it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Beside {
    None,
    One(OsString),
    Shared,
}

impl Listing {
    pub(super) fn of(names: BTreeSet<OsString>) -> Self {
        let of_kind = |kind| {
            let kept = names.iter().filter(move |name| Names::of(name) == kind);
            kept.cloned().collect::<Vec<_>>()
        };
        let rooms = [PROCESSING, DONE, REJECTED];
        Self {
            batches: of_kind(Names::Batch),
            others: of_kind(Names::Other)
                .into_iter()
                .filter(|name| !rooms.iter().any(|room| name == room))
                .collect(),
            names,
        }
    }

    /// Control totals whose file is not there: it is still to come, or went without them.
    pub fn orphans(&self) -> Vec<&OsString> {
        let claimed: BTreeSet<Beside> =
            self.batches.iter().map(|name| self.side_of(name)).collect();
        let shared = claimed.contains(&Beside::Shared);
        let is_orphan = |name: &&OsString| {
            Names::of(name) == Names::Side && !claimed.contains(&Beside::One((*name).clone()))
        };
        match shared {
            // Whose they are is said of the files that share them.
            true => Vec::new(),
            false => self.names.iter().filter(is_orphan).collect(),
        }
    }

    /// `NAME.csv.ok`, else `NAME.ok` if it can be nobody else's.
    pub(super) fn side_of(&self, name: &OsStr) -> Beside {
        if let Some(own) = self.ok_of(name) {
            return Beside::One(own);
        }
        let stem = |name| Path::new(name).file_stem().unwrap_or_default();
        // `a.csv.ok` is that of `a.csv`, be it here or still to come, and not of `a.csv.csv` as well.
        if Names::of(stem(name)) == Names::Batch {
            return Beside::None;
        }
        let Some(short) = self.ok_of(stem(name)) else {
            return Beside::None;
        };
        let mut namesakes = self
            .batches
            .iter()
            .filter(|other| stem(other.as_os_str()) == stem(name) && self.ok_of(other).is_none());
        match (namesakes.next(), namesakes.next()) {
            (_, None) => Beside::One(short),
            (_, Some(_)) => Beside::Shared,
        }
    }

    /// The name and `.ok`, or `.OK`.
    fn ok_of(&self, name: &OsStr) -> Option<OsString> {
        let is = |other: &&OsString| {
            let rest = other.as_bytes().strip_prefix(name.as_bytes());
            rest.is_some_and(|rest| rest.eq_ignore_ascii_case(b".ok"))
        };
        self.names.iter().find(is).cloned()
    }

    /// Excel puts `~$NAME` beside a file that it has open, LibreOffice `.~lock.NAME#`.
    pub(super) fn in_spreadsheet(&self, name: &OsStr) -> bool {
        let with = |before: &str, after: &str| {
            let mut lock = OsString::from(before);
            lock.push(name);
            lock.push(after);
            self.names.contains(&lock)
        };
        with("~$", "") || with(".~lock.", "#")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(names: &[&str]) -> Listing {
        Listing::of(names.iter().map(OsString::from).collect())
    }

    #[test]
    fn an_ok_belongs_to_the_file_that_it_can_only_belong_to() {
        let one = |name: &str| Beside::One(name.into());
        for (names, of, want) in [
            (&["a.csv"][..], "a.csv", Beside::None),
            (&["a.csv", "a.csv.ok"], "a.csv", one("a.csv.ok")),
            (&["a.csv", "a.ok"], "a.csv", one("a.ok")),
            (&["a.csv", "a.csv.ok", "a.ok"], "a.csv", one("a.csv.ok")),
            (&["a.csv", "a.xlsx", "a.ok"], "a.csv", Beside::Shared),
            (
                &["a.csv", "a.xlsx", "a.ok", "a.csv.ok"],
                "a.xlsx",
                one("a.ok"),
            ),
            (&["a.csv", "a.xlsx", "a.xlsx.ok"], "a.csv", Beside::None),
            (&["a.csv", "b.ok"], "a.csv", Beside::None),
            (&["a.csv", "a.csv.OK"], "a.csv", one("a.csv.OK")),
            (
                &["a.csv", "a.csv.csv", "a.csv.ok"],
                "a.csv",
                one("a.csv.ok"),
            ),
            (
                &["a.csv", "a.csv.csv", "a.csv.ok"],
                "a.csv.csv",
                Beside::None,
            ),
            (&["a.xlsx.csv", "a.xlsx.ok"], "a.xlsx.csv", Beside::None),
            (
                &["a.csv.csv", "a.csv.csv.ok"],
                "a.csv.csv",
                one("a.csv.csv.ok"),
            ),
        ] {
            assert_eq!(
                listing(names).side_of(OsStr::new(of)),
                want,
                "{names:?} {of}"
            );
        }
    }

    #[test]
    fn totals_without_their_file_are_found() {
        for (names, want) in [
            (&["a.csv", "a.csv.ok", "b.ok"][..], &["b.ok"][..]),
            (&["a.csv", "a.csv.ok", "a.ok"], &["a.ok"]),
            (&["a.csv", "a.ok"], &[]),
            (&["a.csv", "a.xlsx", "a.ok"], &[]),
            (&["a.csv.csv", "a.csv.ok"], &["a.csv.ok"]),
        ] {
            assert_eq!(listing(names).orphans(), want, "{names:?}");
        }
    }

    #[test]
    fn a_spreadsheet_that_has_it_open_shows() {
        for (lock, of, want) in [
            ("~$a.xlsx", "a.xlsx", true),
            (".~lock.a.csv#", "a.csv", true),
            ("~$b.xlsx", "a.xlsx", false),
        ] {
            let found = listing(&["a.xlsx", "a.csv", lock]).in_spreadsheet(OsStr::new(of));
            assert_eq!(found, want, "{lock} {of}");
        }
    }
}
