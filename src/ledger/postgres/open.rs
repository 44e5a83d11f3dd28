//! Opening a ledger: everything by which a server could break a promise is found here, before anything
//! is trusted or changed.

use std::time::Duration;

use tokio_postgres::SimpleQueryRow;

use super::fault::Trouble;
use super::transaction::Texts;
use super::url::Url;
use super::wire::{Fault, Piece, Wire};
use super::{Isolation, LOCK_WAIT_MS, PostgresLedger, random};
use crate::clock::{Clock, SystemClock, WallMs};
use crate::ledger::database::values;
use crate::ledger::{Binding, Environment, LedgerError, LedgerResult};

/// The versions of the schema, oldest first.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../sql/postgres/schema_0001.sql"),
    include_str!("../sql/postgres/schema_0002.sql"),
    include_str!("../sql/postgres/schema_0003.sql"),
];
/// Milliseconds that the server's clock and this host's may be apart.
const CLOCKS_APART_MAX_MS: i64 = 5_000;
/// The oldest server that is known to do: 13, of 2020. What `server_version_num` says.
const SERVER_MIN: u32 = 130_000;

/// How to open a ledger.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Without `sslmode` only a socket of this host and its own
    /// network are used unencrypted.
    pub url: String,
    /// Whose it is.
    pub binding: Binding,
    /// Make a new one if there is none.
    pub create: bool,
    /// Host and process in words, for whoever is told who holds a lane.
    pub who: String,
    /// Milliseconds that a lease of a lane lasts.
    pub lease_ms: u64,
    /// How long each answer is waited for; none: for as long as the connection stands.
    pub patience: Option<Duration>,
    /// How transactions that write are kept apart.
    pub isolation: Isolation,
}

/// Lets one write at a time, and everybody read. A lock of a table takes no snapshot, at no isolation: what is
/// read after it is what the writer before has left.
pub(super) const LOCK_OF_WRITERS: &str = "LOCK TABLE meta IN EXCLUSIVE MODE";

/// What a server promises for a transaction, asked in that very transaction.
pub(super) const PROMISES_OF_WRITE: &str = "SELECT current_setting('synchronous_commit') AS synchronous_commit, \
     current_setting('fsync') AS fsync, pg_is_in_recovery() AS in_recovery, \
     current_setting('session_replication_role') AS replication_role, \
     (SELECT version FROM schema_version) AS version FROM meta";

/// The same, and what else is asked when a ledger is opened.
const INSPECT: &str = "BEGIN READ ONLY; \
     SELECT current_setting('synchronous_commit') AS synchronous_commit, \
     current_setting('fsync') AS fsync, pg_is_in_recovery() AS in_recovery, \
     current_setting('session_replication_role') AS replication_role, \
     current_setting('server_version_num') AS server, current_setting('server_encoding') AS encoding, \
     CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS now_ms, \
     to_regnamespace('levy') IS NOT NULL AS has_schema, to_regclass('levy.schema_version') IS NOT NULL AS is_ours; \
     COMMIT";

pub(super) fn open(options: &PostgresOptions) -> LedgerResult<PostgresLedger> {
    let url = Url::parse(&options.url)?;
    let (wire, found, at) = reach(&url, options.patience)?;
    let unreachable = |fault: Fault| unreachable(&url, &fault);
    let refused = |what: String| refused(&url, &what);
    match (
        is(found.first(), "is_ours"),
        is(found.first(), "has_schema"),
    ) {
        (true, _) => {}
        (false, true) => {
            return Err(refused(
                "has a schema \"levy\" that is not levy's; give levy a database of its own".into(),
            ));
        }
        (false, false) if !options.create => {
            return Err(LedgerError::Missing(format!(
                "there is no ledger at {url}; the first time, give --create-ledger. If there was one, restore it \
                 from a backup, and never begin a new one instead: levy would have forgotten what it sent"
            )));
        }
        (false, false) => create(&wire, &options.binding, at).map_err(unreachable)?,
    }
    check_version(&wire)
        .map_err(unreachable)?
        .map_err(&refused)?;
    check_binding(&wire, &options.binding)
        .map_err(unreachable)?
        .map_err(&refused)?;
    let writer = (random() >> 1) as i64;
    Ok(PostgresLedger {
        url: url.clone(),
        isolation: options.isolation,
        wire: Some(wire),
        begun: false,
        texts: Texts::of(writer),
        writer,
        who: options.who.clone(),
        lease_ms: options.lease_ms,
        patience: options.patience,
        lock_wait_ms: LOCK_WAIT_MS,
        token: 0,
        #[cfg(all(test, feature = "servers"))]
        lose: None,
    })
}

