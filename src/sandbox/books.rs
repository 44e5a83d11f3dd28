//! The books as a test or a person reads them: what the sandbox saw, did and debited.
//!
//! Reading takes no lock and changes nothing, so it may be done while a sandbox runs.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

use super::fault::SandboxFault;
use super::shelf::{self, ARRIVALS_FILE, BOOKS_FILE, Entry, Line, Shelf, State};

/// Every number that the sandbox ever saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// By `out_request_no`.
    pub orders: BTreeMap<String, BookedOrder>,
}

/// One number in the books.
#[derive(Clone, PartialEq, Eq)]
pub struct BookedOrder {
    /// Target merchant.
    pub merchant: String,
    /// Balance-ledger account, in plain.
    pub account: String,
    /// Fen; 0 where no submission arrived (a query alone closed the number).
    pub amount: u64,
    /// Where it stands.
    pub state: BookedState,
    /// `fail_reason`, if it failed or was closed.
    pub fail_reason: Option<&'static str>,
    /// How often the account was debited for it: more than once is the worst that can happen.
    pub debits: u32,
    /// What was debited for it in all, fen.
    pub debited_fen: u64,
    /// Submissions that were authentic and well-formed, refused ones included.
    pub posts: u32,
    /// Queries, likewise.
    pub queries: u32,
    /// Submissions that used the number for another content.
    pub content_changes: u32,
}

impl fmt::Debug for BookedOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BookedOrder")
            .field("merchant", &self.merchant)
            .field("account", &"[hidden]")
            .field("amount", &self.amount)
            .field("state", &self.state)
            .field("fail_reason", &self.fail_reason)
            .field("debits", &self.debits)
            .field("debited_fen", &self.debited_fen)
            .field("posts", &self.posts)
            .field("queries", &self.queries)
            .field("content_changes", &self.content_changes)
            .finish()
    }
}

/// Where a number stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookedState {
    /// Requests came and had no effect.
    Absent,
    /// Accepted, not final.
    Processing,
    /// Deducted.
    Success,
    /// Failed; a re-entry is answered with 200 FAILED.
    Failed,
    /// Closed; a re-entry is answered with 400 ALREADY_EXISTS.
    Closed,
}

impl Books {
    /// What was debited from all accounts, fen.
    pub fn debited_fen(&self) -> u64 {
        self.orders.values().map(|order| order.debited_fen).sum()
    }

    /// Numbers that were used for more than one content: none, if the client keeps law L2.
    pub fn changed_numbers(&self) -> Vec<&str> {
        self.numbers(|order| order.content_changes > 0)
    }

    /// Numbers that were debited more than once: none, or the sandbox is broken.
    pub fn debited_twice(&self) -> Vec<&str> {
        self.numbers(|order| order.debits > 1)
    }

    fn numbers(&self, which: impl Fn(&BookedOrder) -> bool) -> Vec<&str> {
        self.orders
            .iter()
            .filter(|(_, order)| which(order))
            .map(|(no, _)| no.as_str())
            .collect()
    }
}

/// Reads the books of a sandbox's directory; a torn last line is left out, no file is no orders.
///
/// # Errors
/// A file that can't be read, or a line that the sandbox did not write.
pub fn read(dir: &Path) -> Result<Books, SandboxFault> {
    let mut shelf = Shelf::default();
    let mut accounts: HashMap<String, String> = HashMap::new();
    shelf::read_lines(&dir.join(BOOKS_FILE), |line| {
        match &line {
            Line::Content(content) => {
                accounts.insert(content.no.clone(), content.parties.account.clone());
            }
            Line::ClosedUnseen { no, account, .. } => {
                accounts.insert(no.clone(), account.clone());
            }
            Line::Post { .. }
            | Line::Get { .. }
            | Line::Changed { .. }
            | Line::State { .. }
            | Line::Debit { .. }
            | Line::Amended(_) => {}
        }
        shelf.apply(&line)
    })?;
    let orders = shelf
        .orders()
        .map(|(no, entry)| {
            let account = accounts.remove(no).unwrap_or_default();
            (no.to_owned(), booked(entry, account))
        })
        .collect();
    Ok(Books { orders })
}

fn booked(entry: &Entry, account: String) -> BookedOrder {
    let (state, fail_reason) = match entry.state {
        State::Absent => (BookedState::Absent, None),
        State::Processing { .. } => (BookedState::Processing, None),
        State::Success { .. } => (BookedState::Success, None),
        State::Failed { reason, .. } => (BookedState::Failed, Some(reason.as_str())),
        State::Closed { reason, .. } => (BookedState::Closed, Some(reason.as_str())),
    };
    BookedOrder {
        merchant: entry.merchant.to_string(),
        account,
        amount: entry.filed.as_ref().map_or(0, |filed| filed.amount),
        state,
        fail_reason,
        debits: entry.debits,
        debited_fen: entry.debited_fen,
        posts: entry.posts,
        queries: entry.gets,
        content_changes: entry.changes,
    }
}

/// Which of the three interfaces a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interface {
    /// The submission (POST).
    Submit,
    /// The query (GET by number).
    Query,
    /// The balance.
    Balance,
    /// The platform's certificates.
    Certificates,
}

impl Interface {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Submit, Self::Query, Self::Balance, Self::Certificates];
}

impl Interface {
    /// Its word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Query => "query",
            Self::Balance => "balance",
            Self::Certificates => "certificates",
        }
    }
}

/// One request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it was counted: microseconds since 1970, growing within one run of the sandbox.
    pub at_us: i64,
    /// What it asked.
    pub interface: Interface,
    /// Target merchant, `-` where none could be read.
    pub merchant: String,
    /// `out_request_no`, `-` for the balance or where none could be read.
    pub number: String,
    /// What was made of it: an HTTP status, `over-limit`, or `drop`.
    pub outcome: String,
}

/// Reads the log of arrivals, oldest first; over restarts it goes on in the same file.
///
/// # Errors
/// A file that can't be read, or a line that the sandbox did not write.
pub fn arrivals(dir: &Path) -> Result<Vec<Arrival>, SandboxFault> {
    let path = dir.join(ARRIVALS_FILE);
    let mut all = Vec::new();
    shelf::whole_lines(&path, |line, text| {
        all.push(arrival(text).ok_or_else(|| SandboxFault::Books {
            path: path.clone(),
            line,
            cause: "is no arrival".to_owned(),
        })?);
        Ok(())
    })?;
    Ok(all)
}

fn arrival(text: &str) -> Option<Arrival> {
    let mut parts = text.split(' ');
    let mut next = || parts.next();
    let at_us = next()?.parse().ok()?;
    let word = next()?;
    let interface = Interface::ALL
        .into_iter()
        .find(|interface| interface.as_str() == word)?;
    Some(Arrival {
        at_us,
        interface,
        merchant: next()?.to_owned(),
        number: next()?.to_owned(),
        outcome: next()?.to_owned(),
    })
}
