//! Is a file finished? A ladder of checks over what was seen of it; nothing here looks by itself.
//!
//! No look at a file can prove that nobody will write to it any more. What is certain is a rename
//! (whoever writes elsewhere and renames the file in is done) and control totals (`.ok`): without
//! the second, a file must have been quiet for a while.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Seconds for which a file without an `.ok` must have been quiet, unless told otherwise.
pub const QUIET_SECONDS_DEFAULT: u32 = 120;
/// Seconds for which a file with its `.ok`, and that one, must have been quiet.
const SETTLED_SECONDS: u32 = 5;
/// Bytes of a file's name: its result, receipt and their temporary names are longer by some.
const NAME_BYTES_MAX: usize = 180;
/// What a name ends in while its file is on its way.
const UNFINISHED_ENDS: [&str; 7] = [
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".filepart",
    ".crdownload",
    "~",
];
const SECOND_NS: i128 = 1_000_000_000;

/// What a name in the folder says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// A batch: `.csv` or `.xlsx`.
    Batch,
    /// Control totals: `.ok`.
    Side,
    /// Nobody's business: hidden, or on its way.
    Unfinished,
    /// Anything else; a person may have meant it as a batch.
    Other,
}

impl Names {
    /// Reads a name.
    pub fn of(name: &OsStr) -> Self {
        let lower = name.as_bytes().to_ascii_lowercase();
        let ends = |end: &str| lower.ends_with(end.as_bytes());
        let hidden = lower.starts_with(b".") || lower.starts_with(b"~$");
        if hidden || UNFINISHED_ENDS.into_iter().any(ends) {
            return Self::Unfinished;
        }
        match (ends(".csv") || ends(".xlsx"), ends(".ok")) {
            (true, _) => Self::Batch,
            (false, true) => Self::Side,
            (false, false) => Self::Other,
        }
    }
}

/// What an entry is, its links not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A pipe, a socket, a device.
    Other,
}

/// What changes when a file does. Times are nanoseconds since 1970, by the clock of its file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Its file system.
    pub device: u64,
    /// Which file it is there.
    pub inode: u64,
    /// Its size.
    pub bytes: u64,
    /// When its content was written last, as far as whoever wrote it tells the truth.
    pub modified_ns: i128,
    /// When anything of it changed, a rename too; the system alone sets this one.
    pub changed_ns: i128,
}

impl Stamp {
    /// The same bytes, as far as can be told, also after a rename.
    pub fn same_content(&self, other: &Self) -> bool {
        (self.device, self.inode, self.bytes, self.modified_ns)
            == (other.device, other.inode, other.bytes, other.modified_ns)
    }

    /// When it changed last, by the later of both times that have come already.
    fn last_ns(&self, now_ns: i128) -> i128 {
        match self.modified_ns <= now_ns {
            true => self.modified_ns.max(self.changed_ns),
            false => self.changed_ns,
        }
    }
}

/// One look at an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it is.
    pub kind: Kind,
    /// What changes when it does.
    pub stamp: Stamp,
}

/// The control totals beside a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// There are none.
    None,
    /// There are.
    Beside(Seen),
    /// `NAME.ok` is beside two files of that name: nobody can tell whose it is.
    Shared,
}

/// What was seen of a file that is named like a batch.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its name in the folder.
    pub name: &'a OsStr,
    /// The file.
    pub seen: Seen,
    /// Its control totals.
    pub side: Side,
    /// A spreadsheet's lock file lies beside it.
    pub in_spreadsheet: bool,
    /// A process that has it open for writing.
    pub written_by: Option<u32>,
}

/// What makes a file finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Seconds for which a file without an `.ok` must have been quiet.
    pub quiet_seconds: u32,
    /// A file without its `.ok` is never taken.
    pub require_ok: bool,
    /// Now, by the clock of the folder's file system, in nanoseconds since 1970.
    pub now_ns: i128,
}

/// What is to become of a file now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is finished.
    Take,
    /// Not yet; it needs nobody.
    Wait(String),
    /// Not as it is: a person must see to it.
    Refuse(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Take => f.write_str("is finished"),
            Self::Wait(words) => write!(f, "not taken yet: {words}"),
            Self::Refuse(words) => write!(f, "left alone: {words}"),
        }
    }
}

