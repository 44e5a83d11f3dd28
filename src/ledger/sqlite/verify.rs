//! Goes through the whole ledger and says what is wrong with it: SQLite's own checks, the journal's
//! chain, the books, each order's content against its digest, and each order's state against what
//! its journal comes to. Reads only, in one moment of the ledger.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rusqlite::Connection;

use super::{chain, convert, journal, sql};
use crate::ledger::LedgerResult;
use crate::ledger::journal::{JournalHead, LaneHead};
use crate::ledger::replay::{Past, PastReply, ToldOf, replay};
use crate::order::{Asked, State};

/// Findings of one kind that are named one by one.
const FINDINGS_MAX: usize = 20;

/// What verifying found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Where the journal stands, by its own account.
    pub head: JournalHead,
    /// Where each lane of it stands, by name.
    pub lanes: Vec<LaneHead>,
    /// Orders that were looked at.
    pub orders: u64,
    /// The first entry of the journal that is not what was written.
    pub bad: Option<BadEntry>,
    /// Everything that is wrong, in words; the first bad entry before the rest. Empty if all is well.
    pub wrong: Vec<String>,
}

/// An entry of the journal that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadEntry {
    /// Its number.
    pub entry: u64,
    /// Its lane: the merchant, or empty for the ledger as a whole. `None` if the entry is not there.
    pub lane: Option<String>,
    /// INTENT, REPLY or DECISION.
    pub kind: Option<&'static str>,
    /// Its order's number.
    pub order: Option<String>,
    /// What is wrong with it.
    pub wrong: String,
}

impl BadEntry {
    pub(super) fn missing(entry: u64) -> Self {
        Self {
            entry,
            lane: None,
            kind: None,
            order: None,
            wrong: "it is not there: it was taken out, or given another number".into(),
        }
    }
}

impl std::fmt::Display for BadEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the first bad entry of the journal is {}", self.entry)?;
        if let (Some(kind), Some(lane)) = (self.kind, &self.lane) {
            match lane.as_str() {
                "" => write!(f, ", a {kind} about the ledger as a whole")?,
                lane => write!(f, ", a {kind} in the lane {lane}")?,
            }
        }
        if let Some(order) = &self.order {
            write!(f, ", order {order}")?;
        }
        write!(f, ": {}", self.wrong)
    }
}

/// Everything; `expect` is a head that the journal had at an earlier time.
pub(super) fn audit(conn: &mut Connection, expect: Option<JournalHead>) -> LedgerResult<Audit> {
    let tx = conn.transaction()?;
    let mut damage = Vec::new();
    integrity(&tx, &mut damage)?;
    let mut audit = Audit {
        head: JournalHead::of(&[]),
        lanes: Vec::new(),
        orders: 0,
        bad: None,
        wrong: Vec::new(),
    };
    // In a damaged file too: it says which entry is the first that can't be believed.
    let sound = damage.is_empty();
    let walked = chained(&tx, expect, &mut audit);
    audit.wrong.append(&mut damage);
    told(walked, sound, &mut audit.wrong);
    // With a damaged file the rest would only repeat it.
    if sound {
        let ruled = rules(&tx, &mut audit.wrong);
        told(ruled, sound, &mut audit.wrong);
        let counted = books(&tx, &mut audit.wrong);
        told(counted, sound, &mut audit.wrong);
        let read = contents(&tx, &mut audit);
        told(read, sound, &mut audit.wrong);
        let replayed = replayed(&tx, &mut audit.wrong);
        told(replayed, sound, &mut audit.wrong);
    }
    Ok(audit)
}

/// What could not be read is a finding like the others; in a damaged file it was found before.
fn told(done: LedgerResult<()>, sound: bool, wrong: &mut Vec<String>) {
    match done {
        Err(e) if sound => wrong.push(e.to_string()),
        Ok(()) | Err(_) => {}
    }
}

/// SQLite's quick check of the file's pages; in words what is wrong with them.
pub(super) fn quick(conn: &Connection) -> LedgerResult<Vec<String>> {
    let mut statement = conn.prepare(&format!("PRAGMA quick_check({FINDINGS_MAX})"))?;
    let mut rows = statement.query([])?;
    let mut wrong = Vec::new();
    while let Some(row) = rows.next()? {
        let words: String = row.get(0)?;
        if words != "ok" {
            wrong.push(words);
        }
    }
    Ok(wrong)
}

