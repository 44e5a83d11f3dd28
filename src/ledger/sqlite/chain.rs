//! Goes along the journal's chain, entry by entry in the order in which they were written, and finds
//! the first that is not what was written.
//!
//! One scan of intents with their replies, and of decisions and approvals one each, side by side. Memory is bounded by
//! the lanes, and by the replies that came before an intent was written which has a lower number:
//! those of what was on the wire.

use std::collections::{BTreeMap, HashMap};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Rows};

use super::{convert, journal, sql};
use crate::ledger::journal::{Body, JournalHead, Kind, LaneHead, Link, NO_LANE};
use crate::ledger::{BadEntry, LedgerResult};

/// What going along the chain found.
pub(super) struct Walked {
    /// Entries that are as they were written.
    pub entries: u64,
    /// Where each lane stands after them, by name.
    pub lanes: BTreeMap<String, LaneHead>,
    /// The first entry that is not.
    pub bad: Option<BadEntry>,
    /// Where the whole journal stood after so many entries as the expected head has.
    pub at_expected: Option<JournalHead>,
}

/// An entry as it is found.
struct Found {
    kind: Kind,
    lane: String,
    order: Option<String>,
    body: Body,
    link: Vec<u8>,
    /// Seen before anything is hashed.
    wrong: Option<String>,
}

/// Walks the chain to its end, or to its first bad entry.
pub(super) fn walk(conn: &Connection, expect: Option<JournalHead>) -> LedgerResult<Walked> {
    let mut attempts = conn.prepare(sql::JOURNAL_ATTEMPTS)?;
    let mut decisions = conn.prepare(sql::JOURNAL_DECISIONS)?;
    let mut approvals = conn.prepare(sql::JOURNAL_APPROVALS)?;
    let mut source = Source {
        attempts: attempts.query([])?,
        decisions: [decisions.query([])?, approvals.query([])?],
        waiting: HashMap::new(),
        intent_at: Some(0),
        decision_at: [Some(0); 2],
    };
    let first_link = journal::first_link_of(conn)?;
    let mut walked = Walked {
        entries: 0,
        lanes: BTreeMap::new(),
        bad: None,
        at_expected: None,
    };
    loop {
        if expect.is_some_and(|expect| expect.entries == walked.entries) {
            walked.at_expected = Some(JournalHead::of(walked.lanes.values()));
        }
        let number = walked.entries + 1;
        let found = match source.take(number as i64)? {
            Some(found) => found,
            None if source.is_empty() => return Ok(walked),
            None => {
                walked.bad = Some(BadEntry::missing(number));
                return Ok(walked);
            }
        };
        let head = walked
            .lanes
            .entry(found.lane.clone())
            .or_insert_with(|| LaneHead {
                link: first_link(&found.lane),
                lane: found.lane.clone(),
                entries: 0,
            });
        let link: Link = found.body.link(&head.link);
        let wrong = match (found.wrong, found.link == link) {
            (Some(wrong), _) => wrong,
            (None, false) => "its content is not the one that was written, or its hash was \
                              changed"
                .into(),
            (None, true) => {
                head.link = link;
                head.entries += 1;
                walked.entries = number;
                continue;
            }
        };
        if head.entries == 0 {
            walked.lanes.remove(&found.lane);
        }
        walked.bad = Some(BadEntry {
            entry: number,
            lane: Some(found.lane),
            kind: Some(found.kind.as_str()),
            order: found.order,
            wrong,
        });
        return Ok(walked);
    }
}

/// Entries by number, from tables that are sorted but for the replies.
struct Source<'s> {
    attempts: Rows<'s>,
    /// Those with a row of their own, and the approvals of plans.
    decisions: [Rows<'s>; 2],
    /// What was read and has a higher number than the next.
    waiting: HashMap<i64, Found>,
    /// How far the intents were read; `None` at their end.
    intent_at: Option<i64>,
    decision_at: [Option<i64>; 2],
}

