//! A run's writes: intents, replies and missed proofs, a group of them in one transaction.

use super::accept::one_row;
use super::journal::Journal;
use super::subjects::{Attempted, Subject, Subjects};
use super::{before, convert, lease, past, sql, twin};
use crate::clock::WallMs;
use crate::ledger::database::{Go, Row, Tx, values};
use crate::ledger::{
    Answer, Ask, CancelTarget, Cancelled, Claimed, Job, LedgerError, LedgerResult, OrderId,
    Standing, Trust, Write, Written,
};
use crate::order::{Asked, Event, OrderNo, Resolution, State};

/// Writes a group, all of it or nothing. The permissions to send that come out of it are the caller's to
/// give, after its commit (law L1).
pub(super) fn write(tx: &dyn Tx, writes: &[Write]) -> LedgerResult<Vec<Written>> {
    let mut journal = Journal::open(tx)?;
    let lasting = lease::lasting(tx, writes)?;
    let still = lease::still_handed(tx, writes)?;
    let mut subjects = Subjects::read(tx, &mut journal, writes)?;
    let mut written = Vec::with_capacity(writes.len());
    for write in writes {
        written.push(match write {
            Write::Claim(ask) if journal.frozen() => Written::Frozen(ask.job.id),
            Write::Claim(ask) if lease::is_lost(&lasting, ask) => Written::LaneLost(ask.job.id),
            Write::Claim(ask) if lease::is_taken_back(&still, ask) => {
                let found = subjects.take(tx, ask.job.id)?.job;
                Written::Refused(found.id, found.standing)
            }
            Write::Claim(ask) => {
                let found = subjects.take(tx, ask.job.id)?;
                claim(tx, &mut journal, ask, found)?
            }
            Write::Record(answer) => {
                let newer = check_answer(answer, &subjects.attempt(tx, answer)?)?;
                let found = subjects.take(tx, answer.order)?.job;
                record(tx, &mut journal, answer, newer, &found)?
            }
            Write::ProofMissed(order) => {
                subjects.forget(*order);
                tx.put(sql::ORDER_PROOF_MISSED, values![order.0])?;
                Written::Noted(*order)
            }
        });
    }
    let signed_at = writes.iter().filter_map(|write| match write {
        Write::Record(answer) => signed_at(answer),
        Write::Claim(_) | Write::ProofMissed(_) => None,
    });
    if let Some(latest) = signed_at.max() {
        tx.put(sql::META_SIGNED_AT, values![latest.0])?;
    }
    journal.close()?;
    Ok(written)
}

fn claim(
    tx: &dyn Tx,
    journal: &mut Journal<'_>,
    ask: &Ask,
    Subject {
        job: found,
        has_past,
    }: Subject,
) -> LedgerResult<Written> {
    let before = found.standing.state;
    if found.order != ask.job.order || before != ask.job.standing.state {
        return Ok(Written::Refused(found.id, found.standing));
    }
    if before.next(Event::Claimed(ask.asked)).is_none() {
        return Ok(Written::Refused(found.id, found.standing));
    }
    // A query moves no money, and its answer may settle what nobody submits any more.
    if ask.asked == Asked::Submission && forbidden(tx, &found, has_past, ask.at)? {
        return Ok(Written::Refused(found.id, found.standing));
    }
    // Its first send, by this journal, is perhaps not its first.
    let found = match journal.restored() {
        true => past::as_it_may_stand(tx, journal, found, ask.at)?,
        false => found,
    };
    let Standing {
        state: before,
        maybe_accepted: earlier_sends,
        first_sent_at,
        ..
    } = found.standing;
    let Some(state) = before.next(Event::Claimed(ask.asked)) else {
        return Ok(Written::Refused(found.id, found.standing));
    };
    let attempt = journal.intent(&found, ask, before)?;
    let mut standing = Standing {
        state,
        ..found.standing
    };
    if ask.asked == Asked::Submission {
        standing.maybe_accepted += 1;
        standing.first_sent_at = earliest(first_sent_at, ask.at);
    }
    tx.put(
        sql::ORDER_CLAIM,
        values![
            found.id.0,
            before.as_str(),
            state.as_str(),
            standing.maybe_accepted,
            standing.first_sent_at.map(|at| at.0)
        ],
    )?;
    let job = Job {
        id: found.id,
        order: found.order,
        standing,
    };
    let claimed = Claimed::new(attempt, job, ask.asked, before, earlier_sends);
    Ok(Written::Claimed(Box::new(claimed)))
}