fn integrity(conn: &Connection, wrong: &mut Vec<String>) -> LedgerResult<()> {
    let mut statement = conn.prepare(&format!("PRAGMA integrity_check({FINDINGS_MAX})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let found: String = row.get(0)?;
        if found != "ok" {
            wrong.push(format!("the file is damaged: {found}"));
        }
    }
    let mut statement = conn.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    let mut broken = 0_u64;
    while rows.next()?.is_some() {
        broken += 1;
    }
    if broken > 0 {
        wrong.push(format!("{broken} references that lead nowhere"));
    }
    Ok(())
}

/// The database's own rules, against those that levy makes: whoever changes the books takes a
/// trigger away first.
fn rules(conn: &Connection, wrong: &mut Vec<String>) -> LedgerResult<()> {
    static OURS: OnceLock<Rules> = OnceLock::new();
    let ours = match OURS.get() {
        Some(ours) => ours,
        None => {
            let made = Connection::open_in_memory()?;
            for migration in sql::MIGRATIONS {
                made.execute_batch(migration)?;
            }
            let made = rules_of(&made)?;
            OURS.get_or_init(|| made)
        }
    };
    let found = rules_of(conn)?;
    let missing = ours
        .iter()
        .filter(|(name, rule)| found.get(*name) != Some(*rule));
    for (name, _) in missing.take(FINDINGS_MAX) {
        wrong.push(format!(
            "the rule {name} of the ledger's tables is missing or was changed"
        ));
    }
    let foreign = found.keys().filter(|name| !ours.contains_key(*name));
    for name in foreign.take(FINDINGS_MAX) {
        wrong.push(format!("{name} in the ledger's file is not levy's"));
    }
    Ok(())
}

/// Tables, indices, views and triggers by name.
type Rules = BTreeMap<String, Option<String>>;

fn rules_of(conn: &Connection) -> LedgerResult<Rules> {
    let mut statement = conn.prepare(sql::SCHEMA)?;
    let rules = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rules.collect::<rusqlite::Result<_>>()?)
}

/// The journal's chain, its heads, and the head that it had once.
fn chained(conn: &Connection, expect: Option<JournalHead>, audit: &mut Audit) -> LedgerResult<()> {
    let said = journal::heads(conn)?;
    audit.head = JournalHead::of(&said);
    let walked = chain::walk(conn, expect)?;
    audit.lanes = walked.lanes.into_values().collect();
    audit
        .wrong
        .extend(walked.bad.as_ref().map(ToString::to_string));
    audit.bad = walked.bad;
    if audit.bad.is_none() {
        heads(conn, &said, walked.entries, audit)?;
    }
    let Some(expect) = expect else { return Ok(()) };
    audit.wrong.extend(match walked.at_expected {
        Some(head) if head == expect => None,
        Some(_) => Some(format!(
            "the journal's first {} entries are not those of the head that was expected: it was \
             written anew, or the head is another ledger's",
            expect.entries
        )),
        None if audit.bad.is_some() => Some(
            "whether the expected head was once the journal's can't be told beyond its first bad \
             entry"
                .into(),
        ),
        None => Some(format!(
            "the journal has {} entries, and had {} when the expected head was noted: its tail was \
             cut, or an older copy was put in its place",
            walked.entries, expect.entries
        )),
    });
    Ok(())
}

/// What the ledger says of its lanes, against what they are.
fn heads(conn: &Connection, said: &[LaneHead], walked: u64, audit: &mut Audit) -> LedgerResult<()> {
    let entries = journal::entries(conn)?;
    if entries as u64 != walked {
        audit.wrong.push(format!(
            "the ledger says that its journal has {entries} entries, and it has {walked}: its tail \
             was cut"
        ));
    }
    let differ = |one: &[LaneHead], other: &[LaneHead]| -> Vec<String> {
        let missing = one.iter().filter(|head| !other.contains(head));
        missing.map(|head| head.lane.clone()).collect()
    };
    let mut lanes = differ(said, &audit.lanes);
    lanes.extend(differ(&audit.lanes, said));
    lanes.sort();
    lanes.dedup();
    for lane in lanes.iter().take(FINDINGS_MAX) {
        audit.wrong.push(format!(
            "the head of the lane {lane:?} is not that of its newest entry: its tail was cut, or the \
             head was changed"
        ));
    }
    Ok(())
}

