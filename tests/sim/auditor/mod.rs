//! The auditor: watches the wire, reads the ledger's file with SQL of its own and the result with a
//! parser of its own, and compares them with the gateway's books. It shares no code with levy.
//!
//! Each claim is named after its law. What the specification leaves to the gateway or to a right
//! clock is written down where the claim is made.

mod chain;
mod ledger;
mod result;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::clock::{SECOND, Us, true_ms};
use crate::files::{Due, Expected, Sheet};
use crate::gateway::{Answer, Entry};
use crate::http::{self, Asks, Content};
use crate::net::Flight;
use chain::Chains;
pub use chain::Typed;

/// From the first send on, a number may be submitted for so long (law L4: 31 days less 48 hours).
const WINDOW_MS: i64 = 29 * 24 * 3_600_000;
/// What every account and card of the files begins with; a mask shows four characters.
const SECRETS: [&str; 2] = ["8609cb22e1774a50", "62220212345"];
/// Orders for the same debt this long after one was settled are no repetition (40 days, less what a
/// clock may have been off).
const HOLD_MS: i64 = 39 * 24 * 3_600_000;

#[derive(Clone, Debug)]
struct Arrival {
    at: Us,
    sent_at: Us,
    generation: u64,
}

/// An order as the ledger's file has it.
#[derive(Clone, Debug)]
pub struct Held {
    pub no: String,
    pub state: String,
    pub first_ms: Option<i64>,
    pub settled_ms: Option<i64>,
    pub created_ms: i64,
    pub deduction: i64,
    pub generation: i64,
    /// It was held when it was created.
    pub was_held: bool,
    pub resolved: Option<String>,
    /// Another deduction took the place of its own.
    pub superseded: bool,
    /// The gateway still worked on it after people had called it dead: nothing follows on their word.
    pub worked_on: bool,
    /// The file whose batch it belongs to.
    pub file: String,
}

pub struct Auditor {
    pub sheets: Vec<Sheet>,
    qps: usize,
    db: Option<Connection>,
    /// What each number stood for when it was submitted first.
    stands_for: BTreeMap<String, Content>,
    /// When each number was submitted, and how far the wall clock was off, in milliseconds.
    sends: BTreeMap<String, Vec<(Us, i64)>>,
    /// Numbers that were submitted for a debt.
    by_debt: BTreeMap<Content, BTreeSet<String>>,
    /// What the gateway has said of a number, signed and fresh, to a process that heard it.
    heard: BTreeMap<String, Vec<(&'static str, &'static str)>>,
    signatures: BTreeSet<String>,
    finals: BTreeMap<String, String>,
    arrivals: BTreeMap<String, VecDeque<Arrival>>,
    /// When the wall clock stepped forward.
    pub steps_forward: Vec<Us>,
    starts: BTreeMap<u64, Us>,
    generation: u64,
    stopped: bool,
    withdrawn: BTreeSet<String>,
    expected: Expected,
    dues: BTreeMap<usize, Vec<Due>>,
    accepted: usize,
    /// Numbers that were submitted for the first time.
    pub fresh_sends: u64,
    pub checks: u64,
    pub chains: Chains,
}

impl Auditor {
    pub fn new(sheets: Vec<Sheet>, qps: u32) -> Self {
        Self {
            sheets,
            qps: qps as usize,
            db: None,
            stands_for: BTreeMap::new(),
            sends: BTreeMap::new(),
            by_debt: BTreeMap::new(),
            heard: BTreeMap::new(),
            signatures: BTreeSet::new(),
            finals: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            steps_forward: Vec::new(),
            starts: BTreeMap::new(),
            generation: 0,
            stopped: false,
            withdrawn: BTreeSet::new(),
            expected: Expected::default(),
            dues: BTreeMap::new(),
            accepted: 0,
            fresh_sends: 0,
            checks: 0,
            chains: Chains::default(),
        }
    }

    pub fn starts(&mut self, generation: u64, at: Us, typed: Typed) {
        self.types(typed);
        self.generation = generation;
        self.starts.insert(generation, at);
        self.signatures.clear();
        self.stopped = false;
    }

    /// From here on nothing new may be sent by this process.
    pub fn quiet_from(&mut self, _: Us) {
        self.stopped = true;
    }

