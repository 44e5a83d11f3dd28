//! New numbers, releases, freezes and what people resolved: who asked for it, and what proved it.

use std::collections::{BTreeMap, BTreeSet};

use levy::cli::args::OnlyDead;
use sha2::{Digest, Sha256};

use super::{Auditor, Held};
use crate::clock::{DAY, MS, Us, true_ms};
use crate::files::{Due, Sheet, thirty_letters};
use crate::gateway::{Entry, Fate};
use crate::process::Errand;

/// For how long a number can be submitted again at the gateway.
const REENTRY_MS: i64 = (31 * DAY / MS) as i64;
/// What a clock may have drifted where 31 days are measured.
const SLACK_MS: i64 = 600_000;

/// What was typed: what a process may do, and no other.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// The file whose never-sent rows it sends.
    rows_of: Option<usize>,
    /// The file whose reissues it sends.
    reissues_of: Option<usize>,
    /// It gives new numbers.
    issues: bool,
    /// It submits again what was refused.
    rejected: bool,
    /// Numbers that it releases.
    releases: BTreeSet<String>,
}

impl Typed {
    pub fn of(errand: &Errand, releases: &[String], sheets: &[Sheet]) -> Self {
        let mut typed = Self {
            releases: releases.iter().cloned().collect(),
            ..Self::default()
        };
        match errand {
            Errand::Run(file) => {
                typed.rows_of = Some(*file);
                typed.reissues_of = Some(*file);
            }
            Errand::Rerun(file, only) => {
                typed.reissues_of = Some(*file);
                // The changed rows of a result are new deductions of that very file.
                typed.rows_of = sheets[*file].returned.as_ref().map(|_| *file);
                typed.issues = only.iter().any(|only| *only != OnlyDead::Rejected);
                typed.rejected = only.contains(&OnlyDead::Rejected);
            }
            Errand::Resume | Errand::Cancel(_) | Errand::Decide(_) => {}
        }
        typed
    }
}

/// What is known of chains.
#[derive(Default)]
pub struct Chains {
    typed: Typed,
    /// Numbers that a person has released by name, at any time.
    named: BTreeSet<String>,
    /// What two people have said of a number, at any time.
    said: BTreeMap<String, BTreeSet<String>>,
    /// Reissues that were looked at, with their parents.
    children: BTreeMap<String, String>,
    /// Orders that stand refused.
    refused: BTreeSet<String>,
    /// Those of them that were submitted again.
    again: BTreeSet<String>,
    /// Reissues that were never sent, by the process that made them.
    fresh: BTreeSet<String>,
    /// How often each thing was met.
    pub met: BTreeMap<&'static str, u64>,
}

impl Chains {
    pub fn meet(&mut self, what: &'static str, times: u64) {
        *self.met.entry(what).or_default() += times;
    }
}

impl Auditor {
    pub(super) fn types(&mut self, typed: Typed) {
        self.chains.named.extend(typed.releases.iter().cloned());
        self.chains.fresh.clear();
        self.chains.typed = typed;
    }

    /// Two people are about to say what became of it.
    pub fn say_of(&mut self, no: &str, outcome: &str) {
        let said = self.chains.said.entry(no.into()).or_default();
        said.insert(outcome.into());
    }

    /// All sending is stopped, the ledger says.
    pub fn is_frozen(&self) -> bool {
        let sql = "SELECT frozen_by IS NOT NULL FROM meta";
        let frozen = self
            .db
            .as_ref()
            .map(|db| db.query_row(sql, [], |row| row.get(0)));
        frozen.and_then(Result::ok).unwrap_or(false)
    }

    /// What a file's rows must come to, if it is a batch already.
    pub fn dues(&self, file: usize) -> Option<&Vec<Due>> {
        self.dues.get(&file)
    }

    /// Nobody has submitted it for so long.
    pub fn is_silent(&self, no: &str, now: Us, long: Us) -> bool {
        let sends = self.sends.get(no).and_then(|sends| sends.last());
        sends.is_none_or(|(at, _)| *at + long <= now)
    }

    /// What a rerun says that it has issued.
    pub fn issued(&mut self, issued: u64, held: u64) {
        assert!(
            self.chains.typed.issues || issued + held == 0,
            "L5: new numbers that nobody asked for"
        );
        self.chains.meet("reissued", issued);
        self.chains.meet("reissued and held", held);
    }

    /// A person has released it by its name, and it was held.
    pub(super) fn was_released(&self, no: &str) -> bool {
        self.chains.named.contains(no) && self.order(no).is_some_and(|order| order.was_held)
    }

