//! A reply's way: what it means, what it does to pace and run, to the journal, and what comes next.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use super::super::brakes::{Gate, words};
use super::super::limits::{ALERTS_KEPT_MAX, CLOCK_SKEW_WARN_MS};
use super::super::step::{self, Circumstances, Goal, Step};
use super::{Action, Engine, Now, Reply, Stage, Stop};
use crate::clock::WallMs;
use crate::gateway::reply::{Body, Checked, Lost, Reply as Http, SignatureFault};
use crate::gateway::{Asking, classify, echo};
use crate::ledger::{Answer, OrderId, ReplyFacts, Standing, Trust, Write, Written};
use crate::order::{Asked, Doubt, Meaning, Order, Resolution, State, Verdict};

impl Engine {
    /// A request came to its end.
    pub(super) fn replied(&mut self, reply: Reply, now: Now) {
        let Reply {
            sent,
            checked,
            latency,
            hint,
        } = reply;
        self.flying -= 1;
        self.report.attempts += 1;
        self.progress.attempts += 1;
        match &checked {
            Checked::Verified(_) | Checked::Unsigned(_) => {
                self.report.traffic.latencies.add(latency);
            }
            Checked::IllSigned { .. } => {
                self.report.traffic.latencies.add(latency);
                self.report.traffic.ill_signed += 1;
            }
            Checked::Lost(_) => self.report.traffic.lost += 1,
            Checked::NotSent(_) => {}
        }
        if let Checked::Verified(verified) = &checked {
            self.signed_time(verified.signed_at(), now);
        }
        // Signed by the gateway all the same: it is our clock that is off.
        if let Some(signed_at) = stale_signed_at(&checked, now) {
            self.latest_signed_at = self.latest_signed_at.max(Some(signed_at));
        }
        let verdict = classify(
            &Asking {
                order: &sent.job.order,
                asked: sent.asked,
                before: sent.before,
                state: sent.job.standing.state,
                earlier_sends: sent.earlier_sends,
                weak: sent.job.standing.weak,
                past_window: self.past_window(&sent.job, now),
            },
            &checked,
        );
        if let Some(alert) = verdict.alert {
            self.alert(format!("{}: {alert}", sent.job.order.no));
        }
        let ix = self.jobs[&sent.job.id].lane;
        self.pace(ix, &checked, &verdict.meaning, now);
        self.record(
            sent.job.id,
            sent.attempt,
            sent.asked,
            &checked,
            &verdict,
            latency,
            now,
        );
        let was = self.brakes.gate();
        let (stop, notice) = self.brakes.reply(
            now.mono,
            sent.asked,
            &checked,
            &verdict.meaning,
            hint.as_deref(),
        );
        if let Some(notice) = notice {
            self.notice(notice);
        }
        if let Some(stop) = stop {
            self.stop(stop, now);
        }
        if verdict.meaning == Meaning::Forbidden {
            self.stop_lane(ix, words(&checked, &verdict.meaning), now);
        }
        if was != Gate::Open && self.brakes.gate() == Gate::Open {
            self.gate_opens(now);
        }
        self.look_at(ix, now.mono);
        self.unblock(now);
    }

    /// Every lane may go again; none of them is blamed for the time of an outage.
    fn gate_opens(&mut self, now: Now) {
        self.canary = None;
        for lane in 0..self.lanes.len() {
            self.lanes[lane].trying_since = None;
            self.look_at(lane, now.mono);
        }
    }

    fn signed_time(&mut self, signed_at: crate::clock::WallMs, now: Now) {
        self.latest_signed_at = self.latest_signed_at.max(Some(signed_at));
        let skew = signed_at.0.saturating_sub(now.wall.0);
        self.report.clock_skew_ms = Some(skew);
        if skew.abs() > CLOCK_SKEW_WARN_MS && !self.warned_of_clock {
            self.warned_of_clock = true;
            self.notice(format!(
                "this machine's clock is {} s off the gateway's; set it (NTP)",
                -skew / 1000
            ));
        }
    }

    fn alert(&mut self, words: String) {
        if self.report.alerts.len() < ALERTS_KEPT_MAX {
            self.report.alerts.push(words.clone());
        }
        self.actions.push(Action::Alert(words));
    }

