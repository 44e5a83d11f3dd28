//! The desk: what the gateway does with an authentic request. Counts it, looks into the books,
//! follows the order's script, and says what is to be answered.
//!
//! Everything happens under one lock, in the order of arrival. It knows neither HTTP nor
//! cryptography: what it says is put into words by `answer`.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::Options;
use super::amended::Amended;
use super::books::Interface;
use super::chance::Chance;
use super::fault::SandboxFault;
use super::gate::{Nonces, Rates};
use super::script::{Becomes, Delivery, FailReason, Outcome, Script, Step, Which};
use super::shelf::{
    self, ARRIVALS_FILE, Content, Entry, Filed, Journal, Line, Parties, ReasonWord, Shelf, State,
    StateLine,
};
use super::wire::{Ask, Refusal};

/// What is to be answered.
#[derive(Debug)]
pub(super) struct Said {
    pub what: What,
    pub delivery: Delivery,
}

/// The content of an answer.
#[derive(Debug)]
pub(super) enum What {
    /// Only the delivery counts: the request had no effect.
    Nothing,
    Refused(Refusal),
    Order(Box<Told>),
    Balance {
        balance_fen: u64,
        in_transit: bool,
    },
    Certificates,
}

/// An order as a reply tells it.
#[derive(Debug)]
pub(super) struct Told {
    pub no: String,
    /// As the request gave them.
    pub parties: Parties,
    /// `None` where no submission ever arrived.
    pub filed: Option<Filed>,
    pub state: State,
    /// What people changed by hand.
    pub amended: Amended,
}

/// Who asks, for the log: as far as it could be read.
#[derive(Debug)]
pub(super) struct Caller<'a> {
    pub interface: Interface,
    pub merchant: Option<&'a str>,
    pub number: Option<&'a str>,
}

/// The desk with its books.
pub(super) struct Desk {
    journal: Journal,
    shelf: Shelf,
    arrivals: Option<File>,
    nonces: Nonces,
    rates: Rates,
    chance: Chance,
    balance_fen: u64,
    unbooked: u64,
    processing_ms: u64,
    started: Instant,
    started_us: i64,
}