    /// Before a submission leaves: whether what was typed allows it, and what people decided.
    pub(super) fn may_leave(&mut self, attempt: i64, no: &str, now: (Us, i64), books: &Books) {
        let order = self.order(no).expect("L1");
        assert!(
            !order.was_held || self.chains.named.contains(no),
            "L5: {no} was held, nobody has released it, and it is sent"
        );
        if !self.intended_before(attempt) {
            let typed = &self.chains.typed;
            let file = match order.generation {
                1 => typed.rows_of,
                _ => typed.reissues_of,
            };
            let name = file.map(|file| self.sheets[file].name);
            assert_eq!(
                name,
                Some(order.file.as_str()),
                "L2: {no} of generation {} is sent first by another command",
                order.generation
            );
        }
        self.chains.fresh.remove(no);
        self.is_born(&order, now, books);
        self.was_decided(attempt, no);
    }

    /// An intent that was written after a freeze, or after people had resolved its order.
    fn was_decided(&self, attempt: i64, no: &str) {
        let mut statement = self
            .conn()
            .prepare_cached(
                "SELECT
                    (SELECT kind = 'FREEZE' FROM decision JOIN decision_link USING (decision_id)
                        WHERE kind IN ('FREEZE', 'UNFREEZE') AND entry_no < ?1
                        ORDER BY entry_no DESC LIMIT 1),
                    EXISTS (SELECT 1 FROM decision JOIN decision_link USING (decision_id)
                        WHERE kind LIKE 'RESOLVE_%' AND entry_no < ?1 AND order_id =
                            (SELECT order_id FROM attempt WHERE attempt_id = ?1))",
            )
            .unwrap();
        let (frozen, resolved): (Option<bool>, bool) = statement
            .query_row([attempt], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert!(frozen != Some(true), "{no} is sent on a frozen ledger");
        assert!(!resolved, "{no} is submitted, and people have resolved it");
    }

    /// L5: a new number, once for each parent, made of it, and only with proof.
    fn is_born(&mut self, order: &Held, now: (Us, i64), books: &Books) {
        if order.generation == 1 || self.chains.children.contains_key(&order.no) {
            return;
        }
        self.checks += 1;
        let no = &order.no;
        assert!(
            self.chains.typed.issues,
            "L5: {no} was issued by a command that issues nothing"
        );
        assert!(
            !order.superseded,
            "L5: {no} was issued, and another deduction took its place"
        );
        let parent = self.before(order);
        assert_eq!(
            *no,
            child_of(&parent.no, order.generation),
            "L5: the number"
        );
        let twin = self
            .chains
            .children
            .values()
            .any(|other| *other == parent.no);
        assert!(!twin, "L5: {} was issued again twice", parent.no);
        let proven = ["FAILED", "CLOSED_PROVEN"].contains(&parent.state.as_str());
        match proven {
            true => {
                let heard = self.heard.get(&parent.no).map_or(&[][..], Vec::as_slice);
                assert!(
                    heard.iter().any(|(said, _)| *said == "FAILED"),
                    "L5: {no} was issued, and nobody has said FAILED of {}",
                    parent.no
                );
            }
            false => self.was_beyond_use(&parent, order, now),
        }
        match books.get(&parent.no) {
            Some(entry) => assert!(
                matches!(entry.fate, Fate::Failed(_)) && entry.debits.is_empty(),
                "L5: {no} was issued, and {} was debited",
                parent.no
            ),
            None => assert!(!proven, "L5: {} was never in the books", parent.no),
        }
        self.chains.children.insert(no.clone(), parent.no);
    }

    /// Two people resolved it as failed, and it was first sent 31 days ago; by a right clock, but
    /// for what this machine's was ahead when the new number was given, and behind at the sends.
    fn was_beyond_use(&mut self, parent: &Held, child: &Held, (now, error_ms): (Us, i64)) {
        let said = self.chains.said.get(&parent.no);
        assert!(
            said.is_some_and(|said| said.contains("FAILED"))
                && parent.resolved.as_deref() == Some("FAILED"),
            "L5: {} was issued, and {} is {}",
            child.no,
            parent.no,
            parent.state
        );
        self.chains.meet("reissued what people resolved", 1);
        let sends = self.sends.get(&parent.no).map_or(&[][..], Vec::as_slice);
        let Some((first, _)) = sends.first() else {
            return;
        };
        let behind = sends
            .iter()
            .map(|(at, error)| (true_ms(*first) - true_ms(*at) - error).max(0));
        let off = behind.max().unwrap_or(0) + error_ms.max(0);
        let age = child.created_ms - error_ms - true_ms(*first);
        assert!(
            age + off + SLACK_MS >= REENTRY_MS,
            "L5: {} was issued {age} ms after the first send of {}, by people's word ({now})",
            child.no,
            parent.no
        );
    }

    /// The order of the chain before this one.
    fn before(&self, order: &Held) -> Held {
        let chain = self.chain(&order.no);
        let at = chain.iter().position(|one| one.no == order.no);
        let parent = at.and_then(|at| chain.get(at.checked_sub(1)?));
        parent.expect("L5: a reissue of nothing").clone()
    }

    /// A deduction's orders by generation.
    pub(super) fn chain(&self, no: &str) -> Vec<Held> {
        let mut orders = self.orders_where(
            "o.deduction_id = (SELECT deduction_id FROM orders WHERE out_request_no = ?1)",
            no,
        );
        orders.sort_by_key(|order| order.generation);
        orders
    }

    /// An intent for what stood refused: submitted again only where that was typed.
    pub(super) fn is_claimed(&mut self, no: &str) {
        if self.chains.refused.remove(no) {
            assert!(
                self.chains.typed.rejected,
                "REJECTED {no} is submitted again, and nobody said --only rejected"
            );
            self.chains.again.insert(no.into());
        }
    }

    /// After each command: every chain.
    pub(super) fn chains_hold(
        &mut self,
        orders: &[Held],
        died: bool,
        now: (Us, i64),
        books: &Books,
    ) {
        let mut alive: BTreeMap<i64, &str> = BTreeMap::new();
        let mut debited: BTreeMap<i64, &str> = BTreeMap::new();
        for order in orders {
            let no = order.no.as_str();
            if order.generation > 1 && !self.chains.children.contains_key(no) {
                self.chains.fresh.insert(no.into());
            }
            self.is_born(order, now, books);
            if order.state == "REJECTED" {
                self.chains.refused.insert(no.into());
            } else {
                self.is_claimed(no);
            }
            if self.chains.again.contains(no) && order.state == "SUCCESS" {
                self.chains.again.remove(no);
                self.chains.meet("refused, submitted again, accepted", 1);
            }
            let dead = ["FAILED", "CLOSED_PROVEN", "CANCELLED"].contains(&order.state.as_str());
            if !dead && order.resolved.as_deref() != Some("FAILED") {
                let other = alive.insert(order.deduction, no);
                assert!(other.is_none(), "L5: {no} and {other:?} are alive");
            }
            if books.get(no).is_some_and(|entry| !entry.debits.is_empty()) {
                let other = debited.insert(order.deduction, no);
                assert!(other.is_none(), "L5: {no} and {other:?} were debited");
                let replaced = order.superseded;
                assert!(
                    !replaced,
                    "L5: {no} was debited, and another took its place"
                );
            }
            if let Some(outcome) = &order.resolved {
                let said = self.chains.said.get(no);
                let said = said.is_some_and(|said| said.contains(outcome));
                assert!(said, "{no} is resolved as {outcome}, which nobody said");
            }
            let held = order.was_held && order.state != "HELD";
            let named = self.chains.named.contains(no);
            assert!(
                !held || named || ["CANCELLED", "CONFLICT"].contains(&order.state.as_str()),
                "L5: {no} was held and is {}, and nobody has released it",
                order.state
            );
        }
        if died && !self.chains.fresh.is_empty() {
            self.chains
                .meet("death after a reissue, before its send", 1);
        }
    }

    /// When everything was rerun and is quiet: no deduction is dead, and each has one living order,
    /// but for what people withdrew, another deduction took the place of, or the gateway still
    /// worked on after people had called it dead (they look again).
    pub fn all_live(&self) {
        for order in self.orders() {
            let chain = self.chain(&order.no);
            let newest = chain.last().expect("it is in its own chain");
            let dead = ["FAILED", "CLOSED_PROVEN"].contains(&newest.state.as_str())
                || newest.resolved.as_deref() == Some("FAILED")
                    && newest.state != "SUCCESS"
                    && !newest.worked_on;
            assert!(
                !dead || newest.superseded,
                "L5: {} was rerun, and is dead: {newest:?}",
                order.no
            );
        }
    }
}

type Books = BTreeMap<String, Entry>;

/// Section 9 of the specification: the number of a reissue.
fn child_of(parent: &str, generation: i64) -> String {
    let mut bytes = Vec::new();
    for field in ["levy/reissue/1", parent] {
        bytes.extend((field.len() as u32).to_be_bytes());
        bytes.extend(field.as_bytes());
    }
    bytes.extend((generation as u32).to_be_bytes());
    thirty_letters(&Sha256::digest(&bytes))
}

#[test]
fn the_auditors_own_reissues_have_the_numbers_of_the_specification() {
    let second = child_of("N2025080801", 2);
    assert_eq!(second, "LVXYN4AGQALWOF7FUABQBVPHCODTEJCC");
    assert_eq!(child_of(&second, 3), "LVAKAP4GFJRS665ZBAKCKVTCYPUDRIVM");
}