fn books(conn: &Connection, wrong: &mut Vec<String>) -> LedgerResult<()> {
    let mut statement = conn.prepare(sql::VERIFY_BOOKS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (what, broken): (String, i64) = (row.get(0)?, row.get(1)?);
        if broken > 0 {
            wrong.push(format!("{broken} {what}"));
        }
    }
    Ok(())
}

fn contents(conn: &Connection, audit: &mut Audit) -> LedgerResult<()> {
    let mut statement = conn.prepare(sql::JOB_ALL)?;
    let mut rows = statement.query([])?;
    let mut findings = 0;
    while let Some(row) = rows.next()?
        && findings < FINDINGS_MAX
    {
        audit.orders += 1;
        if let Err(e) = convert::job(row) {
            audit.wrong.push(e.to_string());
            findings += 1;
        }
    }
    Ok(())
}

/// Each order's state and first send, worked out again from its journal.
fn replayed(conn: &Connection, wrong: &mut Vec<String>) -> LedgerResult<()> {
    let mut orders = conn.prepare(sql::REPLAY_ORDERS)?;
    let mut attempts = conn.prepare(sql::REPLAY_ATTEMPTS)?;
    let mut decisions = conn.prepare(sql::REPLAY_DECISIONS)?;
    let mut rows = orders.query([])?;
    let mut findings = 0;
    while let Some(row) = rows.next()?
        && findings < FINDINGS_MAX
    {
        let id: i64 = row.get(0)?;
        let no: String = row.get(1)?;
        // A state that is none was named by SQLite's check of the table's rules.
        let Some(state) = State::from_word(&row.get::<_, String>(2)?) else {
            continue;
        };
        let first: Option<i64> = row.get(3)?;
        let pasts = pasts(&mut attempts, id)?;
        let told_of = told_of(&mut decisions, id)?;
        let agrees = pasts
            .and_then(|pasts| replay(&pasts, &told_of))
            .and_then(|end| end.agrees(state, first));
        if let Err(words) = agrees {
            wrong.push(format!("order {no} {words}"));
            findings += 1;
        }
    }
    Ok(())
}

fn told_of(decisions: &mut rusqlite::Statement<'_>, order: i64) -> LedgerResult<Vec<ToldOf>> {
    let told = decisions.query_map([order], |row| {
        Ok(ToldOf {
            entry: row.get(0)?,
            since_ms: row.get(1)?,
        })
    })?;
    Ok(told.collect::<rusqlite::Result<_>>()?)
}

fn pasts(
    attempts: &mut rusqlite::Statement<'_>,
    order: i64,
) -> LedgerResult<Result<Vec<Past>, String>> {
    let mut rows = attempts.query([order])?;
    let mut pasts = Vec::new();
    while let Some(row) = rows.next()? {
        let entry: i64 = row.get(1)?;
        let (asked, before): (String, String) = (row.get(2)?, row.get(3)?);
        let (Some(asked), Some(before)) = (Asked::from_word(&asked), State::from_word(&before))
        else {
            return Ok(Err(format!(
                "has an intent (entry {entry}) of no known words"
            )));
        };
        let reply = match row.get::<_, Option<i64>>(5)? {
            None => None,
            Some(reply) => {
                let trust: String = row.get(6)?;
                let Ok(trust) = convert::trust(&trust, order) else {
                    return Ok(Err(format!(
                        "has a reply (entry {reply}) of no known trust"
                    )));
                };
                let reason: Option<String> = row.get(9)?;
                Some(PastReply {
                    entry: reply,
                    trust,
                    meaning: row.get(7)?,
                    maybe_accepted: row.get(8)?,
                    closed: reason.as_deref() == Some("BALANCE_NOT_ENOUGH"),
                    signed_at_ms: row.get(10)?,
                })
            }
        };
        pasts.push(Past {
            entry,
            asked,
            before,
            claimed_at_ms: row.get(4)?,
            reply,
        });
    }
    Ok(Ok(pasts))
}
