//! The books as they are written and as they stand in memory: an append-only file of JSON lines,
//! and the one fold that makes orders of them.
//!
//! A request's lines are written before its reply leaves, so that killing the process loses
//! nothing that anybody was told. What was being written when it died is cut off on opening.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::amended::Amended;
use super::fault::SandboxFault;
use super::limits::LINE_BYTES_MAX;
use super::script::{Becomes, FailReason};

/// The file of the books.
pub(super) const BOOKS_FILE: &str = "books.jsonl";
/// The log of arrivals.
pub(super) const ARRIVALS_FILE: &str = "arrivals.log";

/// How often books that are held are asked for again, and how long after.
const LOCK_TRIES_MAX: u32 = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// One line of the books.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Line {
    /// What a number stands for, at its first arrival.
    Content(Box<Content>),
    /// A submission arrived; whether it used up a step of the script.
    Post { no: String, scripted: bool },
    /// A query arrived.
    Get { no: String, scripted: bool },
    /// Somebody used the number for another content.
    Changed { no: String },
    /// The order's state from here on.
    State { no: String, state: StateLine },
    /// The account was debited.
    Debit { no: String, amount: u64 },
    /// A query for a number that never arrived closed it.
    ClosedUnseen {
        no: String,
        merchant: String,
        account: String,
        at_ms: i64,
    },
    /// What people changed in the order's record by hand.
    Amended(Box<Amended>),
}

/// A number's content.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Content {
    pub no: String,
    #[serde(flatten)]
    pub parties: Parties,
    pub reduction_type: String,
    pub amount: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// Whom a request is about: the fields that submission, query and balance share.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Parties {
    pub merchant: String,
    pub account: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub card_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sgn_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub req_scene: Option<String>,
}

impl Parties {
    /// Stands for the account of that merchant.
    pub(super) fn account_print(&self) -> u128 {
        fingerprint(&[&self.merchant, &self.account])
    }

    /// Stands for card, agreement and scene.
    pub(super) fn extras_print(&self) -> u128 {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        fingerprint(&[
            &part(&self.card_no),
            &part(&self.sgn_no),
            &part(&self.req_scene),
        ])
    }
}

/// Sixteen bytes that stand for some texts: equal only if all of them are.
pub(super) fn fingerprint(parts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest[..16]
        .iter()
        .fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

/// A state as it is written.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub(super) enum StateLine {
    Processing { due_ms: Option<i64>, fails: bool },
    Success { at_ms: i64 },
    Failed { at_ms: i64, reason: ReasonWord },
    Closed { at_ms: i64 },
}

/// `fail_reason` as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReasonWord(pub FailReason);

impl Serialize for ReasonWord {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for ReasonWord {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let word = String::deserialize(d)?;
        FailReason::parse(&word)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("an unknown fail_reason"))
    }
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its requests had no effect so far.
    Absent,
    Processing {
        due_ms: Option<i64>,
        becomes: Becomes,
    },
    Success {
        at_ms: i64,
    },
    /// Failed; a re-entry is told so.
    Failed {
        at_ms: i64,
        reason: FailReason,
    },
    /// Closed; a re-entry is refused.
    Closed {
        at_ms: i64,
        reason: FailReason,
    },
}

/// One number.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub merchant: Arc<str>,
    pub account: u128,
    pub extras: u128,
    /// `None` where no submission ever arrived.
    pub filed: Option<Filed>,
    pub state: State,
    pub posts: u32,
    pub gets: u32,
    pub post_steps: u32,
    pub get_steps: u32,
    pub changes: u32,
    pub debits: u32,
    pub debited_fen: u64,
    pub amended: Option<Box<Amended>>,
}

/// What the first submission said beside its parties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filed {
    pub reduction_type: &'static str,
    pub amount: u64,
    pub reason: Option<Box<str>>,
}

/// The interface's two types; a line with another is not ours.
pub(super) fn reduction_type(word: &str) -> Option<&'static str> {
    ["FINANCIAL_PENALTY", "JUDICIAL_DEDUCTION"]
        .into_iter()
        .find(|known| *known == word)
}

#[derive(Clone, Copy, Debug, Default)]
struct AccountBook {
    debited_fen: u64,
    in_transit: u32,
}

/// All orders and accounts.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    orders: HashMap<Box<str>, Entry>,
    accounts: HashMap<u128, AccountBook>,
    merchants: HashMap<Arc<str>, ()>,
    due: BinaryHeap<Reverse<(i64, Box<str>)>>,
}

impl Shelf {
    pub(super) fn get(&self, no: &str) -> Option<&Entry> {
        self.orders.get(no)
    }

