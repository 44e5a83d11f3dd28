//! What PostgreSQL's errors mean for a ledger, and in words.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use super::wire::Fault;

/// What helps after most failures, once their cause is mended.
pub(super) const AGAIN: &str = "give the same command again: it continues";

/// What may be done after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Another transaction was in the way: the same work may be done again.
    Conflict,
    /// Somebody else has held a lock for too long: the same work may be done once that one is through.
    Busy,
    /// The connection is lost, or will be: what was not committed is undone.
    Lost,
    /// No answer in time, on a connection that stands: what became of it is not known.
    Silent,
    /// Anything else.
    Other,
}

/// An error.
#[derive(Debug)]
pub(super) struct Trouble {
    pub cause: Cause,
    pub words: String,
}

impl Trouble {
    pub(super) fn of(fault: &Fault) -> Self {
        let error = match fault {
            Fault::Said(error) => error,
            Fault::Unreached(Some(error)) => return Self::unreached(error),
            Fault::Unreached(None) => return Self::no_way("it did not answer in time"),
            Fault::Gone => return Self::lost("its thread has ended"),
            Fault::Silent => {
                let words = "PostgreSQL does not answer, though the connection stands: see whether the server is \
                     stopped, or its disk";
                return Self {
                    cause: Cause::Silent,
                    words: words.into(),
                };
            }
        };
        match error.as_db_error() {
            Some(said) => Self::said(said),
            None if error.is_closed() => Self::lost("the connection was closed"),
            None => match error.source() {
                // What cannot be encoded never left.
                Some(source) if !source.is::<std::io::Error>() => Self {
                    cause: Cause::Other,
                    words: format!("{error}: {source}"),
                },
                Some(source) => Self::lost(&source.to_string()),
                None => Self::lost(&error.to_string()),
            },
        }
    }

    /// Before there was any connection.
    fn unreached(error: &Error) -> Self {
        if let Some(said) = error.as_db_error() {
            return Self::said(said);
        }
        let Some(source) = error.source() else {
            return Self::no_way(&error.to_string());
        };
        let io = source.downcast_ref::<std::io::Error>();
        // Its kind can't be asked for.
        if !error.to_string().contains("TLS") {
            return match io {
                Some(io) => Self::no_way(&io.to_string()),
                None => Self::no_way(&format!("{error}: {source}")),
            };
        }
        let words = format!(
            "no encrypted way to PostgreSQL that can be trusted ({source}): its ssl must be on, and its certificate \
             one for the host that the URL names, by an authority that this system knows or that \
             sslrootcert=FILE in the URL holds"
        );
        let cause = match io {
            Some(_) => Cause::Lost,
            None => Cause::Other,
        };
        Self { cause, words }
    }

    fn no_way(why: &str) -> Self {
        Self {
            cause: Cause::Lost,
            words: format!(
                "PostgreSQL can't be reached ({why}); see whether the server and the way to it are up, and whether \
                 the URL names the right host and port, then {AGAIN}"
            ),
        }
    }

    fn lost(why: &str) -> Self {
        Self {
            cause: Cause::Lost,
            words: format!(
                "the connection to PostgreSQL was lost ({why}); see whether the server and the way \
                 to it are up, then {AGAIN}"
            ),
        }
    }

    /// Names tables and constraints, never values: a detail would tell them.
    fn said(said: &DbError) -> Self {
        let code = said.code();
        let cause = match () {
            () if *code == SqlState::T_R_SERIALIZATION_FAILURE
                || *code == SqlState::T_R_DEADLOCK_DETECTED =>
            {
                Cause::Conflict
            }
            () if *code == SqlState::LOCK_NOT_AVAILABLE => Cause::Busy,
            // Not the word: a server says that in its own language.
            () if matches!(
                said.parsed_severity(),
                Some(Severity::Fatal | Severity::Panic)
            ) || code.code().starts_with("08")
                || code.code().starts_with("57P") =>
            {
                Cause::Lost
            }
            () => Cause::Other,
        };
        let message = said.message();
        let words = match code.code() {
            "55P03" => format!(
                "another levy, or whoever administers the database, has held it for longer than {} s; wait for \
                 that one, then {AGAIN}",
                u64::from(super::LOCK_WAIT_MS) * u64::from(super::BUSY_TRIES_MAX) / 1000
            ),
            "3D000" => format!(
                "{message}: name another in the URL, or have it made: `createdb -E UTF8 -O ROLE NAME` on the server, \
                 or CREATE DATABASE name OWNER role ENCODING 'UTF8'"
            ),
            "28P01" | "28000" => format!(
                "{message}: the password is the URL's own, else that in [ledger] password_file, else PGPASSWORD; \
                 whom the server lets in, and how, is in its pg_hba.conf (SQLSTATE {})",
                code.code()
            ),
            "53100" => format!("the server's disk is full; free some of it, then {AGAIN}"),
            "42501" => format!(
                "its role may not do that ({message}); give it the ledger's rights, then {AGAIN}"
            ),
            code if code.starts_with("23") => format!("a rule was about to be broken ({message})"),
            code => format!("PostgreSQL says: {message} (SQLSTATE {code})"),
        };
        Self { cause, words }
    }
}