/// Submitting it now could deduct beside what people resolved, what took its place or what its debt was
/// deducted by.
fn forbidden(tx: &dyn Tx, found: &Job, has_past: bool, at: WallMs) -> LedgerResult<bool> {
    let state = found.standing.state;
    // What people have resolved may be asked about, but never be deducted behind their backs.
    if found.standing.resolved.is_some() {
        return Ok(true);
    }
    // A mended row has taken its place.
    if state == State::Rejected && is_superseded(tx, found.id)? {
        return Ok(true);
    }
    if twin::forbids(tx, found.id, state)?.is_some() {
        return Ok(true);
    }
    // What an earlier number of it has deducted, or may still, is not deducted again. By the clock of
    // now: the one that gave it its number may have been ahead.
    Ok(has_past && before::of(tx, found.id.0)?.is_some_and(|before| before.forbids(at)))
}

fn is_superseded(tx: &dyn Tx, order: OrderId) -> LedgerResult<bool> {
    tx.exists(sql::ORDER_IS_SUPERSEDED, values![order.0])
}

fn record(
    tx: &dyn Tx,
    journal: &mut Journal<'_>,
    answer: &Answer,
    newer: bool,
    Job {
        order,
        standing: found,
        ..
    }: &Job,
) -> LedgerResult<Written> {
    let standing = after(found, answer, newer);
    let contradicted = found
        .resolved
        .is_some_and(|resolved| resolved.contradicts(standing.state) && !found.state.is_final());
    let alert = answer
        .alert
        .or_else(|| contradicted.then_some(Resolution::CONTRADICTED));
    journal.reply(order, answer, alert)?;
    let settles = standing.state.is_final() || standing.state == State::Expired;
    tx.put(
        sql::ORDER_RECORD,
        values![
            answer.order.0,
            found.state.as_str(),
            standing.state.as_str(),
            settles.then_some(answer.at.0),
            answer.attempt.0,
            standing.weak.as_str(),
            standing.maybe_accepted,
            standing.first_sent_at.map(|at| at.0),
            i64::from(alert.is_some()),
            i64::from(answer.facts.trust == Trust::NotSent),
        ],
    )?;
    Ok(Written::Recorded(answer.order, standing))
}

/// An answer must be one to its attempt, and only a verified one may settle or accept. Whether the order
/// has a newer attempt: that of another host, on which this one's lane was lost, or a dead one's.
fn check_answer(answer: &Answer, attempted: &Attempted) -> LedgerResult<bool> {
    let wrong = |what: &str| {
        Err(LedgerError::Broken(format!(
            "an answer to attempt {} of order {} {what}",
            answer.attempt, attempted.order
        )))
    };
    if attempted.order != answer.order.0 || attempted.asked != answer.asked.as_str() {
        return wrong("names another order or interface");
    }
    match answer.event {
        Event::NotSent { before: named } if named.as_str() != attempted.state_before => {
            wrong("gives back another state than the order had")
        }
        Event::NotSent { .. } if answer.facts.trust != Trust::NotSent => {
            wrong("says that nothing was sent, and yet something came")
        }
        Event::Succeeded | Event::Failed { .. } | Event::Accepted
            if answer.facts.trust != Trust::Verified =>
        {
            wrong("settles it without a verified reply")
        }
        Event::Claimed(_)
        | Event::Frozen
        | Event::Released
        | Event::Withdrawn
        | Event::MaybeSent => wrong("is no answer"),
        Event::NotSent { .. }
        | Event::Succeeded
        | Event::Failed { .. }
        | Event::Accepted
        | Event::CloseClaimed
        | Event::Refused
        | Event::Unsettled
        | Event::WindowPassed => Ok(attempted.is_old),
    }
}

