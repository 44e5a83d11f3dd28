//! What stops a run, or slows it as a whole: the canary, refusals, 401, stale replies, outages, and
//! which host is spoken to. It sees replies go by; it knows no lanes and no ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Stop;
use super::limits::{
    CANARIES_MAX, FAILURES_IN_A_ROW_MAX, PROBE_EVERY, REFUSALS_MAX, STALE_IN_A_ROW_MAX,
    STANDBY_FOR, UNAUTHORIZED_IN_A_ROW_MAX, UNCONNECTED_IN_A_ROW_MAX,
};
use crate::clock::Mono;
use crate::gateway::Host;
use crate::gateway::reply::{Body, Checked, Lost, Reply, SignatureFault};
use crate::order::{Asked, Doubt, Meaning};

/// The codes with which the gateway says that it does not know a number, as `compared.sql` has them.
const NOT_KNOWN: [&str; 2] = ["RESOURCE_NOT_EXISTS", "NOT_FOUND"];

/// Whether requests may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// As the lanes allow.
    Open,
    /// One order alone, until a verified reply shows that keys and clock are right.
    Canary,
    /// An outage: one probe at this time, or later.
    Probe(Mono),
}

/// The brakes of a run.
#[derive(Debug)]
pub struct Brakes {
    standby: bool,
    outage_wait: Duration,
    comparing: bool,
    proven: bool,
    accepted: bool,
    refusals: BTreeMap<String, u32>,
    unauthorized: u32,
    stale: u32,
    failures: u32,
    unconnected: u32,
    canaries_failed: u32,
    outage_since: Option<Mono>,
    probe_at: Mono,
    standby_until: Option<Mono>,
    last_words: String,
}

impl Brakes {
    /// Nothing is known yet of keys and network.
    pub fn new(standby: bool, outage_wait: Duration) -> Self {
        Self {
            standby,
            outage_wait,
            comparing: false,
            proven: false,
            accepted: false,
            refusals: BTreeMap::new(),
            unauthorized: 0,
            stale: 0,
            failures: 0,
            unconnected: 0,
            canaries_failed: 0,
            outage_since: None,
            probe_at: Mono::ZERO,
            standby_until: None,
            last_words: String::new(),
        }
    }

    /// The run asks only, and a verified "not known" is an answer that it may get of every order: keys
    /// and clock are right then.
    pub fn comparing(mut self) -> Self {
        self.comparing = true;
        self
    }

    /// Whether requests may go out now.
    pub fn gate(&self) -> Gate {
        if self.outage_since.is_some() {
            return Gate::Probe(self.probe_at);
        }
        if self.proven {
            Gate::Open
        } else {
            Gate::Canary
        }
    }

    /// A verified reply has shown that keys and clock are right.
    pub fn is_proven(&self) -> bool {
        self.proven
    }

    /// A probe goes out; the next one not before its time.
    pub fn probing(&mut self, now: Mono) {
        self.probe_at = now + PROBE_EVERY;
    }

    /// The host for a request that goes out now.
    pub fn host(&mut self, now: Mono) -> Host {
        match self.standby_until {
            Some(until) if now < until => Host::Standby,
            _ => {
                self.standby_until = None;
                Host::Main
            }
        }
    }

    /// When an outage has lasted long enough.
    pub fn outage_ends(&self) -> Option<Mono> {
        self.outage_since.map(|since| since + self.outage_wait)
    }

    /// The stop that a lasting outage is.
    pub fn outage_over(&self, now: Mono) -> Option<Stop> {
        let ends = self.outage_ends()?;
        (now >= ends).then(|| Stop::Outage(self.last_words.clone()))
    }

    /// The canary is done with, and no verified reply has come. `fresh`: it had never been sent
    /// before; `answered`: the gateway refused it, which says nothing of the next order.
    pub fn canary_done(&mut self, fresh: bool, answered: bool) -> Option<Stop> {
        if self.proven || answered {
            return None;
        }
        self.canaries_failed += 1;
        let over = fresh || self.canaries_failed >= CANARIES_MAX;
        over.then(|| Stop::Canary(self.last_words.clone()))
    }

    /// A reply went by. Says whether the run must stop, and what is worth a line.
    pub fn reply(
        &mut self,
        now: Mono,
        asked: Asked,
        checked: &Checked,
        meaning: &Meaning,
        hint: Option<&str>,
    ) -> (Option<Stop>, Option<String>) {
        self.last_words = words(checked, meaning);
        let notice = self.network(now, meaning);
        let verified = matches!(checked, Checked::Verified(_));
        let settings_hold = match meaning {
            Meaning::Success | Meaning::Failed { .. } | Meaning::Processing => true,
            Meaning::CloseClaimed | Meaning::WeakClose | Meaning::Doubt(_) => true,
            Meaning::Refused => {
                self.comparing && code_of(checked).is_some_and(|code| NOT_KNOWN.contains(&code))
            }
            Meaning::Forbidden | Meaning::Unauthorized => false,
            Meaning::Throttled { .. } | Meaning::NotSent => false,
        };
        self.proven |= verified && settings_hold;
        self.accepted |= matches!(
            meaning,
            Meaning::Success | Meaning::Failed { .. } | Meaning::Processing
        );
        let stop = self
            .unauthorized(checked, meaning, hint)
            .or_else(|| self.refused(asked, checked, meaning))
            .or_else(|| self.stale(checked));
        (stop, notice)
    }

