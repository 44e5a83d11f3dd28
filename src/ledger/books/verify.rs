//! Goes through the whole ledger and says what is wrong with it: the journal's chain, the books, each
//! order's content against its digest, and each order's state against what its journal comes to. Reads
//! only, in one moment of the ledger. What the database itself can check of its files and rules it checks
//! first (`sqlite/verify`).

use super::{chain, convert, journal, sql};
use crate::ledger::LedgerResult;
use crate::ledger::database::{Go, Row, Tx, values};
use crate::ledger::journal::{JournalHead, LaneHead};
use crate::ledger::replay::{Past, PastReply, ToldOf, replay};
use crate::order::{Asked, State};

/// Findings of one kind that are named one by one.
pub(in crate::ledger) const FINDINGS_MAX: usize = 20;

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

/// Everything but what the database checks of itself: it found `damage`, and `rules` says which of its
/// tables' rules are not levy's. `expect` is a head that the journal had at an earlier time.
pub(in crate::ledger) fn audit_books(
    tx: &dyn Tx,
    expect: Option<JournalHead>,
    mut damage: Vec<String>,
    rules: &mut dyn FnMut(&mut Vec<String>) -> LedgerResult<()>,
) -> LedgerResult<Audit> {
    let mut audit = Audit {
        head: JournalHead::of(&[]),
        lanes: Vec::new(),
        orders: 0,
        bad: None,
        wrong: Vec::new(),
    };
    // In a damaged file too: it says which entry is the first that can't be believed.
    let sound = damage.is_empty();
    let walked = chained(tx, expect, &mut audit);
    audit.wrong.append(&mut damage);
    told(walked, sound, &mut audit.wrong);
    // With a damaged file the rest would only repeat it.
    if sound {
        let ruled = rules(&mut audit.wrong);
        told(ruled, sound, &mut audit.wrong);
        let counted = books(tx, &mut audit.wrong);
        told(counted, sound, &mut audit.wrong);
        let read = contents(tx, &mut audit);
        told(read, sound, &mut audit.wrong);
        let replayed = replayed(tx, &mut audit.wrong);
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

/// The journal's chain, its heads, and the head that it had once.
fn chained(tx: &dyn Tx, expect: Option<JournalHead>, audit: &mut Audit) -> LedgerResult<()> {
    let said = journal::heads(tx)?;
    audit.head = JournalHead::of(&said);
    let walked = chain::walk(tx, expect)?;
    audit.lanes = walked.lanes.into_values().collect();
    audit
        .wrong
        .extend(walked.bad.as_ref().map(ToString::to_string));
    audit.bad = walked.bad;
    if audit.bad.is_none() {
        heads(tx, &said, walked.entries, audit)?;
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
fn heads(tx: &dyn Tx, said: &[LaneHead], walked: u64, audit: &mut Audit) -> LedgerResult<()> {
    let entries = journal::entries(tx)?;
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

fn books(tx: &dyn Tx, wrong: &mut Vec<String>) -> LedgerResult<()> {
    tx.each(sql::VERIFY_BOOKS, &[], &mut |row| {
        let (what, broken): (String, i64) = (row.get(0)?, row.get(1)?);
        if broken > 0 {
            wrong.push(format!("{what}: {broken}"));
        }
        Ok(Go::On)
    })
}

fn contents(tx: &dyn Tx, audit: &mut Audit) -> LedgerResult<()> {
    let mut findings = 0;
    tx.each(sql::JOB_ALL, &[], &mut |row| {
        audit.orders += 1;
        if let Err(e) = convert::job(row) {
            audit.wrong.push(e.to_string());
            findings += 1;
        }
        Ok(more(findings))
    })
}

fn more(findings: usize) -> Go {
    match findings < FINDINGS_MAX {
        true => Go::On,
        false => Go::Enough,
    }
}

/// Each order's state and first send, worked out again from its journal.
fn replayed(tx: &dyn Tx, wrong: &mut Vec<String>) -> LedgerResult<()> {
    let mut findings = 0;
    tx.scan(sql::REPLAY_ORDERS, &[], &mut |row| {
        let id: i64 = row.get(0)?;
        let no: &str = row.get(1)?;
        // A state that is none was named by the database's check of the table's rules.
        let Some(state) = State::from_word(row.get(2)?) else {
            return Ok(Go::On);
        };
        let first: Option<i64> = row.get(3)?;
        let pasts = pasts(tx, id)?;
        let told_of = told_of(tx, id)?;
        let agrees = pasts
            .and_then(|pasts| replay(&pasts, &told_of))
            .and_then(|end| end.agrees(state, first));
        if let Err(words) = agrees {
            wrong.push(format!("order {no} {words}"));
            findings += 1;
        }
        Ok(more(findings))
    })
}

fn told_of(tx: &dyn Tx, order: i64) -> LedgerResult<Vec<ToldOf>> {
    tx.all(sql::REPLAY_DECISIONS, values![order], |row| {
        Ok(ToldOf {
            entry: row.get(0)?,
            since_ms: row.get(1)?,
        })
    })
}

fn pasts(tx: &dyn Tx, order: i64) -> LedgerResult<Result<Vec<Past>, String>> {
    let pasts = tx.all(sql::REPLAY_ATTEMPTS, values![order], |row| past(row, order))?;
    Ok(pasts.into_iter().collect())
}

fn past(row: &dyn Row, order: i64) -> LedgerResult<Result<Past, String>> {
    let entry: i64 = row.get(1)?;
    let (asked, before) = (Asked::from_word(row.get(2)?), State::from_word(row.get(3)?));
    let (Some(asked), Some(before)) = (asked, before) else {
        return Ok(Err(format!(
            "has an intent (entry {entry}) of no known words"
        )));
    };
    let reply = match row.get::<Option<i64>>(5)? {
        None => None,
        Some(reply) => {
            let Ok(trust) = convert::trust(row.get(6)?, order) else {
                return Ok(Err(format!(
                    "has a reply (entry {reply}) of no known trust"
                )));
            };
            let reason: Option<&str> = row.get(9)?;
            Some(PastReply {
                entry: reply,
                trust,
                meaning: row.get(7)?,
                maybe_accepted: row.get(8)?,
                closed: reason == Some("BALANCE_NOT_ENOUGH"),
                signed_at_ms: row.get(10)?,
            })
        }
    };
    Ok(Ok(Past {
        entry,
        asked,
        before,
        claimed_at_ms: row.get(4)?,
        reply,
    }))
}