    fn pace(&mut self, ix: usize, checked: &Checked, meaning: &Meaning, now: Now) {
        let lane = &mut self.lanes[ix];
        match checked {
            Checked::Lost(Lost::TimedOut) => lane.pace.given_up(now.mono, true),
            Checked::Lost(Lost::Broken(_)) => lane.pace.given_up(now.mono, false),
            Checked::NotSent(_) => lane.pace.not_sent(now.mono),
            Checked::Verified(_) | Checked::Unsigned(_) | Checked::IllSigned { .. } => {
                lane.pace.replied(now.mono);
            }
        }
        match meaning {
            Meaning::Throttled {
                retry_after_seconds,
            } => {
                let after = retry_after_seconds.map(Duration::from_secs);
                let more = lane.pace.throttled(now.mono, after);
                self.report.traffic.throttled += 1;
                self.report.traffic.throttled_for += more;
                self.progress.throttled += 1;
            }
            // What is only compared is answered, whatever the answer says.
            Meaning::Doubt(_) if self.goal == Goal::Compare && is_signed_2xx(checked) => {
                lane.trying_since = None;
            }
            Meaning::Doubt(_) | Meaning::NotSent => {}
            Meaning::Success
            | Meaning::Failed { .. }
            | Meaning::Processing
            | Meaning::CloseClaimed
            | Meaning::WeakClose
            | Meaning::Unauthorized
            | Meaning::Forbidden
            | Meaning::Refused => lane.trying_since = None,
        }
    }

    #[allow(clippy::too_many_arguments)] // a row of the journal
    fn record(
        &mut self,
        id: OrderId,
        attempt: crate::ledger::AttemptId,
        asked: Asked,
        checked: &Checked,
        verdict: &Verdict,
        latency: Duration,
        now: Now,
    ) {
        let active = self.jobs.get_mut(&id).expect("what flies is active");
        active.stage = Stage::Recording;
        let unsigned = !matches!(checked, Checked::Verified(_));
        active.last = Some(match (self.goal, &verdict.meaning) {
            // Anybody can say so: it is no answer, and is asked for again like silence.
            (Goal::Compare, Meaning::Refused | Meaning::CloseClaimed) if unsigned => {
                (asked, Meaning::Doubt(Doubt::Unsigned))
            }
            (Goal::Settle | Goal::Compare, meaning) => (asked, meaning.clone()),
        });
        let order = Arc::clone(&active.job.order);
        let unsent = crate::order::Event::NotSent {
            before: State::Pending,
        };
        if verdict.event == unsent {
            self.lanes[active.lane].coming_back.insert(id);
        }
        self.write(Write::Record(Box::new(Answer {
            attempt,
            order: id,
            asked,
            at: now.wall,
            latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
            facts: facts(&order, checked, &verdict.meaning, now),
            meaning: verdict.meaning.word(),
            event: verdict.event,
            weak: verdict.weak,
            may_have_been_accepted: verdict.meaning.may_have_been_accepted(),
            alert: verdict.alert,
        })));
    }

    /// A write was committed.
    pub(super) fn written(&mut self, written: Written, now: Now) {
        self.writes -= 1;
        match written {
            Written::Claimed(claimed) => self.claimed(*claimed, now),
            Written::Refused(id, standing) => self.refused(id, standing, now),
            Written::Recorded(id, standing) => self.recorded(id, standing, now),
            Written::Frozen(id) => self.frozen(id, now),
            Written::LaneLost(id) => self.lane_lost(id, now),
            Written::Noted(_) => {}
        }
        self.unblock(now);
    }

    /// The ledger knows the order otherwise than this run did: what it says is looked at once.
    fn refused(&mut self, id: OrderId, standing: Standing, now: Now) {
        self.claims -= 1;
        let active = self
            .jobs
            .get_mut(&id)
            .expect("a claim keeps its order active");
        let ix = active.lane;
        // Where it stands as it did, nothing of this run will change the answer.
        let moved = active.job.standing != standing;
        active.job.standing = standing;
        self.lanes[ix].claiming -= 1;
        let again = match self.goal {
            Goal::Settle => standing.state.is_unfinished(),
            Goal::Compare => {
                step::may_be_queried(standing, self.past_window(&self.jobs[&id].job, now))
            }
        };
        let active = self.jobs.get_mut(&id).expect("as above");
        // What another process had in hand and gives back unsent is for its own command to send.
        let anothers = standing.state == State::Pending && !active.fresh;
        let again = again && moved && !active.refused && !anothers;
        active.refused = true;
        if again && !self.stopping && !self.lanes[ix].stopped {
            let next = self.goal.first(standing.state, standing.weak);
            self.due(id, next, now.mono + super::super::limits::SAME_NUMBER_APART);
        } else {
            self.finish(id);
        }
        self.look_at(ix, now.mono);
    }

