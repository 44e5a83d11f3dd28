//! Why a sandbox does not start, or its books can't be read.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What went wrong, where, and what may be done.
#[derive(Debug)]
pub enum SandboxFault {
    /// The address to listen on is not of this machine alone.
    NotLoopback(SocketAddr),
    /// The address can't be listened on.
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A setting has no meaning; named, with the reason.
    Setting {
        /// The field of `Options`.
        name: &'static str,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// A file or directory could not be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key or certificate can't be made, or is not what the sandbox wrote.
    Key {
        /// Which.
        path: PathBuf,
        /// What is wrong, without any of its content.
        cause: &'static str,
    },
    /// A line of the books is not one that the sandbox wrote.
    Books {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        cause: String,
    },
    /// Another sandbox runs on the same directory.
    Busy(PathBuf),
}

impl fmt::Display for SandboxFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoopback(addr) => write!(
                f,
                "sandbox: {addr} is not a loopback address; the sandbox serves this machine only \
                 (use 127.0.0.1:PORT)"
            ),
            Self::Listen { addr, source } => write!(
                f,
                "sandbox: can't listen on {addr}: {source}; give another port, or 0 for any"
            ),
            Self::Setting { name, cause } => write!(f, "sandbox: {name} {cause}"),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Key { path, cause } => write!(
                f,
                "{}: {cause}; remove the sandbox's directory to have new test keys made",
                path.display()
            ),
            Self::Books { path, line, cause } => write!(
                f,
                "{}:{line}: {cause}; remove the sandbox's directory to begin with empty books",
                path.display()
            ),
            Self::Busy(path) => write!(
                f,
                "{}: another sandbox keeps its books here; stop it, or give another directory",
                path.display()
            ),
        }
    }
}

impl std::error::Error for SandboxFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } | Self::File { source, .. } => Some(source),
            Self::NotLoopback(_)
            | Self::Setting { .. }
            | Self::Key { .. }
            | Self::Books { .. }
            | Self::Busy(_) => None,
        }
    }
}

impl SandboxFault {
    /// For `map_err`: a file fault at this path.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
