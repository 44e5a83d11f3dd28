//! The ledger on PostgreSQL, for several hosts: the same books (`books`) in transactions of which one
//! writes at a time.
//!
//! The only home of `tokio_postgres`. Plain rows and transactions alone: no advisory locks, no LISTEN, no
//! SKIP LOCKED, no named statements and no settings that outlive a transaction, so that it works behind
//! PgBouncer in transaction mode. It knows no table but `meta`, `commit_token` and `schema_version`, and those
//! of the lanes.

mod dialect;
mod fault;
mod health;
mod lanes;
mod open;
#[cfg(all(test, feature = "servers"))]
mod tests;
mod transaction;
mod url;
mod verify;
mod wire;

use std::time::Duration;

use tokio_postgres::SimpleQueryRow;

pub use health::ServerHealth;
pub use open::PostgresOptions;
pub use url::PostgresUrl;

use self::fault::{AGAIN, Cause, Trouble};
use self::transaction::{Open, Texts};
use self::url::Url;
use self::wire::{Fault, Wire};
use super::books::{Audit, audit_books};
use super::database::{Database, End, Look, Work};
use super::{JournalHead, LedgerError, LedgerResult};

/// Milliseconds that a write waits for another host's, each time.
const LOCK_WAIT_MS: u32 = 60_000;
/// How often it waits: ten minutes in all, in which the largest file is taken in.
const BUSY_TRIES_MAX: u32 = 10;
/// Milliseconds after which the server ends a transaction whose client is silent: a host that died keeps
/// nobody waiting.
const IDLE_MS: u32 = 60_000;
/// What PostgreSQL says to every statement after one that failed.
const UNDONE: &str = "SQLSTATE 25P02";
/// How often a transaction is tried that others are in the way of, or whose connection is lost.
const TRIES_MAX: u32 = 24;
/// Milliseconds before the second try; the waits grow by the square, with jitter.
const BETWEEN_TRIES_MS: u64 = 10;
/// Milliseconds that none waits longer: half a minute in all, in which a server is started again.
const BETWEEN_TRIES_MAX_MS: u64 = 2_000;

/// How transactions that write are kept apart. One writes at a time either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// By the lock that each takes first.
    #[default]
    ReadCommitted,
    /// By the database as well: where it is the default of the house.
    Serializable,
}

impl Isolation {
    fn words(self) -> &'static str {
        match self {
            Self::ReadCommitted => "READ COMMITTED",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}

/// A ledger in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresLedger {
    url: Url,
    isolation: Isolation,
    /// None after it was lost.
    wire: Option<Wire>,
    /// A transaction is open on it: still so when another begins, if what was done in it panicked.
    begun: bool,
    texts: Texts,
    /// This handle among all that write to the database: its staging, and its tokens.
    writer: i64,
    /// Host and process in words.
    who: String,
    /// Milliseconds that a lease of a lane lasts.
    lease_ms: u64,
    /// How long each answer is waited for.
    patience: Option<Duration>,
    /// Milliseconds that it waits for a lock, each time.
    lock_wait_ms: u32,
    /// The newest transaction that wrote, or tried to.
    token: i64,
    #[cfg(all(test, feature = "servers"))]
    lose: Option<Lose>,
}

/// Where a test has the connection lost.
#[cfg(all(test, feature = "servers"))]
#[derive(Clone, Copy, Debug)]
enum Lose {
    /// With the COMMIT.
    Before,
    /// With the answer to it.
    After,
}

/// What became of a try.
enum Tried {
    Done,
    /// Undone, and it may be done again.
    Again(Trouble),
    Failed(LedgerError),
}

impl PostgresLedger {
    /// Opens a ledger, and makes it where that is allowed. `Missing` if there is none; `Refused` if it is
    /// not this caller's, of a newer schema, or if the server would break a promise.
    pub fn open(options: &PostgresOptions) -> LedgerResult<Self> {
        open::open(options)
    }

    /// Brings the tables of an older levy up to date, and does nothing where they are; the version that they
    /// had. Older levies that are open on them are refused from then on.
    pub fn upgrade(options: &PostgresOptions) -> LedgerResult<u32> {
        open::upgrade(options)
    }

    /// Goes through the whole ledger: what must hold whatever happened. Says in words what does not;
    /// `expect` is a head that the journal had at an earlier time, and must have come through since.
    pub fn audit(&mut self, expect: Option<JournalHead>) -> LedgerResult<Audit> {
        let made = self.wire().ok().and_then(verify::made);
        self.begin_once("REPEATABLE READ READ ONLY")?;
        let wire = self.wire.as_ref().expect("it has begun");
        let open = Open::new(wire, &mut self.texts);
        let audit = audit_books(&open, expect, Vec::new(), &mut |wrong| {
            verify::rules(&open, made.as_ref(), wrong)
        });
        let trouble = open.trouble();
        self.undo();
        let mut audit = audit?;
        match trouble {
            // What was not looked at is no finding.
            Some(trouble) if trouble.cause != Cause::Other => return Err(trouble.broken()),
            Some(_) => {
                audit.wrong.retain(|wrong| !wrong.contains(UNDONE));
                audit.wrong.push(
                    "what comes after that was not looked at: mend it, and verify again".into(),
                );
            }
            None => {}
        }
        Ok(audit)
    }

