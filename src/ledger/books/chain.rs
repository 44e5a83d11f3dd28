//! Goes along the journal's chain, entry by entry in the order in which they were written, and finds
//! the first that is not what was written.
//!
//! One pass through intents with their replies, and through decisions and approvals, side by side and a
//! page at a time. Memory is bounded by the lanes, a page of each, and the replies that came before an
//! intent was written which has a lower number: those of what was on the wire.

use std::collections::{BTreeMap, HashMap};

use super::{convert, journal, sql};
use crate::ledger::database::{Go, Row, Statement, Tx, Value, values};
use crate::ledger::journal::{Body, JournalHead, Kind, LaneHead, Link, NO_LANE};
use crate::ledger::{BadEntry, LedgerResult};

/// Rows of one table that are read at once.
const PAGE_ROWS: u32 = 512;

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
pub(super) fn walk(tx: &dyn Tx, expect: Option<JournalHead>) -> LedgerResult<Walked> {
    let mut source = Source {
        tx,
        waiting: HashMap::new(),
        intents: Some(Read::BEGIN),
        decisions: [Some(Read::BEGIN), Some(Read::BEGIN)],
    };
    let first_link = journal::first_link_of(tx)?;
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

/// Entries by number, from tables that are sorted but for the replies. They are read a page at a time.
struct Source<'t> {
    tx: &'t dyn Tx,
    /// What was read and was not asked for yet.
    waiting: HashMap<i64, Found>,
    /// How far the intents were read; `None` at their end.
    intents: Option<Read>,
    /// Those with a row of their own, and the approvals of plans.
    decisions: [Option<Read>; 2],
}

/// How far a table was read.
#[derive(Clone, Copy)]
struct Read {
    /// The last row's entry.
    entry: i64,
    /// What its table is sorted by.
    key: i64,
}

impl Read {
    const BEGIN: Self = Self {
        entry: 0,
        key: i64::MIN,
    };
}

impl Source<'_> {
    /// The entry with this number, if there is one.
    fn take(&mut self, number: i64) -> LedgerResult<Option<Found>> {
        // A reply comes after its intent, so that what is not read by then is not there.
        while let Some(read) = self.intents.filter(|read| read.entry < number) {
            self.intents = self.page(sql::JOURNAL_ATTEMPTS, read, intent)?;
        }
        for (at, statement) in [sql::JOURNAL_DECISIONS, sql::JOURNAL_APPROVALS]
            .into_iter()
            .enumerate()
        {
            while let Some(read) = self.decisions[at].filter(|read| read.entry < number) {
                self.decisions[at] = self.page(statement, read, decision)?;
            }
        }
        Ok(self.waiting.remove(&number))
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
            && self.intents.is_none()
            && self.decisions.iter().all(Option::is_none)
    }

    /// The next rows of a table; how far it is read then.
    fn page(
        &mut self,
        statement: &'static Statement,
        from: Read,
        entries: fn(&dyn Row, &mut HashMap<i64, Found>) -> LedgerResult<i64>,
    ) -> LedgerResult<Option<Read>> {
        let mut last = None;
        self.tx
            .each(statement, values![from.key, PAGE_ROWS], &mut |row| {
                last = Some(Read {
                    entry: entries(row, &mut self.waiting)?,
                    key: row.get("page_key")?,
                });
                Ok(Go::On)
            })?;
        Ok(last)
    }
}

/// A row of `journal_attempts.sql`: an intent, and its reply; the intent's number.
fn intent(row: &dyn Row, entries: &mut HashMap<i64, Found>) -> LedgerResult<i64> {
    let number: i64 = row.get(0)?;
    let whose = Whose::read(row, 6)?;
    let mut intent = whose.entry(number, Kind::Intent, bytes(row, 1)?.unwrap_or_default());
    for column in 2..6 {
        intent.body.optional(bytes(row, column)?.as_deref());
    }
    entries.insert(number, intent);
    if let Some(number) = row.get::<Option<i64>>(17)? {
        let link = bytes(row, 18)?.unwrap_or_default();
        let mut reply = whose.entry(number, Kind::Reply, link);
        reply.body.optional(bytes(row, 0)?.as_deref());
        for column in 19..35 {
            reply.body.optional(bytes(row, column)?.as_deref());
        }
        entries.insert(number, reply);
    }
    Ok(number)
}

/// A row of `journal_decisions.sql`, or of approvals in the same columns; its number.
fn decision(row: &dyn Row, entries: &mut HashMap<i64, Found>) -> LedgerResult<i64> {
    let number: i64 = row.get(0)?;
    let whose = match row.get(9)? {
        true => Whose::read(row, 10)?,
        false => Whose::nobody(),
    };
    let mut decision = whose.entry(number, Kind::Decision, bytes(row, 1)?.unwrap_or_default());
    for column in 2..9 {
        decision.body.optional(bytes(row, column)?.as_deref());
    }
    entries.insert(number, decision);
    Ok(number)
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
    fn read(row: &dyn Row, first: usize) -> LedgerResult<Self> {
        let Some(id) = row.get::<Option<i64>>(first)? else {
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
fn bytes(row: &dyn Row, column: usize) -> LedgerResult<Option<Vec<u8>>> {
    Ok(match row.value(column)? {
        Value::Int(integer) => integer.map(|integer| integer.to_string().into_bytes()),
        Value::Text(text) => text.map(|text| text.as_bytes().to_vec()),
        Value::Blob(bytes) => bytes.map(<[u8]>::to_vec),
    })
}