    pub(super) fn orders(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.orders.iter().map(|(no, entry)| (&**no, entry))
    }

    /// What was debited from an account, in fen, and whether an order of it is processing.
    pub(super) fn account(&self, print: u128) -> (u64, bool) {
        let book = self.accounts.get(&print).copied().unwrap_or_default();
        (book.debited_fen, book.in_transit > 0)
    }

    /// Takes out the next number whose processing is over by now.
    pub(super) fn pop_due(&mut self, now_ms: i64) -> Option<Box<str>> {
        let Reverse((due, _)) = self.due.peek()?;
        if *due > now_ms {
            return None;
        }
        self.due.pop().map(|Reverse((_, no))| no)
    }

    /// Folds one line in.
    pub(super) fn apply(&mut self, line: &Line) -> Result<(), String> {
        match line {
            Line::Content(content) => self.file(content),
            Line::Post { no, scripted } => {
                let entry = self.known(no)?;
                entry.posts += 1;
                entry.post_steps += u32::from(*scripted);
                Ok(())
            }
            Line::Get { no, scripted } => {
                let entry = self.known(no)?;
                entry.gets += 1;
                entry.get_steps += u32::from(*scripted);
                Ok(())
            }
            Line::Changed { no } => {
                self.known(no)?.changes += 1;
                Ok(())
            }
            Line::State { no, state } => self.set_state(no, *state),
            Line::Debit { no, amount } => {
                let entry = self.known(no)?;
                entry.debits += 1;
                entry.debited_fen += amount;
                let account = entry.account;
                self.accounts.entry(account).or_default().debited_fen += amount;
                Ok(())
            }
            Line::ClosedUnseen {
                no,
                merchant,
                account,
                at_ms,
            } => {
                let parties = Parties {
                    merchant: merchant.clone(),
                    account: account.clone(),
                    card_no: None,
                    sgn_no: None,
                    req_scene: None,
                };
                let filed = self.orders.get(&**no).and_then(|entry| entry.filed.clone());
                let entry = self.put(no, &parties, filed);
                entry.state = State::Closed {
                    at_ms: *at_ms,
                    reason: FailReason::Receipt,
                };
                Ok(())
            }
            Line::Amended(amended) => {
                self.known(&amended.no)?.amended = Some(amended.clone());
                Ok(())
            }
        }
    }

    fn known(&mut self, no: &str) -> Result<&mut Entry, String> {
        self.orders
            .get_mut(no)
            .ok_or_else(|| format!("order {no} was never filed"))
    }

    fn file(&mut self, content: &Content) -> Result<(), String> {
        let filed = Filed {
            reduction_type: reduction_type(&content.reduction_type)
                .ok_or_else(|| "an unknown reduction_type".to_owned())?,
            amount: content.amount,
            reason: content.reason.as_deref().map(Box::from),
        };
        self.put(&content.no, &content.parties, Some(filed));
        Ok(())
    }

    fn put(&mut self, no: &str, parties: &Parties, filed: Option<Filed>) -> &mut Entry {
        let merchant = match self.merchants.get_key_value(parties.merchant.as_str()) {
            Some((merchant, ())) => Arc::clone(merchant),
            None => {
                let merchant: Arc<str> = Arc::from(parties.merchant.as_str());
                self.merchants.insert(Arc::clone(&merchant), ());
                merchant
            }
        };
        let entry = self.orders.entry(no.into()).or_insert_with(|| Entry {
            merchant: Arc::clone(&merchant),
            account: 0,
            extras: 0,
            filed: None,
            state: State::Absent,
            posts: 0,
            gets: 0,
            post_steps: 0,
            get_steps: 0,
            changes: 0,
            debits: 0,
            debited_fen: 0,
            amended: None,
        });
        entry.merchant = merchant;
        entry.account = parties.account_print();
        entry.extras = parties.extras_print();
        entry.filed = filed;
        entry
    }

    fn set_state(&mut self, no: &str, line: StateLine) -> Result<(), String> {
        let entry = self.known(no)?;
        let was = matches!(entry.state, State::Processing { .. });
        entry.state = match line {
            StateLine::Processing { due_ms, fails } => State::Processing {
                due_ms,
                becomes: match (due_ms, fails) {
                    (None, _) => Becomes::Nothing,
                    (Some(_), true) => Becomes::Failed,
                    (Some(_), false) => Becomes::Success,
                },
            },
            StateLine::Success { at_ms } => State::Success { at_ms },
            StateLine::Failed { at_ms, reason } => State::Failed {
                at_ms,
                reason: reason.0,
            },
            StateLine::Closed { at_ms } => State::Closed {
                at_ms,
                reason: FailReason::Balance,
            },
        };
        let is = matches!(entry.state, State::Processing { .. });
        let account = entry.account;
        if let StateLine::Processing {
            due_ms: Some(due), ..
        } = line
        {
            self.due.push(Reverse((due, no.into())));
        }
        let book = self.accounts.entry(account).or_default();
        book.in_transit = (book.in_transit + u32::from(is)).saturating_sub(u32::from(was));
        Ok(())
    }
}