impl Desk {
    /// Opens the books of the options' directory.
    pub(super) fn open(options: &Options) -> Result<Self, SandboxFault> {
        let (journal, shelf) = Journal::open(&options.dir)?;
        let arrivals = match options.log_arrivals {
            true => Some(open_arrivals(&options.dir.join(ARRIVALS_FILE))?),
            false => None,
        };
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Self {
            journal,
            shelf,
            arrivals,
            nonces: Nonces::default(),
            rates: Rates::new(options.per_merchant_per_second),
            chance: Chance::new(options.seed, options.faults),
            balance_fen: options.balance_fen,
            unbooked: 0,
            processing_ms: options.processing_ms,
            started: Instant::now(),
            started_us: i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        })
    }

    /// Wall-clock microseconds that never go back within a run.
    fn now_us(&self) -> i64 {
        self.started_us + i64::try_from(self.started.elapsed().as_micros()).unwrap_or(0)
    }

    /// Writes down a request that was turned away before it came to the desk.
    pub(super) fn turned_away(&mut self, who: &Caller<'_>, status: u16) -> io::Result<()> {
        let at_us = self.now_us();
        self.log(at_us, who, &status.to_string())
    }

    /// Takes one authentic request: counts it, and does what it asks.
    ///
    /// `Ok(None)` is a nonce that came before.
    pub(super) fn take(
        &mut self,
        who: &Caller<'_>,
        nonce: &str,
        ask: Result<Ask, Refusal>,
    ) -> io::Result<Option<Said>> {
        let at_us = self.now_us();
        if !self.nonces.is_new(nonce, at_us) {
            self.log(at_us, who, "401")?;
            return Ok(None);
        }
        if !self.rates.admits(who, at_us) {
            self.log(at_us, who, "over-limit")?;
            return Ok(Some(Said {
                what: What::Refused(over_limit()),
                delivery: Delivery::Plain,
            }));
        }
        let at_ms = at_us / 1000;
        self.settle_due(at_ms)?;
        let said = match ask {
            Err(refusal) => refused(refusal, Delivery::Plain),
            Ok(Ask::Submit(content, script)) => self.submit(&content, &script, at_ms)?,
            Ok(Ask::Query(parties, no)) => self.query(parties, no, at_ms)?,
            Ok(Ask::Balance(parties)) => self.balance(&parties),
            Ok(Ask::Certificates) => Said {
                what: What::Certificates,
                delivery: Delivery::Plain,
            },
        };
        self.log(at_us, who, &outcome_word(&said))?;
        Ok(Some(said))
    }

    fn log(&mut self, at_us: i64, who: &Caller<'_>, outcome: &str) -> io::Result<()> {
        let Some(file) = &mut self.arrivals else {
            return Ok(());
        };
        let line = format!(
            "{at_us} {} {} {} {outcome}\n",
            who.interface.as_str(),
            who.merchant.unwrap_or("-"),
            who.number.unwrap_or("-"),
        );
        file.write_all(line.as_bytes())
    }

    fn write(&mut self, lines: &[Line]) -> io::Result<()> {
        self.journal.write(&mut self.shelf, lines)
    }

    /// Ends the processing of every order whose time has come.
    fn settle_due(&mut self, at_ms: i64) -> io::Result<()> {
        while let Some(no) = self.shelf.pop_due(at_ms) {
            let Some(entry) = self.shelf.get(&no) else {
                continue;
            };
            let outcome = match entry.state {
                State::Processing {
                    becomes: Becomes::Success,
                    ..
                } => Outcome::Success,
                State::Processing {
                    becomes: Becomes::Failed,
                    ..
                } => Outcome::Failed(FailReason::TimeOut),
                State::Processing {
                    becomes: Becomes::Nothing,
                    ..
                }
                | State::Absent
                | State::Success { .. }
                | State::Failed { .. }
                | State::Closed { .. } => continue,
            };
            let lines = self.settling(&no, entry.account, filed_amount(entry), outcome, at_ms);
            self.write(&lines)?;
        }
        Ok(())
    }

    /// The lines by which an order that is still open takes an outcome.
    fn settling(
        &self,
        no: &str,
        account: u128,
        amount: u64,
        outcome: Outcome,
        at_ms: i64,
    ) -> Vec<Line> {
        let state = |state| Line::State {
            no: no.to_owned(),
            state,
        };
        let enough = self.left(account) >= amount;
        match outcome {
            Outcome::State => Vec::new(),
            Outcome::Success if enough => vec![
                state(StateLine::Success { at_ms }),
                Line::Debit {
                    no: no.to_owned(),
                    amount,
                },
            ],
            // What was submitted is closed; what was accepted before can only fail.
            Outcome::Success | Outcome::NotEnough => {
                vec![match self.shelf.get(no).map(|entry| entry.state) {
                    Some(State::Processing { .. }) => state(StateLine::Failed {
                        at_ms,
                        reason: ReasonWord(FailReason::Balance),
                    }),
                    Some(_) | None => state(StateLine::Closed { at_ms }),
                }]
            }
            Outcome::Failed(reason) => {
                vec![state(StateLine::Failed {
                    at_ms,
                    reason: ReasonWord(reason),
                })]
            }
            Outcome::Processing(becomes) => {
                let over = at_ms.saturating_add_unsigned(self.processing_ms);
                vec![state(StateLine::Processing {
                    due_ms: (becomes != Becomes::Nothing).then_some(over),
                    fails: becomes == Becomes::Failed,
                })]
            }
        }
    }

    /// Counts requests that no entry of the books counts, for the dice.
    fn next_unbooked(&mut self) -> u64 {
        self.unbooked += 1;
        self.unbooked
    }

    fn left(&self, account: u128) -> u64 {
        self.balance_fen
            .saturating_sub(self.shelf.account(account).0)
    }

    fn submit(&mut self, content: &Content, script: &Script, at_ms: i64) -> io::Result<Said> {
        let no = &content.no;
        let seen = self.shelf.get(no).cloned();
        let post = |scripted| Line::Post {
            no: no.clone(),
            scripted,
        };
        let mut lines = Vec::new();
        match &seen {
            None => lines.push(Line::Content(Box::new(content.clone()))),
            Some(entry) if entry.filed.is_some() && !same(entry, content) => {
                lines.push(Line::Changed { no: no.clone() });
                if entry.state != State::Absent {
                    lines.push(post(false));
                    self.write(&lines)?;
                    return Ok(refused(changed(), Delivery::Plain));
                }
                lines.push(Line::Content(Box::new(content.clone())));
            }
            Some(_) => {}
        }
        let (posts, place, state) = seen.map_or((0, 0, State::Absent), |entry| {
            (entry.posts, entry.post_steps, entry.state)
        });
        let fault = self.chance.roll(Interface::Submit, no, u64::from(posts));
        let (step, moves_on) = taken(script.step(Which::Post, place), fault);
        lines.push(post(moves_on));
        let mut fresh = false;
        if step.delivery.has_effect() && state == State::Absent {
            let account = content.parties.account_print();
            lines.extend(self.settling(no, account, content.amount, step.outcome, at_ms));
            fresh = true;
        }
        self.write(&lines)?;
        if !step.delivery.has_effect() {
            return Ok(nothing(step.delivery));
        }
        Ok(self.tell_submission(content, fresh, step.delivery))
    }

    fn tell_submission(&self, content: &Content, fresh: bool, delivery: Delivery) -> Said {
        let Some(entry) = self.shelf.get(&content.no) else {
            return nothing(delivery);
        };
        match entry.state {
            State::Closed { .. } if fresh => refused(not_enough(), delivery),
            State::Closed { .. } => refused(already_exists(), delivery),
            State::Absent
            | State::Processing { .. }
            | State::Success { .. }
            | State::Failed { .. } => told(&content.no, content.parties.clone(), entry, delivery),
        }
    }

    fn query(&mut self, parties: Parties, no: String, at_ms: i64) -> io::Result<Said> {
        let seen = self.shelf.get(&no).cloned();
        let get = |scripted| Line::Get {
            no: no.clone(),
            scripted,
        };
        let arrived = seen.as_ref().filter(|entry| entry.state != State::Absent);
        if arrived.is_some_and(|entry| !same_parties(entry, &parties)) {
            self.write(&[get(false)])?;
            return Ok(refused(other_parties(), Delivery::Plain));
        }
        let reason = seen
            .as_ref()
            .and_then(|entry| entry.filed.as_ref()?.reason.as_deref());
        let script = Script::parse(reason).unwrap_or_default();
        let (gets, place) = match &seen {
            Some(entry) => (u64::from(entry.gets), entry.get_steps),
            None => (self.next_unbooked(), 0),
        };
        let fault = self.chance.roll(Interface::Query, &no, gets);
        let (step, moves_on) = taken(script.step(Which::Get, place), fault);
        let mut lines = Vec::new();
        match &seen {
            Some(entry) if step.delivery.has_effect() => match entry.state {
                State::Absent => lines.push(closed_unseen(&no, &parties, at_ms)),
                State::Processing { .. } => {
                    let amount = filed_amount(entry);
                    lines.extend(self.settling(&no, entry.account, amount, step.outcome, at_ms));
                }
                State::Success { .. } | State::Failed { .. } | State::Closed { .. } => {}
            },
            None if step.delivery.has_effect() => {
                lines.push(closed_unseen(&no, &parties, at_ms));
            }
            Some(_) => {}
            // Nothing happened to a number that nobody knows: nothing to write down.
            None => return Ok(nothing(step.delivery)),
        }
        lines.push(get(moves_on));
        self.write(&lines)?;
        match self.shelf.get(&no) {
            Some(entry) if step.delivery.has_effect() => {
                Ok(told(&no, parties, entry, step.delivery))
            }
            Some(_) | None => Ok(nothing(step.delivery)),
        }
    }

    fn balance(&mut self, parties: &Parties) -> Said {
        let asked = self.next_unbooked();
        let fault = self
            .chance
            .roll(Interface::Balance, &parties.merchant, asked);
        let delivery = fault.unwrap_or(Delivery::Plain);
        if !delivery.has_effect() {
            return nothing(delivery);
        }
        let account = parties.account_print();
        let in_transit = self.shelf.account(account).1;
        Said {
            what: What::Balance {
                balance_fen: self.left(account),
                in_transit,
            },
            delivery,
        }
    }
}