    fn network(&mut self, now: Mono, meaning: &Meaning) -> Option<String> {
        self.unconnected = match meaning {
            Meaning::NotSent => self.unconnected + 1,
            _ => 0,
        };
        let failed = matches!(
            meaning,
            Meaning::NotSent | Meaning::Doubt(Doubt::ServerError | Doubt::TimedOut | Doubt::Reset)
        );
        if !failed {
            self.failures = 0;
            return self
                .outage_since
                .take()
                .map(|_| "the gateway answers again".into());
        }
        self.failures = self.failures.saturating_add(1);
        if self.unconnected >= UNCONNECTED_IN_A_ROW_MAX && self.standby {
            self.unconnected = 0;
            let back = self.standby_until.is_some_and(|until| now < until);
            self.standby_until = (!back).then_some(now + STANDBY_FOR);
            let to = if back { "the main" } else { "the standby" };
            return Some(format!(
                "no connection; trying {to} host ({})",
                self.last_words
            ));
        }
        if self.failures >= FAILURES_IN_A_ROW_MAX && self.outage_since.is_none() {
            self.outage_since = Some(now);
            self.probe_at = now + PROBE_EVERY;
            return Some(format!(
                "outage: {FAILURES_IN_A_ROW_MAX} failures in a row ({}); one probe every {} s",
                self.last_words,
                PROBE_EVERY.as_secs()
            ));
        }
        None
    }

    fn unauthorized(
        &mut self,
        checked: &Checked,
        meaning: &Meaning,
        hint: Option<&str>,
    ) -> Option<Stop> {
        if *meaning != Meaning::Unauthorized {
            self.unauthorized = 0;
            return None;
        }
        self.unauthorized += 1;
        let theirs = reply_of(checked).and_then(|reply| match &reply.body {
            Body::Error(error) => error.sign_information.clone(),
            Body::Order(_) | Body::Unreadable => None,
        });
        (self.unauthorized >= UNAUTHORIZED_IN_A_ROW_MAX).then(|| {
            let mut words = self.last_words.clone();
            if let Some(theirs) = theirs {
                words.push_str("; the gateway saw ");
                words.push_str(&theirs);
            }
            if let Some(ours) = hint {
                words.push_str("; levy signed ");
                words.push_str(ours);
            }
            Stop::Unauthorized(words)
        })
    }

    fn refused(&mut self, asked: Asked, checked: &Checked, meaning: &Meaning) -> Option<Stop> {
        // A query for an order that the gateway does not know is refused with every setting right.
        let refused = match meaning {
            Meaning::Forbidden => true,
            _ => *meaning == Meaning::Refused && asked == Asked::Submission,
        };
        if self.accepted || !refused {
            return None;
        }
        let code = code_of(checked).unwrap_or("?").to_owned();
        let count = self.refusals.entry(code).or_default();
        *count += 1;
        (*count >= REFUSALS_MAX).then(|| Stop::Refusals(self.last_words.clone()))
    }

    fn stale(&mut self, checked: &Checked) -> Option<Stop> {
        match checked {
            Checked::IllSigned {
                fault: SignatureFault::Stale(off),
                ..
            } => {
                self.stale += 1;
                (self.stale >= STALE_IN_A_ROW_MAX).then_some(Stop::Stale(*off))
            }
            Checked::Verified(_) | Checked::Unsigned(_) | Checked::IllSigned { .. } => {
                self.stale = 0;
                None
            }
            Checked::Lost(_) | Checked::NotSent(_) => None,
        }
    }
}

/// The reply in whatever form it came.
pub fn reply_of(checked: &Checked) -> Option<&Reply> {
    match checked {
        Checked::Verified(reply) => Some(reply),
        Checked::Unsigned(reply) | Checked::IllSigned { reply, .. } => Some(reply),
        Checked::Lost(_) | Checked::NotSent(_) => None,
    }
}

/// The code of an error reply.
pub fn code_of(checked: &Checked) -> Option<&str> {
    match &reply_of(checked)?.body {
        Body::Error(error) => Some(&error.code),
        Body::Order(_) | Body::Unreadable => None,
    }
}