/// Connects to a server that keeps its promises; what it says of itself, and when.
fn reach(
    url: &Url,
    patience: Option<Duration>,
) -> LedgerResult<(Wire, Vec<SimpleQueryRow>, WallMs)> {
    let unreachable = |fault: Fault| unreachable(url, &fault);
    let refused = |what: String| refused(url, &what);
    let wire = Wire::connect(url.dial(patience)).map_err(unreachable)?;
    let clock = SystemClock::default();
    let before = clock.wall();
    let found = wire.script(INSPECT.into()).map_err(unreachable)?;
    let after = clock.wall();
    check_promises(found.first()).map_err(refused)?;
    check_server(found.first()).map_err(refused)?;
    check_clocks(number(found.first(), "now_ms"), before, after).map_err(refused)?;
    Ok((wire, found, after))
}

fn unreachable(url: &Url, fault: &Fault) -> LedgerError {
    let trouble = Trouble::of(fault);
    LedgerError::Unusable(format!("the ledger at {url}: {}", trouble.words))
}

fn refused(url: &Url, what: &str) -> LedgerError {
    LedgerError::Refused(format!("the ledger at {url} {what}"))
}

/// Brings the tables of an older levy up to date, in one transaction and alone among those that write; the
/// version that they had.
pub(super) fn upgrade(options: &PostgresOptions) -> LedgerResult<u32> {
    let url = Url::parse(&options.url)?;
    let (wire, found, _) = reach(&url, options.patience)?;
    let unreachable = |fault: Fault| unreachable(&url, &fault);
    if !is(found.first(), "is_ours") {
        return Err(LedgerError::Missing(format!("there is no ledger at {url}")));
    }
    check_binding(&wire, &options.binding)
        .map_err(unreachable)?
        .map_err(|what| refused(&url, &what))?;
    let migrated = migrate(&wire).and_then(|version| match version {
        Ok(_) => wire.script("COMMIT".into()).map(|_| version),
        Err(_) => wire.script("ROLLBACK".into()).map(|_| version),
    });
    migrated
        .map_err(unreachable)?
        .map_err(|version| refused(&url, &other_version(version)))
}

/// Applies what the tables have not had, in a transaction that is left open: the version that they had, or
/// one that is not known.
fn migrate(wire: &Wire) -> Result<Result<u32, i64>, Fault> {
    wire.script(format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL search_path = levy, pg_temp; \
         SET LOCAL lock_timeout = {LOCK_WAIT_MS}; {LOCK_OF_WRITERS}"
    ))?;
    let found = wire.script("SELECT version FROM schema_version".into())?;
    let version = number(found.first(), "version").unwrap_or_default();
    let had = usize::try_from(version).ok().filter(|had| *had > 0);
    let Some(missing) = had.and_then(|had| MIGRATIONS.get(had..)) else {
        return Ok(Err(version));
    };
    for migration in missing {
        wire.script((*migration).into())?;
    }
    Ok(Ok(version as u32))
}

fn text<'r>(row: Option<&'r SimpleQueryRow>, column: &str) -> &'r str {
    row.and_then(|row| row.try_get(column).ok().flatten())
        .unwrap_or_default()
}

fn is(row: Option<&SimpleQueryRow>, column: &str) -> bool {
    text(row, column) == "t"
}

fn number(row: Option<&SimpleQueryRow>, column: &str) -> Option<i64> {
    text(row, column).parse().ok()
}

/// What every commit must be: on a disk, of the only server that takes writes, in tables that are known.
pub(super) fn check_promises(row: Option<&SimpleQueryRow>) -> Result<(), String> {
    if row.is_none() {
        return Err("has lost its table meta's row; restore it from a backup".into());
    }
    if is(row, "in_recovery") {
        return Err("is a replica that only reads; name the primary server".into());
    }
    if text(row, "synchronous_commit") == "off" {
        return Err("commits without waiting for its disk (synchronous_commit is off): what levy was promised could \
                    be forgotten, and deducted again; set it to on for levy's role: ALTER ROLE … SET \
                    synchronous_commit = on"
            .into());
    }
    if text(row, "replication_role") != "origin" {
        return Err("lets levy's rules sleep (session_replication_role is not origin): nothing would keep the books \
                    from an order that is sent twice; set it to origin for levy's role and database: ALTER ROLE … \
                    RESET session_replication_role"
            .into());
    }
    if text(row, "fsync") == "off" {
        return Err("never waits for its disk (fsync is off): what levy was promised could be forgotten, and \
                    deducted again; set it to on in postgresql.conf"
            .into());
    }
    match number(row, "version") {
        Some(version) if version != MIGRATIONS.len() as i64 => Err(other_version(version)),
        Some(_) | None => Ok(()),
    }
}

