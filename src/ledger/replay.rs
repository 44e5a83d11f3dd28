//! An order's state, worked out again from its journal: the same table of transitions, from nothing
//! but attempts, replies, and what people told of sends that the journal does not know.
//!
//! The journal keeps what a reply meant, not what it did: a few words leave two outcomes open (a
//! query that settles nothing may or may not have come past the window). So the replay carries every
//! state that is possible, and what the books say must be one of them. What settles an order is
//! never open.

use super::Trust;
use crate::order::{Asked, Event, State};

/// An attempt with what came back, as far as it moves the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct Past {
    /// The intent's entry in the journal.
    pub entry: i64,
    pub asked: Asked,
    pub before: State,
    pub claimed_at_ms: i64,
    pub reply: Option<PastReply>,
}

/// A reply, as far as it moves the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct PastReply {
    pub entry: i64,
    pub trust: Trust,
    pub meaning: String,
    pub maybe_accepted: bool,
    pub closed: bool,
    pub signed_at_ms: Option<i64>,
}

/// A person told of sends that the journal does not know: another tool's, or those of the time that a
/// backup has forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct ToldOf {
    /// The decision's entry in the journal.
    pub entry: i64,
    /// The earliest time at which it may have been sent.
    pub since_ms: i64,
}

/// Where an order can stand after its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct Replayed {
    states: Vec<State>,
    first_sent_at_ms: Option<i64>,
    maybe_accepted: u32,
    sent: bool,
    /// The send that the journal does not know was counted.
    told: bool,
    /// The newest intent.
    newest: i64,
}

impl Replayed {
    /// Whether the books may say this of the order; else what the journal says.
    pub(in crate::ledger) fn agrees(&self, state: State, first: Option<i64>) -> Result<(), String> {
        let possible = self.states.contains(&state) || (!self.sent && state.is_unsent());
        if !possible {
            let words: Vec<&str> = self.states.iter().map(|state| state.as_str()).collect();
            let words = match words.is_empty() {
                true => "never sent".into(),
                false => words.join(" or "),
            };
            return Err(format!("is {state}, and by its journal {words}"));
        }
        match first == self.first_sent_at_ms {
            true => Ok(()),
            false => Err("was first sent at another time than its journal says".into()),
        }
    }
}

/// One entry of an order's journal.
#[derive(Clone, Copy)]
enum Entry<'p> {
    Claim(&'p Past),
    Reply(&'p Past, &'p PastReply),
    Told(ToldOf),
}