    /// The same, in words alone; empty if all is well.
    pub fn verify(&mut self) -> LedgerResult<Vec<String>> {
        Ok(self.audit(None)?.wrong)
    }

    /// The rules in the database alone, by name, against those that levy makes; in words what differs.
    pub fn quick_check(&mut self) -> LedgerResult<Vec<String>> {
        self.look(|tx| {
            let mut wrong = Vec::new();
            verify::rules(tx, None, &mut wrong)?;
            Ok(wrong)
        })
    }

    /// How its server does at this moment.
    pub fn health(&mut self) -> LedgerResult<ServerHealth> {
        let url = self.url.clone();
        let wire = self.wire().map_err(Trouble::broken)?;
        health::ask(wire, &url).map_err(|fault| Trouble::of(&fault).broken())
    }

    fn wire(&mut self) -> Result<&Wire, Trouble> {
        if self.wire.is_none() {
            let wire = Wire::connect(self.url.dial(self.patience));
            self.wire = Some(wire.map_err(|fault| Trouble::of(&fault))?);
        }
        Ok(self.wire.as_ref().expect("connected"))
    }

    /// Begins, by one message: settings of this transaction, and what is asked with it.
    fn begin(&mut self, how: &str, and: &str) -> Result<Vec<SimpleQueryRow>, Trouble> {
        if std::mem::replace(&mut self.begun, true) {
            // Given up with its connection: the server undoes it.
            self.wire = None;
        }
        let text = format!(
            "BEGIN ISOLATION LEVEL {how}; SET LOCAL search_path = levy, pg_temp; \
             SET LOCAL lock_timeout = {}; \
             SET LOCAL idle_in_transaction_session_timeout = {IDLE_MS}; {and}",
            self.lock_wait_ms
        );
        let begun = self.wire()?.script(text);
        begun.map_err(|fault| Trouble::of(&fault))
    }

    /// Undoes what is open. Where even that fails the connection is given up, and the server undoes it.
    fn undo(&mut self) {
        self.begun = false;
        let undone = self
            .wire
            .as_ref()
            .map(|wire| wire.script("ROLLBACK".into()));
        if !matches!(undone, Some(Ok(_))) {
            self.wire = None;
        }
    }

    /// The only writer's transaction: its first statement locks `meta` against other writers, the next says
    /// what the server promises for this very transaction.
    fn begin_writing(&mut self) -> Result<(), Trouble> {
        let how = format!("{} READ WRITE", self.isolation.words());
        let rows = self.begin(
            &how,
            &format!("{}; {}", open::LOCK_OF_WRITERS, open::PROMISES_OF_WRITE),
        )?;
        open::check_promises(rows.first()).map_err(|words| Trouble {
            cause: Cause::Other,
            words,
        })
    }

    fn try_write(&mut self, work: Work<'_>) -> Tried {
        if let Err(trouble) = self.begin_writing() {
            self.undo();
            return trouble.tried();
        }
        let wire = self.wire.as_ref().expect("it has begun");
        let open = Open::new(wire, &mut self.texts);
        let end = work(&open).and_then(|end| open.settle().map(|()| end));
        match (end, open.trouble()) {
            (_, Some(trouble)) => {
                self.undo();
                trouble.tried()
            }
            (Err(e), None) => {
                self.undo();
                Tried::Failed(e)
            }
            (Ok(End::Undo), None) => {
                self.undo();
                Tried::Done
            }
            (Ok(End::Commit), None) => self.finish(),
        }
    }

    /// Commits with a token. If nothing or something doubtful comes back, the token tells what became of it.
    fn finish(&mut self) -> Tried {
        self.token += 1;
        // In a transaction that failed, COMMIT says nothing and undoes it: the token does not.
        let text = format!(
            "INSERT INTO commit_token (writer, token, at_ms) VALUES ({writer}, {token}, \
             CAST(extract(epoch FROM now()) * 1000 AS BIGINT)) ON CONFLICT (writer) DO UPDATE \
             SET token = excluded.token, at_ms = excluded.at_ms; COMMIT",
            writer = self.writer,
            token = self.token
        );
        let Err(fault) = self.send_commit(text) else {
            self.begun = false;
            return Tried::Done;
        };
        let trouble = Trouble::of(&fault);
        if trouble.cause != Cause::Lost {
            self.undo();
            return trouble.tried();
        }
        self.wire = None;
        self.begun = false;
        match self.was_committed() {
            Ok(true) => Tried::Done,
            Ok(false) => Tried::Again(trouble),
            Err(e) => Tried::Failed(e),
        }
    }

    fn send_commit(&mut self, text: String) -> Result<(), Fault> {
        #[cfg(all(test, feature = "servers"))]
        match self.lose.take() {
            Some(Lose::Before) => {
                self.wire = None;
                return Err(Fault::Gone);
            }
            Some(Lose::After) => {
                self.wire.as_ref().expect("it has begun").script(text)?;
                self.wire = None;
                return Err(Fault::Gone);
            }
            None => {}
        }
        self.wire
            .as_ref()
            .expect("it has begun")
            .script(text)
            .map(drop)
    }