/// Where the order stands after the answer. One that is late, behind a newer attempt, was judged by what
/// was known before that: it settles, but brings the doubt about a close no nearer to a proof.
fn after(found: &Standing, answer: &Answer, newer: bool) -> Standing {
    let submission = answer.asked == Asked::Submission;
    let given_back = u32::from(submission && !answer.may_have_been_accepted);
    let maybe_accepted = found.maybe_accepted.saturating_sub(given_back);
    let state = found.state.answered(answer.event, newer, maybe_accepted);
    let first_sent_at = match (state.is_unsent(), signed_at(answer)) {
        // Only an order of which nothing was ever sent gets here.
        (true, _) => None,
        (false, Some(signed)) if submission => earliest(found.first_sent_at, signed),
        (false, Some(_) | None) => found.first_sent_at,
    };
    Standing {
        state,
        weak: match (found.state.is_final(), newer) {
            (true, _) => found.weak,
            (false, true) => found.weak.farther_from_proof(answer.weak),
            (false, false) => answer.weak,
        },
        maybe_accepted,
        first_sent_at,
        proof_runs: found.proof_runs,
        resolved: found.resolved,
    }
}

/// The gateway's time, if it is the gateway's: a stale reply's too, since it is our clock that is
/// off. An old one that is given again makes an order older, never younger.
fn signed_at(answer: &Answer) -> Option<WallMs> {
    match answer.facts.trust {
        Trust::Verified | Trust::Stale => answer.facts.signed_at,
        Trust::Unsigned | Trust::IllSigned | Trust::Lost | Trust::NotSent => None,
    }
}

fn earliest(known: Option<WallMs>, at: WallMs) -> Option<WallMs> {
    Some(known.map_or(at, |known| known.min(at)))
}

/// Withdraws what was never sent.
pub(super) fn cancel(tx: &dyn Tx, target: &CancelTarget, at: WallMs) -> LedgerResult<Cancelled> {
    let mut cancelled = Cancelled::default();
    let mut withdraw = |row: &dyn Row| {
        let id: i64 = row.get(0)?;
        let no = convert::parsed(row.get(1)?, OrderNo::parse, "number", id)?;
        let state = convert::state(row.get(3)?, id)?;
        let Some(next) = state.next(Event::Withdrawn) else {
            cancelled.left.push((no, state));
            return Ok(Go::On);
        };
        if past::may_have_been_sent(tx, OrderId(id), state, at)? {
            cancelled.maybe_sent.push((no, state));
            return Ok(Go::On);
        }
        let changed = tx.execute(
            sql::ORDER_WITHDRAW,
            values![id, state.as_str(), next.as_str(), at.0],
        )?;
        one_row(changed, no.as_str())?;
        let amount = convert::fen(row.get(2)?, id)?;
        cancelled.withdrawn.push((no, amount));
        Ok(Go::On)
    };
    match target {
        CancelTarget::Batch(batch) => {
            if super::read::batch_by_id(tx, *batch)?.is_none() {
                return Err(unknown(&format!("batch {batch}")));
            }
            tx.scan(sql::ORDERS_OF_BATCH, values![batch.0], &mut withdraw)?;
        }
        CancelTarget::Number(no) => {
            tx.scan(sql::ORDERS_OF_NUMBER, values![no.as_str()], &mut withdraw)?;
        }
    }
    if let CancelTarget::Number(no) = target
        && cancelled.withdrawn.is_empty()
        && cancelled.left.is_empty()
        && cancelled.maybe_sent.is_empty()
    {
        return Err(unknown(&format!("the number {no}")));
    }
    Ok(cancelled)
}

fn unknown(what: &str) -> LedgerError {
    LedgerError::Refused(format!("this ledger does not know {what}"))
}

/// A failed file that levy is about to write.
pub(super) fn note_failed_file(tx: &dyn Tx, digest: &[u8; 32]) -> LedgerResult<()> {
    tx.execute(sql::FAILED_FILE_INSERT, values![&digest[..]])?;
    Ok(())
}
