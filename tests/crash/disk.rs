//! The disk that fails when it is told to: `disk.c`, compiled here, and what it is told.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// Numbers of errors, as Linux has them.
pub const ENOSPC: i32 = 28;
pub const EIO: i32 = 5;
pub const EINTR: i32 = 4;
pub const EAGAIN: i32 = 11;

/// What happens at the k-th operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It fails with this error.
    Fail(i32),
    /// A write is done by half and fails with this error; everything else fails.
    Half(i32),
    /// A write is done by half and says so.
    Short,
    /// The process is killed before it.
    KillBefore,
    /// The process is killed with half of a write done.
    KillHalf,
    /// The process is killed after it.
    KillAfter,
}

impl Deed {
    fn word(self) -> &'static str {
        match self {
            Self::Fail(_) => "fail",
            Self::Half(_) => "half",
            Self::Short => "short",
            Self::KillBefore => "kill-before",
            Self::KillHalf => "kill-half",
            Self::KillAfter => "kill-after",
        }
    }

    fn error(self) -> i32 {
        match self {
            Self::Fail(error) | Self::Half(error) => error,
            Self::Short | Self::KillBefore | Self::KillHalf | Self::KillAfter => EIO,
        }
    }

    pub fn kills(self) -> bool {
        match self {
            Self::KillBefore | Self::KillHalf | Self::KillAfter => true,
            Self::Fail(_) | Self::Half(_) | Self::Short => false,
        }
    }
}

/// What the disk is told for one process.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which operations count: of `w`, `r`, `l`; see `disk.c`.
    pub ops: &'static str,
    /// The k-th, from 1.
    pub at: usize,
    pub deed: Deed,
    /// From the k-th on, not only once.
    pub on: bool,
    /// Where everything is written down.
    pub record: Option<PathBuf>,
}

/// One counted operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    pub struck: bool,
    pub name: String,
    pub file: String,
}

impl Plan {
    /// Nothing fails; everything is written down.
    pub fn recording(record: PathBuf) -> Self {
        Self {
            ops: "w",
            at: 0,
            deed: Deed::Short,
            on: false,
            record: Some(record),
        }
    }

    /// Puts the disk under a command, which will work in `dir`.
    pub fn under(&self, command: &mut Command, dir: &Path, log: &Path) {
        command
            .env("LD_PRELOAD", shim())
            .env("DISK_DIR", fs::canonicalize(dir).unwrap())
            .env("DISK_OPS", self.ops)
            .env("DISK_AT", self.at.to_string())
            .env("DISK_DO", self.deed.word())
            .env("DISK_ERRNO", self.deed.error().to_string())
            .env("DISK_LOG", log);
        if self.on {
            // Held for ever, a lock is waited for 10 s each time.
            command.env("DISK_ON", "1").env("DISK_HURRY", "1");
        }
        if let Some(record) = &self.record {
            command.env("DISK_RECORD", record);
        }
    }
}

/// The operations of a run, as the disk counted them.
pub fn log(path: &Path) -> Vec<Op> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let op = |line: &str| {
        let mut words = line.splitn(3, ' ');
        Op {
            struck: words.next().unwrap_or("").starts_with('!'),
            name: words.next().unwrap_or("").into(),
            file: words.next().unwrap_or("").into(),
        }
    };
    text.lines().map(op).collect()
}

/// The compiled shim. A machine without gcc cannot prove anything here: that is a failure.
fn shim() -> PathBuf {
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = BUILT.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/disk.c");
        let output = Command::new("gcc")
            .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&path, &source])
            .arg("-ldl")
            .output()
            .expect("gcc is needed for these tests: apt-get install gcc libc6-dev");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gcc: {words}");
        (dir, path)
    });
    path.clone()
}