/// Goes through an order's attempts and what people told of it, by rising entry. An error says what
/// cannot have happened.
pub(in crate::ledger) fn replay(pasts: &[Past], told: &[ToldOf]) -> Result<Replayed, String> {
    let mut steps: Vec<(i64, Entry<'_>)> = Vec::with_capacity(pasts.len() * 2 + told.len());
    for past in pasts {
        steps.push((past.entry, Entry::Claim(past)));
        let reply = past.reply.as_ref();
        steps.extend(reply.map(|reply| (reply.entry, Entry::Reply(past, reply))));
    }
    steps.extend(told.iter().map(|told| (told.entry, Entry::Told(*told))));
    steps.sort_by_key(|(entry, _)| *entry);
    let mut order = Replayed {
        states: Vec::new(),
        first_sent_at_ms: None,
        maybe_accepted: 0,
        sent: false,
        told: false,
        newest: 0,
    };
    for (_, step) in steps {
        match step {
            Entry::Claim(past) => order.claim(past)?,
            Entry::Reply(past, reply) => order.reply(past, reply)?,
            Entry::Told(told) => order.maybe_sent(told)?,
        }
    }
    Ok(order)
}

impl Replayed {
    fn maybe_sent(&mut self, told: ToldOf) -> Result<(), String> {
        if !self.sent {
            self.states = vec![State::Pending];
        }
        let next = |state: &State| state.next(Event::MaybeSent);
        self.states = self.states.iter().filter_map(next).collect();
        if self.states.is_empty() {
            let entry = told.entry;
            return Err(format!(
                "was settled when somebody told of an earlier send (entry {entry})"
            ));
        }
        self.sent = true;
        self.maybe_accepted += u32::from(!self.told);
        self.told = true;
        self.sent_at(told.since_ms);
        Ok(())
    }

    fn claim(&mut self, past: &Past) -> Result<(), String> {
        let entry = past.entry;
        let possible =
            self.states.contains(&past.before) || (!self.sent && past.before == State::Pending);
        if !possible {
            return Err(format!(
                "stood at {} before its intent {entry}, which its journal does not allow",
                past.before
            ));
        }
        let Some(next) = past.before.next(Event::Claimed(past.asked)) else {
            return Err(format!(
                "was claimed (entry {entry}) while it was {}",
                past.before
            ));
        };
        self.sent = true;
        self.newest = entry;
        self.states = vec![next];
        if past.asked == Asked::Submission {
            self.maybe_accepted += 1;
            self.sent_at(past.claimed_at_ms);
        }
        Ok(())
    }

    fn reply(&mut self, past: &Past, reply: &PastReply) -> Result<(), String> {
        let entry = reply.entry;
        let events = events(past, reply)
            .ok_or_else(|| format!("has a reply (entry {entry}) that means {:?}", reply.meaning))?;
        let settles = |event: &Event| {
            matches!(
                event,
                Event::Succeeded | Event::Failed { .. } | Event::Accepted
            )
        };
        if events.iter().all(settles) && reply.trust != Trust::Verified {
            return Err(format!(
                "is moved by a reply (entry {entry}) that was not verified"
            ));
        }
        let submission = past.asked == Asked::Submission;
        if submission && !reply.maybe_accepted {
            self.maybe_accepted = self.maybe_accepted.saturating_sub(1);
        }
        let newer = self.newest > past.entry;
        let mut states = Vec::new();
        for state in &self.states {
            for event in &events {
                let next = state.answered(*event, newer, self.maybe_accepted);
                if !states.contains(&next) {
                    states.push(next);
                }
            }
        }
        self.states = states;
        if self.states.iter().all(|state| state.is_unsent()) {
            self.first_sent_at_ms = None;
            self.sent = false;
        } else if submission
            && signed(reply.trust)
            && let Some(at) = reply.signed_at_ms
        {
            self.sent_at(at);
        }
        Ok(())
    }

    fn sent_at(&mut self, at: i64) {
        let first = self.first_sent_at_ms.map_or(at, |first| first.min(at));
        self.first_sent_at_ms = Some(first);
    }
}

/// The gateway's time in the reply is the gateway's.
fn signed(trust: Trust) -> bool {
    match trust {
        Trust::Verified | Trust::Stale => true,
        Trust::Unsigned | Trust::IllSigned | Trust::Lost | Trust::NotSent => false,
    }
}

/// What a reply may have done to its order, by what it meant; `None` for a word that is none.
fn events(past: &Past, reply: &PastReply) -> Option<Vec<Event>> {
    let query = past.asked == Asked::Query;
    Some(match reply.meaning.as_str() {
        "SUCCESS" => vec![Event::Succeeded],
        "FAILED" => vec![Event::Failed {
            closed: reply.closed,
        }],
        "PROCESSING" if query => vec![Event::Unsettled, Event::Accepted],
        "PROCESSING" => vec![Event::Accepted],
        "CLOSE_CLAIMED" if query => vec![Event::Unsettled, Event::WindowPassed],
        "CLOSE_CLAIMED" => vec![Event::CloseClaimed],
        "REFUSED" if query => vec![Event::Unsettled, Event::WindowPassed],
        "REFUSED" => vec![Event::Unsettled, Event::Refused],
        "WEAK_CLOSE" => vec![Event::Unsettled, Event::WindowPassed],
        "THROTTLED" | "UNAUTHORIZED" | "FORBIDDEN" => vec![Event::Unsettled],
        "NOT_SENT" => vec![Event::NotSent {
            before: past.before,
        }],
        word => {
            crate::order::Doubt::from_word(word)?;
            vec![Event::Unsettled]
        }
    })
}

#[cfg(test)]
mod tests;
