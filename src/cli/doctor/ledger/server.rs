//! A ledger on a server: which one, how far away, by whose clock, and who waits there.

use super::{LEDGER, broken, integrity, past};
use crate::cli::args::DoctorArgs;
use crate::cli::store::Store;
use crate::doctor::{Check, Findings};
use crate::ledger::{PostgresLedger, PostgresUrl, ServerHealth};

/// Milliseconds from a question to its answer beyond which a night is slow: each group of sends waits for a
/// handful of them.
const ROUND_TRIP_MS_MAX: u64 = 20;
/// Milliseconds that its clock may be off without a word; beyond five seconds it is not opened.
const CLOCK_MS_MAX: i64 = 1_000;

pub(super) fn look(store: &Store, url: &PostgresUrl, args: &DoctorArgs, findings: &mut Findings) {
    let mut ledger = match store.look_at_server(url) {
        Ok(ledger) => ledger,
        Err(failure) => {
            return findings.push(Check::fail(LEDGER, "server", failure.to_string()));
        }
    };
    match ledger.health() {
        Ok(health) => told(store, url, &health, findings),
        Err(e) => findings.push(broken("server", &e)),
    }
    working(&mut ledger, findings);
    let checked = match args.full {
        true => ledger.verify(),
        false => ledger.quick_check(),
    };
    let quick = "its tables' rules alone; --full verifies journal and books too";
    integrity(checked, args.full, quick, findings);
    past(&mut ledger, findings);
}

/// Who works, and whether lanes wait for somebody.
fn working(ledger: &mut PostgresLedger, findings: &mut Findings) {
    const NAME: &str = "workers";
    let told = ledger
        .workers()
        .and_then(|workers| Ok((workers, ledger.lines()?)));
    let (workers, lines) = match told {
        Ok(told) => told,
        Err(e) => return findings.push(broken(NAME, &e)),
    };
    let waiting = lines.iter().filter(|line| line.left_ms <= 0).count();
    let who = match workers.is_empty() {
        true => "nobody works now".into(),
        false => workers.join(", "),
    };
    let found = format!("{who}; lanes with work that are nobody's: {waiting}");
    findings.push(match workers.is_empty() && waiting > 0 {
        false => Check::ok(LEDGER, NAME, found),
        true => Check::warn(LEDGER, NAME, found)
            .advise("`levy work --forever` on one host at least, or give the file again"),
    });
}

fn told(store: &Store, url: &PostgresUrl, health: &ServerHealth, findings: &mut Findings) {
    let caller = store
        .config
        .caller()
        .map(|caller| caller.as_str().to_owned());
    let found = format!(
        "{url}: merchant {}'s, schema {}, on PostgreSQL {}; it waits for its disk, and is the primary",
        caller.unwrap_or_default(),
        health.schema_version,
        health.version
    );
    findings.push(Check::ok(LEDGER, "server", found));
    findings.push(Check::ok(
        LEDGER,
        "encryption",
        match health.is_encrypted {
            true => "the way to it is encrypted, its certificate and name are checked",
            false => "none: a socket of this host, or sslmode=disable",
        },
    ));
    let (trip, ahead) = (health.round_trip_ms, health.clock_ahead_ms);
    let found = format!("{trip} ms from a question to its answer");
    findings.push(match trip > ROUND_TRIP_MS_MAX {
        false => Check::ok(LEDGER, "round trip", found),
        true => Check::warn(LEDGER, "round trip", found)
            .advise("every send waits for several of them: run levy nearer to the server"),
    });
    let found = format!(
        "{} ms {}",
        ahead.abs(),
        if ahead < 0 { "behind" } else { "ahead" }
    );
    findings.push(match ahead.abs() > CLOCK_MS_MAX {
        false => Check::ok(LEDGER, "clock", found),
        true => Check::warn(LEDGER, "clock", found).advise("set both hosts' clocks by NTP"),
    });
    let found = match health.standbys {
        0 => "none is connected, or this role may not see them".into(),
        standbys => format!("{standbys} connected"),
    };
    findings.push(Check::ok(LEDGER, "standbys", found));
    let found = format!("transactions that wait for another's: {}", health.waiting);
    findings.push(Check::ok(LEDGER, "locks", found));
}