    pub fn withdrawn(&mut self, no: &str) {
        assert!(
            !self.sends.contains_key(no),
            "L1: {no} was sent, and is withdrawn"
        );
        self.withdrawn.insert(no.into());
    }

    /// What is wrong with a request as the gateway reads it.
    pub fn complains(&mut self, complaints: &mut Vec<String>) {
        if let Some(words) = complaints.pop() {
            panic!("L2: {words}");
        }
    }

    fn db(&mut self, dir: &Path) {
        let path = dir.join("levy.db");
        if self.db.is_none() && path.exists() {
            let conn = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY);
            self.db = conn.ok();
        }
    }

    /// A ledger is there, or may be.
    pub fn looks_at(&mut self, dir: &Path) {
        self.db(dir);
    }

    /// There is no ledger to look at yet.
    pub fn is_blind(&self) -> bool {
        self.db.is_none()
    }

    fn conn(&self) -> &Connection {
        self.db.as_ref().expect("there is a ledger")
    }

    /// L1, L2, L4, L5: a request leaves the process.
    pub fn leaves(
        &mut self,
        attempt: i64,
        bytes: &[u8],
        (now, error_ms): (Us, i64),
        books: &BTreeMap<String, Entry>,
    ) {
        let request = http::read(bytes).unwrap_or_else(|e| panic!("L2: {e}"));
        assert!(!self.stopped, "a request leaves after a stop");
        self.checks += 1;
        let Asks::Submission(content) = &request.asks else {
            self.may_have_been_sent(&request.no);
            self.intent(attempt, &request.no, "QUERY", None);
            return;
        };
        let no = &request.no;
        assert!(
            !self.withdrawn.contains(no),
            "L1: {no} was withdrawn, and is sent"
        );
        self.intent(attempt, no, "SUBMISSION", Some(content));
        match self.stands_for.get(no) {
            Some(held) => assert_eq!(held, content, "L2: {no} stands for two contents"),
            None => {
                self.fresh_sends += u64::from(!self.intended_before(attempt));
                self.stands_for.insert(no.clone(), content.clone());
            }
        }
        self.inside_window(no, now, error_ms);
        self.may_leave(attempt, no, (now, error_ms), books);
        self.a_new_number(attempt, no, content);
        self.sends
            .entry(no.clone())
            .or_default()
            .push((now, error_ms));
    }

    /// An earlier process died with an intent for this order: it counts as sent.
    fn intended_before(&self, attempt: i64) -> bool {
        let mut statement = self
            .conn()
            .prepare_cached(
                "SELECT EXISTS (
                    SELECT 1 FROM attempt AS a LEFT JOIN reply AS r USING (attempt_id)
                    WHERE a.order_id = (SELECT order_id FROM attempt WHERE attempt_id = ?1)
                        AND a.attempt_id < ?1 AND coalesce(r.trust, '') <> 'NOT_SENT')",
            )
            .unwrap();
        statement.query_row([attempt], |row| row.get(0)).unwrap()
    }

    /// A query may itself close a number that never arrived: only what has an intent is asked about.
    fn may_have_been_sent(&self, no: &str) {
        let mut statement = self
            .conn()
            .prepare_cached(
                "SELECT EXISTS (
                    SELECT 1 FROM attempt AS a JOIN orders AS o ON o.order_id = a.order_id
                    WHERE o.out_request_no = ?1 AND a.asked = 'SUBMISSION')",
            )
            .unwrap();
        let intended: bool = statement.query_row([no], |row| row.get(0)).unwrap();
        assert!(
            intended,
            "L3: a query for {no}, which was never to be submitted"
        );
    }

    /// L1: what a second connection sees is committed: the attempt, and an order that counts as
    /// sent, of this very content.
    fn intent(&self, attempt: i64, no: &str, asked: &str, content: Option<&Content>) {
        let mut statement = self
            .conn()
            .prepare_cached(
                "SELECT o.out_request_no, a.asked, o.state, o.first_sent_at_ms, o.merchant,
                    o.account, o.reduction_type, o.amount_fen, coalesce(o.reason, ''),
                    coalesce(o.card_no, ''), a.attempt_id IN (SELECT attempt_id FROM reply)
                FROM attempt AS a JOIN orders AS o ON o.order_id = a.order_id
                WHERE a.attempt_id = ?1",
            )
            .unwrap();
        let row = statement.query_row([attempt], |row| {
            let content = Content {
                mchid: row.get(4)?,
                account: row.get(5)?,
                kind: row.get(6)?,
                amount: row.get::<_, i64>(7)? as u64,
                reason: row.get(8)?,
                card: row.get(9)?,
                ..Content::default()
            };
            let names: (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((
                names,
                row.get::<_, Option<i64>>(3)?,
                content,
                row.get::<_, bool>(10)?,
            ))
        });
        let Ok(((held, as_asked, state, first), holds, answered)) =
            row.map(|(names, first, content, answered)| {
                let (no, asked, state) = names;
                ((no, asked, state, first), content, answered)
            })
        else {
            panic!("L1: {no} leaves, and its intent (attempt {attempt}) is not on disk");
        };
        assert_eq!(
            (held.as_str(), as_asked.as_str()),
            (no, asked),
            "L1: another intent"
        );
        assert!(
            !answered,
            "L1: {no}: attempt {attempt} was answered before it left"
        );
        let unsent = ["PENDING", "HELD", "CONFLICT", "CANCELLED"].contains(&state.as_str());
        assert!(
            !unsent && first.is_some(),
            "L1: {no} leaves, and the ledger says {state}"
        );
        if let Some(content) = content {
            assert_eq!(content, &holds, "L2: {no}: wire and ledger differ");
        }
    }

    /// L4. A submission leaves at most 29 days after the first one by the gateway's clock, but for
    /// what this machine's clock was ahead at the first, and is behind now (by the later of its
    /// time and the latest that the gateway signed).
    fn inside_window(&self, no: &str, now: Us, error_ms: i64) {
        let Some(&(first, first_error)) = self.sends.get(no).and_then(|sends| sends.first()) else {
            return;
        };
        let age = true_ms(now) - true_ms(first);
        if age < WINDOW_MS {
            return;
        }
        let latest = "SELECT max(signed_at_ms) FROM reply WHERE trust = 'VERIFIED'";
        let signed: Option<i64> = self.conn().query_row(latest, [], |row| row.get(0)).unwrap();
        let seen = (true_ms(now) + error_ms).max(signed.unwrap_or(0));
        let behind = (true_ms(now) - seen).max(0);
        let allowed = WINDOW_MS + first_error.max(0) + behind;
        assert!(age < allowed, "L4: {no} is submitted again after {age} ms");
    }

    /// L5: a second number for the same debt leaves only if the first is proven dead, was refused,
    /// or was settled so long ago that it holds nothing; or if a person has released one of them by
    /// its name. What was refused goes again under the same rule.
    fn a_new_number(&mut self, attempt: i64, no: &str, content: &Content) {
        let debt = Content {
            card: String::new(),
            ..content.clone()
        };
        let numbers = self.by_debt.entry(debt).or_default();
        let known = !numbers.insert(no.into());
        if numbers.len() == 1 {
            return;
        }
        let numbers = numbers.clone();
        let again = "SELECT state_before = 'REJECTED' FROM attempt WHERE attempt_id = ?1";
        let refused = || self.conn().query_row(again, [attempt], |row| row.get(0));
        if known && !refused().unwrap_or(false) || self.was_released(no) {
            return;
        }
        let own = self.order(no).expect("L1");
        for other in numbers.iter().filter(|other| *other != no) {
            let held = self.order(other).expect("L1");
            let dead_to_people = held.resolved.as_deref() == Some("FAILED");
            let over = match held.state.as_str() {
                "FAILED" | "CLOSED_PROVEN" | "REJECTED" => true,
                _ if held.deduction == own.deduction && dead_to_people => true,
                "SUCCESS" | "EXPIRED" if !known => {
                    own.created_ms - held.settled_ms.unwrap_or(own.created_ms) >= HOLD_MS
                }
                _ => false,
            };
            assert!(
                over || self.was_released(other),
                "L5: {no} is sent while {other} ({}) is the same debt",
                held.state
            );
        }
    }

    pub fn order(&self, no: &str) -> Option<Held> {
        self.orders_where("o.out_request_no = ?1", no).pop()
    }

    pub fn orders(&self) -> Vec<Held> {
        self.orders_where("?1 = ''", "")
    }

    fn orders_where(&self, condition: &str, value: &str) -> Vec<Held> {
        let sql = format!("{ORDER} WHERE {condition}");
        let mut statement = self.conn().prepare_cached(&sql).unwrap();
        let rows = statement.query_map([value], held).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// The connection was never made, and levy knows it.
    pub fn was_not_sent(&mut self, flight: &Flight) {
        if let Some(sends) = self.sends.get_mut(&flight.no) {
            sends.retain(|(at, _)| *at != flight.sent_at || !flight.submission);
            if sends.is_empty() {
                self.sends.remove(&flight.no);
                for numbers in self.by_debt.values_mut() {
                    numbers.remove(&flight.no);
                }
            }
        }
    }

    /// L6: no more than the limit within any second as the gateway counts, restarts included. (A
    /// restart tells the age of earlier sends by the wall clock: after a step forward between them
    /// and its start it cannot know better, and nothing is claimed.)
    pub fn arrives(&mut self, flight: &Flight, now: Us) {
        let qps = self.qps;
        let recent = self.arrivals.entry(flight.merchant.clone()).or_default();
        recent.push_back(Arrival {
            at: now,
            sent_at: flight.sent_at,
            generation: flight.generation,
        });
        while recent.front().is_some_and(|first| first.at + SECOND <= now) {
            recent.pop_front();
        }
        self.checks += 1;
        if recent.len() <= qps {
            return;
        }
        let oldest = recent.iter().map(|one| one.sent_at).min().unwrap_or(now);
        let newest = recent.iter().map(|one| one.generation).max().unwrap_or(0);
        let restarted = recent.iter().any(|one| one.generation != newest);
        let start = self.starts[&newest];
        let stepped = restarted
            && self
                .steps_forward
                .iter()
                .any(|at| (oldest..=start).contains(at));
        assert!(
            stepped,
            "L6: merchant {} gets {} requests in a second, limit {qps}: {recent:?}",
            flight.merchant,
            recent.len()
        );
    }

    /// L3: a reply reaches a process. It may be believed if the gateway signed it, not more than
    /// 300 s from now by this machine's clock, and if this process has not had it before; and then
    /// it must be.
    pub fn delivered(
        &mut self,
        (no, answer): (&str, &Answer),
        error_ms: i64,
        now: Us,
        believed: bool,
    ) {
        let signature = answer
            .headers
            .iter()
            .find(|(n, _)| n == "Wechatpay-Signature");
        let signature = signature.map(|(_, v)| v.clone()).unwrap_or_default();
        let local = (true_ms(now) + error_ms).div_euclid(1000);
        let fresh = |signed_at: i64| (signed_at - local).abs() <= 300;
        let holds = answer.signed_at.is_some_and(fresh) && self.signatures.insert(signature);
        self.checks += 1;
        assert_eq!(
            believed, holds,
            "L3: believed or not: {no}: {}",
            answer.status
        );
        if let Some(said) = &answer.said
            && said.no == no
            && holds
        {
            let heard = self.heard.entry(said.no.clone()).or_default();
            heard.push((said.state, said.reason));
        }
    }
}

const ORDER: &str = "SELECT o.out_request_no, o.state, o.settled_at_ms, o.created_at_ms,
        o.first_sent_at_ms, o.deduction_id, o.generation, o.held_by IS NOT NULL, o.resolved_as, b.file,
        d.superseded_by IS NOT NULL, EXISTS (
            SELECT 1 FROM attempt AS a JOIN reply AS r ON r.attempt_id = a.attempt_id
            WHERE a.order_id = o.order_id AND r.trust = 'VERIFIED' AND r.meaning = 'PROCESSING'
                AND r.entry_no > (
                    SELECT MAX(l.entry_no) FROM decision AS w
                        JOIN decision_link AS l ON l.decision_id = w.decision_id
                    WHERE w.order_id = o.order_id AND w.kind = 'RESOLVE_FAILED'))
    FROM orders AS o JOIN batch AS b ON b.batch_id = o.batch_id
        JOIN deduction AS d ON d.deduction_id = o.deduction_id";

fn held(row: &rusqlite::Row<'_>) -> rusqlite::Result<Held> {
    Ok(Held {
        no: row.get(0)?,
        state: row.get(1)?,
        settled_ms: row.get(2)?,
        created_ms: row.get(3)?,
        first_ms: row.get(4)?,
        deduction: row.get(5)?,
        generation: row.get(6)?,
        was_held: row.get(7)?,
        resolved: row.get(8)?,
        file: row.get(9)?,
        superseded: row.get(10)?,
        worked_on: row.get(11)?,
    })
}
