//! Whose the lanes are, by the database's clock.
//!
//! Taking is a write like any other, one at a time, so that a claim's check in its own transaction sees it
//! exactly; but it does not wait for long, since leases are to be renewed meanwhile. Renewing waits for no
//! writer, nor does letting go of what has nothing in flight.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::fault::{Cause, Trouble};
use super::transaction::Open;
use super::{PostgresLedger, Tried, try_again};
use crate::ledger::books::{lane_work, merchant_in};
use crate::ledger::database::{Database, End, Go, Row, Work, values};
use crate::ledger::sql::lane as sql;
use crate::ledger::{
    Epoch, Handed, Held, LaneLine, LaneWork, Lanes, Ledger, LedgerResult, Offer, Returned, Scope,
    Taken, Whose,
};
use crate::order::Merchant;
use crate::pace::AFTER_GIVING_UP;

/// A writer is waited for at most so small a part of a lease.
const WAITS_OF_A_LEASE: u64 = 6;

impl Lanes for PostgresLedger {
    fn lease_ms(&self) -> u64 {
        self.lease_ms
    }

    fn alive(&mut self, lanes: u32) -> LedgerResult<Vec<u32>> {
        let (owner, who, lease_ms) = (self.writer, self.who.clone(), self.lease_ms as i64);
        let mut living = Vec::new();
        self.beside(&mut |tx| {
            tx.execute(sql::WORKER_SWEEP, &[])?;
            tx.execute(sql::WORKER_ALIVE, values![owner, who, lease_ms, lanes])?;
            living = tx.all(sql::WORKER_LANES, &[], |row| row.get(0))?;
            Ok(End::Commit)
        })?;
        Ok(living)
    }

    fn is_frozen(&mut self) -> LedgerResult<bool> {
        Ok(self.frozen()?.is_some())
    }

    fn offers(&mut self, scope: Scope) -> LedgerResult<Vec<Offer>> {
        let owner = self.writer;
        self.look(|tx| {
            let mut whose = HashMap::new();
            tx.each(sql::WHOSE, values![owner], &mut |row| {
                let ours: bool = row.get(1)?;
                let held = if ours { Whose::Ours } else { Whose::Anothers };
                whose.insert(merchant_in(row)?, held);
                Ok(Go::On)
            })?;
            let work = lane_work(tx, scope)?.into_iter();
            let offers = work.map(|work| Offer {
                whose: whose.remove(&work.merchant).unwrap_or(Whose::Nobodys),
                work,
            });
            Ok(offers.collect())
        })
    }

    fn take(&mut self, lanes: &[Merchant]) -> LedgerResult<Vec<Taken>> {
        if lanes.is_empty() {
            return Ok(Vec::new());
        }
        let asked = json!(lanes.iter().map(Merchant::as_str).collect::<Vec<_>>()).to_string();
        let mut taken = self.take_soon(&asked)?;
        // Between the commit and its answer may lie a connection that was lost, and made anew.
        let held = self.held()?;
        taken.retain(|taken| held.contains(&taken.held));
        Ok(taken)
    }

    fn renew(&mut self, held: &[Held]) -> LedgerResult<Vec<Held>> {
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let (asked, owner, lease_ms) = (asked(held), self.writer, self.lease_ms as i64);
        let mut kept = HashSet::new();
        self.beside(&mut |tx| {
            let found = tx.all(sql::RENEW, values![asked, owner, lease_ms], holding)?;
            kept = found.into_iter().collect();
            Ok(End::Commit)
        })?;
        let lost = held.iter().filter(|held| !kept.contains(*held));
        Ok(lost.cloned().collect())
    }

    fn let_go(&mut self, lanes: &[Returned]) -> LedgerResult<()> {
        if lanes.is_empty() {
            return Ok(());
        }
        let whole = AFTER_GIVING_UP.as_millis() as i64;
        let lanes = lanes.iter().map(|lane| {
            let ago = whole.saturating_sub(lane.rest_ms.min(whole as u64) as i64);
            (lane.held.merchant.as_str(), lane.held.epoch.0, ago)
        });
        let asked = json!(lanes.collect::<Vec<_>>()).to_string();
        let owner = self.writer;
        self.beside(&mut |tx| {
            tx.execute(sql::LET_GO, values![asked, owner])?;
            Ok(End::Commit)
        })
    }

    fn leave(&mut self) -> LedgerResult<()> {
        let owner = self.writer;
        self.beside(&mut |tx| {
            tx.execute(sql::WORKER_LEAVE, values![owner])?;
            Ok(End::Commit)
        })
    }
}