fn open_arrivals(path: &Path) -> Result<File, SandboxFault> {
    let bytes = shelf::whole_lines(path, |_, _| Ok(()))?;
    let file = shelf::open_append(path)?;
    file.set_len(bytes).map_err(SandboxFault::file(path))?;
    Ok(file)
}

/// The step as chance changes it, and whether the script moves on. A fault that keeps the request
/// from being processed uses up no step; one of the reply yields to a step without effect.
fn taken(step: Step, fault: Option<Delivery>) -> (Step, bool) {
    match fault {
        Some(delivery) if !delivery.has_effect() => (Step { delivery, ..step }, false),
        Some(delivery) if step.delivery.has_effect() => (Step { delivery, ..step }, true),
        Some(_) | None => (step, true),
    }
}

fn nothing(delivery: Delivery) -> Said {
    Said {
        what: What::Nothing,
        delivery,
    }
}

fn refused(refusal: Refusal, delivery: Delivery) -> Said {
    Said {
        what: What::Refused(refusal),
        delivery,
    }
}

fn told(no: &str, parties: Parties, entry: &Entry, delivery: Delivery) -> Said {
    // A number that a query closed has no submission to tell of.
    let unseen = matches!(
        entry.state,
        State::Closed {
            reason: FailReason::Receipt,
            ..
        }
    );
    Said {
        what: What::Order(Box::new(Told {
            no: no.to_owned(),
            parties,
            filed: entry.filed.clone().filter(|_| !unseen),
            state: entry.state,
            amended: entry.amended.as_deref().cloned().unwrap_or_default(),
        })),
        delivery,
    }
}