fn other_version(version: i64) -> String {
    if (1..MIGRATIONS.len() as i64).contains(&version) {
        return format!(
            "has tables of version {version}, and this levy needs {}; once every older levy on it has ended, \
             `levy ledger upgrade` brings it up to date",
            MIGRATIONS.len()
        );
    }
    format!(
        "has tables of version {version}, and this levy knows {}; install the levy that made them, or a newer one",
        MIGRATIONS.len()
    )
}

fn check_server(row: Option<&SimpleQueryRow>) -> Result<(), String> {
    let server = number(row, "server").unwrap_or_default();
    if server < i64::from(SERVER_MIN) {
        return Err(format!(
            "is on a server of version {}; levy needs {} or newer",
            server / 10_000,
            SERVER_MIN / 10_000
        ));
    }
    match text(row, "encoding") {
        "UTF8" => Ok(()),
        other => Err(format!(
            "is in a database whose encoding is {other}; make one with ENCODING 'UTF8'"
        )),
    }
}

/// The server's clock may show any time between the question and the answer.
fn check_clocks(now_ms: Option<i64>, before: WallMs, after: WallMs) -> Result<(), String> {
    let now = now_ms.ok_or_else(|| "does not say what time it is".to_owned())?;
    let ahead = (now - after.0).max(0) - (before.0 - now).max(0);
    if ahead.abs() <= CLOCKS_APART_MAX_MS {
        return Ok(());
    }
    Err(format!(
        "is on a server whose clock is {} s {} this host's; set both by NTP",
        ahead.abs() / 1000,
        if ahead > 0 { "ahead of" } else { "behind" }
    ))
}

/// Makes the tables, in one transaction. Who comes second finds them.
fn create(wire: &Wire, binding: &Binding, at: WallMs) -> Result<(), Fault> {
    let made = make(wire, binding, at);
    if let Err(fault) = made {
        wire.script("ROLLBACK".into())?;
        let found = wire.script(INSPECT.into())?;
        if !is(found.first(), "is_ours") {
            return Err(fault);
        }
    }
    Ok(())
}

fn make(wire: &Wire, binding: &Binding, at: WallMs) -> Result<(), Fault> {
    wire.script("BEGIN; CREATE SCHEMA levy; SET LOCAL search_path = levy, pg_temp".into())?;
    for migration in MIGRATIONS {
        wire.script((*migration).into())?;
    }
    let insert =
        "INSERT INTO meta (only_row, caller, environment, created_at_ms) VALUES (1, $1, $2, $3)";
    let environment = binding.environment.as_str();
    let pieces = wire.query(insert, values![binding.caller, environment, at.0])?;
    while !matches!(pieces.next()?, Piece::Done(_)) {}
    wire.script("COMMIT".into()).map(drop)
}

fn check_version(wire: &Wire) -> Result<Result<(), String>, Fault> {
    let found = wire.script("SELECT version FROM levy.schema_version".into())?;
    Ok(match number(found.first(), "version") {
        Some(version) if version == MIGRATIONS.len() as i64 => Ok(()),
        Some(version) => Err(other_version(version)),
        None => Err("does not say of which version it is; restore it from a backup".into()),
    })
}

fn check_binding(wire: &Wire, binding: &Binding) -> Result<Result<(), String>, Fault> {
    let found = wire.script("SELECT caller, environment FROM levy.meta".into())?;
    let caller = text(found.first(), "caller");
    let environment = text(found.first(), "environment");
    Ok(if caller != binding.caller {
        Err(format!(
            "belongs to the caller {caller}, and the configuration says {}; name the ledger of that caller",
            binding.caller
        ))
    } else if environment != binding.environment.as_str() {
        let is = |it| match it {
            true => "real money",
            false => "the sandbox",
        };
        Err(format!(
            "is for {}, and this command is for {}; name the other ledger",
            is(environment == Environment::Real.as_str()),
            is(binding.environment == Environment::Real)
        ))
    } else {
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_counts_as_off_only_beyond_the_time_that_the_answer_took() {
        let (before, after) = (WallMs(100_000), WallMs(103_000));
        for (now, words) in [
            (95_000, None),
            (101_000, None),
            (108_000, None),
            (108_001, Some("5 s ahead of")),
            (403_000, Some("300 s ahead of")),
            (94_999, Some("5 s behind")),
        ] {
            let checked = check_clocks(Some(now), before, after);
            match words {
                None => assert_eq!(checked, Ok(()), "{now}"),
                Some(words) => assert!(checked.unwrap_err().contains(words), "{now}"),
            }
        }
        assert!(check_clocks(None, before, after).is_err());
    }
}