/// The file, open for appending and locked for this process.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    bytes: u64,
}

impl Journal {
    /// Opens the books of `dir`, reads them, and cuts off what was half written.
    pub(super) fn open(dir: &Path) -> Result<(Self, Shelf), SandboxFault> {
        let path = dir.join(BOOKS_FILE);
        let file = open_append(&path)?;
        // Let go of, it is held a moment longer by a process that is just being started: until then
        // that one has this one's open files.
        let mut tries = 0..LOCK_TRIES_MAX;
        while let Err(refused) = file.try_lock() {
            match refused {
                TryLockError::WouldBlock if tries.next().is_some() => thread::sleep(LOCK_PAUSE),
                TryLockError::WouldBlock => return Err(SandboxFault::Busy(dir.to_owned())),
                TryLockError::Error(source) => return Err(SandboxFault::file(path)(source)),
            }
        }
        let mut shelf = Shelf::default();
        let bytes = read_lines(&path, |line| shelf.apply(&line))?;
        file.set_len(bytes).map_err(SandboxFault::file(&path))?;
        let mut journal = Self { file, bytes };
        journal
            .complete(&mut shelf)
            .map_err(SandboxFault::file(&path))?;
        Ok((journal, shelf))
    }

    /// Debits what was said to have succeeded: the two lines may have been torn apart.
    fn complete(&mut self, shelf: &mut Shelf) -> io::Result<()> {
        let missing: Vec<Line> = shelf
            .orders()
            .filter(|(_, entry)| matches!(entry.state, State::Success { .. }) && entry.debits == 0)
            .map(|(no, entry)| Line::Debit {
                no: no.to_owned(),
                amount: entry.filed.as_ref().map_or(0, |filed| filed.amount),
            })
            .collect();
        self.write(shelf, &missing)
    }

    /// Writes lines, then folds them in; after an error nothing of them stands.
    pub(super) fn write(&mut self, shelf: &mut Shelf, lines: &[Line]) -> io::Result<()> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        if let Err(fault) = self.file.write_all(&text) {
            // The half line would be cut off at the next start anyway.
            let _ = self.file.set_len(self.bytes);
            return Err(fault);
        }
        self.bytes += text.len() as u64;
        for line in lines {
            shelf.apply(line).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

/// Opens a file of mode 0600 for appending.
pub(super) fn open_append(path: &Path) -> Result<File, SandboxFault> {
    OpenOptions::new()
        .append(true)
        .read(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(SandboxFault::file(path))
}

/// Reads whole lines of the books; gives the bytes that they take. A last line without its end is
/// left out; a file that is not there is an empty one.
pub(super) fn read_lines(
    path: &Path,
    mut take: impl FnMut(Line) -> Result<(), String>,
) -> Result<u64, SandboxFault> {
    whole_lines(path, |number, text| {
        serde_json::from_str::<Line>(text)
            .map_err(|fault| format!("not a line of the books ({:?})", fault.classify()))
            .and_then(&mut take)
            .map_err(|cause| SandboxFault::Books {
                path: PathBuf::from(path),
                line: number,
                cause,
            })
    })
}

/// Reads whole lines of a text file, with their numbers from 1; gives the bytes that they take.
pub(super) fn whole_lines(
    path: &Path,
    mut take: impl FnMut(usize, &str) -> Result<(), SandboxFault>,
) -> Result<u64, SandboxFault> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(fault) => return Err(SandboxFault::file(path)(fault)),
    };
    let mut reader = BufReader::new(file);
    let (mut bytes, mut number, mut line) = (0u64, 0, Vec::new());
    loop {
        line.clear();
        let read = reader
            .by_ref()
            .take(LINE_BYTES_MAX as u64)
            .read_until(b'\n', &mut line)
            .map_err(SandboxFault::file(path))?;
        number += 1;
        if line.last() != Some(&b'\n') && read < LINE_BYTES_MAX {
            return Ok(bytes);
        }
        let text = line
            .strip_suffix(b"\n")
            .and_then(|text| std::str::from_utf8(text).ok())
            .ok_or_else(|| SandboxFault::Books {
                path: path.to_owned(),
                line: number,
                cause: "is too long, or no UTF-8".to_owned(),
            })?;
        take(number, text)?;
        bytes += read as u64;
    }
}