/// What came, in words without secrets.
pub fn words(checked: &Checked, meaning: &Meaning) -> String {
    let said = |reply: &Reply| match &reply.body {
        Body::Error(error) => format!("{} {}: {}", reply.status, error.code, error.message),
        Body::Order(_) | Body::Unreadable => format!("{} {}", reply.status, meaning.word()),
    };
    match checked {
        Checked::Verified(reply) => said(reply),
        Checked::Unsigned(reply) => format!("{} (unsigned)", said(reply)),
        Checked::IllSigned { reply, fault } => {
            format!("{} ({fault})", reply.status)
        }
        Checked::Lost(Lost::TimedOut) => "no reply in time".into(),
        Checked::Lost(Lost::Broken(why)) => format!("the connection broke: {why}"),
        Checked::NotSent(why) => format!("no connection: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsigned(status: u16, code: &str) -> Checked {
        Checked::Unsigned(Reply {
            status,
            request_id: None,
            retry_after_seconds: None,
            body: Body::Error(crate::gateway::reply::ErrorReply {
                code: code.into(),
                message: "no".into(),
                sign_information: Some("POST /v3".into()),
            }),
        })
    }

    fn feed(brakes: &mut Brakes, checked: &Checked, meaning: &Meaning, times: u32) -> Option<Stop> {
        for i in 1..=times {
            let (stop, _) = brakes.reply(
                Mono::ZERO,
                Asked::Submission,
                checked,
                meaning,
                Some("98 bytes"),
            );
            if stop.is_some() {
                assert_eq!(i, times, "too early");
                return stop;
            }
        }
        None
    }

    fn brakes() -> Brakes {
        Brakes::new(true, Duration::from_secs(600))
    }

    #[test]
    fn three_401_in_a_row_stop_the_run_and_show_both_sides() {
        let mut b = brakes();
        let stop = feed(
            &mut b,
            &unsigned(401, "SIGN_ERROR"),
            &Meaning::Unauthorized,
            3,
        );
        let Some(Stop::Unauthorized(words)) = stop else {
            panic!("{stop:?}")
        };
        assert!(
            words.contains("POST /v3") && words.contains("98 bytes"),
            "{words}"
        );
    }

    #[test]
    fn ten_refusals_with_one_code_and_no_acceptance_stop_the_run() {
        let refusal = unsigned(400, "PARAM_ERROR");
        let mut b = brakes();
        assert!(feed(&mut b, &refusal, &Meaning::Refused, 9).is_none());
        let other = unsigned(400, "INVALID_REQUEST");
        assert!(feed(&mut b, &other, &Meaning::Refused, 9).is_none());
        assert!(matches!(
            feed(&mut b, &refusal, &Meaning::Refused, 1),
            Some(Stop::Refusals(_))
        ));
        let mut b = brakes();
        b.accepted = true;
        assert!(feed(&mut b, &refusal, &Meaning::Refused, 50).is_none());
    }

    #[test]
    fn three_stale_replies_in_a_row_stop_the_run() {
        let Checked::Unsigned(reply) = unsigned(200, "x") else {
            unreachable!()
        };
        let stale = Checked::IllSigned {
            reply,
            fault: SignatureFault::Stale(-900),
        };
        let stop = feed(&mut brakes(), &stale, &Meaning::Doubt(Doubt::Stale), 3);
        assert_eq!(stop, Some(Stop::Stale(-900)));
    }

    #[test]
    fn an_outage_leaves_one_probe_until_it_has_lasted_too_long_or_a_reply_comes() {
        let mut b = brakes();
        b.proven = true;
        let lost = Checked::Lost(Lost::TimedOut);
        let doubt = Meaning::Doubt(Doubt::TimedOut);
        assert!(feed(&mut b, &lost, &doubt, 19).is_none());
        assert_eq!(b.gate(), Gate::Open);
        feed(&mut b, &lost, &doubt, 1);
        assert_eq!(b.gate(), Gate::Probe(PROBE_EVERY));
        assert!(b.outage_over(Duration::from_secs(599)).is_none());
        assert!(matches!(
            b.outage_over(Duration::from_secs(600)),
            Some(Stop::Outage(_))
        ));
        let throttled = Meaning::Throttled {
            retry_after_seconds: None,
        };
        feed(&mut b, &unsigned(429, "X"), &throttled, 1);
        assert_eq!(b.gate(), Gate::Open);
    }

    #[test]
    fn three_connections_that_were_never_made_switch_the_host_for_a_minute() {
        let mut b = brakes();
        let refused = Checked::NotSent("refused".into());
        feed(&mut b, &refused, &Meaning::NotSent, 2);
        assert_eq!(b.host(Mono::ZERO), Host::Main);
        feed(&mut b, &refused, &Meaning::NotSent, 1);
        assert_eq!(b.host(Duration::from_secs(59)), Host::Standby);
        assert_eq!(b.host(Duration::from_secs(60)), Host::Main);
        let mut alone = Brakes::new(false, Duration::ZERO);
        feed(&mut alone, &refused, &Meaning::NotSent, 9);
        assert_eq!(alone.host(Mono::ZERO), Host::Main);
    }

    #[test]
    fn a_refused_canary_hands_on_and_a_silent_one_stops_the_run() {
        let mut b = brakes();
        assert_eq!(b.canary_done(true, true), None);
        assert!(matches!(b.canary_done(true, false), Some(Stop::Canary(_))));
        let mut b = brakes();
        assert_eq!(b.canary_done(false, false), None);
        assert_eq!(b.canary_done(false, false), None);
        assert!(matches!(b.canary_done(false, false), Some(Stop::Canary(_))));
    }
}

#[cfg(test)]
mod edges;