fn filed_amount(entry: &Entry) -> u64 {
    entry.filed.as_ref().map_or(0, |filed| filed.amount)
}

fn same_parties(entry: &Entry, parties: &Parties) -> bool {
    // A number that a query closed knows its account only.
    let extras = entry.filed.is_none() || entry.extras == parties.extras_print();
    entry.account == parties.account_print() && extras
}

fn same(entry: &Entry, content: &Content) -> bool {
    same_parties(entry, &content.parties)
        && entry.filed.as_ref().is_some_and(|filed| {
            filed.reduction_type == content.reduction_type
                && filed.amount == content.amount
                && filed.reason.as_deref() == content.reason.as_deref()
        })
}

fn closed_unseen(no: &str, parties: &Parties, at_ms: i64) -> Line {
    Line::ClosedUnseen {
        no: no.to_owned(),
        merchant: parties.merchant.clone(),
        account: parties.account.clone(),
        at_ms,
    }
}

fn outcome_word(said: &Said) -> String {
    match said.delivery {
        Delivery::DropBefore | Delivery::DropAfter => "drop".to_owned(),
        other => super::answer::status(&said.what, other).to_string(),
    }
}

fn over_limit() -> Refusal {
    Refusal::business(
        429,
        "RATELIMIT_EXCEEDED",
        268_447_840,
        "请求频率超过限制，请稍后使用原参数重试",
    )
}

fn not_enough() -> Refusal {
    Refusal::business(403, "NOT_ENOUGH", 268_456_881, "余额不足，单据已关闭")
}

fn already_exists() -> Refusal {
    Refusal::business(400, "ALREADY_EXISTS", 268_456_882, "单据已关闭，请更换单号")
}

fn changed() -> Refusal {
    Refusal::business(
        400,
        "INVALID_REQUEST",
        268_498_688,
        "请求重入时，参数与首次请求时不一致",
    )
}

fn other_parties() -> Refusal {
    Refusal::business(400, "INVALID_REQUEST", 268_498_689, "查询参数与单据不一致")
}