    /// All sending was stopped while this run was on: it ends here.
    fn frozen(&mut self, id: OrderId, now: Now) {
        self.claims -= 1;
        let ix = self.jobs[&id].lane;
        self.lanes[ix].claiming -= 1;
        self.stop(Stop::Frozen, now);
        self.finish(id);
    }

    /// Another process holds the order's lane by now.
    fn lane_lost(&mut self, id: OrderId, now: Now) {
        self.claims -= 1;
        let ix = self.jobs[&id].lane;
        self.lanes[ix].claiming -= 1;
        self.leave_lane(ix, now);
        self.finish(id);
    }

    fn recorded(&mut self, id: OrderId, standing: Standing, now: Now) {
        let jitter = self.jitter();
        let active = self.jobs.get_mut(&id).expect("what is recorded is active");
        let ix = active.lane;
        let settles = !active.job.standing.state.is_final();
        active.job.standing = standing;
        if settles
            && standing
                .resolved
                .is_some_and(|r| r.contradicts(standing.state))
        {
            let no = active.job.order.no.clone();
            self.alert(format!("{no}: {}", Resolution::CONTRADICTED));
        }
        let active = self.jobs.get_mut(&id).expect("as above");
        self.lanes[ix].coming_back.remove(&id);
        let last = active.last.take();
        if self.stopping || self.lanes[ix].stopped {
            active.last = last;
            match self.lanes[ix].left {
                // It was cut short: that says nothing of the settings.
                true => self.finish(id),
                false => self.finish_at(id, now),
            }
            return;
        }
        let step = match &last {
            // Given back: as before.
            None => Step::Ask(self.jobs[&id].next, Duration::ZERO),
            Some((asked, meaning)) => {
                let at = Circumstances {
                    past_window: self.past_window(&self.jobs[&id].job, now),
                    now: now.mono,
                    wait: self.settings.wait,
                    jitter,
                };
                let active = self.jobs.get_mut(&id).expect("as above");
                // The order stays in front of its lane, which the lane's own patience bounds.
                let in_front = *meaning == Meaning::NotSent && standing.state == State::Pending;
                if in_front && self.brakes.gate() != Gate::Canary {
                    active.tries.submissions = active.tries.submissions.saturating_sub(1);
                }
                match self.goal {
                    Goal::Settle => {
                        step::after(*asked, meaning, standing.state, &mut active.tries, at)
                    }
                    Goal::Compare => step::after_comparing(meaning, &mut active.tries, at),
                }
            }
        };
        match step {
            Step::Ask(next, pause) => self.due(id, next, now.mono + pause),
            Step::Done => {
                let active = self.jobs.get_mut(&id).expect("as above");
                active.last = last;
                self.finish_at(id, now);
            }
        }
        self.look_at(ix, now.mono);
    }

    /// The order is asked at a time.
    fn due(&mut self, id: OrderId, next: Asked, at: crate::clock::Mono) {
        let active = self.jobs.get_mut(&id).expect("a due order is active");
        active.next = next;
        active.stage = Stage::Due(at);
        let lane = &mut self.lanes[active.lane];
        if active.job.standing.state == State::Pending {
            lane.unsent.insert(id, at);
        } else {
            lane.due.push(Reverse((at, id)));
        }
    }

    /// Nothing more for this order in this run; if it was the canary, that may stop the run.
    fn finish_at(&mut self, id: OrderId, now: Now) {
        let active = &self.jobs[&id];
        let fresh = active.fresh;
        let answered = matches!(
            active.last,
            Some((
                _,
                Meaning::Refused | Meaning::Forbidden | Meaning::CloseClaimed
            ))
        );
        let canary = self.canary == Some(id);
        self.finish(id);
        if canary && let Some(stop) = self.brakes.canary_done(fresh, answered) {
            self.stop(stop, now);
        }
    }