impl Terms {
    /// The ladder: the first rung that does not hold says why.
    pub fn judge(&self, one: &Candidate<'_>) -> Verdict {
        let refuse = |words: &str| Verdict::Refuse(words.into());
        match one.seen.kind {
            Kind::File => {}
            Kind::Directory => return refuse("it is a directory, not a file"),
            Kind::Link => {
                return refuse(
                    "it is a symbolic link, and links are never followed: put the file itself here",
                );
            }
            Kind::Other => return refuse("it is no ordinary file"),
        }
        if one.name.as_bytes().iter().any(u8::is_ascii_control) {
            return refuse("its name has control characters: give it another");
        }
        if one.name.len() > NAME_BYTES_MAX {
            return Verdict::Refuse(format!(
                "its name has more than {NAME_BYTES_MAX} bytes, too many for its result's: give it a \
                 shorter one"
            ));
        }
        match one.side {
            Side::Shared => {
                let stem = Path::new(one.name).file_stem().unwrap_or_default();
                return Verdict::Refuse(format!(
                    "{}.ok may be of any of the files of that name: call it {}.ok",
                    stem.display(),
                    one.name.display()
                ));
            }
            Side::Beside(side) if side.kind != Kind::File => {
                return refuse("its .ok is no ordinary file");
            }
            Side::Beside(_) | Side::None => {}
        }
        self.quiet(one)
    }

    fn quiet(&self, one: &Candidate<'_>) -> Verdict {
        if let Some(process) = one.written_by {
            let words = format!("process {process} has it open for writing");
            return Verdict::Wait(words);
        }
        let changed = one.seen.stamp.last_ns(self.now_ns);
        let (seconds, newest) = match one.side {
            // Totals that came before their file do not say that it is whole.
            Side::Beside(side) if changed > side.stamp.last_ns(self.now_ns) => {
                (self.quiet_seconds, changed)
            }
            Side::Beside(side) => (
                self.quiet_seconds.min(SETTLED_SECONDS),
                side.stamp.last_ns(self.now_ns),
            ),
            Side::None | Side::Shared if self.require_ok => {
                let words = format!("its control totals ({}.ok) are missing", one.name.display());
                return Verdict::Wait(words);
            }
            Side::None | Side::Shared if one.in_spreadsheet => {
                let words = "it is open in a spreadsheet (its lock file lies beside it)";
                return Verdict::Wait(words.into());
            }
            Side::None | Side::Shared => (self.quiet_seconds, changed),
        };
        let quiet_ns = self.now_ns - newest;
        if quiet_ns < i128::from(seconds) * SECOND_NS {
            return Verdict::Wait(format!(
                "it changed {} s ago, and is taken when it has been quiet for {seconds} s",
                quiet_ns.div_euclid(SECOND_NS)
            ));
        }
        Verdict::Take
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i128 = 1_700_000_000 * SECOND_NS;

    fn seen(kind: Kind, seconds_ago: i128) -> Seen {
        Seen {
            kind,
            stamp: Stamp {
                device: 1,
                inode: 2,
                bytes: 3,
                modified_ns: NOW - 9_000 * SECOND_NS,
                changed_ns: NOW - seconds_ago * SECOND_NS,
            },
        }
    }

    fn candidate(kind: Kind, seconds_ago: i128) -> Candidate<'static> {
        Candidate {
            name: OsStr::new("扣划.csv"),
            seen: seen(kind, seconds_ago),
            side: Side::None,
            in_spreadsheet: false,
            written_by: None,
        }
    }

    #[test]
    fn a_name_says_what_it_is() {
        for (name, want) in [
            ("night.csv", Names::Batch),
            ("NIGHT.CSV", Names::Batch),
            ("扣划 3.xlsx", Names::Batch),
            ("night.csv.ok", Names::Side),
            ("night.OK", Names::Side),
            (".night.csv", Names::Unfinished),
            ("~$night.xlsx", Names::Unfinished),
            (".~lock.night.csv#", Names::Unfinished),
            ("night.csv.tmp", Names::Unfinished),
            ("night.csv.part", Names::Unfinished),
            ("night.csv.filepart", Names::Unfinished),
            ("night.csv~", Names::Unfinished),
            ("night.csv.FILEPART", Names::Unfinished),
            ("night.xls", Names::Other),
            ("night.csv.bak", Names::Other),
            ("csv", Names::Other),
        ] {
            assert_eq!(Names::of(OsStr::new(name)), want, "{name}");
        }
        assert_eq!(Names::of(OsStr::from_bytes(b"\xbf\xdb.csv")), Names::Batch);
    }

