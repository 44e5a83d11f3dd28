//! Appending to the journal: each entry gets its number and its place in its lane's chain, and the
//! lanes' heads move in the same transaction.
//!
//! The chain's encoding is `ledger::journal`'s; this is where it meets the tables.

use std::borrow::Cow;
use std::collections::HashMap;

use super::sql;
use crate::clock::WallMs;
use crate::ledger::database::{Row, Tx, Value, values};
use crate::ledger::journal::{Body, JournalHead, Kind, LaneHead, Link, NO_LANE, first_link};
use crate::ledger::{
    Answer, Ask, AttemptId, Decided, DecisionKind, Frozen, Job, LedgerError, LedgerResult, OrderId,
    PlanId,
};
use crate::order::{Order, State};

/// The journal, open for one transaction. What was appended counts only after [`Journal::close`].
pub(super) struct Journal<'t> {
    tx: &'t dyn Tx,
    meta: Meta,
    entries: i64,
    /// Lanes that were touched.
    heads: HashMap<String, Head>,
    /// How far lanes have come that are about to be.
    learnt: HashMap<String, Head>,
}

/// Whose ledger it is, and how far its journal has come.
struct Meta {
    caller: String,
    environment: String,
    created_at_ms: i64,
    entries: i64,
    frozen_by: Option<i64>,
    restored: bool,
}

struct Head {
    entries: i64,
    link: Link,
}

fn meta(tx: &dyn Tx) -> LedgerResult<Meta> {
    tx.one(sql::META_JOURNAL, &[], |row| {
        Ok(Meta {
            caller: row.get(0)?,
            environment: row.get(1)?,
            created_at_ms: row.get(2)?,
            entries: row.get(3)?,
            frozen_by: row.get(4)?,
            restored: row.get(5)?,
        })
    })
}

impl<'t> Journal<'t> {
    /// Opens the journal in a transaction that will write.
    pub(super) fn open(tx: &'t dyn Tx) -> LedgerResult<Self> {
        let meta = meta(tx)?;
        Ok(Self {
            tx,
            entries: meta.entries,
            meta,
            heads: HashMap::new(),
            learnt: HashMap::new(),
        })
    }

    /// Whether the ledger has ever come back from a backup.
    pub(super) fn restored(&self) -> bool {
        self.meta.restored
    }

    /// Tells how far a lane has come, by its row if it has one, so that it need not be asked for.
    pub(super) fn learn(&mut self, lane: &str, head: Option<(i64, Link)>) {
        let head = match head {
            Some((entries, link)) => Head { entries, link },
            None => self.first_head(lane),
        };
        self.learnt.insert(lane.to_owned(), head);
    }

    /// Whether all sending is stopped.
    pub(super) fn frozen(&self) -> bool {
        self.meta.frozen_by.is_some()
    }

    /// An intent.
    pub(super) fn intent(
        &mut self,
        job: &Job,
        ask: &Ask,
        before: State,
    ) -> LedgerResult<AttemptId> {
        let lane = job.order.content.merchant.as_str();
        let entry = self.entries + 1;
        let digest = job.order.content.digest().0;
        let order = Some((job.order.no.as_str(), &digest[..]));
        let mut body = Body::new(lane, entry, Kind::Intent, order);
        body.integer(ask.run.0)
            .text(ask.asked.as_str())
            .integer(ask.at.0)
            .text(before.as_str());
        let link = self.chain(lane, &body)?;
        self.tx.put(
            sql::ATTEMPT_INSERT,
            values![
                entry,
                job.id.0,
                ask.run.0,
                ask.asked.as_str(),
                ask.at.0,
                before.as_str(),
                &link[..],
            ],
        )?;
        Ok(AttemptId(entry))
    }

