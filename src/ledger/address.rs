//! What a ledger is named by: a file, or a database on a PostgreSQL server.
//!
//! It opens nothing. Whatever could hold a password is kept where nothing prints it (law L8): a text that is
//! no address is refused without its words.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use super::PostgresUrl;
use crate::secret::Secret;

/// What stands before `://` is shown only if it is as short as a scheme.
const SCHEME_SHOWN_MAX: usize = 16;

/// Where a ledger is. It prints itself without user and password.
#[derive(Clone)]
pub enum Address {
    /// SQLite, for one process at a time.
    File(PathBuf),
    /// PostgreSQL, for several hosts.
    Postgres(Box<PostgresUrl>),
}

impl Address {
    /// Understands a text; the fault says what is wrong with it, and shows none of it but its scheme.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        let shown = text.to_string_lossy();
        if shown.is_empty() {
            return Err("must be the path of a file, or postgres://USER@HOST/DATABASE".into());
        }
        if let Some((scheme, _)) = shown.split_once("://") {
            return match scheme {
                "postgres" | "postgresql" => PostgresUrl::parse(&shown)
                    .map(|url| Self::Postgres(Box::new(url)))
                    .map_err(|e| e.to_string()),
                _ => Err(format!(
                    "{}: is no ledger that levy knows; name a file, or postgres://USER@HOST/DATABASE",
                    shown_scheme(scheme)
                )),
            };
        }
        let small = shown.to_ascii_lowercase();
        let is_meant = ["postgres:", "postgresql:"]
            .iter()
            .any(|scheme| small.starts_with(scheme));
        if is_meant || small.contains("password=") {
            return Err("looks like the address of a database and is none; write \
                 postgres://USER@HOST:PORT/DATABASE"
                .into());
        }
        Ok(Self::File(text.into()))
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// As an option of a command takes it: without the password, which comes from the settings or from
    /// `PGPASSWORD`.
    pub fn option(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Postgres(url) => url.without_password(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn shown_scheme(scheme: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    match !scheme.is_empty() && scheme.len() <= SCHEME_SHOWN_MAX && scheme.bytes().all(plain) {
        true => format!("{scheme}://…"),
        false => "what stands there (it is not shown: it may hold a password)".into(),
    }
}

/// What was typed for a ledger, before it is understood: nothing prints it.
#[derive(Clone, Debug)]
pub struct Typed(Secret<OsString>);

impl Typed {
    /// What it means.
    pub fn address(&self) -> Result<Address, String> {
        Address::parse(self.0.reveal())
    }
}

impl<T: Into<OsString>> From<T> for Typed {
    fn from(text: T) -> Self {
        Self(Secret::new(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l8_no_address_and_no_fault_of_one_shows_a_password() {
        for text in [
            "postgres://u:geheim@localhost:5433/books",
            "postgresql://u:geheim@localhost/books?connect_timeout=3",
            "postgres://u@localhost/books?password=geheim",
            "postgres://u:geheim@localhost",
            "postgres://u:ge@heim@localhost/geheim",
            "postgres:/u:geheim@localhost/books",
            "postgres:u:geheim@localhost/books",
            "Postgres://u:geheim@localhost/books",
            "mysql://u:geheim@localhost/books",
            "u:geheim@postgres://localhost/books",
            "host=localhost password=geheim",
        ] {
            let said = match Address::parse(OsStr::new(text)) {
                Ok(address) => format!("{address} {address:?} {}", address.option()),
                Err(words) => words,
            };
            assert!(!said.contains("geheim"), "{text}: {said}");
            let typed = Typed::from(text);
            assert!(!format!("{typed:?}").contains("geheim"));
        }
    }

    #[test]
    fn a_ledger_is_a_file_or_on_a_server() {
        let parse = |text: &str| Address::parse(OsStr::new(text));
        assert_eq!(
            parse("/var/lib/levy/levy.db").unwrap().file(),
            Some(Path::new("/var/lib/levy/levy.db"))
        );
        let url = parse("postgres://levy:x@localhost:5433/books?connect_timeout=3").unwrap();
        assert_eq!(url.file(), None);
        assert_eq!(url.to_string(), "postgres://localhost:5433/books");
        assert_eq!(
            url.option(),
            "postgres://levy@localhost:5433/books?connect_timeout=3"
        );
        assert!(parse("").is_err());
        assert!(parse("mysql://h/d").unwrap_err().starts_with("mysql://…: "));
    }
}