    #[test]
    fn a_file_is_taken_only_when_it_is_finished() {
        let terms = Terms {
            quiet_seconds: 120,
            require_ok: false,
            now_ns: NOW,
        };
        let strict = Terms {
            require_ok: true,
            ..terms
        };
        let file = |ago| candidate(Kind::File, ago);
        let with_ok = |ago, side| Candidate {
            side: Side::Beside(seen(Kind::File, side)),
            ..file(ago)
        };
        let future = |mut one: Candidate<'static>| {
            one.seen.stamp.modified_ns = NOW + SECOND_NS;
            one
        };
        let take = |verdict: &Verdict| matches!(verdict, Verdict::Take);
        let wait = |verdict: &Verdict| matches!(verdict, Verdict::Wait(_));
        let refuse = |verdict: &Verdict| matches!(verdict, Verdict::Refuse(_));
        type Case<'a> = (&'a str, Terms, Candidate<'a>, &'a dyn Fn(&Verdict) -> bool);
        let table: &[Case<'_>] = &[
            ("quiet for long enough", terms, file(120), &take),
            ("written a moment ago", terms, file(119), &wait),
            (
                "renamed in a moment ago, with an old time",
                terms,
                file(0),
                &wait,
            ),
            (
                "a time of content that is still to come",
                terms,
                future(file(120)),
                &take,
            ),
            (
                "a time of change that is still to come",
                terms,
                file(-5),
                &wait,
            ),
            (
                "with its .ok it need not be quiet for long",
                terms,
                with_ok(5, 5),
                &take,
            ),
            (
                "its .ok may still be written",
                terms,
                with_ok(500, 4),
                &wait,
            ),
            (
                "the file goes on behind its .ok",
                terms,
                with_ok(100, 500),
                &wait,
            ),
            (
                "the file came after its .ok, and has been quiet",
                terms,
                with_ok(120, 500),
                &take,
            ),
            ("no .ok where one is asked for", strict, file(9_000), &wait),
            (
                "an .ok where one is asked for",
                strict,
                with_ok(60, 60),
                &take,
            ),
            (
                "somebody writes",
                terms,
                Candidate {
                    written_by: Some(7),
                    ..file(9_000)
                },
                &wait,
            ),
            (
                "somebody writes, .ok or not",
                terms,
                Candidate {
                    written_by: Some(7),
                    ..with_ok(9_000, 9_000)
                },
                &wait,
            ),
            (
                "open in Excel",
                terms,
                Candidate {
                    in_spreadsheet: true,
                    ..file(9_000)
                },
                &wait,
            ),
            (
                "open in Excel, and finished all the same",
                terms,
                Candidate {
                    in_spreadsheet: true,
                    ..with_ok(9_000, 9_000)
                },
                &take,
            ),
            (
                "a directory",
                terms,
                candidate(Kind::Directory, 9_000),
                &refuse,
            ),
            ("a link", terms, candidate(Kind::Link, 9_000), &refuse),
            ("a pipe", terms, candidate(Kind::Other, 9_000), &refuse),
            (
                "its .ok is a link",
                terms,
                Candidate {
                    side: Side::Beside(seen(Kind::Link, 9_000)),
                    ..file(9_000)
                },
                &refuse,
            ),
            (
                "nobody can tell whose .ok it is",
                terms,
                Candidate {
                    side: Side::Shared,
                    ..file(9_000)
                },
                &refuse,
            ),
            (
                "a name that would break lines",
                terms,
                Candidate {
                    name: OsStr::new("a\n.csv"),
                    ..file(9_000)
                },
                &refuse,
            ),
        ];
        for (what, terms, one, want) in table {
            let verdict = terms.judge(one);
            assert!(want(&verdict), "{what}: {verdict:?}");
        }
        let long = format!("{}.csv", "扣".repeat(59));
        let one = Candidate {
            name: OsStr::new(&long),
            ..file(9_000)
        };
        assert!(refuse(&terms.judge(&one)), "{long}");
        let at_once = Terms {
            quiet_seconds: 0,
            ..terms
        };
        assert_eq!(at_once.judge(&file(0)), Verdict::Take);
    }

    #[test]
    fn a_rename_leaves_the_content_as_it_was() {
        let one = seen(Kind::File, 9).stamp;
        let renamed = Stamp {
            changed_ns: NOW,
            ..one
        };
        assert!(one.same_content(&renamed));
        for other in [
            Stamp { bytes: 4, ..one },
            Stamp { inode: 3, ..one },
            Stamp {
                modified_ns: NOW,
                ..one
            },
        ] {
            assert!(!one.same_content(&other), "{other:?}");
        }
    }
}