    /// What came back to an intent.
    pub(super) fn reply(
        &mut self,
        order: &Order,
        answer: &Answer,
        alert: Option<&str>,
    ) -> LedgerResult<()> {
        let lane = order.content.merchant.as_str();
        let entry = self.entries + 1;
        let digest = order.content.digest().0;
        let facts = &answer.facts;
        let latency_ms = i64::try_from(answer.latency_ms).unwrap_or(i64::MAX);
        let signed_at_ms = facts.signed_at.map(|at| at.0);
        let [
            code,
            message,
            request_id,
            state,
            fail_reason,
            quota_change_no,
            success_time,
            fail_time,
        ] = [
            &facts.code,
            &facts.message,
            &facts.request_id,
            &facts.state,
            &facts.fail_reason,
            &facts.quota_change_no,
            &facts.success_time,
            &facts.fail_time,
        ]
        .map(|text| text.as_deref().map(without_nul));
        let mut body = Body::new(
            lane,
            entry,
            Kind::Reply,
            Some((order.no.as_str(), &digest[..])),
        );
        body.integer(answer.attempt.0)
            .integer(answer.at.0)
            .integer(latency_ms)
            .text(facts.trust.as_str())
            .integer(i64::from(answer.may_have_been_accepted))
            .text(answer.meaning)
            .number(facts.http_status.map(i64::from))
            .words(code.as_deref())
            .words(message.as_deref())
            .words(request_id.as_deref())
            .number(signed_at_ms)
            .words(state.as_deref())
            .words(fail_reason.as_deref())
            .words(quota_change_no.as_deref())
            .words(success_time.as_deref())
            .words(fail_time.as_deref())
            .words(alert);
        let link = self.chain(lane, &body)?;
        self.tx.put(
            sql::REPLY_INSERT,
            values![
                answer.attempt.0,
                answer.at.0,
                latency_ms,
                facts.trust.as_str(),
                answer.may_have_been_accepted,
                answer.meaning,
                facts.http_status,
                code.as_deref(),
                message.as_deref(),
                request_id.as_deref(),
                signed_at_ms,
                state.as_deref(),
                fail_reason.as_deref(),
                quota_change_no.as_deref(),
                success_time.as_deref(),
                fail_time.as_deref(),
                alert,
                entry,
                &link[..],
            ],
        )?;
        Ok(())
    }

    /// What people decided, about an order or about the ledger as a whole; its row's number.
    pub(super) fn decision(
        &mut self,
        order: Option<(OrderId, &Order)>,
        decided: &Decided,
    ) -> LedgerResult<i64> {
        let id = self.tx.insert(
            sql::DECISION_INSERT,
            values![
                decided.kind.as_str(),
                order.map(|(id, _)| id.0),
                decided.by_first,
                decided.by_second,
                decided.at.0,
                decided.words,
                decided.since.map(|since| since.0),
            ],
        )?;
        let entry = self.entries + 1;
        let lane = order.map_or(NO_LANE, |(_, order)| order.content.merchant.as_str());
        let digest = order.map(|(_, order)| order.content.digest().0);
        let named = order.map(|(_, order)| order.no.as_str());
        let named = named.zip(digest.as_ref().map(|digest| &digest[..]));
        let mut body = Body::new(lane, entry, Kind::Decision, named);
        body.integer(id)
            .text(decided.kind.as_str())
            .text(&decided.by_first)
            .words(decided.by_second.as_deref())
            .integer(decided.at.0)
            .text(&decided.words)
            .number(decided.since.map(|since| since.0));
        let link = self.chain(lane, &body)?;
        self.tx
            .execute(sql::DECISION_LINK_INSERT, values![id, entry, &link[..]])?;
        Ok(id)
    }

    /// That a plan was approved: a decision about the ledger as a whole, kept beside the plan.
    pub(super) fn approval(&mut self, plan: PlanId, decided: &Decided) -> LedgerResult<()> {
        let entry = self.entries + 1;
        let mut body = Body::new(NO_LANE, entry, Kind::Decision, None);
        body.integer(plan.0)
            .text(decided.kind.as_str())
            .text(&decided.by_first)
            .words(decided.by_second.as_deref())
            .integer(decided.at.0)
            .text(&decided.words)
            .number(decided.since.map(|since| since.0));
        let link = self.chain(NO_LANE, &body)?;
        self.tx.execute(
            sql::APPROVAL_INSERT,
            values![
                plan.0,
                decided.by_first,
                decided.by_second,
                decided.at.0,
                decided.words,
                entry,
                &link[..],
            ],
        )?;
        Ok(())
    }