impl PostgresLedger {
    /// Every lane that has something to do for those who work on the ledger, or is somebody's, by merchant.
    pub fn lines(&mut self) -> LedgerResult<Vec<LaneLine>> {
        self.look(|tx| {
            let mut lines = HashMap::new();
            tx.each(sql::LINES, &[], &mut |row| {
                let line = LaneLine {
                    merchant: merchant_in(row)?,
                    epoch: Some(Epoch(row.get(1)?)),
                    owner: Some(row.get(2)?),
                    age_ms: row.get(3)?,
                    left_ms: row.get(4)?,
                    open: 0,
                    pending: 0,
                };
                lines.insert(line.merchant.clone(), line);
                Ok(Go::On)
            })?;
            let mut found = Vec::new();
            for work in lane_work(tx, Scope::Shared(Handed::All))? {
                let line = lines.remove(&work.merchant);
                found.push(with_work(line, work));
            }
            found.extend(lines.into_values().filter(|line| line.left_ms > 0));
            found.sort_by(|a, b| a.merchant.cmp(&b.merchant));
            Ok(found)
        })
    }

    /// Who works on the ledger: host and process of each, in words.
    pub fn workers(&mut self) -> LedgerResult<Vec<String>> {
        self.look(|tx| tx.all(sql::WORKERS_LIVING, &[], |row| row.get(0)))
    }

    /// Takes lanes (a JSON array), unless somebody else has been writing for a good part of a lease: then
    /// none of them, for now.
    fn take_soon(&mut self, asked: &str) -> LedgerResult<Vec<Taken>> {
        let (owner, who, lease_ms) = (self.writer, self.who.clone(), self.lease_ms as i64);
        let wait_ms = self.lock_wait_ms;
        let most_ms = (self.lease_ms / WAITS_OF_A_LEASE).max(1);
        self.lock_wait_ms = u64::from(wait_ms).min(most_ms) as u32;
        let mut found = Vec::new();
        let done = try_again(|| {
            let tried = self.try_write(&mut |tx| {
                let values = values![asked, owner, who, lease_ms];
                found = tx.all(sql::TAKE, values, taken)?;
                Ok(End::Commit)
            });
            match tried {
                Tried::Again(trouble) if trouble.cause == Cause::Busy => {
                    found.clear();
                    Tried::Done
                }
                Tried::Done | Tried::Again(_) | Tried::Failed(_) => tried,
            }
        });
        self.lock_wait_ms = wait_ms;
        done.map(|()| found)
    }

    /// What this process holds.
    fn held(&mut self) -> LedgerResult<HashSet<Held>> {
        let owner = self.writer;
        let held = self.look(|tx| tx.all(sql::HELD_BY, values![owner], holding))?;
        Ok(held.into_iter().collect())
    }

    /// A small transaction beside whoever writes, that may be done twice: it does nothing but what it says
    /// of this process.
    fn beside(&mut self, work: Work<'_>) -> LedgerResult<()> {
        try_again(|| self.try_beside(work))
    }

    fn try_beside(&mut self, work: Work<'_>) -> Tried {
        if let Err(trouble) = self.begin("READ COMMITTED READ WRITE", "") {
            self.undo();
            return trouble.tried();
        }
        let wire = self.wire.as_ref().expect("it has begun");
        let open = Open::new(wire, &mut self.texts);
        let worked = work(&open).and_then(|_| open.settle());
        let trouble = open.trouble();
        match (worked, trouble) {
            (Ok(()), None) => {}
            (_, Some(trouble)) => {
                self.undo();
                return trouble.tried();
            }
            (Err(e), None) => {
                self.undo();
                return Tried::Failed(e);
            }
        }
        match self.send_commit("COMMIT".into()) {
            Ok(()) => {
                self.begun = false;
                Tried::Done
            }
            Err(fault) => {
                self.undo();
                Trouble::of(&fault).tried()
            }
        }
    }
}

/// Holdings as the statements take them.
fn asked(held: &[Held]) -> String {
    let pairs = held
        .iter()
        .map(|held| (held.merchant.as_str(), held.epoch.0));
    json!(pairs.collect::<Vec<_>>()).to_string()
}

fn holding(row: &dyn Row) -> LedgerResult<Held> {
    Ok(Held {
        merchant: merchant_in(row)?,
        epoch: Epoch(row.get(1)?),
    })
}

/// One that was taken, with how long it must rest yet: what was sent before may still count. Of this very
/// process too: what an earlier run of it had still to rest, it alone knew.
fn taken(row: &dyn Row) -> LedgerResult<Taken> {
    let over_ms: Option<i64> = row.get(2)?;
    let whole = AFTER_GIVING_UP.as_millis() as i64;
    let rest_ms = over_ms.map_or(0, |over| whole.saturating_sub(over).clamp(0, whole) as u64);
    Ok(Taken {
        held: holding(row)?,
        rest_ms,
    })
}

fn with_work(line: Option<LaneLine>, work: LaneWork) -> LaneLine {
    let LaneWork {
        merchant,
        open,
        pending,
    } = work;
    match line {
        Some(line) => LaneLine {
            open,
            pending,
            ..line
        },
        None => LaneLine {
            merchant,
            epoch: None,
            owner: None,
            age_ms: 0,
            left_ms: 0,
            open,
            pending,
        },
    }
}