    #[cfg(all(test, feature = "servers"))]
    fn lose_commit(&mut self, lose: Lose) {
        self.lose = Some(lose);
    }

    /// Whether the newest transaction counts. It holds the lock until it has ended, one way or the other:
    /// so the question waits for it, and sees what it left.
    fn was_committed(&mut self) -> LedgerResult<bool> {
        let mut last = String::new();
        for attempt in 1..=TRIES_MAX {
            match self.read_token() {
                Ok(token) => return Ok(token == Some(self.token)),
                Err(trouble) => {
                    self.undo();
                    last = trouble.words;
                }
            }
            wait(attempt);
        }
        Err(LedgerError::Broken(format!(
            "whether its newest transaction counts is not known: {last}"
        )))
    }

    fn read_token(&mut self) -> Result<Option<i64>, Trouble> {
        self.begin("READ COMMITTED READ WRITE", open::LOCK_OF_WRITERS)?;
        let text = format!(
            "SELECT token FROM commit_token WHERE writer = {}",
            self.writer
        );
        let rows = self.wire()?.script(text);
        let rows = rows.map_err(|fault| Trouble::of(&fault))?;
        self.undo();
        let token = rows.first().and_then(|row| row.get(0));
        Ok(token.and_then(|token| token.parse().ok()))
    }

    /// One transaction that is not tried again once it has begun.
    fn once(&mut self, how: &str, look: Look<'_>) -> LedgerResult<()> {
        self.begin_once(how)?;
        let wire = self.wire.as_ref().expect("it has begun");
        let open = Open::new(wire, &mut self.texts);
        let looked = look(&open).and_then(|()| open.settle());
        let trouble = open.trouble();
        let lost = trouble.is_some();
        let ended = match looked {
            Ok(()) if !lost => {
                let ended = wire.script("COMMIT".into());
                ended
                    .map(drop)
                    .map_err(|fault| Trouble::of(&fault).broken())
            }
            Ok(()) => Err(trouble.map_or_else(|| gone().broken(), Trouble::broken)),
            Err(e) => Err(e),
        };
        match ended {
            Ok(()) => self.begun = false,
            Err(_) => self.undo(),
        }
        ended
    }

    /// A connection that was lost while nobody asked is made anew.
    fn begin_once(&mut self, how: &str) -> LedgerResult<()> {
        let mut tries = 1;
        loop {
            let Err(trouble) = self.begin(how, "") else {
                return Ok(());
            };
            self.undo();
            if trouble.cause != Cause::Lost || tries == TRIES_MAX {
                return Err(trouble.broken());
            }
            wait(tries);
            tries += 1;
        }
    }
}

fn gone() -> Trouble {
    Trouble::of(&Fault::Gone)
}

/// Waits before another try: longer each time, and never as long as somebody else does.
fn wait(tries: u32) {
    let most = (BETWEEN_TRIES_MS * u64::from(tries) * u64::from(tries)).min(BETWEEN_TRIES_MAX_MS);
    std::thread::sleep(Duration::from_millis(most / 2 + random() % (most / 2 + 1)));
}

/// A random number.
fn random() -> u64 {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random numbers");
    u64::from_ne_bytes(bytes)
}

impl Trouble {
    fn tried(self) -> Tried {
        match self.cause {
            Cause::Conflict | Cause::Busy | Cause::Lost => Tried::Again(self),
            // Whoever has no more time has none for another try.
            Cause::Silent | Cause::Other => Tried::Failed(self.broken()),
        }
    }

    fn broken(self) -> LedgerError {
        LedgerError::Broken(self.words)
    }
}

/// Tries until it is done, or has failed, or was tried as often as it may be.
fn try_again(mut attempt: impl FnMut() -> Tried) -> LedgerResult<()> {
    let (mut tries, mut busy) = (1, 1);
    loop {
        match attempt() {
            Tried::Done => return Ok(()),
            Tried::Failed(e) => return Err(e),
            Tried::Again(trouble) if trouble.cause == Cause::Busy => {
                if busy == BUSY_TRIES_MAX {
                    return Err(trouble.broken());
                }
                busy += 1;
            }
            Tried::Again(trouble) if tries == TRIES_MAX => {
                return Err(LedgerError::Broken(format!(
                    "a transaction was undone {tries} times; the last time: {}; nothing of it counts, {AGAIN}",
                    trouble.words
                )));
            }
            Tried::Again(_) => {
                wait(tries);
                tries += 1;
            }
        }
    }
}

impl Database for PostgresLedger {
    fn write(&mut self, work: Work<'_>) -> LedgerResult<()> {
        try_again(|| self.try_write(work))
    }

    fn read(&mut self, look: Look<'_>) -> LedgerResult<()> {
        self.once("REPEATABLE READ READ ONLY", look)
    }

    fn stage(&mut self, look: Look<'_>) -> LedgerResult<()> {
        self.once("REPEATABLE READ READ WRITE", look)
    }

    fn is_read_only(&self) -> LedgerResult<bool> {
        Ok(false)
    }
}