    /// Writes the heads of the lanes that were touched.
    pub(super) fn close(self) -> LedgerResult<()> {
        if self.entries == self.meta.entries {
            return Ok(());
        }
        let heads: Vec<[Value<'_>; 3]> = self
            .heads
            .iter()
            .map(|(lane, head)| {
                [
                    Value::from(lane),
                    Value::from(&head.entries),
                    Value::from(&head.link),
                ]
            })
            .collect();
        let heads: Vec<&[Value<'_>]> = heads.iter().map(|head| &head[..]).collect();
        self.tx.execute_each(sql::LANE_HEAD_SAVE, &heads)?;
        self.tx
            .put(sql::META_JOURNAL_ENTRIES, values![self.entries])?;
        Ok(())
    }

    /// The next entry's link; the lane's head and the count of all move on.
    fn chain(&mut self, lane: &str, body: &Body) -> LedgerResult<Link> {
        if !self.heads.contains_key(lane) {
            let found = match self.learnt.remove(lane) {
                Some(learnt) => learnt,
                None => self.head_of(lane)?,
            };
            self.heads.insert(lane.to_owned(), found);
        }
        let head = self.heads.get_mut(lane).expect("it was put there");
        head.link = body.link(&head.link);
        head.entries += 1;
        self.entries += 1;
        Ok(head.link)
    }

    fn head_of(&self, lane: &str) -> LedgerResult<Head> {
        let found = self.tx.optional(sql::LANE_HEAD, values![lane], |row| {
            Ok(Head {
                entries: row.get(0)?,
                link: row.get(1)?,
            })
        })?;
        Ok(found.unwrap_or_else(|| self.first_head(lane)))
    }

    fn first_head(&self, lane: &str) -> Head {
        let Meta {
            caller,
            environment,
            created_at_ms,
            ..
        } = &self.meta;
        Head {
            entries: 0,
            link: first_link(caller, environment, *created_at_ms, lane),
        }
    }
}

/// Not every database holds U+0000 in a text: U+FFFD stands for it, in the chain too.
pub(super) fn without_nul(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}").into(),
        false => text.into(),
    }
}

/// Every lane's head, by rising name.
pub(super) fn heads(tx: &dyn Tx) -> LedgerResult<Vec<LaneHead>> {
    tx.all(sql::LANE_HEADS, &[], |row| {
        Ok(LaneHead {
            lane: row.get(0)?,
            entries: row.get::<i64>(1)? as u64,
            link: row.get(2)?,
        })
    })
}

/// Where the journal stands.
pub(super) fn head(tx: &dyn Tx) -> LedgerResult<JournalHead> {
    Ok(JournalHead::of(&heads(tx)?))
}

/// The link before a lane's first entry.
pub(super) fn first_link_of(tx: &dyn Tx) -> LedgerResult<impl Fn(&str) -> Link + use<>> {
    let meta = meta(tx)?;
    Ok(move |lane: &str| first_link(&meta.caller, &meta.environment, meta.created_at_ms, lane))
}

/// How many entries the ledger says that its journal has.
pub(super) fn entries(tx: &dyn Tx) -> LedgerResult<i64> {
    Ok(meta(tx)?.entries)
}

/// Who stopped all sending, if somebody did.
pub(super) fn frozen(tx: &dyn Tx) -> LedgerResult<Option<Frozen>> {
    let Some(id) = meta(tx)?.frozen_by else {
        return Ok(None);
    };
    let decided = tx.one(sql::DECISION_BY_ID, values![id], decided)?;
    Ok(Some(Frozen {
        by: decided.by_first,
        at: decided.at,
        reason: decided.words,
    }))
}

/// A row of `decision_by_id.sql`.
pub(super) fn decided(row: &dyn Row) -> LedgerResult<Decided> {
    let kind: String = row.get(0)?;
    Ok(Decided {
        kind: DecisionKind::from_word(&kind)
            .ok_or_else(|| LedgerError::Broken("a decision's kind is none".into()))?,
        by_first: row.get(1)?,
        by_second: row.get(2)?,
        at: WallMs(row.get(3)?),
        words: row.get(4)?,
        since: row.get::<Option<i64>>(5)?.map(WallMs),
    })
}