impl Source<'_> {
    /// The entry with this number, if there is one.
    fn take(&mut self, number: i64) -> LedgerResult<Option<Found>> {
        // A reply comes after its intent, so that what is not read by then is not there.
        while self.intent_at.is_some_and(|at| at < number) {
            self.read_attempt()?;
        }
        for of in 0..self.decisions.len() {
            while self.decision_at[of].is_some_and(|at| at < number) {
                self.read_decision(of)?;
            }
        }
        Ok(self.waiting.remove(&number))
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
            && self.intent_at.is_none()
            && self.decision_at.iter().all(Option::is_none)
    }

    fn read_attempt(&mut self) -> LedgerResult<()> {
        let Some(row) = self.attempts.next()? else {
            self.intent_at = None;
            return Ok(());
        };
        let number: i64 = row.get(0)?;
        self.intent_at = Some(number);
        let whose = Whose::read(row, 6)?;
        let mut intent = whose.entry(number, Kind::Intent, bytes(row, 1)?.unwrap_or_default());
        for column in 2..6 {
            intent.body.optional(bytes(row, column)?.as_deref());
        }
        self.waiting.insert(number, intent);
        if let Some(number) = row.get::<_, Option<i64>>(17)? {
            let link = bytes(row, 18)?.unwrap_or_default();
            let mut reply = whose.entry(number, Kind::Reply, link);
            reply.body.optional(bytes(row, 0)?.as_deref());
            for column in 19..35 {
                reply.body.optional(bytes(row, column)?.as_deref());
            }
            self.waiting.insert(number, reply);
        }
        Ok(())
    }

    fn read_decision(&mut self, of: usize) -> LedgerResult<()> {
        let Some(row) = self.decisions[of].next()? else {
            self.decision_at[of] = None;
            return Ok(());
        };
        let number: i64 = row.get(0)?;
        self.decision_at[of] = Some(number);
        let whose = match row.get(9)? {
            true => Whose::read(row, 10)?,
            false => Whose::nobody(),
        };
        let mut decision = whose.entry(number, Kind::Decision, bytes(row, 1)?.unwrap_or_default());
        for column in 2..9 {
            decision.body.optional(bytes(row, column)?.as_deref());
        }
        self.waiting.insert(number, decision);
        Ok(())
    }
}

/// The order that an entry is about, as the books have it now.
struct Whose {
    lane: String,
    order: Option<(String, Vec<u8>)>,
    wrong: Option<String>,
}

impl Whose {
    fn nobody() -> Self {
        Self {
            lane: NO_LANE.into(),
            order: None,
            wrong: None,
        }
    }

    /// Columns of an order from `first` on: id, the content's eight, number, digest.
    fn read(row: &Row<'_>, first: usize) -> LedgerResult<Self> {
        let Some(id) = row.get::<_, Option<i64>>(first)? else {
            return Ok(Self {
                wrong: Some("its order is not in the books".into()),
                ..Self::nobody()
            });
        };
        let text = |column: usize| -> LedgerResult<String> {
            let bytes = bytes(row, first + column)?.unwrap_or_default();
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let kept = bytes(row, first + 10)?.unwrap_or_default();
        // What the content is now, not what the books say of it: a changed amount must show.
        let (digest, wrong) = match convert::content(row, first + 1, id) {
            Ok(content) if content.digest().0[..] == kept[..] => (kept, None),
            Ok(_) | Err(_) => {
                let wrong = "its order's content (merchant, account, type, amount, reason, card, \
                             agreement, scene) or digest was changed";
                (kept, Some(wrong.to_owned()))
            }
        };
        Ok(Self {
            lane: text(1)?,
            order: Some((text(9)?, digest)),
            wrong,
        })
    }

    fn entry(&self, number: i64, kind: Kind, link: Vec<u8>) -> Found {
        let order = self.order.as_ref();
        let named = order.map(|(no, digest)| (no.as_str(), &digest[..]));
        Found {
            kind,
            lane: self.lane.clone(),
            order: order.map(|(no, _)| no.clone()),
            body: Body::new(&self.lane, number, kind, named),
            link,
            wrong: self.wrong.clone(),
        }
    }
}

/// A column as the chain takes it: text and bytes as they are, numbers in decimal, or absent.
fn bytes(row: &Row<'_>, column: usize) -> LedgerResult<Option<Vec<u8>>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => None,
        ValueRef::Integer(integer) => Some(integer.to_string().into_bytes()),
        ValueRef::Real(real) => Some(real.to_string().into_bytes()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_vec()),
    })
}