    /// Nothing more for this order in this run.
    pub(super) fn finish(&mut self, id: OrderId) {
        let Some(active) = self.jobs.remove(&id) else {
            return;
        };
        // However it ended: another one goes alone next.
        if self.canary == Some(id) {
            self.canary = None;
        }
        let lane = &mut self.lanes[active.lane];
        lane.unsent.remove(&id);
        self.progress.done += 1;
        lane.active -= 1;
        lane.to_do = lane.to_do.saturating_sub(1);
        if active.job.standing.state == State::Pending {
            lane.pending_left += 1;
        }
        let cut_short = self.stopping || lane.left;
        let asked_in_vain = matches!(active.last, Some((Asked::Query, _)));
        match active.job.standing.state {
            State::Success => self.progress.succeeded += 1,
            // A run that was cut short has not asked in vain, nor one that only compares.
            State::Closed if asked_in_vain && !cut_short && self.goal == Goal::Settle => {
                self.progress.closed += 1;
                self.write(Write::ProofMissed(id));
            }
            State::Closed | State::ClosedProven | State::Failed | State::Rejected => {
                self.progress.closed += 1;
            }
            State::Unknown | State::Processing | State::Expired => self.progress.unknown += 1,
            State::Pending | State::Held | State::Conflict | State::Cancelled => {}
        }
        self.settle_lane(active.lane);
    }
}

fn is_signed_2xx(checked: &Checked) -> bool {
    matches!(checked, Checked::Verified(reply) if (200..300).contains(&reply.status))
}

/// The time of a stale reply: its signature holds, and only its age, by our clock, is wrong. It can
/// be earlier than now (a replay), never later, so it may age an order and never make one younger.
fn stale_signed_at(checked: &Checked, now: Now) -> Option<WallMs> {
    match checked {
        Checked::IllSigned {
            fault: SignatureFault::Stale(off),
            ..
        } => Some(WallMs::from_unix_seconds(
            now.wall.unix_seconds().saturating_add(*off),
        )),
        Checked::IllSigned { .. }
        | Checked::Verified(_)
        | Checked::Unsigned(_)
        | Checked::Lost(_)
        | Checked::NotSent(_) => None,
    }
}

/// A reply as the journal keeps it: the order's own fields from verified replies only.
fn facts(order: &Order, checked: &Checked, meaning: &Meaning, now: Now) -> ReplyFacts {
    let http = |trust: Trust, reply: &Http| {
        let mut facts = ReplyFacts::bare(trust, None);
        facts.http_status = Some(reply.status);
        facts.request_id = reply.request_id.clone();
        if let Body::Error(error) = &reply.body {
            facts.code = Some(error.code.clone());
            facts.message = Some(error.message.clone());
        }
        facts
    };
    match checked {
        Checked::Verified(reply) => {
            let mut facts = http(Trust::Verified, reply);
            facts.signed_at = Some(reply.signed_at());
            if let Body::Order(fields) = &reply.body {
                facts.state = fields.state.clone();
                facts.fail_reason = fields.fail_reason.clone();
                facts.quota_change_no = fields.quota_change_no.clone();
                facts.success_time = fields.success_time.clone();
                facts.fail_time = fields.fail_time.clone();
                // So that both sides can be shown.
                let other = Doubt::OtherNumber;
                if matches!(meaning, Meaning::Doubt(d) if [other, Doubt::OtherContent].contains(d))
                {
                    facts.message = Some(echo(order, fields).words());
                }
            }
            facts
        }
        Checked::Unsigned(reply) => http(Trust::Unsigned, reply),
        Checked::IllSigned { reply, .. } => {
            let signed_at = stale_signed_at(checked, now);
            let trust = match signed_at {
                Some(_) => Trust::Stale,
                None => Trust::IllSigned,
            };
            let mut facts = http(trust, reply);
            facts.message = Some(words(checked, meaning));
            facts.signed_at = signed_at;
            facts
        }
        Checked::Lost(_) => ReplyFacts::bare(Trust::Lost, Some(words(checked, meaning))),
        Checked::NotSent(_) => ReplyFacts::bare(Trust::NotSent, Some(words(checked, meaning))),
    }
}
